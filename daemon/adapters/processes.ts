/** Which process holds a socket, by Linux's /proc. Only one's own processes show what they hold; root sees all. */
import { readlinkSync } from "node:fs"
import { readdir } from "node:fs/promises"
import { setTimeout } from "node:timers/promises"

export interface FoundProcess {
  readonly pid: number
  readonly executable?: string
  readonly directory?: string
}

/**
 * At once where it is the last caller again; and undefined at once in a crowd of callers that are gone before anybody looks:
 * of one that stays it can be asked again. One that has left is not looked for.
 */
export type FindProcess = (
  inode: string,
  connection?: { readonly hasLeft?: boolean | undefined },
) => FoundProcess | undefined | Promise<FoundProcess | undefined>

interface Seeker {
  readonly connection: Parameters<FindProcess>[1]
  readonly answer: (found: FoundProcess | undefined) => void
}
type Sought = Map<string, Seeker[]>

interface Stage {
  waiting: Sought
  isLooking: boolean
  isResting: boolean
  /** For how long, and until when, it has rested last. */
  restedMs: number
  restedUntil: number
}

/** Links read in one go, before the daemon's other work has its turn. */
const slice = 64
/** Whoever has asked asks again, mostly: so many processes are looked at before all others. */
const mostRecent = 4
/** A rest after a search in vain is so many times as long as it was. */
const restFactor = 19
/** And no longer than this: lines of the audit trail wait for its end. */
const longestRestMs = 250

/** So many callers are passed over at most before the next guess. */
const longestPass = 63

/** So many wait for the end of a rest. */
const mostWaiting = 64

interface Caller {
  readonly found: FoundProcess
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
    recent: { waiting: new Map(), isLooking: false, isResting: false, restedMs: 0, restedUntil: 0 },
    all: { waiting: new Map(), isLooking: false, isResting: false, restedMs: 0, restedUntil: 0 },
  }
  let recent: readonly Caller[] = []
  /** Each guess in vain doubles how many callers are passed over before the next: in a crowd hardly one is right. */
  const guesses = { passing: 0, passed: 0 }

  /** One look at a time, for all who have come since the last one began. */
  async function oneAtATime(stage: Stage, look: (sought: Sought) => Promise<void>): Promise<void> {
    if (stage.isLooking) return
    stage.isLooking = true
    while (stage.waiting.size > 0) {
      const sought = stage.waiting
      const { size } = sought
      stage.waiting = new Map()
      const began = performance.now()
      await look(sought)
      // Twice in a row, and nobody at all: a crowd, and no two callers who have nothing to do with each other.
      const isInVain = sought.size === size && began - stage.restedUntil < longestRestMs
      if (!isInVain) stage.restedMs = 0
      // Callers that come and go at once are never found, and could keep us looking.
      if (sought.size > 0) {
        stage.restedMs = restMs(performance.now() - began, stage.restedMs)
        stage.isResting = true
        await rest(stage.restedMs)
        stage.isResting = false
        stage.restedUntil = performance.now()
        dropGone(stage)
      }
    }
    stage.isLooking = false
  }

  async function lookAmongRecent(): Promise<void> {
    await oneAtATime(stages.recent, async (sought) => {
      for (const { found } of recent) await lookAt(found.pid, sought)
      for (const [link, seekers] of sought) for (const seeker of seekers) seekAmongAll(link, seeker)
    })
  }

  async function lookAmongAll(): Promise<void> {
    await oneAtATime(stages.all, async (sought) => {
      await walk(sought).catch(() => undefined)
      for (const seekers of sought.values()) for (const { answer } of seekers) answer(undefined)
    })
  }

  /** The youngest first: who asks for credentials has mostly just been started, and may be gone in a moment. */
  async function walk(sought: Sought): Promise<void> {
    const pids = (await readdir(proc)).map(Number).filter((pid) => pid > 0 && pid !== process.pid)
    for (const pid of pids.toSorted((a, b) => b - a)) await lookAt(pid, sought)
  }

  function seekAmongAll(link: string, seeker: Seeker): void {
    wait(stages.all, link, seeker)
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
    const link = linkOf(`${proc}/${pid}/fd/${fd}`)
    const seekers = link === undefined ? undefined : sought.get(link)
    if (link === undefined || seekers === undefined) return
    sought.delete(link)
    const found = remembered(pid, fd)
    for (const { answer } of seekers) answer(found)
  }

  function forget(pid: number): void {
    recent = recent.filter(({ found }) => found.pid !== pid)
  }

  /** The caller that has a socket at this descriptor; the same object as long as it is the same. */
  function remembered(pid: number, fd: string): FoundProcess {
    const before = recent.find(({ found }) => found.pid === pid)
    const now = describe(pid, `${proc}/${pid}`)
    const found = before !== undefined && isSame(before.found, now) ? before.found : now
    const fds = [...(before?.fds.filter((each) => each !== fd).slice(-1) ?? []), fd]
    recent = [{ found, fds }, ...recent.filter((each) => each !== before)].slice(0, mostRecent)
    return found
  }

  /**
   * Before anybody waits, and so before the caller has its answer: it may be gone a moment later. Of the last caller only,
   * and only while that is mostly right.
   */
  function guessed(link: string): FoundProcess | undefined {
    const [last] = recent
    if (last === undefined) return undefined
    if (guesses.passed < guesses.passing) {
      guesses.passed += 1
      return undefined
    }
    const { pid } = last.found
    const fd = last.fds.find((at) => linkOf(`${proc}/${pid}/fd/${at}`) === link)
    guesses.passed = 0
    guesses.passing = fd === undefined ? Math.min(guesses.passing * 2 + 1, longestPass) : 0
    return fd === undefined ? undefined : remembered(pid, fd)
  }

  return (inode, connection) => {
    const link = `socket:[${inode}]`
    const guess = guessed(link)
    const { waiting, isResting } = stages.recent
    if (guess !== undefined || (isResting && waiting.size >= mostWaiting)) return guess
    return new Promise((answer) => {
      wait(stages.recent, link, { connection, answer })
      void lookAmongRecent()
    })
  }
}

function isSame(one: FoundProcess, other: FoundProcess): boolean {
  return one.executable === other.executable && one.directory === other.directory
}

function wait({ waiting }: Stage, link: string, seeker: Seeker): void {
  const others = waiting.get(link)
  if (others === undefined) waiting.set(link, [seeker])
  else others.push(seeker)
}

/** Who has closed its connection meanwhile holds its socket no more. */
function dropGone({ waiting }: Stage): void {
  for (const [link, seekers] of waiting) {
    if (!seekers.every(({ connection }) => connection?.hasLeft === true)) continue
    waiting.delete(link)
    for (const { answer } of seekers) answer(undefined)
  }
}

/** Longer each time that nobody at all was found. */
function restMs(lookedMs: number, restedMs: number): number {
  return Math.min(Math.max(lookedMs * restFactor, restedMs * 2), longestRestMs)
}

/** At once and not on a thread: one link costs 2 µs, and handing it over 20. */
function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

function describe(pid: number, folder: string): FoundProcess {
  const [executable, directory] = [linkOf(`${folder}/exe`), linkOf(`${folder}/cwd`)]
  return { pid, ...(executable === undefined ? {} : { executable }), ...(directory === undefined ? {} : { directory }) }
}
