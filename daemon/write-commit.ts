/** Part of the build: writes the commit into the file that it is given, with a `+` where the checkout differs from it. */
import { execFileSync } from "node:child_process"
import { rmSync, writeFileSync } from "node:fs"

const [file = ""] = process.argv.slice(2)
const git = (...args: string[]): string =>
  execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim()
try {
  const isChanged = git("status", "--porcelain", "--untracked-files=no") !== ""
  writeFileSync(file, `${git("rev-parse", "--short=12", "HEAD")}${isChanged ? "+" : ""}\n`)
} catch {
  // From an unpacked source archive: better none than an older build's.
  rmSync(file, { force: true })
}
