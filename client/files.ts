/** The file system as far as commands touch it. Synchronous: a command waits for its file anyway, and node:fs is loaded already. */
import {
  chmodSync,
  chownSync,
  closeSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { basename, dirname, join } from "node:path"

export interface Files {
  /** The bytes, or undefined where there is no such file. */
  read(path: string): Buffer | undefined
  /** The bytes from an offset on, or undefined where there is no such file. */
  readFrom(path: string, offset: number): Buffer | undefined
  /** The names in a folder; none where there is no such folder. */
  list(folder: string): readonly string[]
  /** Where a path leads once symlinks are followed; the path itself where there is nothing yet. */
  target(path: string): string
  /** Makes a new file, flushed, with the mode and the owner of `like` (0600 where there is no `like`). */
  write(path: string, bytes: Buffer, like: string): void
  rename(from: string, to: string): void
  remove(path: string): void
  /** The names in the folder of a path. */
  beside(path: string): readonly string[]
}

export const realFiles: Files = {
  read(path) {
    try {
      return readFileSync(path)
    } catch (error) {
      if (["ENOENT", "ENOTDIR"].includes(errnoCode(error))) return undefined
      throw error
    }
  },
  readFrom(path, offset) {
    let file: number
    try {
      file = openSync(path, "r")
    } catch (error) {
      if (["ENOENT", "ENOTDIR"].includes(errnoCode(error))) return undefined
      throw error
    }
    try {
      const bytes = Buffer.alloc(Math.max(0, fstatSync(file).size - offset))
      return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, offset))
    } finally {
      closeSync(file)
    }
  },
  list(folder) {
    try {
      return readdirSync(folder)
    } catch (error) {
      if (["ENOENT", "ENOTDIR"].includes(errnoCode(error))) return []
      throw error
    }
  },
  target(path) {
    // A symlink that leads nowhere is an error, not an invitation to replace it.
    return lstatSync(path, { throwIfNoEntry: false }) === undefined ? path : realpathSync(path)
  },
  write(path, bytes, like) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const model = statSync(like, { throwIfNoEntry: false })
    const file = openSync(path, "wx", 0o600)
    try {
      writeFileSync(file, bytes)
      if (model !== undefined) {
        // Under sudo the file must not become root's.
        if (model.uid !== process.getuid?.() || model.gid !== process.getgid?.()) {
          chownSync(path, model.uid, model.gid)
        }
        chmodSync(path, model.mode & 0o7777)
      }
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
  },
  rename(from, to) {
    renameSync(from, to)
    // Makes the rename itself survive a power cut.
    const folder = openSync(dirname(to), "r")
    fsyncSync(folder)
    closeSync(folder)
  },
  remove: (path) => rmSync(path, { force: true }),
  beside: (path) => readdirSync(dirname(path)).map((name) => join(dirname(path), basename(name))),
}

export function errnoCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : ""
}
