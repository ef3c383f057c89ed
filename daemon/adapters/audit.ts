/**
 * The Audit on disk. The caller's part is to put an entry in a queue, and a glance at who asks; hashes and the disk come behind, in batches.
 * When the disk does not take lines, they wait; when too many wait, they are counted and not kept, and a line says so.
 */
import { auditFolder, type AuditHead } from "../audit-trail.ts"
import { CreddError } from "../core/errors.ts"
import type { Audit, AuditEvent, AuditFacts, Clock, Connection, Log, Peer, Peers } from "../core/ports.ts"
import { auditFiles, type Entry } from "./audit-files.ts"
import { writeProblem } from "./errno.ts"

export interface AuditOptions {
  /** The state folder. */
  readonly state: string
  readonly clock: Clock
  readonly log: Log
  readonly peers: Pick<Peers, "who">
  readonly limits?: Partial<AuditLimits>
}

export interface AuditLimits {
  readonly maxFileBytes: number
  readonly maxFiles: number
  /** Lines that wait for the disk, and no more. */
  readonly maxWaiting: number
}

export interface AuditTrail extends Audit {
  /** Why nothing can be written just now, in a sentence. */
  problem(): string | undefined
  /** Where the trail stands once all that was recorded is written. */
  head(): Promise<AuditHead>
  close(): Promise<void>
}

const defaults: AuditLimits = { maxFileBytes: 8 * 1_048_576, maxFiles: 16, maxWaiting: 10_000 }
/** What comes within this time is written together. */
const lingerMs = 50
const retryMs = 5_000
const batchLines = 5_000
const longestText = 512

interface Waiting {
  readonly at: number
  readonly event: AuditEvent | "dropped"
  readonly facts: AuditFacts
  readonly peer: Peer | Promise<Peer> | undefined
}

export function auditTrail({ state, clock, log, peers, limits }: AuditOptions): AuditTrail {
  const { maxWaiting, ...sizes } = { ...defaults, ...limits }
  const files = auditFiles({ folder: auditFolder(state), now: () => new Date(clock.now()).toISOString(), ...sizes })
  let waiting: Waiting[] = []
  let dropped: { count: number; readonly since: number } | undefined
  let problem: string | undefined
  let cancelTimer: (() => void) | undefined
  let writing: Promise<void> | undefined

  function later(ms: number): void {
    cancelTimer ??= clock.after(ms, () => {
      cancelTimer = undefined
      void write()
    })
  }

  /** One at a time, so that lines stay in order. */
  async function write(): Promise<void> {
    cancelTimer?.()
    cancelTimer = undefined
    writing ??= drain().finally(() => {
      writing = undefined
    })
    await writing
  }

  async function drain(): Promise<void> {
    do {
      const batch = waiting.slice(0, batchLines)
      const peerOf = await found(batch)
      try {
        await files.append(batch.map((each) => entryOf(each, peerOf)))
      } catch (error) {
        stuck(error)
        return
      }
      waiting = waiting.slice(batch.length)
      if (dropped !== undefined) {
        const { count, since } = dropped
        dropped = undefined
        const facts = { outcome: "ok", count, since: isoMs(since) } as const
        waiting.push({ at: clock.now(), event: "dropped", facts, peer: undefined })
      }
      if (problem !== undefined) log.info("audit_resumed")
      problem = undefined
      // What came meanwhile waits for more to come: each write costs a flush.
    } while (waiting.length >= batchLines)
    if (waiting.length > 0) later(lingerMs)
  }

  async function writeAll(): Promise<void> {
    while (waiting.length > 0) {
      await write()
      if (problem !== undefined) return
    }
  }

  function stuck(error: unknown): void {
    const why = error instanceof CreddError ? error.message : writeProblem(error)
    if (problem === undefined) log.error("audit_not_written", { why })
    problem = why
    later(retryMs)
  }

  return {
    record(event, facts, connection?: Connection) {
      if (waiting.length >= maxWaiting) {
        dropped ??= { count: 0, since: clock.now() }
        dropped.count += 1
        return
      }
      // Asked for now, not when it is written: the caller may be gone by then.
      const peer = connection === undefined ? undefined : peers.who(connection)
      waiting.push({ at: clock.now(), event, facts, peer })
      if (problem === undefined) later(lingerMs)
    },
    problem() {
      if (problem === undefined) return undefined
      const lost = dropped === undefined ? "" : `, and ${dropped.count} more are lost`
      return `the audit log cannot be written: ${problem}; ${waiting.length} lines wait${lost}`
    },
    async head() {
      await writeAll()
      return files.head()
    },
    async close() {
      await writeAll()
      cancelTimer?.()
      await files.close()
    },
  }
}

/** Those who are still looked for. One connection has one peer, however many lines it has. */
async function found(batch: readonly Waiting[]): Promise<ReadonlyMap<Promise<Peer>, Peer>> {
  const asked = new Set(batch.flatMap(({ peer }) => (peer instanceof Promise ? peer : [])))
  return new Map(await Promise.all([...asked].map(async (peer) => [peer, await peer] as const)))
}

function entryOf({ at, event, facts, peer }: Waiting, peerOf: ReadonlyMap<Promise<Peer>, Peer>): Entry {
  const known = peer instanceof Promise ? peerOf.get(peer) : peer
  const peerText = known === undefined ? "" : `,"peer":{${textOf(known)}}`
  return `"time":"${isoMs(at)}","event":"${event}",${textOf(facts)}${peerText}`
}

const texts = new WeakMap<object, string>()

/** The JSON of it without its braces, made once for what is recorded again and again. */
function textOf(facts: AuditFacts | Peer): string {
  let made = texts.get(facts)
  if (made === undefined) {
    made = JSON.stringify(shortened({ ...facts })).slice(1, -1)
    texts.set(facts, made)
  }
  return made
}

/** A name can be as long as its giver likes, a line cannot. */
function shortened(facts: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(facts).map(([name, value]) => [
      name,
      typeof value === "string" && value.length > longestText ? `${value.slice(0, longestText)}…` : value,
    ]),
  )
}

/** A crowd comes within one millisecond. */
let lastIso = { at: 0, text: "" }

function isoMs(epochMs: number): string {
  if (epochMs !== lastIso.at) lastIso = { at: epochMs, text: new Date(epochMs).toISOString() }
  return lastIso.text
}
