import {
  AssumeRoleCommand,
  DecodeAuthorizationMessageCommand,
  GetCallerIdentityCommand,
  GetSessionTokenCommand,
  STSClient,
  type Credentials,
  type GetSessionTokenCommandInput,
} from "@aws-sdk/client-sts"
import { request } from "undici"
import { afterEach, describe, expect, it } from "vitest"
import { fakeClock, minutes, seconds } from "../fakes/clock.ts"
import { outage, throttling, type Fault } from "./faults.ts"
import { startSandbox, type Sandbox, type SandboxOptions } from "./sandbox.ts"
import { codeAt } from "./totp.ts"
import { exampleWorld } from "./world.ts"

const opened: Sandbox[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((sandbox) => sandbox.close()))
})

const key = { accessKeyId: "AKIAEXAMPLEALICE0001", secretAccessKey: "EXAMPLEsecretOfAliceNotARealOne000000001" }
const serial = "arn:aws:iam::123456789012:mfa/alice"
const developer = "arn:aws:iam::123456789012:role/developer"
const auditor = "arn:aws:iam::210987654321:role/auditor"

async function setup(options: SandboxOptions = {}) {
  const sandbox = await startSandbox(options)
  opened.push(sandbox)
  const client = (as: { accessKeyId: string; secretAccessKey: string; sessionToken?: string } = key): STSClient =>
    new STSClient({ region: "eu-west-1", endpoint: sandbox.url, credentials: as, maxAttempts: 1 })
  const login = async (input: Partial<GetSessionTokenCommandInput> = {}): Promise<Credentials | undefined> => {
    const command = new GetSessionTokenCommand({ SerialNumber: serial, TokenCode: sandbox.mfaCode("alice"), ...input })
    return (await client().send(command)).Credentials
  }
  const as = (credentials: Credentials | undefined): STSClient =>
    client({
      accessKeyId: credentials?.AccessKeyId ?? "",
      secretAccessKey: credentials?.SecretAccessKey ?? "",
      sessionToken: credentials?.SessionToken ?? "",
    })
  return { sandbox, client, login, as }
}

async function assume(from: STSClient, RoleArn = developer, more = {}): Promise<Credentials | undefined> {
  return (await from.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "credd", ...more }))).Credentials
}

const refused = (name: string, message = ""): object => ({ name, message: expect.stringContaining(message) })

describe("the sandbox STS", () => {
  it("knows a user by the signature alone", async () => {
    const { client } = await setup()

    expect(await client().send(new GetCallerIdentityCommand({}))).toMatchObject({
      Account: "123456789012",
      Arn: "arn:aws:iam::123456789012:user/alice",
    })
  })

  it("refuses a wrong secret, an unknown key, and no signature", async () => {
    const { client, sandbox } = await setup()
    const who = new GetCallerIdentityCommand({})

    await expect(client({ ...key, secretAccessKey: "EXAMPLE" }).send(who)).rejects.toMatchObject(
      refused("SignatureDoesNotMatch"),
    )
    await expect(client({ ...key, accessKeyId: "AKIAEXAMPLENOBODY000" }).send(who)).rejects.toMatchObject(
      refused("InvalidClientTokenId"),
    )
    const plain = await request(sandbox.url, { method: "POST", body: "Action=GetCallerIdentity&Version=2011-06-15" })
    expect([plain.statusCode, await plain.body.text()]).toEqual([
      403,
      expect.stringContaining("MissingAuthenticationToken"),
    ])
  })

  it.each([
    ["the body", { body: "Action=GetSessionToken&Version=2011-06-15" }],
    ["a signed header", { headers: { "content-type": "text/plain" } }],
    ["the path", { path: "/other" }],
  ])("refuses a request in which %s was changed after signing", async (_, change) => {
    const { sandbox, client } = await setup()
    const signed: { headers: Record<string, string>; body: string }[] = []
    const sts = client()
    sts.middlewareStack.add(
      (next) => async (args) => {
        const { headers, body } = args.request as { headers: Record<string, string>; body: string }
        signed.push({ headers, body })
        return await next(args)
      },
      { step: "finalizeRequest", priority: "low" },
    )
    await sts.send(new GetCallerIdentityCommand({}))
    const [original] = signed
    const headers: Record<string, string> = { ...original?.headers, ...("headers" in change ? change.headers : {}) }
    delete headers["content-length"]

    const path = "path" in change ? change.path : "/"
    const answer = await request(`${sandbox.url}${path}`, {
      method: "POST",
      headers,
      body: "body" in change ? change.body : (original?.body ?? ""),
    })

    expect([answer.statusCode, await answer.body.text()]).toEqual([
      403,
      expect.stringContaining("SignatureDoesNotMatch"),
    ])
  })

  it.each([16, -16])("refuses a signature that is %d minutes off", async (off) => {
    const { client } = await setup({ skewMs: off * minutes })

    await expect(client().send(new GetCallerIdentityCommand({}))).rejects.toMatchObject(
      refused("SignatureDoesNotMatch", off > 0 ? "Signature expired" : "not yet current"),
    )
  })

  it("takes an MFA code once, now or one step around", async () => {
    const { login, sandbox } = await setup()

    await login()
    await expect(login()).rejects.toMatchObject(refused("AccessDenied", "invalid MFA one time pass code"))
    await login({ TokenCode: sandbox.mfaCode("alice", 1) })

    await expect(login({ TokenCode: sandbox.mfaCode("alice", 3) })).rejects.toMatchObject(
      refused("AccessDenied", "invalid MFA"),
    )
    await expect(login({ SerialNumber: `${serial}x` })).rejects.toMatchObject(
      refused("AccessDenied", "unable to validate MFA code"),
    )
  })

  it.each([899, 129_601])("refuses a session of %d s", async (DurationSeconds) => {
    await expect((await setup()).login({ DurationSeconds })).rejects.toMatchObject(
      refused("ValidationError", "durationSeconds"),
    )
  })

  it("gives no session to a session", async () => {
    const { as, login } = await setup()

    await expect(as(await login()).send(new GetSessionTokenCommand({}))).rejects.toMatchObject(
      refused("AccessDenied", "Cannot call GetSessionToken with session credentials"),
    )
  })

  it("lets an MFA session assume a role for an hour at most, and a role another one", async () => {
    const { as, login } = await setup()
    const session = as(await login())

    await expect(assume(session, developer, { DurationSeconds: 3_601 })).rejects.toMatchObject(
      refused("ValidationError", "1 hour session limit"),
    )
    const role = as(await assume(session))
    expect(await role.send(new GetCallerIdentityCommand({}))).toMatchObject({
      Arn: "arn:aws:sts::123456789012:assumed-role/developer/credd",
    })

    await expect(assume(role, auditor)).rejects.toMatchObject(
      refused("AccessDenied", "not authorized to perform: sts:AssumeRole"),
    )
    expect(await assume(role, auditor, { ExternalId: "unique-id" })).toMatchObject({
      AccessKeyId: expect.stringMatching(/^ASIA.{16}$/),
    })
  })

  it("wants MFA where the role's trust policy does", async () => {
    const { client } = await setup()

    await expect(assume(client())).rejects.toMatchObject(refused("AccessDenied", "not authorized"))
  })

  it("holds a role to the age of the MFA", async () => {
    const clock = fakeClock(Date.now())
    const world = { ...exampleWorld, roles: [{ arn: developer, trust: { maxMfaAgeSeconds: 300 } }] }
    const { as, login } = await setup({ world, now: clock.now })
    const session = as(await login())

    await assume(session)
    clock.advance(301 * seconds)

    await expect(assume(session)).rejects.toMatchObject(refused("AccessDenied"))
  })

  it("ends credentials at their expiration", async () => {
    const clock = fakeClock(Date.now())
    const { as, login } = await setup({ now: clock.now })
    const session = as(await login({ DurationSeconds: 900 }))

    clock.advance(901 * seconds)
    const late = new STSClient({
      region: "eu-west-1",
      endpoint: opened[0]?.url ?? "",
      credentials: await session.config.credentials(),
      systemClockOffset: 901_000,
      maxAttempts: 1,
    })

    await expect(late.send(new GetCallerIdentityCommand({}))).rejects.toMatchObject(refused("ExpiredToken"))
  })

  it("decodes its own authorization messages", async () => {
    const { client, sandbox } = await setup()
    const decode = async (EncodedMessage: string) =>
      await client().send(new DecodeAuthorizationMessageCommand({ EncodedMessage }))

    expect(await decode(sandbox.encodeMessage({ allowed: false }))).toMatchObject({
      DecodedMessage: '{"allowed":false}',
    })
    await expect(decode("nonsense")).rejects.toMatchObject(refused("InvalidAuthorizationMessageException"))
  })

  it.each<[string, Fault, object]>([
    ["throttling", throttling, refused("Throttling", "Rate exceeded")],
    ["an error", { kind: "error", status: 503, code: "ServiceUnavailable" }, refused("ServiceUnavailable")],
    ["a dropped connection", { kind: "drop", when: "before" }, {}],
    ["malformed XML", { kind: "malformed" }, {}],
    ["a captive portal", { kind: "html" }, {}],
  ])("fails with %s as often as it is told to, and counts", async (_, fault, error) => {
    const { client, sandbox } = await setup()
    sandbox.faults.add({ ...fault, action: "GetCallerIdentity", times: 1 })

    // The SDK takes a captive portal's page for an answer without a word in it.
    const outcome: unknown = await client()
      .send(new GetCallerIdentityCommand({}))
      .catch((thrown: unknown) => thrown)
    expect(outcome).toMatchObject(error)
    expect(outcome).not.toHaveProperty("Account")
    await client().send(new GetCallerIdentityCommand({}))

    expect(sandbox.calls.map((call) => call.outcome)).toEqual([expect.not.stringMatching(/^ok$/), "ok"])
  })

  it("is gone for the length of an outage", async () => {
    const clock = fakeClock(Date.now())
    const { client, sandbox } = await setup({ now: clock.now })
    sandbox.faults.add(outage(120, clock.now()))

    await expect(client().send(new GetCallerIdentityCommand({}))).rejects.toThrow()
    clock.advance(120 * seconds)

    await client().send(new GetCallerIdentityCommand({}))
  })

  it("records no secret", async () => {
    const { login, sandbox } = await setup()
    const session = await login()

    const record = JSON.stringify(sandbox.calls)

    for (const secret of [key.secretAccessKey, session?.SecretAccessKey ?? "", session?.SessionToken ?? ""])
      expect(record).not.toContain(secret)
  })
})

describe(codeAt.name, () => {
  // RFC 6238, appendix B, SHA-1, last six of the eight digits.
  it.each([
    [59, "287082"],
    [1_111_111_109, "081804"],
    [2_000_000_000, "279037"],
  ])("at second %d is %s", (second, code) => {
    expect(codeAt("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", second * 1_000)).toBe(code)
  })
})
