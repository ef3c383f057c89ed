/** One operation, over and over, the daemon killed before its first effect, before its second, and so on. */
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { setTimeout as sleep } from "node:timers/promises"
import { expect } from "vitest"
import { checkFiles, picture, type Box } from "./box.ts"
import { effectsIn, killBefore, watch, type Effect } from "./strace.ts"

export interface Operation {
  /** What the daemon is asked to do. */
  readonly run: (box: Box) => Promise<unknown>
  /** Tokens that were good before: whether they still are belongs to the picture. */
  readonly tokens?: readonly string[]
  /** Before each try, besides the files: what is in a keyring. */
  readonly restore?: () => Promise<void>
  /** After each try. */
  readonly check?: () => Promise<void>
}

/** What the daemon does behind its answer is its effect as well. */
const behindMs = 150

/** The box's files are as they were kept. Gives the points at which the daemon was killed. */
export async function killAtEach(box: Box, operation: Operation): Promise<readonly Effect[]> {
  await prepare(box, operation)
  const before = await seenAfterRestart(box, operation)
  const { effects, after } = await undisturbed(box, operation)
  expect(after).not.toEqual(before)
  let hit = 0
  for (const effect of effects) hit += (await killedBefore(box, operation, { effect, before, after })) ? 1 : 0
  // What runs beside an operation (the log, the audit trail, a helper's pipes) shifts the numbers; a kill elsewhere is
  // judged all the same, and most must come where they are meant.
  expect(hit).toBeGreaterThanOrEqual(Math.ceil(effects.length * 0.75))
  return effects
}

async function prepare(box: Box, { restore }: Operation): Promise<void> {
  box.restore()
  await restore?.()
}

async function undisturbed(
  box: Box,
  operation: Operation,
): Promise<{ readonly effects: readonly Effect[]; readonly after: object }> {
  await prepare(box, operation)
  const log = `${box.home}.strace`
  const daemon = await box.start()
  const pid = daemon.pid ?? 0
  const tracer = await watch(pid, log)
  await operation.run(box)
  await sleep(behindMs)
  await tracer.stop()
  await box.end(daemon)
  return { effects: effectsIn(log, pid), after: await seenAfterRestart(box, operation) }
}

async function seenAfterRestart(box: Box, { tokens = [], check }: Operation): Promise<object> {
  const daemon = await box.start()
  const seen = await picture(box, tokens)
  await box.end(daemon)
  checkFiles(box)
  await check?.()
  return seen
}

interface Point {
  readonly effect: Effect
  readonly before: object
  readonly after: object
}

/** Whether the daemon met its death there. */
async function killedBefore(box: Box, operation: Operation, { effect, before, after }: Point): Promise<boolean> {
  await prepare(box, operation)
  const daemon = await box.start()
  const tracer = await killBefore(daemon.pid ?? 0, effect)
  const isAnswered = await operation.run(box).then(
    () => true,
    () => false,
  )
  const isKilled = await diesSoon(daemon)
  await tracer.stop()
  await box.end(daemon)

  const where = `killed before ${effect.text} (${effect.thread}, ${effect.nth})${isAnswered ? ", after the answer" : ""}`
  const seen = await seenAfterRestart(box, operation).catch((error: unknown) => {
    throw new Error(where, { cause: error })
  })
  if (isAnswered) expect(seen, where).toEqual(after)
  else expect([before, after], where).toContainEqual(seen)
  return isKilled
}

async function diesSoon(daemon: ChildProcess): Promise<boolean> {
  if (daemon.signalCode !== null) return true
  const patience = new AbortController()
  const isDead = await Promise.race([
    once(daemon, "exit").then(() => true),
    sleep(1_000, false, { signal: patience.signal }).catch(() => false),
  ])
  patience.abort()
  return isDead
}
