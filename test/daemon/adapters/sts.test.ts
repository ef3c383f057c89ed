import { createServer } from "node:net"
import { afterEach, describe, expect, it } from "vitest"
import { openAwsHttp } from "../../../daemon/adapters/aws-http.ts"
import { systemClock } from "../../../daemon/adapters/clock.ts"
import { awsSts } from "../../../daemon/adapters/sts.ts"
import { Secret } from "../../../daemon/core/secret.ts"
import { listenOnPort } from "../../../daemon/adapters/listen.ts"
import { startSandbox, type Sandbox, type SandboxOptions } from "../../sandbox/sandbox.ts"
import type { Fault } from "../../sandbox/faults.ts"
import { someAccessKey } from "../../fakes/credentials.ts"

const opened: Sandbox[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((sandbox) => sandbox.close()))
})

const role = { roleArn: "arn:aws:iam::123456789012:role/developer", roleSessionName: "credd", durationSeconds: 3_600 }
const mfaSerial = "arn:aws:iam::123456789012:mfa/alice"

async function setup(options: SandboxOptions = {}) {
  const sandbox = await startSandbox(options)
  opened.push(sandbox)
  const clock = systemClock()
  const sts = awsSts({ clock, http: async () => await openAwsHttp({ clock, env: {} }) })
  const target = { region: "eu-west-1", endpoint: sandbox.url }
  const session = async (mfaCode = sandbox.mfaCode("alice")) => {
    // As the broker does: learns AWS's time before the code goes out.
    await sts.getCallerIdentity(someAccessKey, target)
    return await sts.getSessionToken(someAccessKey, { mfaSerial, mfaCode, durationSeconds: 43_200 }, target)
  }
  return { sandbox, clock, sts, target, session }
}

describe(awsSts.name, () => {
  it("goes from an access key and a code to a session, and from it to a role", async () => {
    const { sts, target, session } = await setup()

    const assumed = await sts.assumeRole(await session(), role, target)

    expect(assumed.accessKeyId).toMatch(/^ASIA/)
    expect(Math.abs(assumed.expiration - Date.now() - 3_600_000)).toBeLessThan(5_000)
    expect(await sts.getCallerIdentity(assumed, target)).toMatchObject({
      arn: "arn:aws:sts::123456789012:assumed-role/developer/credd",
    })
  })

  it("sends tags and a source identity", async () => {
    const { sandbox, sts, target, session } = await setup()
    const tags = [{ key: "team", value: "core" }]

    await sts.assumeRole(
      await session(),
      { ...role, tags, transitiveTagKeys: ["team"], sourceIdentity: "alice" },
      target,
    )

    expect(sandbox.calls.at(-1)?.parameters).toMatchObject({
      "Tags.member.1.Key": "team",
      "Tags.member.1.Value": "core",
      "TransitiveTagKeys.member.1": "team",
      SourceIdentity: "alice",
    })
  })

  it("has a message decoded, and takes what is missing in it for missing", async () => {
    const { sandbox, sts, target } = await setup()
    const document = {
      allowed: false,
      explicitDeny: true,
      matchedStatements: {
        items: [
          {
            statementId: "NoBigOnes",
            effect: "DENY",
            principals: { items: [] },
            actions: { items: [{ value: "ec2:RunInstances" }] },
            resources: { items: [{ value: "*" }] },
            conditions: { items: [] },
          },
        ],
      },
      context: {
        principal: { id: "AIDAEXAMPLE", name: "alice", arn: "arn:aws:iam::123456789012:user/alice" },
        action: "ec2:RunInstances",
        resource: "arn:aws:ec2:eu-west-1:123456789012:instance/*",
        conditions: { items: [] },
      },
    }
    const decode = async (of: object) =>
      await sts.decodeAuthorizationMessage(someAccessKey, sandbox.mintAuthorizationMessage(of), "acme", target)

    expect(await decode(document)).toEqual({
      isAllowed: false,
      isExplicitlyDenied: true,
      principal: "arn:aws:iam::123456789012:user/alice",
      action: "ec2:RunInstances",
      resource: "arn:aws:ec2:eu-west-1:123456789012:instance/*",
      statements: [{ id: "NoBigOnes", effect: "DENY", actions: ["ec2:RunInstances"], resources: ["*"] }],
      document,
    })
    expect(await decode({ allowed: true, matchedStatements: "?", context: { action: 7 }, new: {} })).toEqual({
      isAllowed: true,
      isExplicitlyDenied: false,
      statements: [],
      document: { allowed: true, matchedStatements: "?", context: { action: 7 }, new: {} },
    })
    await expect(decode({})).rejects.toMatchObject({ code: "Unavailable" })
  })

  it("tells a message that is none from a right that is missing", async () => {
    const { sandbox, sts, target, session } = await setup()
    const message = sandbox.mintAuthorizationMessage({ allowed: true })

    await expect(sts.decodeAuthorizationMessage(someAccessKey, `${message}x`, "acme", target)).rejects.toMatchObject({
      code: "MessageRejected",
      hint: expect.stringContaining("credd decode --profile acme"),
    })
    await expect(sts.decodeAuthorizationMessage(await session(), message, "acme", target)).rejects.toMatchObject({
      code: "AccessDenied",
      message: 'profile "acme" lacks the right sts:DecodeAuthorizationMessage',
      hint: expect.stringContaining('"Action":"sts:DecodeAuthorizationMessage"'),
    })
  })

  it.each([
    [
      "RegionDisabledException",
      "STS is not activated in this region",
      "STS is switched off in region eu-west-1",
      "enable-region",
    ],
    [
      "AccessDenied",
      "User: arn:aws:iam::1:user/a is not authorized to perform: sts:AssumeRole on resource: x because no identity-based policy allows the sts:AssumeRole action",
      "no identity-based policy allows it",
      "whoami",
    ],
    [
      "AccessDenied",
      "User: arn:aws:iam::1:user/a is not authorized to perform: sts:AssumeRole on resource: x with an explicit deny in a service control policy",
      "explicit deny in a service control policy",
      "whoami",
    ],
  ])("says what %s means: %s", async (name, message, said, hint) => {
    const { sandbox, sts, target, session } = await setup()
    const from = await session()
    sandbox.faults.add({ kind: "error", code: name, status: 403, message, action: "AssumeRole" })

    await expect(sts.assumeRole(from, role, target)).rejects.toMatchObject({
      code: "AccessDenied",
      message: expect.stringContaining(said),
      hint: expect.stringContaining(hint),
      isUnexplained: false,
    })
  })

  it("sends the code at most once, whatever happens to the answer", async () => {
    const { sandbox, session } = await setup()
    sandbox.faults.add({ kind: "drop", when: "after", action: "GetSessionToken" })

    await expect(session()).rejects.toMatchObject({ code: "Unavailable" })

    expect(sandbox.count("GetSessionToken")).toBe(1)
  })

  it("says that a wrong or used code was refused", async () => {
    const { sandbox, session } = await setup()
    const used = sandbox.mfaCode("alice")
    await session(used)

    for (const code of ["000000", used]) {
      await expect(session(code)).rejects.toMatchObject({ code: "MfaCodeRejected" })
    }
  })

  it("tells a key that AWS does not know from a role that it does not allow", async () => {
    const { sts, target, session } = await setup()
    const stranger = { accessKeyId: "AKIAEXAMPLENOBODY000", secretAccessKey: new Secret("EXAMPLE-not-a-secret") }

    await expect(sts.getCallerIdentity(stranger, target)).rejects.toMatchObject({ code: "AccessKeyRejected" })
    await expect(
      sts.getCallerIdentity({ ...someAccessKey, secretAccessKey: new Secret("EXAMPLE-wrong") }, target),
    ).rejects.toMatchObject({ code: "AccessKeyRejected" })
    await expect(
      sts.assumeRole(await session(), { ...role, roleArn: `${role.roleArn}-not-there` }, target),
    ).rejects.toMatchObject({ code: "AccessDenied" })
  })

  it.each<[string, Fault, string]>([
    ["throttling", { kind: "error", status: 400, code: "Throttling", message: "Rate exceeded" }, "throttled"],
    ["500", { kind: "error", status: 500, code: "InternalFailure" }, "it answered 500"],
    ["503", { kind: "error", status: 503, code: "ServiceUnavailable" }, "it answered 503"],
    ["a dropped connection", { kind: "drop", when: "before" }, "connection was closed"],
    ["XML that breaks off", { kind: "malformed" }, ""],
    ["a captive portal's page", { kind: "html" }, ""],
    ["an answer of 2 MB", { kind: "huge" }, ""],
  ])("takes %s for trouble that passes, and asks once", async (_, fault, why) => {
    const { sandbox, sts, target, session } = await setup()
    const below = await session()
    sandbox.faults.add(fault)

    await expect(sts.assumeRole(below, role, target)).rejects.toMatchObject({
      code: "Unavailable",
      message: expect.stringContaining(why),
    })

    expect(sandbox.count("AssumeRole")).toBe(1)
  })

  it("passes Retry-After on", async () => {
    const { sandbox, sts, target } = await setup()
    sandbox.faults.add({ kind: "error", status: 503, code: "ServiceUnavailable", retryAfterSeconds: 7 })

    await expect(sts.getCallerIdentity(someAccessKey, target)).rejects.toMatchObject({ retryAfterMs: 7_000 })
  })

  it("takes an expired session for the end of the session", async () => {
    const { sandbox, sts, target, session } = await setup()
    const below = await session()
    sandbox.faults.add({ kind: "error", status: 403, code: "ExpiredToken" })

    await expect(sts.assumeRole(below, role, target)).rejects.toMatchObject({ code: "AccessKeyRejected" })
  })

  it("gives up on a server that never answers", async () => {
    const { sandbox, sts, target } = await setup()
    sandbox.faults.add({ kind: "hang" })
    const before = performance.now()

    await expect(sts.getCallerIdentity(someAccessKey, target)).rejects.toMatchObject({
      code: "Unavailable",
      message: expect.stringContaining("in time"),
    })

    expect(performance.now() - before).toBeLessThan(11_000)
  })

  it("asks again when the machine has slept between a signature and its arrival", async () => {
    const { sandbox, target } = await setup()
    const clock = systemClock()
    let asked = 0
    // Each call asks for it once before, and once to sign with.
    const slept = { ...clock, offsetMs: () => ((asked += 1) === 2 ? -31 * 60_000 : 0) }
    const sts = awsSts({ clock: slept, http: async () => await openAwsHttp({ clock, env: {} }) })

    expect(await sts.getCallerIdentity(someAccessKey, target)).toMatchObject({ accountId: "123456789012" })

    expect(sandbox.calls).toHaveLength(2)
  })

  it.each([20, -20, 60 * 13])(
    "works on a machine whose clock is wrong by %d minutes, and reckons by AWS's clock",
    async (skewMinutes) => {
      const { clock, sandbox, session } = await setup({ skewMs: skewMinutes * 60_000 })

      const { expiration } = await session()

      expect(Math.abs(clock.offsetMs() - skewMinutes * 60_000)).toBeLessThan(3_000)
      expect(Math.abs(expiration - clock.now() - 43_200_000)).toBeLessThan(5_000)
      expect(sandbox.count("GetSessionToken")).toBe(1)
    },
  )

  it("refuses an endpoint that would show the signature to the network", async () => {
    const { sts } = await setup()

    await expect(
      sts.getCallerIdentity(someAccessKey, { region: "x", endpoint: "http://sts.example.com" }),
    ).rejects.toMatchObject({ code: "ConfigMalformed" })
  })

  it("says that the name of the endpoint is not known", async () => {
    const { sts } = await setup()
    const target = { region: "eu-west-1", endpoint: "https://sts.invalid" }

    await expect(sts.getCallerIdentity(someAccessKey, target)).rejects.toMatchObject({
      code: "Unavailable",
      message: expect.stringContaining("its name could not be resolved"),
    })
  })

  it("says that nothing listens there", async () => {
    const { sts } = await setup()
    const server = createServer()
    const port = await listenOnPort(server, 0)
    await new Promise((resolve) => {
      server.close(resolve)
    })

    await expect(
      sts.getCallerIdentity(someAccessKey, { region: "x", endpoint: `http://127.0.0.1:${port}` }),
    ).rejects.toMatchObject({ message: expect.stringContaining("connection refused") })
  })

  it("tells a proxy that is down from an STS that is", async () => {
    const { clock, sandbox } = await setup()
    const viaProxy = awsSts({
      clock,
      http: async () => await openAwsHttp({ clock, env: { HTTPS_PROXY: "http://127.0.0.1:1" } }),
    })

    await expect(viaProxy.getCallerIdentity(someAccessKey, { region: "eu-west-1" })).rejects.toMatchObject({
      code: "Unavailable",
    })
    expect(sandbox.calls).toEqual([])
  })
})
