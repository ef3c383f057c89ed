/** Which process holds a socket, by Linux's /proc. Only one's own processes show what they hold; root sees all. */
import { readlinkSync } from "node:fs"
import { readdir, readlink } from "node:fs/promises"

export interface FoundProcess {
  readonly pid: number
  readonly executable?: string
  readonly directory?: string
}

export type FindProcess = (inode: string) => Promise<FoundProcess | undefined>

type Answer = (found: FoundProcess | undefined) => void

/** Links read in one go, before the daemon's other work has its turn. */
const slice = 64
/** Whoever has asked asks again on a new connection, mostly; so many are looked at before all others. */
const remembered = 4

export function processes(proc = "/proc"): FindProcess {
  let waiting = new Map<string, Answer[]>()
  let isLooking = false
  let recent: readonly number[] = []

  async function look(): Promise<void> {
    isLooking = true
    while (waiting.size > 0) {
      const sought = waiting
      waiting = new Map()
      await walk(sought).catch(() => undefined)
      for (const answers of sought.values()) for (const answer of answers) answer(undefined)
    }
    isLooking = false
  }

  /** The youngest first: who asks for credentials has mostly just been started, and may be gone in a moment. */
  async function walk(sought: Map<string, Answer[]>): Promise<void> {
    for (const pid of recent) if (sought.size > 0) await lookAt(pid, sought)
    if (sought.size === 0) return
    const pids = (await readdir(proc)).map(Number).filter((pid) => pid > 0 && pid !== process.pid)
    for (const pid of pids.toSorted((a, b) => b - a)) if (sought.size > 0) await lookAt(pid, sought)
  }

  /** Its newest descriptors first, for the same reason. */
  async function lookAt(pid: number, sought: Map<string, Answer[]>): Promise<void> {
    const folder = `${proc}/${pid}`
    // A process of another user's, or one that has just ended.
    const fds = await readdir(`${folder}/fd`).catch(() => [])
    let described: Promise<FoundProcess> | undefined
    for (let left = fds.length; left > 0 && sought.size > 0; left -= 1) {
      if (left < fds.length && left % slice === 0) await new Promise(setImmediate)
      const link = linkOf(`${folder}/fd/${fds[left - 1]}`)
      const answers = sought.get(link)
      if (answers === undefined) continue
      sought.delete(link)
      recent = [pid, ...recent.filter((each) => each !== pid)].slice(0, remembered)
      described ??= describe(pid, folder)
      const found = await described
      for (const answer of answers) answer(found)
    }
  }

  return async (inode) =>
    await new Promise((resolve) => {
      const link = `socket:[${inode}]`
      waiting.set(link, [...(waiting.get(link) ?? []), resolve])
      if (!isLooking) void look()
    })
}

/** At once and not on a thread: one link costs 2 µs, and handing it over 20. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ""
  }
}

async function describe(pid: number, folder: string): Promise<FoundProcess> {
  const [executable, directory] = await Promise.all(
    ["exe", "cwd"].map((name) => readlink(`${folder}/${name}`).catch(() => undefined)),
  )
  return { pid, ...(executable === undefined ? {} : { executable }), ...(directory === undefined ? {} : { directory }) }
}
