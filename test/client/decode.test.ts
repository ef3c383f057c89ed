import { describe, expect, it } from "vitest"
import type { DecodedMessage } from "../../daemon/api.ts"
import { credd, type Handlers } from "./fake-context.ts"

const message = "4GIOHlTkIaWHQD0Q0m6XSnuUMCm-abc"
const decoded: DecodedMessage = {
  isAllowed: false,
  isExplicitlyDenied: true,
  principal: "arn:aws:iam::123456789012:user/alice",
  action: "ec2:RunInstances",
  resource: "arn:aws:ec2:eu-west-1:123456789012:instance/*",
  statements: [{ id: "NoBigOnes", effect: "DENY", actions: ["ec2:RunInstances"], resources: ["*"] }],
  document: { allowed: false, explicitDeny: true },
}
const env = { AWS_PROFILE: "dev" }

function daemon(changes: Partial<DecodedMessage> = {}): Handlers {
  return { "POST /decode": () => ({ ...decoded, ...changes }) }
}

describe("credd decode", () => {
  it("prints who, what, the verdict and the statements, then the document", async () => {
    const { status, stdout, stderr, calls } = await credd(["decode", message], { env, daemon: daemon() })

    expect({ status, stderr, calls }).toEqual({
      status: 0,
      stderr: "",
      calls: [{ route: "POST /decode", body: { profile: "dev", message } }],
    })
    expect(stdout).toBe(`who        arn:aws:iam::123456789012:user/alice
action     ec2:RunInstances
resource   arn:aws:ec2:eu-west-1:123456789012:instance/*
verdict    explicitly denied: by the statements below
statement  NoBigOnes: deny ec2:RunInstances on *

{
  "allowed": false,
  "explicitDeny": true
}
`)
  })

  it.each<[string, Partial<DecodedMessage>]>([
    ["denied: no policy allows it", { isExplicitlyDenied: false, statements: [] }],
    ["explicitly denied: a policy forbids it", { statements: [] }],
    ["allowed", { isAllowed: true, isExplicitlyDenied: false }],
  ])("says %s", async (verdict, changes) => {
    const { stdout } = await credd(["decode", message], { env, daemon: daemon(changes) })

    expect(stdout).toMatch(new RegExp(`^verdict +${verdict}$`, "m"))
  })

  it("prints AWS's document alone with --json", async () => {
    const { stdout } = await credd(["decode", "--json", message], { env, daemon: daemon() })

    expect(JSON.parse(stdout)).toEqual(decoded.document)
  })

  it.each([["-"], []])("reads a pasted error from standard input: %j", async (...args) => {
    const stdin = `An error occurred: Encoded authorization failure message: ${message}\nstatus code: 403\n`

    const { calls } = await credd(["decode", "--profile", "acme", ...args], { stdin, daemon: daemon() })

    expect(calls).toEqual([{ route: "POST /decode", body: { profile: "acme", message } }])
  })

  it("takes a message that begins with a dash", async () => {
    const { calls } = await credd(["decode", "--", `-${message}`], { env, daemon: daemon() })

    expect(calls[0]?.body).toEqual({ profile: "dev", message: `-${message}` })
  })

  it.each([
    [["decode", "no message here"], {}, "there is no encoded authorization message"],
    [["decode"], { stdin: "" }, "there is no encoded authorization message"],
    [["decode"], { typed: [] }, "a message is expected"],
    [["decode", "x".repeat(10_241)], {}, "a message has 10240 characters at most"],
  ])("ends with 2 on %j", async (args, options, words) => {
    const { status, stderr, calls } = await credd(args, { env, daemon: daemon(), ...options })

    expect({ status, calls }).toEqual({ status: 2, calls: [] })
    expect(stderr).toContain(words)
  })
})
