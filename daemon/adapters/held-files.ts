/**
 * An upgrade in place takes the daemon's files from under it while it runs. Those that it reads only when first needed are
 * therefore opened while they are there: a removed file lives on for whoever has it open. Descriptors rather than bytes,
 * which would be 2 MB more of memory for files that most days nobody reads all of.
 */
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"

export interface HeldFilesOptions {
  /** Of CommonJS modules that name each other by `./NAME.js`, as the build makes them. */
  readonly folder: string
  /** Hears of each file that was read from what is held. */
  readonly onRead?: () => void
}

/** Not in Node's types: what a reader of modules hands their text to. */
interface Compiler {
  _compile?(text: string, path: string): unknown
}

/** Opens the folder's modules that are not read yet; whoever requires one later is served from it. Gives how many. */
export function holdFiles({ folder, onRead }: HeldFilesOptions): number {
  const require = createRequire(join(folder, "any.js"))
  const held = new Map<string, number>()
  for (const name of modulesIn(folder)) {
    const path = join(folder, name)
    if (require.cache[path] !== undefined) continue
    try {
      const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
      held.set(path, descriptor)
      // Node remembers where a name has led, and does not ask the disk again.
      require.resolve(`./${name}`)
    } catch {
      // It is read from the disk when its time comes, or it is said then that it cannot be.
    }
  }
  // Deprecated for other kinds of files; its successor, `registerHooks`, came with Node 22.15.
  // oxlint-disable-next-line typescript/no-deprecated
  const { extensions } = require
  const fromDisk = extensions[".js"]
  extensions[".js"] = (module, path) => {
    const descriptor = held.get(path)
    const compiler: NodeJS.Module & Compiler = module
    if (descriptor === undefined || compiler._compile === undefined) {
      fromDisk?.(module, path)
      return
    }
    compiler._compile(textOf(descriptor), path)
    // Only now: one that failed is tried again.
    held.delete(path)
    closeSync(descriptor)
    onRead?.()
  }
  return held.size
}

function modulesIn(folder: string): string[] {
  try {
    const found = readdirSync(folder, { withFileTypes: true })
    return found.filter((entry) => entry.isFile() && entry.name.endsWith(".js")).map(({ name }) => name)
  } catch {
    return []
  }
}

/** From its first byte: `readFileSync` goes on where the last reading ended. */
function textOf(descriptor: number): string {
  const bytes = Buffer.alloc(fstatSync(descriptor).size)
  readSync(descriptor, bytes, 0, bytes.length, 0)
  return bytes.toString()
}
