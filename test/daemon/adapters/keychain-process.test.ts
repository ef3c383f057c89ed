import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import { startHelper } from "../../../daemon/adapters/keychain-process.ts"

describe(startHelper.name, () => {
  it("ends a helper that has answered and does not end by itself: it knows secrets", async () => {
    const folder = mkdtempSync(join(tmpdir(), "credd-helper-"))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const file = join(folder, "helper.mjs")
    writeFileSync(file, "process.stdin.resume(); console.log(process.pid); setInterval(() => undefined, 1_000)")

    const pid = Number(await startHelper({ file, service: "credd-test", env: process.env }).ask("{}"))

    expect(pid).toBeGreaterThan(0)
    await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow("ESRCH"), { timeout: 10_000, interval: 50 })
  })
})
