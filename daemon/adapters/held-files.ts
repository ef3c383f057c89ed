/**
 * An upgrade in place takes the daemon's files from under it while it runs. Those that it reads only when first needed are
 * therefore opened while they are there: a removed file lives on for whoever has it open. Descriptors, not bytes: these
 * would be 1.4 MiB more in memory, most of it for good.
 */
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync } from "node:fs"
import nodeModule, { createRequire } from "node:module"
import { join, sep } from "node:path"

export interface HoldOptions {
  /** Of CommonJS modules that ask for each other by `./NAME.js`, as the build makes them. */
  readonly folder: string
  /** Hears of each file that was read from what is held. */
  readonly onRead: () => void
}

/** Not in Node's types: which file a name means to the module that asks. */
const resolve = "_resolveFilename"
interface Resolver {
  [resolve]?(this: unknown, request: string, parent?: NodeJS.Module, ...others: unknown[]): unknown
}

/** Neither is this: where a module's text goes, whoever has read it. */
interface Compiler {
  _compile?(text: string, path: string): unknown
}

/** Opens the folder's modules that were not read yet; who asks for one later is given what is held. */
export function holdFiles({ folder, onRead }: HoldOptions): void {
  const require = createRequire(join(folder, "any.js"))
  const held = new Map<string, number>()
  for (const name of modulesIn(folder)) {
    const path = `${folder}${sep}${name}`
    if (require.cache[path] !== undefined) continue
    try {
      held.set(path, openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW))
    } catch {
      // It may be readable when its time comes; if not, it is said then.
    }
  }
  // Node's newer way, `registerHooks`, came with 22.15. (To have each name looked for while its file is there would do, too: so many
  // paths make V8 optimise how Node takes them apart, and that is 3 MiB.)
  const resolver: typeof nodeModule & Resolver = nodeModule
  const look = resolver[resolve]
  resolver[resolve] = function lookAmongHeld(request, parent, ...others) {
    const path = `${folder}${sep}${request.slice("./".length)}`
    const isOurs = request.startsWith("./") && parent?.path === folder && held.has(path)
    return isOurs ? path : look?.call(this, request, parent, ...others)
  }
  const { extensions } = require
  const readFromDisk = extensions[".js"]
  extensions[".js"] = (module, path) => {
    const { _compile: compile }: NodeJS.Module & Compiler = module
    const descriptor = held.get(path)
    if (descriptor === undefined || compile === undefined) {
      readFromDisk?.(module, path)
      return
    }
    compile.call(module, textOf(descriptor), path)
    // Not before: one that could not be compiled is asked for again.
    held.delete(path)
    closeSync(descriptor)
    onRead()
  }
}

function modulesIn(folder: string): string[] {
  try {
    const found = readdirSync(folder, { withFileTypes: true })
    return found.filter((entry) => entry.isFile() && entry.name.endsWith(".js")).map(({ name }) => name)
  } catch {
    return []
  }
}

/** From its first byte, however often: `readFileSync` goes on where the last reading ended. */
function textOf(descriptor: number): string {
  const bytes = Buffer.alloc(fstatSync(descriptor).size)
  const read = readSync(descriptor, bytes, 0, bytes.length, 0)
  if (read < bytes.length) throw new Error("a file of ours could not be read whole")
  return bytes.toString()
}
