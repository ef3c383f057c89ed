/** One operation, over and over, the daemon killed before its first effect, before its second, and so on. */
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { setTimeout as sleep } from "node:timers/promises"
import { expect } from "vitest"
import { checkFiles, picture, type Box } from "./box.ts"
import { nameOf, trace, type Effect } from "./tracer.ts"

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

/** Two threads' effects may come in another order, and one that comes behind the answer may come late. */
const tries = 3

/** The box's files are as they were kept. Gives the points at which the daemon was killed. */
export async function killAtEach(box: Box, operation: Operation): Promise<readonly Effect[]> {
  await prepare(box, operation)
  const before = await seenAfterRestart(box, operation)
  const { effects, after } = await undisturbed(box, operation)
  expect(after).not.toEqual(before)
  const missed: Effect[] = []
  for (const effect of effects) {
    if (!(await isKilledThere(box, operation, { effect, before, after }))) missed.push(effect)
  }
  expect(missed).toEqual([])
  return effects
}

/** Wherever it met its death, the state was judged. */
async function isKilledThere(box: Box, operation: Operation, point: Point): Promise<boolean> {
  for (let tried = 0; tried < tries; tried += 1) {
    if (await killedBefore(box, operation, point)) return true
  }
  return false
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
  const daemon = await box.start()
  const tracer = await trace(daemon.pid ?? 0, box.trace)
  await operation.run(box)
  await sleep(behindMs)
  const effects = await tracer.stop()
  await box.end(daemon)
  return { effects, after: await seenAfterRestart(box, operation) }
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
  const tracer = await trace(daemon.pid ?? 0, box.trace, effect)
  const isAnswered = await operation.run(box).then(
    () => true,
    () => false,
  )
  const isKilled = await diesSoon(daemon)
  await tracer.stop()
  await box.end(daemon)

  const where = `killed before ${nameOf(effect)}${isAnswered ? ", after the answer" : ""}`
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
