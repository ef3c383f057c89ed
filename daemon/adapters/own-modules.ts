/**
 * How the daemon reads its own modules. An upgrade in place takes their files from under it while it runs: those that it
 * reads only when first needed are opened while they are there, since a removed file lives on for whoever has it open
 * (descriptors, not bytes: these would be 1.4 MiB more in memory, most of it for good). And V8's compiled form of them may be kept
 * in files, with the functions that were called: compiled one by one, these cost a start more than the text's first reading does.
 */
import { createHash } from "node:crypto"
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import nodeModule, { createRequire } from "node:module"
import { join, sep } from "node:path"
import { Script, constants as scripts } from "node:vm"

export interface OwnModulesOptions {
  /** Of CommonJS modules that ask for each other by `./NAME.js`, as the build makes them. */
  readonly folder: string
  /** Where compiled forms are kept, if they are to be. Whoever can write here runs as us. */
  readonly compiled?: string | undefined
  /** The Node that compiles: another one's is of no use, and V8 does not always see that it is another's. */
  readonly build?: string
  /** Hears of each module that was read. */
  readonly onRead: () => void
}

export interface OwnModules {
  /** Opens those that were not read yet; who asks for one later is given what is held. */
  hold(): void
  /** Writes down the compiled forms that are not kept yet. */
  keep(): void
}

/** Not in Node's types: which file a name means to the module that asks. */
const resolve = "_resolveFilename"
interface Resolver {
  [resolve]?(this: unknown, request: string, parent?: NodeJS.Module, ...others: unknown[]): unknown
}

/** Neither is this: where a module's text goes, whoever has read it. */
const compile = "_compile"
interface Compiler {
  [compile]?(text: string, path: string): unknown
}

interface Fresh {
  readonly script: Script
  readonly text: string
}

export function ownModules({ folder, compiled, build = thisBuild(), onRead }: OwnModulesOptions): OwnModules {
  const require = createRequire(join(folder, "any.js"))
  const prefix = `${folder}${sep}`
  const ours = new Set(modulesIn(folder).map((name) => prefix + name))
  const held = new Map<string, number>()
  /** By the files that they are to be kept in. */
  const fresh = new Map<string, Fresh>()

  // Node would take the paths apart, character by character, each time: that costs more than reading a small file, and V8 optimises
  // how it is done, which is 3 MiB of memory. (Its newer way to say where a module is, `registerHooks`, came with 22.15.)
  const resolver: typeof nodeModule & Resolver = nodeModule
  const look = resolver[resolve]
  resolver[resolve] = function lookAmongOurs(request, parent, ...others) {
    const path = prefix + request.slice("./".length)
    const isOurs = request.startsWith("./") && parent?.path === folder && ours.has(path)
    return isOurs ? path : look?.call(this, request, parent, ...others)
  }
  const { extensions } = require
  const readFromDisk = extensions[".js"]
  extensions[".js"] = (module, path) => {
    if (ours.has(path)) read(module, path)
    else readFromDisk?.(module, path)
  }

  function read(module: NodeJS.Module & Compiler, path: string): void {
    const descriptor = held.get(path)
    const { [compile]: compileText } = module
    if (compiled !== undefined) {
      const text = descriptor === undefined ? readFileSync(path, "utf8") : textOf(descriptor)
      runKept(module, path, text, `${compiled}${sep}${path.slice(prefix.length)}.compiled`)
    } else if (descriptor !== undefined && compileText !== undefined) {
      compileText.call(module, textOf(descriptor), path)
    } else {
      readFromDisk?.(module, path)
    }
    // Not before: one that could not be compiled is asked for again.
    if (held.delete(path) && descriptor !== undefined) closeSync(descriptor)
    onRead()
  }

  function runKept(module: NodeJS.Module, path: string, text: string, file: string): void {
    const kept = keptFor(build + text, file)
    const script = new Script(`(function (exports, require, module, __filename, __dirname) {${text}\n})`, {
      filename: path,
      // As any module's: the SDK asks for some of Node's own in that way.
      importModuleDynamically: scripts.USE_MAIN_CONTEXT_DEFAULT_LOADER,
      ...(kept === undefined ? {} : { cachedData: kept }),
    })
    // Another V8 than the one that made it has no use for it.
    if (kept === undefined || script.cachedDataRejected === true) fresh.set(file, { script, text })
    const ask = Object.assign((name: string): unknown => module.require(name), require)
    try {
      script.runInThisContext().call(module.exports, module.exports, ask, module, path, folder)
    } catch (error) {
      // Whatever it was, the next start is not to meet it again for what was kept.
      rmSync(file, { force: true })
      throw error
    }
  }

  return {
    hold() {
      for (const path of ours) {
        if (require.cache[path] !== undefined || held.has(path)) continue
        try {
          held.set(path, openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW))
        } catch {
          // It may be readable when its time comes; if not, it is said then.
        }
      }
    },
    keep() {
      for (const [file, { script, text }] of fresh) keepIn(file, build + text, script.createCachedData())
      fresh.clear()
    },
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

/** Two Nodes of one version may differ: they are told apart by their program files. */
function thisBuild(): string {
  // On Linux by a path that the service's walls let us look at.
  const program = process.platform === "linux" ? "/proc/self/exe" : process.execPath
  let file: readonly unknown[]
  try {
    const { dev, ino, size, mtimeMs } = statSync(program)
    file = [dev, ino, size, mtimeMs]
  } catch {
    file = []
  }
  return JSON.stringify([process.versions, process.arch, ...file])
}

const digestBytes = 32

function keptFor(source: string, file: string): Buffer | undefined {
  try {
    const bytes = readFileSync(file)
    const compiled = bytes.subarray(digestBytes)
    // V8 looks at the text's length and its own version only, and believes the rest.
    return digestOf(source, compiled).equals(bytes.subarray(0, digestBytes)) ? compiled : undefined
  } catch {
    return undefined
  }
}

function keepIn(file: string, source: string, compiled: Buffer): void {
  const temporary = `${file}.tmp`
  try {
    writeFileSync(temporary, Buffer.concat([digestOf(source, compiled), compiled]), { mode: 0o600 })
    renameSync(temporary, file)
  } catch {
    // A full or read-only disk: the next start takes its time, and finds no half of it.
    rmSync(temporary, { force: true })
  }
}

function digestOf(source: string, compiled: Uint8Array): Buffer {
  return createHash("sha256").update(source).update(compiled).digest()
}
