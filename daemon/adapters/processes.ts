/** Which process holds a socket, by Linux's /proc. Only one's own processes show what they hold; root sees all. */
import { readdirSync, readlinkSync } from "node:fs"
import { readdir } from "node:fs/promises"

export interface FoundProcess {
  readonly pid: number
  readonly executable?: string
  readonly directory?: string
}

/**
 * At once where it is the last caller again; and undefined at once in a crowd of callers that are gone before anybody looks:
 * of one that stays it can be asked again. One that has left is looked for no longer.
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

interface Caller {
  readonly found: FoundProcess
  readonly describedAt: number
  /** Where it held its last two: who opens before it closes goes from one to the other and back. */
  readonly fds: readonly number[]
}

/** Links read in one go, before the daemon's other work has its turn. */
const slice = 64
/** To open the folder of a process takes as long as so many links. */
const folderLinks = 4
/** Whoever has asked asks again, mostly: so many processes are looked at before all others. */
const mostRecent = 4
/** A process seldom becomes another program, or goes to another folder. */
const describedMs = 100
/** So many callers are passed over at most before the next guess. */
const longestPass = 63
/** Looks that leave somebody unfound may take this share of the daemon's time, and what is not taken is kept so long. */
const shareInVain = 1 / 100
const keptMs = 5_000

export function processes(proc = "/proc", now: () => number = () => performance.now()): FindProcess {
  let recent: readonly Caller[] = []
  let waiting: Sought = new Map()
  let isLooking = false
  /** Each guess in vain doubles how many callers are passed over before the next: in a crowd hardly one is right. */
  const guesses = { passing: 0, passed: 0 }
  /** Until then nobody is looked for: the time for looks in vain is spent. */
  let spentUntil = Number.NEGATIVE_INFINITY
  /** The process that the last glance came to. */
  let glancedAt = Number.POSITIVE_INFINITY

  /** One look at a time, for all who have come since the last one began. */
  async function lookForAll(): Promise<void> {
    if (isLooking) return
    isLooking = true
    while (waiting.size > 0) {
      const sought = waiting
      waiting = new Map()
      const began = now()
      await look(sought).catch(() => undefined)
      if (sought.size > 0) spend(now() - began)
      for (const seekers of sought.values()) for (const { answer } of seekers) answer(undefined)
    }
    isLooking = false
  }

  /** The last callers first, then the youngest: who asks has mostly just been started, and may be gone in a moment. */
  async function look(sought: Sought): Promise<void> {
    for (const { found } of recent) await lookAt(found.pid, sought)
    if (isAnybodyThere(sought)) for (const pid of processIds(await readdir(proc))) await lookAt(pid, sought)
  }

  async function lookAt(pid: number, sought: Sought): Promise<void> {
    if (!isAnybodyThere(sought)) return
    // A process of another user's, or one that has just ended.
    const names = await readdir(`${proc}/${pid}/fd`).catch(() => {
      recent = recent.filter(({ found }) => found.pid !== pid)
      return []
    })
    const fds = newestFirst(names)
    for (let from = 0; from < fds.length && isAnybodyThere(sought); from += slice) {
      if (from > 0) await new Promise(setImmediate)
      seek(pid, fds.slice(from, from + slice), sought)
    }
  }

  /**
   * On the spot, while the caller waits for its answer: where others were gone before anybody looked. The youngest process,
   * and of the others a few, which at each glance are the next ones.
   */
  function glance(link: string): FoundProcess | undefined {
    let found: FoundProcess | undefined
    const sought: Sought = new Map([[link, [{ connection: undefined, answer: (each) => (found = each) }]]])
    const began = now()
    const [youngest = 0, ...others] = processIds(namesIn(proc))
    const next = others.filter((pid) => pid < glancedAt)
    glancedAt = Number.POSITIVE_INFINITY
    let links = 0
    for (const pid of [youngest, ...next]) {
      const fds = newestFirst(namesIn(`${proc}/${pid}/fd`)).slice(0, slice)
      seek(pid, fds, sought)
      if (found !== undefined) return found
      links += fds.length + folderLinks
      if (links <= slice) continue
      glancedAt = pid
      break
    }
    spend(now() - began)
    return undefined
  }

  function spend(ms: number): void {
    spentUntil = Math.max(spentUntil, now() - keptMs) + ms / shareInVain
  }

  function seek(pid: number, fds: readonly number[], sought: Sought): void {
    for (const fd of fds) {
      if (sought.size === 0) return
      const link = linkOf(`${proc}/${pid}/fd/${fd}`)
      const seekers = link === undefined ? undefined : sought.get(link)
      if (link === undefined || seekers === undefined) continue
      sought.delete(link)
      const found = remembered(pid, fd)
      for (const { answer } of seekers) answer(found)
    }
  }

  /** The caller that has a socket at this descriptor; the same object as long as it is the same. */
  function remembered(pid: number, fd: number): FoundProcess {
    const before = recent.find(({ found }) => found.pid === pid)
    const isFresh = before !== undefined && now() - before.describedAt < describedMs
    // Most callers are the last one again, and at the same place.
    if (isFresh && before === recent[0] && before.fds.includes(fd)) return before.found
    const described = isFresh ? before.found : describe(pid, `${proc}/${pid}`)
    const found = before !== undefined && isSame(before.found, described) ? before.found : described
    const describedAt = isFresh ? before.describedAt : now()
    const fds = [...(before?.fds.filter((each) => each !== fd).slice(-1) ?? []), fd]
    recent = [{ found, describedAt, fds }, ...recent.filter((each) => each !== before)].slice(0, mostRecent)
    return found
  }

  /** Of the last caller only, and only while that is mostly right. */
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
    const at = now()
    if (guess !== undefined || at < spentUntil) return guess
    const isSomebodyGone = spentUntil > at - keptMs
    const seen = isSomebodyGone && !isLooking ? glance(link) : undefined
    if (seen !== undefined) return seen
    return new Promise((answer) => {
      waiting.set(link, [...(waiting.get(link) ?? []), { connection, answer }])
      void lookForAll()
    })
  }
}

/** Who has closed its connection holds its socket no more. */
function isAnybodyThere(sought: Sought): boolean {
  for (const seekers of sought.values()) if (seekers.some(({ connection }) => connection?.hasLeft !== true)) return true
  return false
}

function processIds(names: readonly string[]): readonly number[] {
  return newestFirst(names).filter((pid) => pid !== process.pid)
}

/** Of processes and of open files alike: their numbers are given out in order. */
function newestFirst(names: readonly string[]): readonly number[] {
  return names
    .map(Number)
    .filter((number) => number >= 0)
    .toSorted((a, b) => b - a)
}

/** None where it is not shown to us, or there no more. */
function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function isSame(one: FoundProcess, other: FoundProcess): boolean {
  return one.executable === other.executable && one.directory === other.directory
}

/** At once and not on a thread: one link costs 4 µs, and handing it over 20. */
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
