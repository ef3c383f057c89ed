/** Writes a file whole or not at all: a temporary file beside it, flushed, then renamed over it. */
import { randomBytes } from "node:crypto"
import { constants, readdirSync, rmSync } from "node:fs"
import { open, rename, rm, type FileHandle } from "node:fs/promises"
import { dirname, join } from "node:path"
import { storeWriteFailed } from "../core/errors.ts"
import { errnoCode, writeProblem } from "./errno.ts"

export interface WriteOptions {
  /** Also survives a power cut (the default). Without it the file survives the process's death, and is written sooner. */
  readonly flush?: boolean
}

const { O_WRONLY, O_CREAT, O_EXCL, O_SYNC } = constants

/** Throws `StoreWriteFailed`; what stood there before is then unchanged. */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
  { flush = true }: WriteOptions = {},
): Promise<void> {
  const temporary = `${path}.${process.pid}-${randomBytes(6).toString("hex")}.tmp`
  try {
    const file = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | (flush ? O_SYNC : 0), 0o600)
    try {
      // Not fs.writeSync: on a full disk it writes a part and reports no error.
      await file.writeFile(data)
      if (flush) await flushed(file)
    } finally {
      await file.close()
    }
    await rename(temporary, path)
    if (flush) await syncFolder(dirname(path))
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw storeWriteFailed(path, writeProblem(error), error)
  }
}

/** Takes away what killed processes left beside their files; another one at work keeps its own. For a start, before any write. */
export function sweepTemporaries(folders: readonly string[]): void {
  for (const folder of folders) {
    for (const name of namesIn(folder)) {
      const pid = /\.(\d+)-[0-9a-f]{12}\.tmp$/.exec(name)?.[1]
      if (pid !== undefined && !isAnother(Number(pid))) rmSync(join(folder, name), { force: true })
    }
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function isAnother(pid: number): boolean {
  if (pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errnoCode(error) === "EPERM"
  }
}

/** Makes the rename itself survive a power cut. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r")
  try {
    await flushed(folder)
  } finally {
    await folder.close()
  }
}

/** Node 26 lets nobody flush a file who runs under its permission model; what was written with O_SYNC is on the disk already. */
async function flushed(file: FileHandle): Promise<void> {
  await file.sync().catch((error: unknown) => {
    if (errnoCode(error) !== "ERR_ACCESS_DENIED") throw error
  })
}
