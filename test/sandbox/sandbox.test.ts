import {
  DecodeAuthorizationMessageCommand,
  GetCallerIdentityCommand,
  GetSessionTokenCommand,
} from "@aws-sdk/client-sts"
import { request } from "undici"
import { describe, expect, it } from "vitest"
import { fakeClock, hours, minutes, seconds } from "../fakes/clock.ts"
import { startSandbox } from "./sandbox.ts"
import { aliceSerial, assume, auditor, developer, refused, started } from "./started.ts"
import { exampleWorld, type SandboxRole, type World } from "./world.ts"

const who = new GetCallerIdentityCommand({})

const decode = (EncodedMessage: string): DecodeAuthorizationMessageCommand =>
  new DecodeAuthorizationMessageCommand({ EncodedMessage })

const worldWith = (...roles: SandboxRole[]): World => ({ ...exampleWorld, roles })

describe(startSandbox.name, () => {
  it("answers as AWS does on the wire", async () => {
    const clock = fakeClock(Date.parse("2026-11-23T10:00:00Z"))
    const { sandbox } = await started({ now: clock.now, skewMs: 5 * minutes })

    const answer = await request(sandbox.url, { method: "POST", body: "Action=GetCallerIdentity&Version=2011-06-15" })
    const id = String(answer.headers["x-amzn-requestid"])

    expect(answer.headers).toMatchObject({ "content-type": "text/xml", date: "Mon, 23 Nov 2026 10:05:00 GMT" })
    expect(id).toMatch(/^[0-9a-f-]{36}$/)
    expect(await answer.body.text()).toBe(
      `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <Error>
    <Type>Sender</Type>
    <Code>MissingAuthenticationToken</Code>
    <Message>Request is missing Authentication Token</Message>
  </Error>
  <RequestId>${id}</RequestId>
</ErrorResponse>
`,
    )
  })

  it.each(["Action=GetAccessKeyInfo&Version=2011-06-15", "Action=GetCallerIdentity&Version=2010-05-08", ""])(
    "knows no action in %j",
    async (body) => {
      const { sandbox } = await started()

      const answer = await request(sandbox.url, { method: "POST", body })

      expect([answer.statusCode, await answer.body.text()]).toEqual([400, expect.stringContaining("InvalidAction")])
    },
  )

  it("starts anew when it is reset", async () => {
    const { sandbox, client, login } = await started()
    const session = await login()
    sandbox.faults.add({ kind: "hang" })

    sandbox.reset()

    expect([sandbox.calls, sandbox.peak()]).toEqual([[], 0])
    await login()
    await expect(client(session).send(who)).rejects.toMatchObject(refused("InvalidClientTokenId"))
  })
})

describe("GetCallerIdentity", () => {
  it("knows users, sessions and role sessions by the signature alone", async () => {
    const { client, login } = await started()
    const alice = { Account: "123456789012", Arn: "arn:aws:iam::123456789012:user/alice" }
    const session = await login()

    expect(await client().send(who)).toMatchObject({ ...alice, UserId: expect.stringMatching(/^AIDA[A-Z2-7]{17}$/) })
    expect(await client(session).send(who)).toMatchObject(alice)
    expect(await client(await assume(client(session))).send(who)).toMatchObject({
      Account: "123456789012",
      Arn: "arn:aws:sts::123456789012:assumed-role/developer/credd",
      UserId: expect.stringMatching(/^AROA[A-Z2-7]{17}:credd$/),
    })
  })
})

describe("GetSessionToken", () => {
  it("gives credentials of AWS's shape, for twelve hours of its own clock", async () => {
    const clock = fakeClock()
    const { client } = await started({ now: clock.now, skewMs: 10 * minutes })

    const { Credentials: issued } = await client().send(new GetSessionTokenCommand({}))

    expect(issued).toEqual({
      AccessKeyId: expect.stringMatching(/^ASIA[A-Z2-7]{16}$/),
      SecretAccessKey: expect.stringMatching(/^.{40}$/),
      SessionToken: expect.stringMatching(/^[\w+/=]{300,}$/),
      Expiration: new Date(clock.now() + 10 * minutes + 12 * hours),
    })
  })

  it("takes an MFA code once, now or one step around", async () => {
    const { login, sandbox } = await started()
    const invalid = refused(
      "AccessDenied",
      "MultiFactorAuthentication failed with invalid MFA one time pass code. ",
      403,
    )

    await login()
    await expect(login()).rejects.toMatchObject(invalid)
    await login({ TokenCode: sandbox.nextUnusedCode("alice").code })
    await expect(login({ TokenCode: sandbox.mfaCode("alice", 3) })).rejects.toMatchObject(invalid)
  })

  it.each([
    [
      { SerialNumber: `${aliceSerial}x` },
      "AccessDenied",
      "unable to validate MFA code.  Please verify your MFA serial",
    ],
    [{ TokenCode: undefined }, "AccessDenied", "must provide both MFA serial number and one time pass code"],
    [{ TokenCode: "12345" }, "ValidationError", "at 'tokenCode' failed to satisfy constraint: Member must have length"],
    [{ TokenCode: "12345x" }, "ValidationError", "Member must satisfy regular expression pattern: [\\d]*"],
    [{ DurationSeconds: 899 }, "ValidationError", "Value '899' at 'durationSeconds' failed to satisfy constraint"],
    [{ DurationSeconds: 129_601 }, "ValidationError", "Member must have value less than or equal to 129600"],
    [{ DurationSeconds: 1, TokenCode: "x" }, "ValidationError", "3 validation errors detected: "],
  ])("refuses %j", async (input, code, message) => {
    const { login } = await started()

    await expect(login(input as object)).rejects.toMatchObject(
      refused(code, message, code === "AccessDenied" ? 403 : 400),
    )
  })

  it("is not for sessions or role sessions", async () => {
    const { client, login } = await started()
    const session = await login()

    for (const keys of [session, await assume(client(session))]) {
      await expect(client(keys).send(new GetSessionTokenCommand({}))).rejects.toMatchObject(
        refused("AccessDenied", "Cannot call GetSessionToken with session credentials", 403),
      )
    }
  })
})

describe("AssumeRole", () => {
  it.each([
    [{ RoleSessionName: "a" }, "at 'roleSessionName' failed to satisfy constraint: Member must have length greater"],
    [{ RoleSessionName: "a".repeat(65) }, "Member must have length less than or equal to 64"],
    [{ RoleSessionName: "a b" }, "Member must satisfy regular expression pattern: [\\w+=,.@-]*"],
    [{ DurationSeconds: 899 }, "greater than or equal to 900"],
    [{ DurationSeconds: 43_201 }, "less than or equal to 43200"],
    [{ DurationSeconds: 3_601 }, "1 hour session limit for roles assumed by role chaining."],
  ])("refuses %j of a session", async (input, message) => {
    const world = worldWith({ arn: developer, maxSessionDurationSeconds: 43_200 })
    const { client, login } = await started({ world })

    await expect(assume(client(await login()), input)).rejects.toMatchObject(refused("ValidationError", message, 400))
  })

  it("holds role sessions to an hour as well, and long-term keys to the role's maximum", async () => {
    const world = worldWith({ arn: developer, maxSessionDurationSeconds: 7_200 })
    const { client } = await started({ world })

    await assume(client(), { DurationSeconds: 7_200 })
    await expect(assume(client(), { DurationSeconds: 7_201 })).rejects.toMatchObject(
      refused("ValidationError", "exceeds the MaxSessionDuration set for this role"),
    )
    await expect(assume(client(await assume(client())), { DurationSeconds: 3_601 })).rejects.toMatchObject(
      refused("ValidationError", "role chaining"),
    )
  })

  it("takes the MFA of the session, or a code with long-term keys, and once", async () => {
    const { client, login, sandbox } = await started()
    const denied = refused(
      "AccessDenied",
      `User: arn:aws:iam::123456789012:user/alice is not authorized to perform: sts:AssumeRole on resource: ${developer}`,
      403,
    )
    const code = { SerialNumber: aliceSerial, TokenCode: sandbox.nextUnusedCode("alice").code }

    await expect(assume(client())).rejects.toMatchObject(denied)
    await assume(client(), code)
    await expect(assume(client(), code)).rejects.toMatchObject(
      refused("AccessDenied", "invalid MFA one time pass code"),
    )
    await assume(client(await login({ TokenCode: sandbox.nextUnusedCode("alice").code })))
    const { Credentials: bare } = await client().send(new GetSessionTokenCommand({}))
    const session = { accessKeyId: bare!.AccessKeyId!, secretAccessKey: bare!.SecretAccessKey! }
    await expect(assume(client({ ...session, sessionToken: bare!.SessionToken! }))).rejects.toMatchObject(denied)
  })

  it("wants the external id, and a principal that the role names", async () => {
    const { client, login } = await started()
    const session = client(await login())
    const role = client(await assume(session))
    const more = { RoleArn: auditor, ExternalId: "unique-id" }

    for (const from of [session, role]) {
      await expect(assume(from, { RoleArn: auditor })).rejects.toMatchObject(refused("AccessDenied"))
      await expect(assume(from, { ...more, ExternalId: "other" })).rejects.toMatchObject(refused("AccessDenied"))
      await assume(from, more)
    }
    await expect(assume(client(await assume(role, more)), more)).rejects.toMatchObject(
      refused(
        "AccessDenied",
        "User: arn:aws:sts::210987654321:assumed-role/auditor/credd is not authorized to perform: sts:AssumeRole",
      ),
    )
  })

  it("trusts the role's own account when no principal is named, and knows no role that is not there", async () => {
    const [own, other] = [developer, "arn:aws:iam::210987654321:role/developer"]
    const { client } = await started({ world: worldWith({ arn: own }, { arn: other }) })

    await assume(client())
    for (const RoleArn of [other, `${own}-not-there`]) {
      await expect(assume(client(), { RoleArn })).rejects.toMatchObject(refused("AccessDenied", RoleArn))
    }
  })

  it("hands no MFA on from a role session, as AWS documents", async () => {
    const second = "arn:aws:iam::123456789012:role/second"
    const world = worldWith(
      { arn: developer, trust: { requireMfa: true } },
      { arn: second, trust: { requireMfa: true } },
    )
    const { client, login } = await started({ world })
    const session = client(await login())

    await assume(session, { RoleArn: second })
    await expect(assume(client(await assume(session)), { RoleArn: second })).rejects.toMatchObject(
      refused("AccessDenied"),
    )
  })

  it("holds a role to the age of the MFA", async () => {
    const clock = fakeClock()
    const { client, login } = await started({
      now: clock.now,
      world: worldWith({ arn: developer, trust: { maxMfaAgeSeconds: 300 } }),
    })
    const session = await login()

    clock.advance(300 * seconds)
    await assume(client(session))
    clock.advance(1 * seconds)

    await expect(assume(client(session))).rejects.toMatchObject(refused("AccessDenied"))
  })
})

it("ends credentials at their expiration", async () => {
  const clock = fakeClock()
  const { client, login } = await started({ now: clock.now })
  const session = await login({ DurationSeconds: 900 })

  clock.advance(899 * seconds)
  await client(session).send(who)
  clock.advance(1 * seconds)

  await expect(client(session).send(who)).rejects.toMatchObject(
    refused("ExpiredToken", "The security token included in the request is expired", 403),
  )
})

describe("DecodeAuthorizationMessage", () => {
  it("decodes the sandbox's own messages", async () => {
    const { client, sandbox } = await started()

    expect(await client().send(decode(sandbox.mintAuthorizationMessage({ allowed: false })))).toMatchObject({
      DecodedMessage: '{"allowed":false}',
    })
    await expect(client().send(decode("nonsense"))).rejects.toMatchObject(
      refused("InvalidAuthorizationMessageException", "", 400),
    )
  })

  it("is for users and roles that may, and for no session", async () => {
    const [alice] = exampleWorld.users
    const roles = [{ arn: developer, mayDecode: true }]
    const { client, sandbox } = await started({ world: { users: [{ ...alice!, mayDecode: false }], roles } })
    const message = decode(sandbox.mintAuthorizationMessage({}))

    await expect(client().send(message)).rejects.toMatchObject(
      refused("AccessDenied", "is not authorized to perform: sts:DecodeAuthorizationMessage", 403),
    )
    await client(await assume(client())).send(message)
    const able = await started()
    await expect(able.client(await able.login()).send(message)).rejects.toMatchObject(refused("AccessDenied"))
  })
})
