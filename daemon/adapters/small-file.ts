/** A file of a kilobyte, read at once: a start waits for it, and a promise for each is what takes its time. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs"

/** What it holds, or nothing where it cannot be read. Never waits for one that is no file. */
export function textOf(path: string): string {
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      return fstatSync(file).isFile() ? readFileSync(file, "utf8") : ""
    } finally {
      closeSync(file)
    }
  } catch {
    return ""
  }
}
