/** Replaces a file whole or not at all: a temporary file beside it, flushed, then renamed over it. */
import { Failure } from "./failure.ts"
import { errnoCode, type Files } from "./files.ts"

export interface Edit {
  readonly path: string
  /** What the edit was made from; undefined where the file is new. The file must still be so. */
  readonly before: Buffer | undefined
  readonly after: Buffer
  /** A command to run when it could not be done. */
  readonly hint: string
}

/** Follows a symlink to its target and keeps mode and owner. Throws `StoreWriteFailed`; the file is then as it was. */
export function replaceFile(files: Files, { path, before, after, hint }: Edit): void {
  let temporary: string | undefined
  try {
    const target = files.target(path)
    const made = `${target}.credd-${process.pid}.tmp`
    sweep(files, target, made)
    temporary = made
    files.write(made, after, target)
    const now = files.read(target)
    if (now === undefined ? before !== undefined : before === undefined || !now.equals(before)) {
      throw new Failure({
        code: "StoreWriteFailed",
        message: `${path} changed in the meantime; it was left alone`,
        hint,
      })
    }
    files.rename(made, target)
  } catch (error) {
    if (temporary !== undefined) files.remove(temporary)
    if (error instanceof Failure) throw error
    throw new Failure({
      code: "StoreWriteFailed",
      message: `could not write ${path}: ${errnoCode(error) || "the write failed"}; it is unchanged`,
      hint,
    })
  }
}

/** Takes away what a killed process left, which may hold secrets; another credd at work keeps its own. */
function sweep(files: Files, target: string, made: string): void {
  if (files.read(target) === undefined) return
  for (const path of files.beside(target)) {
    const pid = path.startsWith(`${target}.credd-`) ? /\.credd-(\d+)\.tmp$/.exec(path)?.[1] : undefined
    if (pid !== undefined && (path === made || !isAlive(Number(pid)))) files.remove(path)
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errnoCode(error) === "EPERM"
  }
}
