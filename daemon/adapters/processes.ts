/** Which process holds a socket, by Linux's /proc. Only one's own processes show what they hold; root sees all. */
import { opendirSync, readlinkSync } from "node:fs"
import { readdir } from "node:fs/promises"
import { setTimeout } from "node:timers/promises"

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
/** Of a folder that is read on the spot. */
const mostNames = 256
/** Whoever has asked asks again, mostly: so many processes are looked at before all others. */
const mostRecent = 4
/** A process seldom goes to another folder. */
const directoryMs = 100
/** So many callers are passed over at most before the next guess. */
const longestPass = 63
/** Lines of the audit trail wait for a look. */
const longestLookMs = 250
/** Looks that leave somebody unfound, and all glances, may take this share of the daemon's time; what is not taken is kept so long. */
const share = 1 / 100
const keptMs = 5_000
/** Whatever they took (the machine may have stood still meanwhile), the next look is no later than this, */
const longestRestMs = 250
/** and so many wait for it at most. */
const mostWaiting = 64
/** For so long after a caller that was gone before anybody looked, others are looked for on the spot. */
const waryMs = 10 * 60_000

/** A daemon that ends waits for it: lines of the audit trail do. */
async function restFor(ms: number): Promise<void> {
  await setTimeout(ms)
}

export interface ProcessesOptions {
  readonly now?: () => number
  readonly rest?: (ms: number) => Promise<void>
}

export function processes(
  proc = "/proc",
  { now = () => performance.now(), rest = restFor }: ProcessesOptions = {},
): FindProcess {
  let recent: readonly Caller[] = []
  let waiting: Sought = new Map()
  let isLooking = false
  /** Each guess in vain doubles how many callers are passed over before the next: in a crowd hardly one is right. */
  const guesses = { passing: 0, passed: 0 }
  /** Until then the time for looks is spent. */
  let spentUntil = Number.NEGATIVE_INFINITY
  let goneAt = Number.NEGATIVE_INFINITY
  /** Of the processes with lower numbers than the last glance has seen, the next one sees some. */
  let glancedAt = Number.POSITIVE_INFINITY

  /** One look at a time, for all who have come since the last one began. */
  async function lookForAll(): Promise<void> {
    if (isLooking) return
    isLooking = true
    while (waiting.size > 0) {
      if (now() < spentUntil) await rest(spentUntil - now())
      const sought = waiting
      waiting = new Map()
      const began = now()
      const { size } = sought
      const found = await look(sought, began + longestLookMs).catch(() => 0)
      for (const link of sought.keys()) giveUp(link, sought)
      if (found === size) continue
      goneAt = now()
      spend(goneAt - began)
    }
    isLooking = false
  }

  /** The last callers first, then the youngest: who asks has mostly just been started, and may be gone in a moment. */
  async function look(sought: Sought, until: number): Promise<number> {
    let found = 0
    for (const caller of recent) found += await lookAt(caller.found.pid, sought, until)
    dropGone(sought)
    if (sought.size > 0) for (const pid of processIds(await readdir(proc))) found += await lookAt(pid, sought, until)
    return found
  }

  async function lookAt(pid: number, sought: Sought, until: number): Promise<number> {
    dropGone(sought)
    if (sought.size === 0 || now() > until) return 0
    // A process of another user's, or one that has just ended.
    const names = await readdir(`${proc}/${pid}/fd`).catch(() => {
      recent = recent.filter(({ found }) => found.pid !== pid)
      return []
    })
    const fds = newestFirst(names)
    let found = 0
    for (let from = 0; from < fds.length && sought.size > 0 && now() <= until; from += slice) {
      if (from > 0) await new Promise(setImmediate)
      found += seek(pid, fds.slice(from, from + slice), sought)
      dropGone(sought)
    }
    return found
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
      const fds = newestFirst(namesIn(`${proc}/${pid}/fd`, mostNames)).slice(0, slice)
      seek(pid, fds, sought)
      if (found !== undefined) break
      if (pid !== youngest) links += fds.length + folderLinks
      if (links <= slice) continue
      glancedAt = pid
      break
    }
    spend(now() - began)
    return found
  }

  function spend(ms: number): void {
    const at = now()
    spentUntil = Math.min(Math.max(spentUntil, at - keptMs) + ms / share, at + longestRestMs)
  }

  /** How many of those who are sought it holds. */
  function seek(pid: number, fds: readonly number[], sought: Sought): number {
    const { size } = sought
    for (const fd of fds) {
      if (sought.size === 0) break
      const link = linkOf(`${proc}/${pid}/fd/${fd}`)
      const seekers = link === undefined ? undefined : sought.get(link)
      if (link === undefined || seekers === undefined) continue
      sought.delete(link)
      const found = remembered(pid, fd)
      for (const { answer } of seekers) answer(found)
    }
    return size - sought.size
  }

  /** The caller that has a socket at this descriptor; the same object as long as it is the same. */
  function remembered(pid: number, fd: number): FoundProcess {
    const before = recent.find(({ found }) => found.pid === pid)
    const at = now()
    const isFresh = before !== undefined && at - before.describedAt < directoryMs
    const executable = linkOf(`${proc}/${pid}/exe`)
    const directory = isFresh ? before.found.directory : linkOf(`${proc}/${pid}/cwd`)
    const isSame = before?.found.executable === executable && before?.found.directory === directory
    // Most callers are the last one again, and at the same place.
    if (isFresh && isSame && before === recent[0] && before.fds.includes(fd)) return before.found
    const found = before !== undefined && isSame ? before.found : described(pid, executable, directory)
    const fds = [...(before?.fds.filter((each) => each !== fd).slice(-1) ?? []), fd]
    const describedAt = isFresh ? before.describedAt : at
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
    if (guess !== undefined) return guess
    const at = now()
    const isSpent = at < spentUntil
    if (isSpent && waiting.size >= mostWaiting) return undefined
    const seen = !isSpent && !isLooking && at - goneAt < waryMs ? glance(link) : undefined
    if (seen !== undefined) return seen
    return new Promise((answer) => {
      waiting.set(link, [...(waiting.get(link) ?? []), { connection, answer }])
      void lookForAll()
    })
  }
}

/** Whoever has closed its connection is looked for no longer: mostly it holds its socket no more. */
function dropGone(sought: Sought): void {
  for (const [link, seekers] of sought) {
    if (seekers.every(({ connection }) => connection?.hasLeft === true)) giveUp(link, sought)
  }
}

function giveUp(link: string, sought: Sought): void {
  const seekers = sought.get(link) ?? []
  sought.delete(link)
  for (const { answer } of seekers) answer(undefined)
}

function processIds(names: readonly string[]): readonly number[] {
  return newestFirst(names).filter((pid) => pid !== process.pid)
}

/** Of processes and of open files alike: their numbers are mostly given out in order. */
function newestFirst(names: readonly string[]): readonly number[] {
  return names
    .map(Number)
    .filter((number) => number >= 0)
    .toSorted((a, b) => b - a)
}

/** None where it is not shown to us, or there no more. */
function namesIn(folder: string, most = Number.POSITIVE_INFINITY): readonly string[] {
  const names: string[] = []
  try {
    const opened = opendirSync(folder, { bufferSize: mostNames })
    try {
      for (let entry = opened.readSync(); entry !== null && names.length < most; entry = opened.readSync())
        names.push(entry.name)
    } finally {
      opened.closeSync()
    }
  } catch {
    // What was read of it is good.
  }
  return names
}

/** At once and not on a thread: one link costs 4 µs, and handing it over 20. */
function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

function described(pid: number, executable: string | undefined, directory: string | undefined): FoundProcess {
  return { pid, ...(executable === undefined ? {} : { executable }), ...(directory === undefined ? {} : { directory }) }
}
