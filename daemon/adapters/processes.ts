/** Which process holds a socket, by Linux's /proc. Only one's own processes show what they hold; root sees all. */
import { lstatSync, readlinkSync } from "node:fs"
import { readdir } from "node:fs/promises"
import { setTimeout } from "node:timers/promises"

export interface FoundProcess {
  readonly pid: number
  readonly executable?: string
  readonly directory?: string
}

export type FindProcess = (inode: string) => Promise<FoundProcess | undefined>

type Answer = (found: FoundProcess | undefined) => void
type Sought = Map<string, Answer[]>

interface Stage {
  waiting: Sought
  isLooking: boolean
}

/** Links read in one go, before the daemon's other work has its turn. */
const slice = 64
/** Whoever has asked asks again, mostly: so many processes are looked at before all others. */
const remembered = 4
/** So many times as long as somebody was looked for in vain nobody is looked for: a tenth of the time is enough for it. */
const restFactor = 9
/** But no longer: the lines of the audit trail wait for it, and not without end. */
const longestRestMs = 250

interface Caller {
  readonly pid: number
  /** Where it held its last two, the older one first: who opens before it closes goes from one to the other and back. */
  readonly fds: readonly string[]
}

/** A daemon that ends waits for it: lines of the audit trail do. */
async function restFor(ms: number): Promise<void> {
  await setTimeout(ms)
}

export function processes(proc = "/proc", rest: (ms: number) => Promise<void> = restFor): FindProcess {
  /** Who is looked for among the last callers, and then among all. */
  const stages: Record<"recent" | "all", Stage> = {
    recent: { waiting: new Map(), isLooking: false },
    all: { waiting: new Map(), isLooking: false },
  }
  let recent: readonly Caller[] = []

  /** One look at a time, for all who have come since the last one began. */
  async function oneAtATime(stage: Stage, look: (sought: Sought) => Promise<void>): Promise<void> {
    if (stage.isLooking) return
    stage.isLooking = true
    while (stage.waiting.size > 0) {
      const sought = stage.waiting
      stage.waiting = new Map()
      const began = performance.now()
      await look(sought)
      // Callers that come and go at once are never found, and could keep us looking.
      if (sought.size > 0) await rest(restMs(performance.now() - began))
    }
    stage.isLooking = false
  }

  async function lookAmongRecent(): Promise<void> {
    await oneAtATime(stages.recent, async (sought) => {
      for (const { pid } of recent) await lookAt(pid, sought)
      for (const [link, answers] of sought) for (const answer of answers) seekAmongAll(link, answer)
    })
  }

  async function lookAmongAll(): Promise<void> {
    await oneAtATime(stages.all, async (sought) => {
      await walk(sought).catch(() => undefined)
      for (const answers of sought.values()) for (const answer of answers) answer(undefined)
    })
  }

  /** The youngest first: who asks for credentials has mostly just been started, and may be gone in a moment. */
  async function walk(sought: Sought): Promise<void> {
    const pids = (await readdir(proc)).map(Number).filter((pid) => pid > 0 && pid !== process.pid)
    for (const pid of pids.toSorted((a, b) => b - a)) await lookAt(pid, sought)
  }

  function seekAmongAll(link: string, answer: Answer): void {
    wait(stages.all, link, answer)
    void lookAmongAll()
  }

  /** Its newest descriptors first, for the same reason. */
  async function lookAt(pid: number, sought: Sought): Promise<void> {
    if (sought.size === 0) return
    // A process of another user's, or one that has just ended.
    const fds = await readdir(`${proc}/${pid}/fd`).catch(() => {
      forget(pid)
      return []
    })
    for (let left = fds.length; left > 0 && sought.size > 0; left -= 1) {
      if (left < fds.length && left % slice === 0) await new Promise(setImmediate)
      seek(pid, fds[left - 1] ?? "", sought)
    }
  }

  function seek(pid: number, fd: string, sought: Sought): void {
    const folder = `${proc}/${pid}`
    const link = linkOf(`${folder}/fd/${fd}`)
    const answers = link === undefined ? undefined : sought.get(link)
    if (link === undefined || answers === undefined) return
    sought.delete(link)
    remember(pid, fd)
    const found = describe(pid, folder)
    for (const answer of answers) answer(found)
  }

  function forget(pid: number): void {
    recent = recent.filter((each) => each.pid !== pid)
  }

  function remember(pid: number, fd: string): void {
    const before = recent.find((each) => each.pid === pid)?.fds.filter((each) => each !== fd) ?? []
    recent = [{ pid, fds: [...before.slice(-1), fd] }, ...recent.filter((each) => each.pid !== pid)].slice(
      0,
      remembered,
    )
  }

  return async (inode) => {
    const link = `socket:[${inode}]`
    // Before anybody waits, and so before the caller has its answer: it may be gone a moment later. Of the last caller
    // only.
    const [last] = recent
    const fd = last?.fds.find(
      (place) => isThere(`${proc}/${last.pid}/fd/${place}`) && linkOf(`${proc}/${last.pid}/fd/${place}`) === link,
    )
    if (last !== undefined && fd !== undefined) {
      remember(last.pid, fd)
      return describe(last.pid, `${proc}/${last.pid}`)
    }
    return await new Promise((resolve) => {
      wait(stages.recent, link, resolve)
      void lookAmongRecent()
    })
  }
}

function wait({ waiting }: Stage, link: string, answer: Answer): void {
  waiting.set(link, [...(waiting.get(link) ?? []), answer])
}

function restMs(lookedMs: number): number {
  return Math.min(lookedMs * restFactor, longestRestMs)
}

/** At once and not on a thread: one link costs 2 µs, and handing it over 20. */
function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

/** An error with its stack costs ten times what a link does. */
function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined
  } catch {
    return false
  }
}

function describe(pid: number, folder: string): FoundProcess {
  const [executable, directory] = [linkOf(`${folder}/exe`), linkOf(`${folder}/cwd`)]
  return { pid, ...(executable === undefined ? {} : { executable }), ...(directory === undefined ? {} : { directory }) }
}
