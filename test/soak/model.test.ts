// The judge of the soak, judged: right answers pass it, and every kind of wrong one does not.
import { describe, expect, it } from "vitest"
import { hours, minutes, seconds } from "../fakes/clock.ts"
import { createModel, type Answer, type Config, type Issued, type Question, type Token } from "./model.ts"

const all = ["read", "write"]
const shell: Token = { id: "shell", profiles: ["*"], may: all }
const narrow: Token = { id: "narrow", profiles: ["dev"], may: ["read"], expiration: 30 * minutes }
const config: Config = new Map([
  ["alice", { kind: "session", user: "alice", principalArn: "user/alice" }],
  ["dev", { kind: "role", user: "alice", principalArn: "role/developer" }],
  ["ops", { kind: "role", user: "bob", principalArn: "role/operator" }],
  ["forbidden", { kind: "role", user: "alice", principalArn: "role/forbidden", isDenied: true }],
])

/** A daemon that runs, with alice logged in from 0 to `sessionMs`; the clock of AWS is the same as ours. */
function setup({ isKept = true, sessionMs = 12 * hours } = {}) {
  const known = new Map<string, Issued>()
  let starvedMs = 0
  const model = createModel({
    users: ["alice", "bob"],
    config,
    issued: (accessKeyId) => known.get(accessKeyId),
    starvedMs: () => starvedMs,
  })
  model.daemon.set(-1, "up")
  model.store.set(-1, "read")
  model.mint(shell, -1).done(-1, { isKept: true, awsAt: -1 })
  model.login("alice", 0, 0, sessionMs).done(1, { isKept, awsAt: 1 })
  const mfa = { user: "alice", mfaAt: 0 }
  function give(accessKeyId: string, what: Partial<Issued> = {}): void {
    known.set(accessKeyId, { principalArn: "role/developer", expiration: 1 * hours, root: mfa, may: all, ...what })
  }
  give("ASIADEV")
  give("ASIAALICE", { principalArn: "user/alice", expiration: sessionMs })
  const got = (accessKeyId: string): Answer["result"] => ({
    kind: "credentials",
    accessKeyId,
    expiration: known.get(accessKeyId)?.expiration ?? 0,
  })
  return {
    model,
    give,
    got,
    starve(ms: number) {
      starvedMs = ms
    },
    served: (sentAt: number, accessKeyId = "ASIADEV", question: Question = { profile: "dev", token: shell }) =>
      model.faultsOf(question, at(sentAt, got(accessKeyId))),
    refused: (sentAt: number, code: string, question: Question = { profile: "dev", token: shell }, message = "") =>
      model.faultsOf(question, at(sentAt, { kind: "refusal", status: 403, code, message })),
  }
}

function at(sentAt: number, result: Answer["result"], tookMs = 10): Answer {
  return { sentAt, answeredAt: sentAt + tookMs, awsSentAt: sentAt, awsAnsweredAt: sentAt + tookMs, result }
}

describe("credentials", () => {
  it("that are the profile's own and alive are right", () => {
    const { served } = setup()

    expect(served(5)).toEqual([])
    expect(served(5, "ASIAALICE", { profile: "alice", token: shell })).toEqual([])
  })

  it("that have ended are wrong", () => {
    const { served } = setup()

    expect(served(1 * hours + 3 * seconds)).toEqual(["expired credentials"])
  })

  it("that say a later end than AWS's are wrong", () => {
    const { model } = setup()

    const late = at(5, { kind: "credentials", accessKeyId: "ASIADEV", expiration: 2 * hours })

    expect(model.faultsOf({ profile: "dev", token: shell }, late)).toEqual(["an expiration later than AWS's"])
  })

  it("of another profile, of nobody, and of a role that AWS refuses are wrong", () => {
    const { served, give } = setup()
    give("ASIAOPS", { principalArn: "role/operator", root: { user: "bob", mfaAt: 0 } })
    give("ASIAFORBIDDEN", { principalArn: "role/forbidden" })

    expect(served(5, "ASIAOPS")).toEqual(["another profile's credentials (role/operator)"])
    expect(served(5, "ASIAALICE")).toEqual(["another profile's credentials (user/alice)"])
    expect(served(5, "ASIANOBODY")).toEqual(["credentials that AWS never gave out"])
    expect(served(5, "ASIAFORBIDDEN", { profile: "forbidden", token: shell })).toHaveLength(1)
  })

  it("after a logout are wrong, and while it is under way they are not", () => {
    const { model, served } = setup()
    const logout = model.logout(["alice"], 100)

    expect(served(105)).toEqual([])
    logout.done(200, { isKept: true, awsAt: 200 })

    expect(served(195)).toEqual([])
    expect(served(201)).toEqual(["credentials of a session that was logged out, or never started"])
  })

  it("from before a logout are wrong after the next login, too", () => {
    const { model, served, give } = setup()
    model.logout(["alice"], 100).done(200, { isKept: true, awsAt: 200 })
    model.login("alice", 300, 300, 12 * hours).done(310, { isKept: true, awsAt: 310 })
    give("ASIANEW", { root: { user: "alice", mfaAt: 305 } })

    expect(served(400)).toEqual(["credentials of a session that was logged out, or never started"])
    expect(served(400, "ASIANEW")).toEqual([])
  })

  it("of a role, and what a scope or an end left of a session, outlive the next login; the old session itself does not", () => {
    const { model, served, give } = setup()
    const scoped: Token = { id: "scoped", profiles: ["alice"], may: ["read"], name: "scoped" }
    const brief: Token = { id: "brief", profiles: ["alice"], may: all, name: "brief", expiration: 6 * hours }
    give("ASIASCOPED", { principalArn: "user/alice", may: ["read"] })
    give("ASIABRIEF", { principalArn: "user/alice" })
    for (const token of [scoped, brief]) model.mint(token, 200).done(210, { isKept: true, awsAt: 210 })
    model.login("alice", 300, 300, 12 * hours).done(310, { isKept: true, awsAt: 310 })

    expect(served(400)).toEqual([])
    expect(served(400, "ASIASCOPED", { profile: "alice", token: scoped })).toEqual([])
    expect(served(400, "ASIABRIEF", { profile: "alice", token: brief })).toEqual([])
    expect(served(400, "ASIAALICE", { profile: "alice", token: shell })).toHaveLength(1)

    model.logout(["alice"], 500).done(510, { isKept: true, awsAt: 510 })
    expect(served(600, "ASIASCOPED", { profile: "alice", token: scoped })).toHaveLength(1)
    expect(served(600, "ASIABRIEF", { profile: "alice", token: brief })).toHaveLength(1)
  })

  it("that a lease had of the session are wrong some seconds after the next login, unless AWS could not be asked", () => {
    const lease: Token = { id: "lease", profiles: ["alice"], may: all, name: "lease", expiration: 6 * hours }
    function later(afterMs: number, trouble: (model: ReturnType<typeof setup>["model"]) => void = () => undefined) {
      const { model, served, give } = setup()
      give("ASIALEASE", { principalArn: "user/alice" })
      model.mint(lease, 200).done(210, { isKept: true, awsAt: 210 })
      trouble(model)
      model.login("alice", 300, 300, 12 * hours).done(310, { isKept: true, awsAt: 310 })
      expect(served(310 + afterMs)).toEqual([])
      return served(310 + afterMs, "ASIALEASE", { profile: "alice", token: lease })
    }

    expect(later(4 * seconds)).toEqual([])
    expect(later(6 * seconds)).toEqual(["credentials of a session that was logged out, or never started"])
    expect(later(6 * seconds, ({ aws }) => aws.set(250, "ill"))).toEqual([])
    expect(later(6 * seconds, ({ daemon }) => daemon.set(2_000, "down"))).toEqual([])
    expect(later(6 * seconds, ({ clock }) => clock.set(2_000, "wrong"))).toEqual([])
  })

  it("of the role that a profile was are wrong once the daemon has read what it is", () => {
    const { model, served } = setup()
    const read = model.rewrite(new Map([["dev", { kind: "role", user: "alice", principalArn: "role/reader" }]]), 100)

    expect(served(105)).toEqual([])
    read(200)

    expect(served(201)).toEqual(["another profile's credentials (role/developer)"])
  })

  it("without a token, with nobody's, after revocation, and for a request that is not to be answered are wrong", () => {
    const { model, served } = setup()

    expect(served(5, "ASIADEV", { profile: "dev", token: undefined })).toEqual(["credentials without a token"])
    expect(served(5, "ASIADEV", { profile: "dev", token: "guess" })).toEqual(["credentials without a token"])
    expect(served(5, "ASIADEV", { profile: "dev", token: shell, isForeign: true })).toHaveLength(1)
    model.revoke(shell, 100).done(200, { isKept: true, awsAt: 200 })
    expect(served(150)).toEqual([])
    expect(served(201)).toEqual(["credentials after revocation"])
  })

  it("beyond a lease's profiles, scope and end are wrong", () => {
    const { model, served, give } = setup()
    model.mint(narrow, 2).done(3, { isKept: true, awsAt: 3 })
    give("ASIANARROW", { may: narrow.may })
    const question = { profile: "dev", token: narrow }

    expect(served(5, "ASIANARROW", question)).toEqual([])
    expect(served(5, "ASIADEV", question)).toEqual(["credentials that may more than the lease (write)"])
    expect(served(5, "ASIANARROW")).toEqual(["credentials that may less than the lease (write)"])
    expect(served(31 * minutes, "ASIANARROW", question)).toEqual(["credentials after the lease's end"])
    expect(served(5, "ASIAALICE", { profile: "alice", token: narrow })).toContain(
      "credentials of a profile that the lease does not name",
    )
  })
})

describe("refusals", () => {
  it.each([
    "LoginRequired",
    "SessionExpired",
    "TokenRejected",
    "TokenMissing",
    "ProfileNotFound",
    "ProfileNotAllowed",
    "ProfileUnsupported",
    "AccessDenied",
    "KeychainLocked",
    "KeychainUnavailable",
    "Unavailable",
    "HostRejected",
    "Internal",
  ])("with %s are wrong where all is well", (code) => {
    const { refused } = setup()

    expect(refused(40_000, code)).toEqual([expect.stringContaining(`403 ${code} without a reason`)])
  })

  it("for want of a login are right before it and after a logout", () => {
    const { model, refused } = setup()

    expect(refused(5, "LoginRequired", { profile: "ops", token: shell })).toEqual([])
    model.logout(["alice"], 100).done(200, { isKept: true, awsAt: 200 })
    expect(refused(201, "LoginRequired")).toEqual([])
  })

  it("for want of a login are wrong after a crash where the store kept the session, and right where it did not", () => {
    for (const isKept of [true, false]) {
      const { model, refused } = setup({ isKept })
      model.killed(100)

      expect(refused(200, "LoginRequired")).toHaveLength(isKept ? 1 : 0)
    }
  })

  it("may go either way after a crash amid a login or a logout", () => {
    const { model, refused, served, give } = setup()
    const login = model.login("bob", 100, 100, 12 * hours)
    const logout = model.logout(["alice"], 100)
    model.killed(110)
    login.lost(120, 120)
    logout.lost(120, 120)
    give("ASIAOPS", { principalArn: "role/operator", root: { user: "bob", mfaAt: 105 } })
    const ops = { profile: "ops", token: shell }

    expect([refused(200, "LoginRequired"), served(200)]).toEqual([[], []])
    expect([refused(200, "LoginRequired", ops), served(200, "ASIAOPS", ops)]).toEqual([[], []])
  })

  it("for an ended session are right from a minute before its end", () => {
    const { refused } = setup({ sessionMs: 1 * hours })

    expect(refused(57 * minutes, "SessionExpired")).toHaveLength(1)
    expect(refused(59.5 * minutes, "SessionExpired")).toEqual([])
  })

  it("for an unreachable AWS are right while it is ill and for as long as nobody may ask again", () => {
    const { model, refused } = setup()
    model.aws.set(100_000, "ill")
    model.aws.set(110_000, "well")

    expect(refused(90_000, "Unavailable")).toHaveLength(1)
    expect(refused(105_000, "Unavailable")).toEqual([])
    expect(refused(120_000, "Unavailable")).toEqual([])
    expect(refused(140_000, "Unavailable")).toHaveLength(1)
  })

  it("for the store are right until it is read", () => {
    const { model, refused } = setup()
    model.killed(100)
    model.store.set(100, "unread")
    model.store.set(200, "read")

    expect(refused(150, "KeychainLocked")).toEqual([])
    expect(refused(300, "KeychainLocked")).toHaveLength(1)
  })

  it("of one role by AWS, of a foreign Host and of a token that is no more are right", () => {
    const { model, refused } = setup()

    expect(refused(5, "AccessDenied", { profile: "forbidden", token: shell })).toEqual([])
    expect(refused(5, "HostRejected", { profile: "dev", token: shell, isForeign: true })).toEqual([])
    model.revoke(shell, 100).done(200, { isKept: true, awsAt: 200 })
    expect(refused(300, "TokenRejected")).toEqual([])
  })

  it("of a lease's token are right from its end on", () => {
    const { model, refused } = setup()
    model.mint(narrow, 2).done(3, { isKept: true, awsAt: 3 })
    const question = { profile: "dev", token: narrow }

    expect(refused(29 * minutes, "TokenRejected", question)).toHaveLength(1)
    expect(refused(30 * minutes, "TokenRejected", question)).toEqual([])
  })
})

describe("time and connections", () => {
  it("an answer after 900 ms is wrong, unless the daemon was stopped or had no processor", () => {
    const { model, got, starve } = setup()
    const question = { profile: "dev", token: shell }

    expect(model.faultsOf(question, at(5, got("ASIADEV"), 950))).toEqual([
      "an answer took 950 ms (0 ms of them without a processor)",
    ])
    starve(60)
    expect(model.faultsOf(question, at(5, got("ASIADEV"), 950))).toEqual([])
    starve(0)
    model.daemon.set(500, "stopped")
    expect(model.faultsOf(question, at(5, got("ASIADEV"), 950))).toEqual([])
  })

  it("a connection may break only while the daemon is away", () => {
    const { model } = setup()
    const question = { profile: "dev", token: shell }
    const broken = { kind: "broken", why: "ECONNREFUSED" } as const

    expect(model.faultsOf(question, at(5, broken))).toEqual(["a connection broke (ECONNREFUSED)"])
    model.daemon.set(100, "down")
    expect(model.faultsOf(question, at(95, broken))).toEqual([])
  })

  it("a tool must be served where nothing stands in the way", () => {
    const { model, got } = setup()

    expect(model.mustServe({ profile: "dev", token: shell }, at(40_000, got("ASIADEV"), 3_000))).toBe(true)
    expect(model.mustServe({ profile: "ops", token: shell }, at(40_000, got("ASIADEV"), 3_000))).toBe(false)
  })
})
