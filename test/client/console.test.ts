import { describe, expect, it } from "vitest"
import { credd, refuse, type Handlers } from "./fake-context.ts"

const url = "https://signin.aws.amazon.com/federation?Action=login&SigninToken=EXAMPLE-canary"
const answer = { profile: "dev", url, expiration: "2026-11-23T11:00:00Z" }
const daemon: Handlers = {
  "POST /console": ({ profile, policy }) =>
    profile === "acme" && policy === undefined
      ? refuse({ code: "UsageWrong", message: "needs a policy", hint: "run: credd console acme --policy-arn X" })
      : { ...answer, profile },
}

describe("credd console", () => {
  it("opens the browser, and prints nothing of the URL", async () => {
    const opened: string[] = []

    const { status, stdout, stderr, calls } = await credd(
      ["console", "dev", "--service", "ec2", "--region", "eu-west-1"],
      { daemon, browser: (each) => opened.push(each) },
    )

    expect({ status, stdout, opened }).toEqual({ status: 0, stdout: "", opened: [url] })
    expect(stderr).toBe('opened the console as "dev" for 1h\n')
    expect(calls[0]?.body).toEqual({ profile: "dev", service: "ec2", region: "eu-west-1" })
  })

  it("prints the URL and nothing else on stdout with --print", async () => {
    const { status, stdout, stderr } = await credd(["console", "dev", "--print", "--path", "/s3"], { daemon })

    expect({ status, stdout }).toEqual({ status: 0, stdout: `${url}\n` })
    expect(stderr).not.toContain("canary")
  })

  it.each([
    ["", "ReadOnlyAccess"],
    [" PowerUserAccess ", "PowerUserAccess"],
  ])("asks a person for the policy that a user needs: %j", async (typed, policy) => {
    const { status, calls, asked, stderr } = await credd(["console", "acme", "--duration", "1h"], {
      daemon,
      typed: [typed],
      browser: () => undefined,
    })

    expect({ status, asked }).toEqual({ status: 0, asked: ["Managed policy, name or ARN (ReadOnlyAccess)"] })
    expect(calls.at(-1)?.body).toEqual({ profile: "acme", durationSeconds: 3_600, policy })
    expect(stderr).toContain("what both it and a policy allow")
  })

  it("wants the policy as a flag where nobody is there", async () => {
    expect(await credd(["console", "acme"], { daemon })).toMatchObject({
      status: 2,
      stderr: "credd: error: needs a policy\ncredd: hint: run: credd console acme --policy-arn X\n",
    })
  })
})
