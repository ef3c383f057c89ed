/** Gives the daemon its commands, and tells the model what may and what must have become of each. */
import { setTimeout as sleep } from "node:timers/promises"
import { Failure } from "../../client/failure.ts"
import type { Machine } from "./machine.ts"
import type { Change, Model } from "./model.ts"
import type { Random } from "./random.ts"
import type { HeldToken, Tokens } from "./tokens.ts"
import { keyOf, leaseKinds, probes, profiles, users } from "./world.ts"

const seconds = 1_000

/** The longest that a healthy store may take to be read after the daemon's start: a beat, and the helper's deadline. */
const storeDeadlineMs = 45 * seconds
const mostLeases = 8

export interface OperatorOptions {
  readonly machine: Machine
  readonly model: Model
  readonly tokens: Tokens
  readonly random: Random
  readonly onViolation: (what: string) => void
}

export interface Operator {
  up(): Promise<void>
  down(signal: NodeJS.Signals): Promise<void>
  /** Call when the keyring is well: the daemon must find that out by itself. */
  storeRead(): Promise<void>
  /** Whether it answered; it has looked at the config file by then. */
  status(): Promise<boolean>
  /** Who has no session just now, as the daemon says. */
  signedOut(): Promise<readonly string[]>
  login(user?: string): Promise<void>
  logout(): Promise<void>
  lock(): Promise<void>
  refresh(): Promise<void>
  makeLease(): Promise<void>
  revokeLease(): Promise<void>
  addKey(user: string): Promise<void>
  removeKey(user: string): Promise<void>
  /** Has AWS tell the daemon the time, if it can be asked. */
  settleClock(): Promise<void>
}

/** How a command ended. */
type Outcome<T> = { readonly is: "done"; readonly answer: T } | { readonly is: "refused" | "lost" }

export function createOperator({ machine, model, tokens, random, onViolation }: OperatorOptions): Operator {
  const { sandbox } = machine

  async function changed<T extends { readonly warnings?: readonly string[] }>(
    change: Change,
    asked: Promise<T>,
  ): Promise<Outcome<T>> {
    const how = await outcome(asked)
    if (how.is === "done")
      change.done(now(), { isKept: (how.answer.warnings ?? []).length === 0, awsAt: machine.awsNow() })
    else if (how.is === "refused") change.refused(now())
    else change.lost(now(), machine.awsNow())
    return how
  }

  async function login(user = random.pick(users)): Promise<void> {
    const { code, waitMs } = sandbox.nextUnusedCode(user)
    if (waitMs > 0) machine.pass(waitMs + 1 * seconds)
    const durationSeconds = random.pick([900, 3_600, 43_200])
    const change = model.login(user, now(), machine.awsNow(), durationSeconds * seconds)
    await changed(change, machine.call("POST /login", { profile: user, mfaCode: code, durationSeconds }))
  }

  async function logout(): Promise<void> {
    const all = random.chance(0.2)
    const user = random.pick(users)
    const change = model.logout(all ? users : [user], now())
    await changed(change, machine.call("POST /logout", { profiles: all ? [] : [user], all }))
  }

  async function lock(): Promise<void> {
    const ended = tokens.good()
    const at = now()
    const changes = [model.logout(users, at), ...ended.map(({ token }) => model.revoke(token, at))]
    const how = await outcome(machine.call("POST /lock", {}))
    for (const change of changes) {
      if (how.is === "done") change.done(now(), { isKept: how.answer.warnings.length === 0, awsAt: machine.awsNow() })
      else if (how.is === "refused") change.refused(now())
      else change.lost(now(), machine.awsNow())
    }
    if (how.is !== "done") return
    for (const held of ended) tokens.end(held)
    takeShellToken()
  }

  async function makeLease(): Promise<void> {
    if (tokens.good().length > mostLeases) return await revokeLease()
    const named = [random.pick(profiles.slice(0, -1)), random.pick(profiles.slice(0, -1))]
    const { scope, may } = random.pick(leaseKinds)
    const how = await outcome(
      machine.call("POST /leases", {
        name: `lease-${Math.floor(random.between(0, 1_000_000))}`,
        profiles: named,
        scope,
        ttlSeconds: random.pick([600, 7_200, 86_400]),
        replace: true,
      }),
    )
    if (how.is !== "done") return
    const { token: text, lease } = how.answer
    const token = {
      id: text,
      name: lease.name,
      profiles: lease.profiles,
      may,
      ...endOf(lease.expiration),
    }
    tokens.add({ token, text })
    model.mint(token, now()).done(now(), { isKept: true, awsAt: machine.awsNow() })
  }

  async function revokeLease(): Promise<void> {
    tokens.tidy(machine.awsNow())
    const leases = tokens.good().filter(({ token }) => token.name !== undefined)
    if (leases.length === 0) return
    const held = random.pick(leases)
    const change = model.revoke(held.token, now())
    const asked = machine.call("DELETE /leases", { name: held.token.name ?? "", all: false })
    const how = await changed(
      change,
      asked.then(() => ({ warnings: [] })),
    )
    // Refused: it has ended by itself, and its name is free.
    if (how.is !== "lost") tokens.end(held)
  }

  async function removeKey(user: string): Promise<void> {
    const change = model.logout([user], now())
    // Refused, because the keyring did not answer: the session is no longer served all the same, and may come back.
    const told: Change = { ...change, refused: (at) => change.lost(at, machine.awsNow()) }
    await changed(told, machine.call("DELETE /access-keys", { profile: user }))
  }

  async function signedOut(): Promise<readonly string[]> {
    const how = await outcome(machine.call("GET /status", {}))
    if (how.is !== "done") return []
    const inside = how.answer.sessions.filter(({ state }) => state === "signed-in").map((each) => each.sourceProfile)
    return users.filter((user) => !inside.includes(user))
  }

  async function status(): Promise<boolean> {
    return (await outcome(machine.call("GET /status", {}))).is === "done"
  }

  /** The daemon keeps its token in a file; the one that is there once it answers is good. */
  function takeShellToken(): void {
    const text = machine.shellToken()
    const known = tokens.good().find((held) => held.text === text)
    const held: HeldToken = known ?? { text, token: { id: text, profiles: ["*"], may: probes } }
    if (known === undefined) tokens.add(held)
    model.mint(held.token, now()).done(now(), { isKept: true, awsAt: machine.awsNow() })
  }

  async function up(): Promise<void> {
    model.daemon.set(now(), "starting")
    try {
      await machine.start()
    } catch (error) {
      onViolation(error instanceof Error ? error.message : "the daemon did not start")
      return
    }
    model.daemon.set(now(), "up")
    takeShellToken()
    await settleTokens()
  }

  /** What a command was about to end when the daemon died has ended, or has not: the list of leases says which. */
  async function settleTokens(): Promise<void> {
    const how = await outcome(machine.call("GET /leases", {}))
    if (how.is !== "done") return
    const names = new Set(how.answer.leases.map(({ name }) => name))
    const shellToken = machine.shellToken()
    for (const held of tokens.good()) {
      const { name } = held.token
      if (name === undefined ? held.text === shellToken : names.has(name)) {
        if (model.isUnsure(held.token))
          model.mint(held.token, now()).done(now(), { isKept: true, awsAt: machine.awsNow() })
        continue
      }
      if (name !== undefined && model.isSure(held.token) && !isOver(held.token.expiration))
        onViolation(`the lease "${name}" is lost`)
      model.revoke(held.token, now()).done(now(), { isKept: true, awsAt: machine.awsNow() })
      tokens.end(held)
    }
  }

  function isOver(expiration: number | undefined): boolean {
    return expiration !== undefined && expiration <= machine.awsNow() + 2 * seconds
  }

  /** Call when the keyring is well: the daemon must find that out by itself. */
  async function storeRead(): Promise<void> {
    const from = now()
    for (;;) {
      const how = await outcome(machine.call("GET /status", {}))
      if (how.is === "done" && how.answer.daemon.storeState === "ready") break
      if (now() - from > storeDeadlineMs) {
        onViolation("the store was not read though the keyring is well")
        break
      }
      await sleep(200)
    }
    model.store.set(now(), "read")
  }

  async function down(signal: NodeJS.Signals): Promise<void> {
    model.daemon.set(now(), "down")
    await machine.kill(signal)
    model.killed(now())
  }

  /** Any answer of AWS's tells the daemon the time. */
  async function settleClock(): Promise<void> {
    for (const user of users) {
      const told = sandbox.calls.length
      await outcome(machine.call("GET /whoami", { profile: user }))
      if (sandbox.calls.slice(told).some(({ outcome: how }) => how === "ok")) {
        model.clock.set(now(), "right")
        return
      }
    }
  }

  async function refresh(): Promise<void> {
    await outcome(machine.call("POST /refresh", { profile: `${random.pick(users)}/developer` }))
  }

  async function addKey(user: string): Promise<void> {
    const from = now()
    // A busy machine may not answer the keyring's helper in time.
    while (now() - from < storeDeadlineMs) {
      if ((await outcome(machine.call("POST /access-keys", { profile: user, ...keyOf(user) }))).is === "done") return
      await sleep(500)
    }
    onViolation(`the access key of ${user} was not taken`)
  }

  return {
    up,
    down,
    storeRead,
    status,
    signedOut,
    login,
    logout,
    lock,
    refresh,
    makeLease,
    revokeLease,
    addKey,
    removeKey,
    settleClock,
  }
}

function now(): number {
  return performance.now()
}

function endOf(expiration: string | null): { readonly expiration?: number } {
  return expiration === null ? {} : { expiration: Date.parse(expiration) }
}

async function outcome<T>(asked: Promise<T>): Promise<Outcome<T>> {
  try {
    return { is: "done", answer: await asked }
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    // Whoever could not connect has changed nothing; whose answer broke off cannot know.
    return { is: error.message.startsWith("could not get an answer") ? "lost" : "refused" }
  }
}
