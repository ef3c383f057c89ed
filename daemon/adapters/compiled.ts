/**
 * V8's compiled form of our own code, kept for the next start: it saves a fifth of that, and two thirds of what reading the
 * SDK takes. What lies there runs as us, so it lies in a folder that nobody else can reach, or nowhere. (Node has such a cache, since
 * 22.8; it keeps no function that was compiled when it was called, which most are.)
 */
import { lstatSync, mkdirSync, readdirSync, rmSync } from "node:fs"
import { builtFolder } from "../built.ts"
import { version } from "../version.ts"
import { ownModules, type OwnModules } from "./own-modules.ts"

/** Until a burst of reading is over, and its answer out. */
const calmMs = 1_000

/** The daemon's modules from now on, with what is kept of them in the state folder. */
export function compiledModules(state: string): OwnModules {
  let keeping: NodeJS.Timeout | undefined
  const modules = ownModules({
    folder: builtFolder(),
    compiled: folderIn(state),
    onRead() {
      clearTimeout(keeping)
      keeping = setTimeout(modules.keep, calmMs).unref()
    },
  })
  return modules
}

/** This version's, and no other's; none where others could write, or nobody can. */
function folderIn(state: string): string | undefined {
  const folder = `${state}/compiled`
  try {
    for (const each of [state, folder]) {
      mkdirSync(each, { recursive: true, mode: 0o700 })
      if (!isOursAlone(each)) return undefined
    }
    mkdirSync(`${folder}/${version}`, { recursive: true })
    for (const other of readdirSync(folder)) {
      if (other !== version) rmSync(`${folder}/${other}`, { recursive: true, force: true })
    }
    return `${folder}/${version}`
  } catch {
    // A full or read-only disk is no reason not to start; whoever needs a folder there says so.
    return undefined
  }
}

function isOursAlone(folder: string): boolean {
  const found = lstatSync(folder)
  return found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o077) === 0
}
