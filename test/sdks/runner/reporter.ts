/** Ends a run of the suite: writes `docs/sdks.md`, or in CI insists that it says what was found, and counts. */
import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Reporter, TestModule } from "vitest/node"
import ClosingLine from "../../support/closing-line.ts"
import type { Measured, NotHad } from "./conformance.ts"
import { page } from "./table.ts"

const docs = fileURLToPath(new URL("../../../docs/sdks.md", import.meta.url))
const suite = fileURLToPath(new URL("..", import.meta.url))
const oxfmt = fileURLToPath(new URL("../../../node_modules/.bin/oxfmt", import.meta.url))

export default class SdkReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()])
    const metas = tests.map((test) => test.meta())
    const measured = metas.map((meta) => meta.cell).filter((cell): cell is Measured => cell !== undefined)
    const notHad = metas.map((meta) => meta.notHad).filter((each): each is NotHad => each !== undefined)
    const isWhole =
      modules.length === readdirSync(suite).filter((name) => name.endsWith(".sdk.ts")).length &&
      tests.every((test) => test.result().state === "passed" || test.meta().notHad !== undefined)

    const failed = isWhole && !sayWhatWasFound(page(measured, notHad)) ? 1 : 0
    if (!isWhole) console.log("docs/sdks.md stays as it is: not every cell was looked at and found as expected")
    new ClosingLine(failed).onTestRunEnd(modules)
  }
}

/** False where the page in the repository says something else, and CI is not the one to change it. */
function sayWhatWasFound(text: string): boolean {
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
