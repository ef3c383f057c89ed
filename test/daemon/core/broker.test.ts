import { describe, expect, it, vi } from "vitest"
import { memoryStore } from "../../../daemon/adapters/memory-store.ts"
import { secretStore } from "../../../daemon/adapters/secret-store.ts"
import { accessOf } from "../../../daemon/core/access.ts"
import { createBroker, type Broker } from "../../../daemon/core/broker.ts"
import {
  accessDenied,
  accessKeyRejected,
  keychainLocked,
  mfaCodeRejected,
  policyDenied,
  storeWriteFailed,
  serviceUnavailable,
} from "../../../daemon/core/errors.ts"
import type { Notify, OutsideCredentials, SecretStore, SignIn } from "../../../daemon/core/ports.ts"
import { Secret } from "../../../daemon/core/secret.ts"
import { fakeClock, hours, minutes, seconds } from "../../fakes/clock.ts"
import { someAccessKey, someSession } from "../../fakes/credentials.ts"
import { fakeIam } from "../../fakes/iam.ts"
import { fakeLog } from "../../fakes/log.ts"
import { fakeProfileSource } from "../../fakes/profile-source.ts"
import { fakeSts } from "../../fakes/sts.ts"

const profiles = {
  acme: { mfa_serial: "arn:aws:iam::123456789012:mfa/alice" },
  dev: { role_arn: "arn:aws:iam::123456789012:role/developer", source_profile: "acme" },
  audit: { role_arn: "arn:aws:iam::123456789012:role/auditor", source_profile: "dev" },
  sso: { sso_session: "x" },
  nomfa: {},
  tool: { credential_process: "/usr/bin/creds" },
  above: { role_arn: "arn:aws:iam::123456789012:role/tooled", source_profile: "tool" },
}
const code = "123456"

async function setup({ keys = ["acme"] } = {}) {
  const clock = fakeClock()
  const sts = fakeSts(clock)
  const store: SecretStore = secretStore(memoryStore(), { onDamaged: () => undefined })
  for (const name of keys) await store.writeAccessKey(name, someAccessKey)
  const log = fakeLog()
  const notify = vi.fn<Notify>()
  const outside = {
    fromProcess: vi.fn<OutsideCredentials["fromProcess"]>(async () => someAccessKey),
    fromEnvironment: () => someAccessKey,
  }
  const signIn = { signinToken: vi.fn<SignIn["signinToken"]>(async () => new Secret("EXAMPLEtoken")) }
  const brokerOver = (): Broker =>
    createBroker({
      clock,
      sts,
      iam: fakeIam(clock, someAccessKey),
      signIn,
      store,
      log,
      notify,
      outside,
      breathe: async () => undefined,
      random: () => 1,
      defaults: {},
      source: fakeProfileSource(profiles),
    })
  const broker = brokerOver()
  await broker.settle()
  return { clock, sts, signIn, store, log, notify, outside, broker, brokerOver }
}

async function signedIn() {
  const parts = await setup()
  await parts.broker.login("acme", code, 43_200)
  return parts
}

describe("login", () => {
  it("starts a session that serves every profile above it", async () => {
    const { broker, sts } = await setup()

    const { session, profiles: served } = await broker.login("dev", code, 43_200)

    expect(session).toMatchObject({ sourceProfile: "acme", state: "signed-in", expiration: "2026-11-23T22:00:00Z" })
    expect(served).toEqual(["acme", "dev", "audit"])
    expect(sts.getSessionToken).toHaveBeenCalledTimes(1)
  })

  it("sends a code once, also when it was refused", async () => {
    const { broker, sts } = await setup()
    sts.getSessionToken.mockRejectedValueOnce(mfaCodeRejected("x", undefined))

    await expect(broker.login("acme", code, 900)).rejects.toMatchObject({ code: "MfaCodeRejected" })
    await expect(broker.login("acme", code, 900)).rejects.toMatchObject({ code: "MfaCodeUsed" })

    expect(sts.getSessionToken).toHaveBeenCalledTimes(1)
  })

  it("sends a code once when two logins come at the same time", async () => {
    const { broker, sts } = await setup()

    const outcomes = await Promise.allSettled([broker.login("acme", code, 900), broker.login("dev", code, 900)])

    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected"])
    expect(sts.getSessionToken).toHaveBeenCalledTimes(1)
  })

  it("says that the code is spent when no answer came", async () => {
    const { broker, sts } = await setup()
    sts.getSessionToken.mockRejectedValueOnce(serviceUnavailable("STS", "eu-west-1", "the connection was reset"))

    await expect(broker.login("acme", code, 900)).rejects.toMatchObject({
      code: "Unavailable",
      hint: expect.stringContaining("spent"),
    })
  })

  it("has not spent the code when AWS could not be reached before it was sent", async () => {
    const { broker, sts } = await setup()
    sts.getCallerIdentity.mockRejectedValueOnce(serviceUnavailable("STS", "eu-west-1", "the network is down"))
    await expect(broker.login("acme", code, 900)).rejects.toMatchObject({ code: "Unavailable" })

    await expect(broker.login("acme", code, 900)).resolves.toBeDefined()
  })

  it("takes the same digits again when their time has come round", async () => {
    const { broker, clock } = await signedIn()

    clock.advance(10 * minutes)

    await expect(broker.login("acme", code, 900)).resolves.toBeDefined()
  })

  it.each(["12345", "1234567", "12345a", "", "１２３４５６"])("does not send %j, which is no code", async (wrong) => {
    const { broker, sts } = await setup()

    await expect(broker.login("acme", wrong, 900)).rejects.toMatchObject({ code: "MfaCodeMalformed" })
    expect(sts.getSessionToken).not.toHaveBeenCalled()
  })

  it.each([899, 129_601, Number.NaN])("does not ask for a session of %d s", async (wrong) => {
    const { broker } = await setup()

    await expect(broker.login("acme", code, wrong)).rejects.toMatchObject({ code: "UsageWrong" })
  })

  it.each([
    ["nope", "ProfileNotFound"],
    ["sso", "ProfileUnsupported"],
    ["nomfa", "MfaSerialMissing"],
  ])("for %s says %s before a code is asked for", async (name, expected) => {
    const { broker } = await setup({ keys: ["acme", "nomfa"] })

    await expect(broker.loginPlan(name)).rejects.toMatchObject({ code: expected })
  })

  it("says that there is no access key", async () => {
    const { broker } = await setup({ keys: [] })

    await expect(broker.loginPlan("acme")).rejects.toMatchObject({ code: "AccessKeyMissing" })
  })

  it("proposes the profile that was meant", async () => {
    const { broker } = await setup()

    await expect(broker.loginPlan("acem")).rejects.toThrow('did you mean "acme"?')
  })

  it("replaces a living session without a gap", async () => {
    const { broker, clock } = await signedIn()
    const before = await broker.credentialsFor("dev")
    clock.advance(10 * minutes)

    const again = broker.login("acme", "654321", 43_200)

    expect(await broker.credentialsFor("dev")).toBe(before)
    await again
    await expect(broker.credentialsFor("acme")).resolves.toMatchObject({ expiration: clock.now() + 12 * hours })
  })

  it("serves a session that the store could not keep, warns, and keeps it later", async () => {
    const { broker, store } = await setup()
    const write = vi.spyOn(store, "writeSession").mockRejectedValueOnce(storeWriteFailed("/s", "the disk is full"))

    const { warnings } = await broker.login("acme", code, 43_200)
    expect(warnings[0]).toContain("the disk is full")
    expect(await broker.credentialsFor("dev")).toBeDefined()
    expect(await broker.settle()).toBe("ready")

    expect(write).toHaveBeenCalledTimes(2)
    expect(await store.readSessions()).toHaveLength(1)
  })
})

describe("credentialsFor", () => {
  it("asks STS once for hundreds of callers of a chain at a cold start", async () => {
    const { broker, sts } = await signedIn()

    await Promise.all(Array.from({ length: 300 }, async () => await broker.credentialsFor("audit")))

    expect(sts.assumeRole).toHaveBeenCalledTimes(2)
  })

  it("says that a login is needed, and stops saying so right after it", async () => {
    const { broker } = await setup()
    await expect(broker.credentialsFor("dev")).rejects.toMatchObject({
      code: "LoginRequired",
      hint: "run: credd login acme",
    })

    await broker.login("acme", code, 43_200)

    expect(await broker.credentialsFor("dev")).toBeDefined()
  })

  it("goes on serving a role after the session has ended, until 60 s before the role's end", async () => {
    const { broker, clock } = await setup()
    await broker.login("acme", code, 900)
    await broker.credentialsFor("dev")

    clock.advance(15 * minutes)
    await expect(broker.credentialsFor("acme")).rejects.toMatchObject({ code: "SessionExpired" })
    expect(await broker.credentialsFor("dev")).toBeDefined()
    clock.advance(43 * minutes)
    expect(await broker.credentialsFor("dev")).toBeDefined()
    clock.advance(1 * minutes)

    await expect(broker.credentialsFor("dev")).rejects.toMatchObject({ code: "SessionExpired" })
  })

  it("serves the session itself until 60 s before its end", async () => {
    const { broker, clock } = await setup()
    await broker.login("acme", code, 900)

    clock.advance(14 * minutes - 1)
    await expect(broker.credentialsFor("acme")).resolves.toBeDefined()
    clock.advance(1)

    await expect(broker.credentialsFor("acme")).rejects.toMatchObject({ code: "SessionExpired" })
  })

  it("keeps a refusal of one role away from another", async () => {
    const { broker, sts } = await signedIn()
    await broker.credentialsFor("dev")
    sts.assumeRole.mockRejectedValueOnce(accessDenied("role auditor", undefined))

    await expect(broker.credentialsFor("audit")).rejects.toMatchObject({ code: "AccessDenied" })

    expect(await broker.credentialsFor("dev")).toBeDefined()
    expect(broker.status().profiles.find(({ name }) => name === "audit")).toMatchObject({ state: "refused" })
  })

  it("asks for a login when AWS no longer takes the session", async () => {
    const { broker, sts } = await signedIn()
    sts.assumeRole.mockRejectedValue(accessKeyRejected("the session", undefined))
    sts.getCallerIdentity.mockRejectedValue(accessKeyRejected("the session", undefined))

    await expect(broker.credentialsFor("dev")).rejects.toMatchObject({
      code: "SessionExpired",
      hint: "run: credd login acme",
    })
    await expect(broker.credentialsFor("dev")).rejects.toMatchObject({ code: "SessionExpired" })

    expect(sts.assumeRole).toHaveBeenCalledTimes(1)
    expect(broker.status().sessions[0]).toMatchObject({ state: "expired" })
  })

  it("says that the keychain is locked, and serves as soon as it is not", async () => {
    const { broker, brokerOver, clock, store } = await setup()
    await store.writeSession(someSession("acme", clock.now() + 5 * hours))
    const locked = vi.spyOn(store, "readSessions").mockRejectedValue(keychainLocked())
    const fresh = brokerOver()

    expect(await fresh.settle()).toBe("locked")
    await expect(fresh.credentialsFor("dev")).rejects.toMatchObject({ code: "KeychainLocked" })
    expect(fresh.status().storeState).toBe("locked")
    locked.mockRestore()
    expect(await fresh.settle()).toBe("ready")

    await expect(fresh.credentialsFor("dev")).resolves.toBeDefined()
    expect(await broker.settle()).toBe("ready")
  })
})

describe("a role that is refused", () => {
  const refused = accessDenied("role developer", undefined)

  it("wants a fresher login when it took this very session before", async () => {
    const { broker, clock, sts } = await signedIn()
    await broker.credentialsFor("dev")
    clock.advance(2 * hours)
    sts.assumeRole.mockRejectedValue(refused)

    await expect(broker.credentialsFor("dev")).rejects.toMatchObject({
      code: "MfaTooOld",
      hint: "run: credd login acme",
    })
    await expect(broker.credentialsFor("dev")).rejects.toMatchObject({ code: "MfaTooOld" })
    expect(sts.assumeRole).toHaveBeenCalledTimes(2)
  })

  it("is asked for again at once after the login that it wanted", async () => {
    const { broker, clock, sts } = await signedIn()
    await broker.credentialsFor("dev")
    clock.advance(2 * hours)
    sts.assumeRole.mockRejectedValueOnce(refused)
    await expect(broker.credentialsFor("dev")).rejects.toMatchObject({ code: "MfaTooOld" })

    await broker.login("acme", "654321", 43_200)

    expect(await broker.credentialsFor("dev")).toBeDefined()
  })

  it("may want one when the session is old and the role never took it", async () => {
    const { broker, clock, sts } = await signedIn()
    clock.advance(3 * hours)
    sts.assumeRole.mockRejectedValue(refused)

    await expect(broker.credentialsFor("dev")).rejects.toMatchObject({
      code: "AccessDenied",
      message: expect.stringContaining("3 h ago"),
      hint: expect.stringContaining("credd login acme"),
    })
  })

  it("is plainly refused to a session that has just begun, and where AWS names a policy", async () => {
    const { broker, clock, sts } = await signedIn()
    sts.assumeRole.mockRejectedValue(refused)
    await expect(broker.credentialsFor("dev")).rejects.toBe(refused)

    clock.advance(3 * hours)
    const policy = policyDenied("role developer", "no identity-based policy allows it", undefined)
    sts.assumeRole.mockRejectedValue(policy)

    await expect(broker.credentialsFor("dev")).rejects.toBe(policy)
  })

  it("does not end the session for all when only its region does not take it", async () => {
    const { broker, sts } = await signedIn()
    sts.assumeRole.mockRejectedValueOnce(accessKeyRejected("the session", undefined))

    await expect(broker.credentialsFor("dev")).rejects.toMatchObject({
      code: "AccessDenied",
      hint: expect.stringContaining("sts_regional_endpoints"),
    })

    await expect(broker.credentialsFor("acme")).resolves.toBeDefined()
    expect(broker.status().sessions[0]).toMatchObject({ state: "signed-in" })
  })
})

describe("a role above a credential_process", () => {
  it("is served without a login, and runs the process once for all who ask", async () => {
    const { broker, outside, sts } = await setup()

    await Promise.all([broker.credentialsFor("above"), broker.whoami("above")])

    expect(outside.fromProcess).toHaveBeenCalledExactlyOnceWith("/usr/bin/creds")
    expect(sts.assumeRole.mock.calls[0]?.[0]).toBe(someAccessKey)
    expect(broker.status().profiles.find(({ name }) => name === "above")).toMatchObject({ state: "ready" })
    expect(broker.status().sessions.map(({ sourceProfile }) => sourceProfile)).not.toContain("tool")
  })

  it("runs it again for the next renewal, and not while the first answer is fresh", async () => {
    const { broker, clock, outside } = await setup()
    await broker.refresh("above")
    clock.advance(30 * seconds)
    await broker.refresh("above")
    expect(outside.fromProcess).toHaveBeenCalledTimes(1)

    clock.advance(31 * seconds)
    await broker.refresh("above")

    expect(outside.fromProcess).toHaveBeenCalledTimes(2)
  })

  it("says that it needs no login", async () => {
    const { broker } = await setup()

    await expect(broker.loginPlan("above")).rejects.toMatchObject({
      message: expect.stringContaining("needs no login"),
    })
  })
})

describe("a clock in doubt", () => {
  it("does not call a session over before AWS has told the time", async () => {
    const { broker, clock, sts } = await signedIn()
    clock.doubt(14 * hours)
    sts.getCallerIdentity.mockImplementationOnce(async () => {
      clock.tell()
      throw serviceUnavailable("STS", "eu-west-1", "the clock of this machine is wrong")
    })

    await expect(broker.credentialsFor("acme")).resolves.toBeDefined()
    expect(await broker.credentialsFor("dev")).toBeDefined()
  })

  it("says that it is over when AWS says so too, or cannot be asked", async () => {
    const { broker, clock, sts } = await signedIn()
    clock.jump(14 * hours)
    clock.doubt(0)
    sts.getCallerIdentity.mockRejectedValueOnce(serviceUnavailable("STS", "eu-west-1", "no route to it"))
    await expect(broker.credentialsFor("acme")).rejects.toMatchObject({ code: "SessionExpired" })

    sts.getCallerIdentity.mockImplementationOnce(async () => {
      clock.tell()
      throw accessKeyRejected("the session", undefined)
    })

    await expect(broker.credentialsFor("acme")).rejects.toMatchObject({ code: "SessionExpired" })
  })

  it("answers within the callers' patience while AWS hangs", async () => {
    const { broker, clock, sts } = await signedIn()
    clock.doubt(14 * hours)
    sts.getCallerIdentity.mockReturnValueOnce(new Promise(() => undefined))

    const answer = broker.credentialsFor("acme")
    await vi.waitFor(() => expect(sts.getCallerIdentity).toHaveBeenCalledTimes(2))
    clock.advance(700)

    await expect(answer).rejects.toMatchObject({ code: "SessionExpired" })
  })

  it("asks at the pulse, once, and not where nobody is signed in", async () => {
    const { broker, clock, sts } = await setup()
    clock.doubt(0)
    await broker.beat()
    expect(sts.getCallerIdentity).not.toHaveBeenCalled()
    clock.tell()
    await broker.login("acme", code, 43_200)
    clock.doubt(0)

    await Promise.all([broker.beat(), broker.beat()])

    expect(sts.getCallerIdentity).toHaveBeenCalledTimes(2)
  })
})

async function warned(durationSeconds: number) {
  const parts = await setup()
  await parts.broker.login("acme", code, durationSeconds)
  const told = async (afterMs: number): Promise<number> => {
    parts.clock.advance(afterMs)
    await parts.broker.beat()
    return parts.notify.mock.calls.length
  }
  return { ...parts, told }
}

describe("a session that ends soon", () => {
  it("is told of once, an hour before, with the command to run", async () => {
    const { broker, notify, told } = await warned(43_200)

    expect(await told(11 * hours - 1)).toBe(0)
    expect(broker.status().warnings).toEqual([])
    expect(await told(1)).toBe(1)
    expect(await told(30 * seconds)).toBe(1)

    expect(notify.mock.calls[0]?.[0]).toMatch(/^the MFA session for profile "acme" ends at \d\d:\d\d, in 60 min$/)
    expect(notify.mock.calls[0]?.[1]).toBe("Run: credd login acme")
    expect(broker.status().warnings).toEqual([expect.stringMatching(/ends at .*; run: credd login acme$/)])
  })

  it.each([
    [5_340, 15],
    [5_400, 60],
    [900, 15],
  ])("of %d s is told of %d minutes before", async (durationSeconds, aheadMinutes) => {
    const { told } = await warned(durationSeconds)
    const quietMs = durationSeconds * 1_000 - aheadMinutes * minutes

    if (quietMs > 0) expect(await told(quietMs - 1)).toBe(0)
    expect(await told(1)).toBe(1)
  })

  it("is not told of again after a restart, and a new one is", async () => {
    const { broker, brokerOver, clock, notify, told } = await warned(43_200)
    await told(11 * hours)
    const restarted = brokerOver()
    await restarted.settle()
    await restarted.beat()
    expect(notify).toHaveBeenCalledTimes(1)

    await broker.login("acme", "654321", 43_200)
    expect(broker.status().warnings).toEqual([])
    clock.advance(11 * hours)
    await broker.beat()

    expect(notify).toHaveBeenCalledTimes(2)
  })
})

describe("logout", () => {
  it("forgets the session, its roles, and what the store kept", async () => {
    const { broker, store } = await signedIn()
    await broker.credentialsFor("audit")

    expect(await broker.logout(["audit"])).toEqual({ sourceProfiles: ["acme"], warnings: [] })

    for (const name of ["acme", "dev", "audit"]) {
      await expect(broker.credentialsFor(name)).rejects.toMatchObject({ code: "LoginRequired" })
    }
    expect(await store.readSessions()).toEqual([])
  })

  it("does not serve what a renewal under way brings after it", async () => {
    const { broker, clock, sts } = await signedIn()
    await broker.credentialsFor("dev")
    clock.advance(40 * minutes)
    await broker.credentialsFor("dev")

    await broker.logoutAll()
    await new Promise((resolve) => setImmediate(resolve))

    expect(sts.assumeRole).toHaveBeenCalledTimes(2)
    await expect(broker.credentialsFor("dev")).rejects.toMatchObject({ code: "LoginRequired" })
  })

  it("forgets in memory at once when the store is locked, warns, and removes it later", async () => {
    const { broker, store } = await signedIn()
    vi.spyOn(store, "removeSessions").mockRejectedValueOnce(keychainLocked())

    const { warnings } = await broker.logoutAll()
    expect(warnings[0]).toContain("still in the store")
    await expect(broker.credentialsFor("acme")).rejects.toMatchObject({ code: "LoginRequired" })
    await broker.settle()

    expect(await store.readSessions()).toEqual([])
  })
})

const readOnly = accessOf({
  id: "1",
  name: "agent",
  profiles: ["*"],
  scope: { kind: "read-only" },
  createdAt: 0,
  tokenHash: "",
})

describe("the next login", () => {
  it("remakes what a lease has of the session", async () => {
    const { broker, clock, sts } = await signedIn()
    await broker.credentialsFor("acme", readOnly)
    clock.advance(10 * minutes)
    const before = await broker.credentialsFor("acme", readOnly)

    await broker.login("acme", code, 43_200)
    await vi.waitFor(() => expect(sts.getScopedCredentials).toHaveBeenCalledTimes(2))

    const [first, second] = sts.getScopedCredentials.mock.calls.map(([as]) => as.expiration)
    expect((second ?? 0) - (first ?? 0)).toBe(10 * minutes)
    await vi.waitFor(async () => expect(await broker.credentialsFor("acme", readOnly)).not.toBe(before))
  })
})

describe("a machine that sleeps between two calls to AWS", () => {
  const refused = accessKeyRejected("the session", undefined)
  it("asks anew for a role above one that ended meanwhile", async () => {
    const { broker, clock, sts } = await signedIn()
    await broker.credentialsFor("dev")
    sts.assumeRole.mockImplementationOnce(async () => {
      clock.jump(2 * hours)
      throw refused
    })

    const { expiration } = await broker.credentialsFor("audit")

    expect(expiration).toBe(clock.now() + 1 * hours)
    expect(sts.assumeRole.mock.calls.map(([, { roleArn }]) => roleArn.replace(/.*\//, ""))).toEqual([
      "developer",
      "auditor",
      "developer",
      "auditor",
    ])
  })

  it("asks anew for what a lease may have of a role that ended meanwhile", async () => {
    const { broker, clock, sts } = await signedIn()
    sts.getScopedCredentials.mockImplementationOnce(async () => {
      clock.jump(2 * hours)
      throw refused
    })

    const { expiration } = await broker.credentialsFor("dev", readOnly)

    expect(expiration).toBe(clock.now() + 1 * hours)
  })

  it("says that the session is over when that has ended", async () => {
    const { broker, clock, sts } = await signedIn()
    sts.assumeRole.mockImplementationOnce(async () => {
      clock.jump(13 * hours)
      throw refused
    })

    await expect(broker.credentialsFor("dev")).rejects.toMatchObject({ code: "SessionExpired" })

    expect(sts.assumeRole).toHaveBeenCalledTimes(1)
  })

  it("believes a refusal that it was awake for, and does not wait twice for AWS that cannot be reached", async () => {
    const { broker, clock, sts } = await signedIn()
    sts.getScopedCredentials.mockRejectedValueOnce(refused)
    await expect(broker.credentialsFor("dev", readOnly)).rejects.toMatchObject({ code: "AccessDenied" })
    sts.assumeRole.mockImplementationOnce(async () => {
      clock.jump(1 * minutes)
      throw serviceUnavailable("STS", "eu-west-1", "the connection was reset")
    })

    await expect(broker.credentialsFor("audit")).rejects.toMatchObject({ code: "Unavailable" })

    expect(sts.getScopedCredentials).toHaveBeenCalledTimes(1)
  })
})

describe("beat", () => {
  it("renews a role in use before any caller asks, and leaves an idle one alone", async () => {
    const { broker, clock, sts } = await signedIn()
    await broker.credentialsFor("dev")
    const beats = async (count: number): Promise<void> => {
      for (let beat = 0; beat < count; beat += 1) {
        clock.advance(30 * seconds)
        await broker.beat()
      }
    }

    await beats(72)
    expect(sts.assumeRole).toHaveBeenCalledTimes(2)
    for (let hour = 0; hour < 8; hour += 1) await beats(120)

    expect(sts.assumeRole.mock.calls.length).toBeLessThanOrEqual(4)
  })
})

describe("addAccessKey", () => {
  it("keeps a key only after AWS has proven it", async () => {
    const { broker, store, sts } = await setup({ keys: [] })
    sts.getCallerIdentity.mockRejectedValueOnce(accessKeyRejected("the access key", undefined))

    await expect(broker.addAccessKey("acme", someAccessKey)).rejects.toMatchObject({ code: "AccessKeyRejected" })
    expect(await store.accessKeyProfiles()).toEqual([])
    await broker.addAccessKey("acme", someAccessKey)

    expect(await store.accessKeyProfiles()).toEqual(["acme"])
  })

  it("logs no secret at any level", async () => {
    const { broker, log } = await setup({ keys: [] })
    await broker.addAccessKey("acme", someAccessKey)
    await broker.login("acme", code, 43_200)
    const credentials = await broker.credentialsFor("dev")

    const text = log.lines.join("\n")

    for (const secret of [someAccessKey.secretAccessKey, credentials.secretAccessKey, credentials.sessionToken]) {
      expect(text).not.toContain(secret.reveal())
    }
    expect(text).not.toContain(code)
  })
})
