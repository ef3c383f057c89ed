/** What happens to the daemon in a soak: one thing after another, each told to the model. */
import { setTimeout as sleep } from "node:timers/promises"
import type { Fault } from "../sandbox/faults.ts"
import type { Machine } from "./machine.ts"
import type { Model } from "./model.ts"
import { createOperator } from "./operator.ts"
import type { Random } from "./random.ts"
import type { Tokens } from "./tokens.ts"
import { configVersion, users } from "./world.ts"

const seconds = 1_000
const minutes = 60 * seconds
const hours = 60 * minutes

/** The shell's, and a few leases'. */
const usualTokens = 5

export interface EventsOptions {
  readonly machine: Machine
  readonly model: Model
  readonly tokens: Tokens
  readonly random: Random
  readonly onViolation: (what: string) => void
}

export interface Events {
  /** Starts the daemon, adds every key and logs everybody in. */
  begin(): Promise<void>
  /** Lets one thing happen; tells its name. */
  next(): Promise<string>
}

export function createEvents(options: EventsOptions): Events {
  const { machine, model, random, onViolation } = options
  const { sandbox, keyring } = machine
  const { up, down, storeRead, status, login, logout, lock, refresh, makeLease, revokeLease, ...operator } =
    createOperator(options)
  const turned = new Set<string>()
  let edits = 0

  async function restart(signal: NodeJS.Signals): Promise<void> {
    await down(signal)
    await sleep(random.between(0, 500))
    await up()
    await storeRead()
  }

  async function restartNow(): Promise<void> {
    await down("SIGKILL")
    await up()
  }

  async function killedAmid(): Promise<void> {
    const work = random.pick([() => login(), logout, lock, makeLease, revokeLease])()
    await sleep(random.between(0, 250))
    await down("SIGKILL")
    await work
    await up()
    await storeRead()
  }

  async function stopped(): Promise<void> {
    model.daemon.set(now(), "stopped")
    machine.signal("SIGSTOP")
    await sleep(random.between(200, 4_000))
    machine.signal("SIGCONT")
    await sleep(1_500)
    model.daemon.set(now(), "up")
  }

  async function rewriteConfig(): Promise<void> {
    const user = random.pick(users)
    if (turned.has(user)) turned.delete(user)
    else turned.add(user)
    const { text, config } = configVersion(turned, random.chance(0.3), `edit ${(edits += 1)}`)
    const read = model.rewrite(config, now())
    machine.writeConfig(text)
    if (random.chance(0.5)) machine.signal("SIGHUP")
    if (await status()) read(now())
    else onViolation("the daemon gave no status after an edit of the config file")
  }

  async function breakConfig(): Promise<void> {
    const { text, config } = configVersion(turned, false, `edit ${(edits += 1)}`)
    const read = model.rewrite(config, now())
    machine.writeConfig(`${text}\n[profile half\nthis is no config`)
    machine.signal("SIGHUP")
    await sleep(random.between(200, 1_500))
    machine.writeConfig(text)
    if (await status()) read(now())
  }

  async function rereadOften(): Promise<void> {
    for (let times = 0; times < 5; times += 1) {
      machine.signal("SIGHUP")
      await sleep(random.between(0, 50))
    }
  }

  async function keyringTrouble(): Promise<void> {
    await random.pick([keyring.lock, keyring.kill, keyring.restartLocked, async () => keyring.hang()])()
    // Whatever is done meanwhile is served from memory, or refused with the reason.
    for (const work of random.pick([[], [login], [logout], [login, logout], ["restart"]] as const)) {
      if (work === "restart") await restartNow()
      else await work()
    }
    await sleep(random.between(0, 2_000))
    keyring.resume()
    await keyring.unlock()
    await storeRead()
  }

  const faults: readonly Fault[] = [
    { kind: "drop", when: "before" },
    { kind: "drop", when: "after" },
    { kind: "hang" },
    { kind: "error", code: "Throttling" },
    { kind: "error", code: "InternalFailure", status: 500 },
    { kind: "error", code: "ServiceUnavailable", status: 503, retryAfterSeconds: 2 },
    { kind: "malformed" },
    { kind: "html" },
    { kind: "huge" },
    { kind: "drip", everyMs: 2 },
    { kind: "latency", ms: 400 },
    { kind: "latency", ms: 1_500 },
  ]

  async function awsTrouble(): Promise<void> {
    model.aws.set(now(), "ill")
    const kinds = [random.pick(faults), ...(random.chance(0.3) ? [random.pick(faults)] : [])]
    for (const fault of kinds) sandbox.faults.add(fault)
    for (const work of random.pick([[], [], [login], [sleepLong], [logout], [refresh]])) await work()
    await sleep(random.between(500, 5_000))
    sandbox.faults.clear()
    model.aws.set(now(), "well")
  }

  /** The lid is closed: roles end, or nearly. */
  async function sleepLong(): Promise<void> {
    await clockSeen()
    machine.pass(random.between(1, 70) * minutes)
    await clockSeen()
  }

  /**
   * The daemon looks at its clock at every beat, and takes a step forward for sleep and one back for a hand. Two at once
   * look like one that is neither: machines have a moment between them, which a stopped or busy daemon here may lack.
   */
  async function clockSeen(): Promise<void> {
    await status()
  }

  async function nextDay(): Promise<void> {
    machine.pass(13 * hours)
    for (const user of users) await login(user)
  }

  /** Somebody sets the machine's clock wrong, and right again. */
  async function wrongClock(): Promise<void> {
    model.clock.set(now(), "wrong")
    await clockSeen()
    machine.setWrong(random.between(1, 20) * minutes * random.pick([1, -1]))
    await clockSeen()
    for (const work of random.pick([[], [login], [refresh], [sleepLong]])) await work()
    await sleep(random.between(500, 4_000))
    machine.setWrong(0)
    await clockSeen()
    await operator.settleClock()
  }

  async function keyReplaced(): Promise<void> {
    const user = "carol"
    await operator.removeKey(user)
    await operator.addKey(user)
    await login(user)
  }

  /** Being out is a state as well, but most of what can go wrong needs somebody who is in. */
  async function everybodyBack(): Promise<void> {
    if (random.chance(0.3)) return
    for (const user of await operator.signedOut()) await login(user)
    for (let leases = options.tokens.good().length; leases < usualTokens; leases += 1) await makeLease()
  }

  const happenings: readonly (readonly [string, number, () => Promise<void>])[] = [
    ["login", 6, () => login()],
    ["logout", 4, logout],
    ["lock", 1, lock],
    ["lease made", 5, makeLease],
    ["lease revoked", 4, revokeLease],
    ["key removed and added", 1, keyReplaced],
    ["refresh", 2, refresh],
    ["config rewritten", 4, rewriteConfig],
    ["config broken", 1, breakConfig],
    ["SIGHUP", 2, rereadOften],
    ["kill -9", 3, () => restart("SIGKILL")],
    ["kill -9 amid a command", 4, killedAmid],
    ["SIGTERM", 1, () => restart("SIGTERM")],
    ["SIGSTOP", 2, stopped],
    ["keyring trouble", 4, keyringTrouble],
    ["AWS trouble", 6, awsTrouble],
    ["sleep", 4, sleepLong],
    ["next day", 1, nextDay],
    ["wrong clock", 3, wrongClock],
  ]
  const lots = happenings.flatMap((happening) => Array.from({ length: happening[1] }, () => happening))

  return {
    async begin() {
      machine.writeConfig(configVersion(turned, false, "edit 0").text)
      await up()
      await storeRead()
      for (const user of users) {
        await operator.addKey(user)
        await login(user)
      }
    },
    async next() {
      const [name, , happen] = random.pick(lots)
      await happen()
      options.tokens.tidy(machine.awsNow())
      if (model.clock.now() === "wrong") await operator.settleClock()
      await everybodyBack()
      await sleep(random.between(0, 1_500))
      return name
    },
  }
}

function now(): number {
  return performance.now()
}
