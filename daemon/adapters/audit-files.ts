/** The audit trail on disk: appends lines to the newest file, keeps the chain through restarts, and notices damage. */
import { constants } from "node:fs"
import { lstat, open, readdir, readFile, rename, unlink, writeFile, type FileHandle } from "node:fs/promises"
import { join } from "node:path"
import {
  fileName,
  fileNumbers,
  hashOf,
  headName,
  noHead,
  parseHead,
  parseLine,
  type AuditHead,
} from "../audit-trail.ts"
import { CreddError, storeWriteFailed } from "../core/errors.ts"
import { privateFolder } from "./listen.ts"

/** What a line says: JSON without its braces, `"time":…` first. Its number and the chain are put around it here. */
export type Entry = string

export interface AuditFiles {
  /** Appends and flushes all of it, or throws and leaves the trail as it was. */
  append(entries: readonly Entry[]): Promise<void>
  /** Where the trail stands. */
  head(): AuditHead
  close(): Promise<void>
}

export interface AuditFilesOptions {
  readonly folder: string
  /** The time of what is written down about the trail itself. */
  readonly now: () => string
  readonly maxFileBytes: number
  readonly maxFiles: number
}

interface Current {
  readonly handle: FileHandle
  readonly number: number
  readonly inode: number
  size: number
  /** Whether an interrupted write stands at its end. */
  isTorn: boolean
}

interface Tail {
  readonly head: AuditHead | undefined
  /** What stands after the last whole line. */
  readonly torn: Buffer
  readonly endsInNewline: boolean
}

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_RDWR } = constants
/** Longer than any line; enough to find the last one. */
const tailBytes = 262_144

export function auditFiles({ folder, now, maxFileBytes, maxFiles }: AuditFilesOptions): AuditFiles {
  let head: AuditHead | undefined
  let current: Current | undefined
  /** What is to be said of the trail itself, before anything else: as it was found when opened, and since. */
  let found: Entry[] = []
  let notes: Entry[] = []
  let doomed: string[] = []
  const path = (number: number): string => join(folder, fileName(number))
  const note = (event: string, facts: Readonly<Record<string, unknown>>): Entry =>
    JSON.stringify({ time: now(), event, outcome: "ok", ...facts }).slice(1, -1)

  async function usable(): Promise<Current> {
    if (current !== undefined && !(await isAsWeLeftIt(current))) {
      notes.push(note("damaged", { why: "the newest file was changed, moved or removed by another program" }))
      await letGo()
    }
    current ??= await reopen()
    if (current.size >= maxFileBytes) {
      const next = current.number + 1
      await letGo()
      current = await openFile(next)
      await doomOldest()
    }
    return current
  }

  async function isAsWeLeftIt({ number, inode, size }: Current): Promise<boolean> {
    const there = await lstat(path(number)).catch(() => undefined)
    return there?.ino === inode && there.size === size
  }

  /** Finds where the trail ended, here and by what is known of it, and says what does not fit. */
  async function reopen(): Promise<Current> {
    found = []
    try {
      privateFolder(folder)
    } catch (error) {
      throw error instanceof CreddError
        ? storeWriteFailed(folder, "the folder must be yours alone, mode 700", error)
        : error
    }
    const known = head ?? parseHead(await readFile(join(folder, headName), "utf8").catch(() => "")) ?? noHead
    const numbers = fileNumbers(await readdir(folder))
    const opened = await openFile(numbers.at(-1) ?? 1)
    try {
      const tails: Tail[] = []
      for (const number of numbers.toReversed()) {
        const tail = await tailOf(path(number))
        tails.push(tail)
        if (tail.head !== undefined) break
      }
      const last = tails.at(-1)?.head ?? noHead
      const [newest] = tails
      if (newest !== undefined && newest.torn.length > 0) {
        opened.isTorn = !newest.endsInNewline
        found.push(note("recovered", { tornBytes: newest.torn.length, tornHash: hashOf(newest.torn) }))
      }
      if (last.seq < known.seq)
        found.push(note("damaged", { why: `lines ${last.seq + 1} to ${known.seq} were written and are gone` }))
      else if (last.seq === known.seq && last.hash !== known.hash)
        found.push(note("damaged", { why: `line ${known.seq} is not as it was written` }))
      head = last.seq > known.seq ? last : known
      return opened
    } catch (error) {
      await opened.handle.close()
      throw error
    }
  }

  async function openFile(number: number): Promise<Current> {
    const handle = await open(path(number), O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600)
    const { uid, mode, nlink, ino, size } = await handle.stat()
    if ((mode & 0o170077) !== 0o100000 || uid !== process.getuid?.() || nlink !== 1) {
      await handle.close()
      throw storeWriteFailed(path(number), "it is not a file of yours alone", undefined)
    }
    return { handle, number, inode: ino, size, isTorn: false }
  }

  /** The oldest go once a line says so: the chain then shows that nobody else took them. */
  async function doomOldest(): Promise<void> {
    const numbers = fileNumbers(await readdir(folder))
    for (const [i, number] of numbers.slice(0, Math.max(0, numbers.length - maxFiles)).entries()) {
      const next = numbers[i + 1]
      const first = next === undefined ? undefined : await firstLine(path(next))
      const through = { throughSeq: (first?.seq ?? 0) - 1, throughHash: first?.prev ?? "" }
      notes.push(note("pruned", { file: fileName(number), ...through }))
      doomed.push(path(number))
    }
  }

  async function letGo(): Promise<void> {
    const { handle } = current ?? {}
    current = undefined
    await handle?.close().catch(() => undefined)
  }

  return {
    async append(entries) {
      const file = await usable()
      let { seq, hash } = head ?? noHead
      const lines: string[] = []
      for (const entry of [...found, ...notes, ...entries]) {
        seq += 1
        const line = `{"seq":${seq},${entry},"prev":"${hash}"}`
        hash = hashOf(line)
        lines.push(line, "\n")
      }
      const bytes = Buffer.from(`${file.isTorn ? "\n" : ""}${lines.join("")}`)
      try {
        await file.handle.appendFile(bytes)
        await file.handle.datasync()
      } catch (error) {
        // A part may stand there now. Where it cannot be taken back, the next try finds and tells it.
        await file.handle.truncate(file.size).catch(() => undefined)
        await letGo()
        throw error
      }
      file.size += bytes.length
      file.isTorn = false
      head = { seq, hash }
      found = []
      notes = []
      for (const gone of doomed) await unlink(gone).catch(() => undefined)
      doomed = []
      await keepHead(folder, head)
    },
    head: () => head ?? noHead,
    close: letGo,
  }
}

/** A lower bound for who checks later; never ahead of what is on disk, since that is flushed first. */
async function keepHead(folder: string, head: AuditHead): Promise<void> {
  const temporary = join(folder, `${headName}.tmp`)
  try {
    await writeFile(temporary, JSON.stringify(head), { mode: 0o600 })
    await rename(temporary, join(folder, headName))
  } catch {
    // The trail itself is written; the next line brings the head with it.
  }
}

async function tailOf(file: string): Promise<Tail> {
  const handle = await open(file, constants.O_RDONLY | O_NOFOLLOW)
  try {
    const { size } = await handle.stat()
    const start = Math.max(0, size - tailBytes)
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - start), 0, size - start, start)
    const bytes = buffer.subarray(0, bytesRead)
    const endsInNewline = bytes.at(-1) === 10
    for (let newline = bytes.lastIndexOf(10); newline !== -1; newline = bytes.lastIndexOf(10, newline - 1)) {
      const begin = newline === 0 ? 0 : bytes.lastIndexOf(10, newline - 1) + 1
      const piece = bytes.subarray(begin, newline)
      const line = parseLine(piece.toString("utf8"))
      if (line !== undefined) {
        const torn = bytes.subarray(newline + 1, endsInNewline ? Math.max(newline + 1, bytes.length - 1) : bytes.length)
        return { head: { seq: line.seq, hash: hashOf(piece) }, torn, endsInNewline }
      }
      if (newline === 0) break
    }
    return { head: undefined, torn: bytes.subarray(0, endsInNewline ? bytes.length - 1 : bytes.length), endsInNewline }
  } finally {
    await handle.close()
  }
}

async function firstLine(file: string): Promise<{ readonly seq: number; readonly prev: string } | undefined> {
  const handle = await open(file, constants.O_RDONLY | O_NOFOLLOW)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(tailBytes), 0, tailBytes, 0)
    return parseLine(buffer.toString("utf8", 0, bytesRead).split("\n", 1)[0] ?? "")
  } finally {
    await handle.close()
  }
}
