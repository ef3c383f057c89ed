import { fc, test } from "@fast-check/vitest"
import { describe, expect, it, vi } from "vitest"
import { consoleUrl, type ConsoleOptions, type ConsoleRequest } from "../../../daemon/core/console.ts"
import type { RoleProfile, SessionProfile } from "../../../daemon/core/profiles.ts"
import { Secret } from "../../../daemon/core/secret.ts"
import { fakeClock } from "../../fakes/clock.ts"
import { someAccessKey, someCredentials } from "../../fakes/credentials.ts"
import { fakeSts } from "../../fakes/sts.ts"

const token = "EXAMPLEtoken/+="
const user: SessionProfile = { kind: "session", name: "acme", sourceProfile: "acme", target: { region: "eu-west-1" } }
const role = (arn = "arn:aws:iam::123456789012:role/developer"): RoleProfile => ({
  kind: "role",
  name: "dev",
  sourceProfile: "acme",
  region: "eu-central-1",
  target: { region: "eu-central-1" },
  request: { roleArn: arn, roleSessionName: "credd", durationSeconds: 3_600 },
  above: user,
  namesSession: false,
  notes: [],
})

function setup(endpoint?: string) {
  const clock = fakeClock()
  const sts = fakeSts(clock)
  const signinToken = vi.fn<ConsoleOptions["signIn"]["signinToken"]>(async () => new Secret(token))
  const fresh = vi.fn<ConsoleOptions["fresh"]>(async () => someCredentials(clock.now() + 3_600_000))
  const options = { sts, signIn: { signinToken }, fresh, accessKeyOf: async () => someAccessKey, endpoint }
  const open = async (profile: RoleProfile | SessionProfile, request: ConsoleRequest = {}) => {
    const { url } = await consoleUrl(profile, request, options)
    const { origin, pathname, searchParams } = new URL(url)
    return { at: origin + pathname, ...Object.fromEntries(searchParams) } as Record<string, string>
  }
  return { sts, signinToken, fresh, open }
}

describe(consoleUrl.name, () => {
  it("signs in as a role with fresh credentials of it, at the profile's region", async () => {
    const { fresh, signinToken, open } = setup()

    expect(await open(role())).toEqual({
      at: "https://signin.aws.amazon.com/federation",
      Action: "login",
      Issuer: "credd",
      Destination: "https://console.aws.amazon.com/console/home?region=eu-central-1",
      SigninToken: token,
    })
    expect(fresh).toHaveBeenCalledOnce()
    expect(signinToken).toHaveBeenCalledWith(
      expect.objectContaining({ expiration: expect.any(Number) }),
      "https://signin.aws.amazon.com/federation",
    )
  })

  it.each([
    ["aws-cn", "signin.amazonaws.cn", "console.amazonaws.cn"],
    ["aws-us-gov", "signin.amazonaws-us-gov.com", "console.amazonaws-us-gov.com"],
    ["aws-eusc", "eu-central-1.signin.amazonaws-eusc.eu", "console.amazonaws-eusc.eu"],
    ["aws-iso", "signin.c2shome.ic.gov", "console.c2shome.ic.gov"],
    ["aws-iso-b", "signin.sc2shome.sgov.gov", "console.sc2shome.sgov.gov"],
  ])("goes to the hosts of partition %s", async (partition, signIn, console) => {
    const { at, Destination } = await setup().open(role(`arn:${partition}:iam::123456789012:role/developer`))

    expect([at, new URL(Destination!).host]).toEqual([`https://${signIn}/federation`, console])
  })

  it("says so of a partition that it does not know, and asks AWS nothing", async () => {
    const { fresh, open } = setup()

    await expect(open(role("arn:aws-moon:iam::1:role/x"))).rejects.toMatchObject({
      message: 'credd knows no console for the partition "aws-moon"',
    })
    expect(fresh).not.toHaveBeenCalled()
  })

  it.each<[ConsoleRequest, string]>([
    [{ service: "ec2" }, "https://console.aws.amazon.com/ec2/home?region=eu-central-1"],
    [{ service: "s3", region: "us-east-1" }, "https://console.aws.amazon.com/s3/home?region=us-east-1"],
    [
      { path: "/cloudwatch/home#logsV2:log-groups" },
      "https://console.aws.amazon.com/cloudwatch/home?region=eu-central-1#logsV2:log-groups",
    ],
    [{ path: "/ec2/home?region=eu-north-1" }, "https://console.aws.amazon.com/ec2/home?region=eu-north-1"],
  ])("leads to the page that is asked for: %j", async (request, page) => {
    expect((await setup().open(role(), request))["Destination"]).toBe(page)
  })

  it.each<ConsoleRequest>([
    { path: "//evil.test/" },
    { path: String.raw`/\evil.test` },
    { path: "https://evil.test/" },
    { service: "ec2", path: "/ec2" },
    { service: "../x" },
    { region: "eu west" },
  ])("refuses %j, and asks AWS nothing", async (request) => {
    const { fresh, open } = setup()

    await expect(open(role(), request)).rejects.toMatchObject({ code: "UsageWrong" })
    expect(fresh).not.toHaveBeenCalled()
  })

  test.prop([fc.webPath({ size: "large" }), fc.string()])("never leads to another host", async (path, rest) => {
    const { Destination } = await setup()
      .open(role(), { path: `/${path}${rest}` })
      .catch((error: unknown) => {
        expect(error).toMatchObject({ code: "UsageWrong" })
        return { Destination: "https://console.aws.amazon.com" }
      })

    expect(new URL(Destination).origin).toBe("https://console.aws.amazon.com")
  })

  it("signs in as a user by GetFederationToken, limited by the policy that was named", async () => {
    const { sts, open } = setup()

    await open(user, { policy: "job-function/ViewOnlyAccess", durationSeconds: 900 })
    await open(user, { policy: "arn:aws:iam::123456789012:policy/mine" })

    expect(sts.getFederationToken.mock.calls.map(([key, request]) => [key, request])).toEqual([
      [
        someAccessKey,
        { name: "alice", policyArn: "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess", durationSeconds: 900 },
      ],
      [someAccessKey, { name: "alice", policyArn: "arn:aws:iam::123456789012:policy/mine", durationSeconds: 43_200 }],
    ])
  })

  it.each<[string, RoleProfile | SessionProfile, ConsoleRequest, string]>([
    ["a user without a policy", user, {}, "needs a policy"],
    ["a user for a minute", user, { policy: "x", durationSeconds: 60 }, "900 s to 129,600 s"],
    ["a role with a policy", role(), { policy: "x" }, "the role's own rights"],
    ["a role for 12 hours", role(), { durationSeconds: 43_200 }, "after an hour"],
  ])("refuses %s", async (_, profile, request, words) => {
    await expect(setup().open(profile, request)).rejects.toMatchObject({
      code: "UsageWrong",
      message: expect.stringContaining(words),
      hint: expect.stringContaining(words.includes("900") ? "credd login" : `credd console ${profile.name}`),
    })
  })

  it("goes to another endpoint where one is set", async () => {
    expect((await setup("http://127.0.0.1:1/federation").open(role()))["at"]).toBe("http://127.0.0.1:1/federation")
    expect((await setup("https://vpce.example").open(role()))["at"]).toBe("https://vpce.example/federation")
  })
})
