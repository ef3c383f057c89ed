/**
 * Ends a run of the suite: writes `docs/sdks.md`, or in CI insists that it says what was found, and counts. A run of a few
 * SDKs changes their rows; the others' are kept in `.cache/sdks/found`.
 */
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Reporter, TestModule } from "vitest/node"
import ClosingLine from "../../support/closing-line.ts"
import { cacheFolder } from "./cache.ts"
import type { Measured, NotHad } from "./conformance.ts"
import { page } from "./table.ts"

const docs = fileURLToPath(new URL("../../../docs/sdks.md", import.meta.url))
const suite = fileURLToPath(new URL("..", import.meta.url))
const oxfmt = fileURLToPath(new URL("../../../node_modules/.bin/oxfmt", import.meta.url))
const kept = join(cacheFolder, "found")

interface Found {
  readonly measured: readonly Measured[]
  readonly notHad: readonly NotHad[]
}

export default class SdkReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const found = new Map<string, Found>()
    if (!process.env["CI"]) readKept(found)
    for (const module of modules) {
      const now = foundIn(module)
      if (now !== undefined) found.set(basename(module.moduleId), now)
    }
    const missing = readdirSync(suite).filter((name) => name.endsWith(".sdk.ts") && !found.has(name))

    let failed = 0
    if (missing.length === 0) failed = sayWhatWasFound([...found.values()]) ? 0 : 1
    else console.log(`docs/sdks.md stays as it is; not found as expected in every cell: ${missing.join(", ")}`)
    new ClosingLine(failed).onTestRunEnd(modules)
  }
}

/** Undefined where a cell was left out, or was not as expected. */
function foundIn(module: TestModule): Found | undefined {
  const tests = [...module.children.allTests()]
  const metas = tests.map((test) => test.meta())
  const isWhole = tests.every((test) => test.result().state === "passed" || test.meta().notHad !== undefined)
  if (tests.length === 0 || !isWhole) return undefined
  const found: Found = {
    measured: metas.map((meta) => meta.cell).filter((cell): cell is Measured => cell !== undefined),
    notHad: metas.map((meta) => meta.notHad).filter((each): each is NotHad => each !== undefined),
  }
  mkdirSync(kept, { recursive: true })
  writeFileSync(join(kept, `${basename(module.moduleId)}.json`), JSON.stringify(found))
  return found
}

function readKept(found: Map<string, Found>): void {
  if (!existsSync(kept)) return
  for (const name of readdirSync(suite)) {
    const file = join(kept, `${name}.json`)
    if (existsSync(file)) found.set(name, JSON.parse(readFileSync(file, "utf8")) as Found)
  }
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
  process.exitCode = 1
  return false
}
