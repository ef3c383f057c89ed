/**
 * V8's compiled form of our own code, kept for the next start where Node can do that (22.8 and newer): it saves a third
 * of what reading the daemon takes, and two thirds of the SDK's. What lies there runs as us, so it lies in a folder that
 * nobody else can reach, or nowhere.
 */
import { lstatSync, mkdirSync, readdirSync, rmSync } from "node:fs"
import nodeModule from "node:module"
import { join } from "node:path"
import { version } from "../version.ts"

/** Younger than the types of the oldest Node that we run on. */
interface CompileCache {
  enableCompileCache?(folder: string): unknown
  flushCompileCache?(): void
}
const cache: typeof nodeModule & CompileCache = nodeModule

/** In the state folder, where there is one already: a first start makes it, and a later one is quicker. */
export function useCompiled(state: string): void {
  if (cache.enableCompileCache === undefined || !isOursAlone(state)) return
  const folder = join(state, "compiled")
  try {
    mkdirSync(join(folder, version), { recursive: true, mode: 0o700 })
    if (!isOursAlone(folder)) return
    for (const other of readdirSync(folder)) {
      if (other !== version) rmSync(join(folder, other), { recursive: true, force: true })
    }
  } catch {
    // A full or read-only disk is no reason not to start.
    return
  }
  cache.enableCompileCache(join(folder, version))
}

/** Until a burst of reading is over, and its answer out. */
const calmMs = 1_000
let keeping: NodeJS.Timeout | undefined

/** Writes down, in a moment, what was compiled by then; Node does so by itself only at an end with grace. */
export function keepCompiled(): void {
  clearTimeout(keeping)
  keeping = setTimeout(() => cache.flushCompileCache?.(), calmMs).unref()
}

function isOursAlone(folder: string): boolean {
  try {
    const found = lstatSync(folder)
    return found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o077) === 0
  } catch {
    // Not there, or where no folder can be: whoever needs one there says so.
    return false
  }
}
