/** The real broker with its heart, on a clock that a test turns: hours pass in a second, and every STS call is written down. */
import { memoryStore } from "../../daemon/adapters/memory-store.ts"
import { secretStore } from "../../daemon/adapters/secret-store.ts"
import { Secret } from "../../daemon/core/secret.ts"
import { createBroker, type Broker } from "../../daemon/core/broker.ts"
import type { Sts } from "../../daemon/core/ports.ts"
import type { Credentials } from "../../daemon/core/credentials.ts"
import { heartbeat } from "../../daemon/core/heartbeat.ts"
import { fakeClock, hours, seconds, type FakeClock } from "./clock.ts"
import { someAccessKey, someCredentials } from "./credentials.ts"
import { fakeIam } from "./iam.ts"
import { fakeLog } from "./log.ts"
import { fakeProfileSource } from "./profile-source.ts"
import { fakeSts } from "./sts.ts"
import { sequence } from "../support/sequence.ts"

export interface RoleCall {
  readonly at: number
  readonly roleArn: string
}

export interface VirtualDay {
  readonly broker: Broker
  readonly clock: FakeClock
  readonly names: readonly string[]
  readonly calls: readonly RoleCall[]
  /** The most calls for one role that were under way at once. */
  readonly mostAtOnce: number
  /** The least time left of anything that was handed out. */
  readonly least: number
  ask(name: string): Promise<Credentials>
  askAll(this: void): Promise<void>
  /** Lets time pass in steps of a second; `everyMinute` runs as SDKs would ask. */
  pass(ms: number, everyMinute?: () => Promise<unknown>): Promise<void>
  /** AssumeRole fails with this from now on; undefined heals it. */
  fail(error: Error | undefined): void
  /** The most calls in any window of this length. */
  busiest(calls: readonly RoleCall[], windowMs: number): number
}

export interface VirtualDayOptions {
  readonly roles: number
  /** Every second role lies above the one before it. */
  readonly chained?: boolean
  readonly start?: number
  readonly sessionHours?: number
}

export async function virtualDay({
  roles,
  chained = false,
  start,
  sessionHours = 12,
}: VirtualDayOptions): Promise<VirtualDay> {
  const clock = fakeClock(start)
  const random = sequence(20_261_124)
  const names = Array.from({ length: roles }, (_, i) => `role-${i}`)
  const sections: Record<string, Record<string, string>> = {
    acme: { mfa_serial: "arn:aws:iam::123456789012:mfa/alice" },
  }
  for (const [i, name] of names.entries()) {
    const source = chained && i % 2 === 1 ? `role-${i - 1}` : "acme"
    sections[name] = { role_arn: `arn:aws:iam::123456789012:role/${name}`, source_profile: source }
  }

  const calls: RoleCall[] = []
  const underWay = new Map<string, number>()
  let [failure, mostAtOnce, least]: [Error | undefined, number, number] = [undefined, 0, Number.POSITIVE_INFINITY]
  async function assumeRole(...[, { roleArn, durationSeconds }]: Parameters<Sts["assumeRole"]>): Promise<Credentials> {
    calls.push({ at: clock.now(), roleArn })
    const atOnce = (underWay.get(roleArn) ?? 0) + 1
    underWay.set(roleArn, atOnce)
    mostAtOnce = Math.max(mostAtOnce, atOnce)
    await turn()
    underWay.set(roleArn, atOnce - 1)
    if (failure !== undefined) throw failure
    return someCredentials(clock.now() + durationSeconds * seconds)
  }
  const sts: Sts = {
    ...fakeSts(clock),
    assumeRole,
    getCallerIdentity: async () => ({ accountId: "123456789012", arn: someAccessKey.arn, userId: "AIDAEXAMPLEALICE" }),
    getSessionToken: async (_, { durationSeconds }) => someCredentials(clock.now() + durationSeconds * seconds),
    getScopedCredentials: async (as) => ({ credentials: someCredentials(as.expiration), policies: 1 }),
  }
  const store = secretStore(memoryStore(), { onDamaged: () => undefined })
  await store.writeAccessKey("acme", someAccessKey)
  const broker = createBroker({
    clock,
    sts,
    iam: fakeIam(clock, someAccessKey),
    signIn: { signinToken: async () => new Secret("EXAMPLEtoken") },
    store,
    random,
    log: fakeLog(),
    notify: () => undefined,
    outside: { fromProcess: async () => someAccessKey, fromEnvironment: () => someAccessKey },
    breathe: async () => undefined,
    defaults: {},
    source: fakeProfileSource(sections),
  })
  await broker.settle()
  await broker.login("acme", "123456", (sessionHours * hours) / 1_000)
  heartbeat({
    clock,
    random,
    async beat() {
      await broker.settle()
      await broker.beat()
      return { isCalm: true }
    },
  })

  async function ask(name: string): Promise<Credentials> {
    const credentials = await broker.credentialsFor(name)
    least = Math.min(least, credentials.expiration - clock.now())
    return credentials
  }
  async function askAll(): Promise<void> {
    await Promise.allSettled(names.map((name) => ask(name)))
  }

  return {
    broker,
    clock,
    names,
    calls,
    get mostAtOnce() {
      return mostAtOnce
    },
    get least() {
      return least
    },
    ask,
    askAll,
    async pass(ms, everyMinute) {
      for (let passed = 0; passed < ms; passed += seconds) {
        clock.advance(seconds)
        await turn()
        if (everyMinute !== undefined && passed % (60 * seconds) === 0) await everyMinute()
      }
    },
    fail(error) {
      failure = error
    },
    busiest(of, windowMs) {
      const times = of.map(({ at }) => at).toSorted((a, b) => a - b)
      let [most, first] = [0, 0]
      for (const [last, at] of times.entries()) {
        while (at - (times[first] ?? at) >= windowMs) first += 1
        most = Math.max(most, last - first + 1)
      }
      return most
    },
  }
}

/** Lets everything that waits for nothing but its turn have it. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}
