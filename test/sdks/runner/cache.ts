/** Builds kept in `.cache/sdks` under a hash of all that goes into them, so that a second run builds nothing. */
import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const run = promisify(execFile)
export const cacheFolder = fileURLToPath(new URL("../../../.cache/sdks", import.meta.url))
const sources = fileURLToPath(new URL("../programs", import.meta.url))

export function sourceOf(name: string): string {
  return join(sources, name)
}

/**
 * The folder in which `build` was run with success, now or earlier; it gets a copy of the sources to build in. `with_` is
 * what else goes into it: the version of a compiler.
 */
export async function built(name: string, with_: string, build: (folder: string) => Promise<void>): Promise<string> {
  const source = sourceOf(name)
  const folder = join(cacheFolder, name, hashOf(source, with_ + String(build)))
  const done = join(folder, ".built")
  if (existsSync(done)) return folder
  // Earlier versions go, and so does what a build left that was cut short.
  rmSync(join(cacheFolder, name), { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  cpSync(source, folder, { recursive: true })
  await build(folder)
  writeFileSync(done, "")
  return folder
}

interface ToolOptions {
  readonly env?: Readonly<Record<string, string>>
  /** One of its kind at a time, where they share a folder of downloads. */
  readonly lock?: string
}

/** So often a build is begun: its downloads can be cut short, and not every tool tries again by itself. */
const tries = 3
const pauseMs = 10_000

/** Runs a build tool. It gives way to the programs that are being looked at, which have but a second for an answer. */
export async function tool(
  folder: string,
  line: readonly string[],
  { env = {}, lock }: ToolOptions = {},
): Promise<string> {
  const nice = ["nice", "-n", "10", ...line]
  const [program = "", ...rest] =
    lock === undefined ? nice : ["flock", "--close", join(cacheFolder, `${lock}.lock`), ...nice]
  const options = { cwd: folder, env: { ...process.env, ...env }, maxBuffer: 64 * 1024 * 1024 }
  for (let left = tries - 1; ; left -= 1) {
    try {
      return (await run(program, rest, options)).stdout
    } catch (error) {
      const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string }
      const said = `${line.join(" ")} failed in ${folder}:\n${lastLines(stdout + stderr)}`
      if (left === 0) throw new Error(said, { cause: error })
      console.log(`${said}\nonce more in ${pauseMs / 1_000} s`)
      await setTimeout(pauseMs)
    }
  }
}

function lastLines(text: string): string {
  return text.trim().split("\n").slice(-20).join("\n")
}

/** Of the sources, the manifests and lock files among them, and of the recipe itself. */
function hashOf(folder: string, recipe: string): string {
  const hash = createHash("sha256").update(recipe)
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }).toSorted(byPath)) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    hash.update(path.slice(folder.length)).update(readFileSync(path))
  }
  return hash.digest("hex").slice(0, 16)
}

function byPath(a: { parentPath: string; name: string }, b: { parentPath: string; name: string }): number {
  return join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1
}
