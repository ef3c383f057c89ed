/**
 * Ends a run of the suite: writes `docs/sdks.md`, or in CI insists that it says what was found, and counts. A run of some
 * cells changes those; the others are kept in `.cache/sdks/found`.
 */
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Reporter, TestModule } from "vitest/node"
import ClosingLine from "../../support/closing-line.ts"
import { cacheFolder } from "./cache.ts"
import type { Measured, NotHad } from "./conformance.ts"
import { cells } from "./sdk.ts"
import { page, partsOf } from "./table.ts"

const docs = fileURLToPath(new URL("../../../docs/sdks.md", import.meta.url))
const suite = fileURLToPath(new URL("..", import.meta.url))
const oxfmt = fileURLToPath(new URL("../../../node_modules/.bin/oxfmt", import.meta.url))
const kept = join(cacheFolder, "found")

interface Found {
  readonly isWhole: boolean
  readonly measured: readonly Measured[]
  readonly notHad: readonly NotHad[]
}

export default class SdkReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const found = new Map<string, Found | undefined>()
    const names = readdirSync(suite).filter((name) => name.endsWith(".sdk.ts"))
    // In CI only what this run has seen counts.
    if (!process.env["CI"]) for (const name of names) found.set(name, keptOf(name))
    for (const module of modules) found.set(basename(module.moduleId), foundIn(module))
    const missing = names.filter((name) => found.get(name)?.isWhole !== true)

    const seen = [...found.values()].filter((each) => each !== undefined)
    const isSaid = missing.length === 0 ? sayWhatWasFound(seen) : sayWhatIsMissing(missing, seen)
    if (!isSaid) process.exitCode = 1
    new ClosingLine(isSaid ? 0 : 1).onTestRunEnd(modules)
  }
}

/** Whole where every cell was as expected, now or, left out of this run, in an earlier one. */
function foundIn(module: TestModule): Found {
  const before = process.env["CI"] ? undefined : keptOf(basename(module.moduleId))
  const found = { isWhole: true, measured: [] as Measured[], notHad: [] as NotHad[] }
  let fresh: Measured | undefined
  for (const test of module.children.allTests()) {
    const { state } = test.result()
    const { cell, notHad } = test.meta()
    const known = before?.measured.find((each) => cells[each.cell][1] === test.name)
    if (notHad !== undefined) found.notHad.push(notHad)
    else if (state === "passed" && cell !== undefined) found.measured.push((fresh = cell))
    else if (state === "skipped" && known !== undefined) found.measured.push(known)
    else found.isWhole = false
  }
  // What the SDK's file says of it, as it is now.
  if (fresh !== undefined) found.measured = found.measured.map((each) => ({ ...each, ...aboutOf(fresh) }))
  mkdirSync(kept, { recursive: true })
  writeFileSync(keptFile(basename(module.moduleId)), JSON.stringify(found))
  return found
}

function aboutOf({ sdk, version }: Measured): Pick<Measured, "sdk" | "version"> {
  return { sdk, version }
}

function keptFile(name: string): string {
  return join(kept, `${name}.json`)
}

function keptOf(name: string): Found | undefined {
  return existsSync(keptFile(name)) ? (JSON.parse(readFileSync(keptFile(name), "utf8")) as Found) : undefined
}

/** False where the page in the repository says something else, and CI is not the one to change it. */
function sayWhatWasFound(found: readonly Found[]): boolean {
  const text = page(
    found.flatMap(({ measured }) => measured),
    found.flatMap(({ notHad }) => notHad),
  )
  const formatted = execFileSync(oxfmt, ["--stdin-filepath", docs], { input: text, encoding: "utf8" })
  if (!process.env["CI"]) {
    writeFileSync(docs, formatted)
    return true
  }
  if (readFileSync(docs, "utf8") === formatted) return true
  console.log("docs/sdks.md differs from what was found; run: npm run test:sdks")
  return false
}

/** Where a machine has not all that it takes, CI still insists on what the page says of the others. */
function sayWhatIsMissing(missing: readonly string[], found: readonly Found[]): boolean {
  console.log(`docs/sdks.md stays as it is; not found as expected in every cell: ${missing.join(", ")}`)
  if (!process.env["CI"]) return true
  const said = squeezed(readFileSync(docs, "utf8"))
  const parts = partsOf(found.filter(({ isWhole }) => isWhole).flatMap(({ measured }) => measured))
  const differing = parts.filter((part) => !said.includes(squeezed(part)))
  for (const part of differing) console.log(`docs/sdks.md does not say what was found:\n${part}`)
  return differing.length === 0
}

/** A table's columns are padded in the page. */
function squeezed(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim()
}
