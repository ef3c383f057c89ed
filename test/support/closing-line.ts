/** Ends a run with one plain line, `N passed, N failed, N skipped`, and the reason of each skip above it. */
import type { Reporter, TestModule } from "vitest/node"

export default class ClosingLine implements Reporter {
  readonly #failedBesides: number

  /** What has failed and is no test. */
  constructor(failedBesides: unknown = 0) {
    // Vitest passes options of its own.
    this.#failedBesides = typeof failedBesides === "number" ? failedBesides : 0
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = { passed: 0, failed: this.#failedBesides, skipped: 0 }
    const reasons = new Map<string, number>()
    for (const module of modules) {
      let any = false
      const failedBefore = counts.failed
      for (const test of module.children.allTests()) {
        any = true
        const result = test.result()
        if (result.state === "passed") counts.passed += 1
        else if (result.state === "failed") counts.failed += 1
        else {
          counts.skipped += 1
          const reason = (result.state === "skipped" ? result.note : undefined) ?? "no reason given"
          reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
        }
      }
      // A file that fails to load has no tests, and one whose preparation fails only skipped ones; it still counts.
      if (!any || (module.state() === "failed" && counts.failed === failedBefore)) counts.failed += 1
    }
    for (const [reason, count] of reasons) console.log(`skipped ${count}: ${reason}`)
    console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
  }
}
