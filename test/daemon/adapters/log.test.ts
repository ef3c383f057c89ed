import { spawnSync } from "node:child_process"
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it, onTestFinished } from "vitest"
import { openLog } from "../../../daemon/adapters/log.ts"

const here = fileURLToPath(new URL("../../../build/daemon/adapters/log.js", import.meta.url))

interface Line {
  readonly level: number
  readonly time: string
  readonly event: string
}

/** What a process of its own leaves on stderr that does this with a log. */
function linesOf(work: string, built = here): readonly Line[] {
  const program = `
    const { openLog } = await import(${JSON.stringify(built)})
    const wait = (ms) => { const end = Date.now() + ms; while (Date.now() < end); }
    ${work}`
  const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" })
  expect(status, stderr).toBe(0)
  return stderr
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line)
}

describe(openLog.name, () => {
  it("writes what came before it could write, in order, with the time at which it came", () => {
    const lines = linesOf(`
      const log = openLog("info")
      log.info("first", { n: 1 })
      wait(50)
      log.warn("second")
      wait(50)
      await log.written()
      log.error("third")`)

    expect(lines).toMatchObject([
      { level: 30, event: "first", n: 1 },
      { level: 40, event: "second" },
      { level: 50, event: "third" },
    ])
    const times = lines.map(({ time }) => Date.parse(time))
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(50)
    expect((times[2] ?? 0) - (times[1] ?? 0)).toBeGreaterThanOrEqual(50)
  })

  it("writes by itself what nobody waits for", () => {
    expect(linesOf('openLog("info").info("alone")')).toMatchObject([{ event: "alone" }])
  })

  it("has nothing out of order when an end waits while the first lines are on their way", () => {
    const lines = linesOf(`
      const log = openLog("info")
      log.info("a")
      const out = log.written()
      log.info("b")
      await out
      log.info("c")`)

    expect(lines.map(({ event }) => event)).toEqual(["a", "b", "c"])
  })

  it("keeps to its level, before it can write and after", () => {
    const lines = linesOf(`
      const log = openLog("warn")
      const facts = (n) => () => { if (n === 1) throw new Error("made for nobody"); return { n } }
      log.debug("debug", facts(1))
      log.info("info")
      log.warn("warn")
      await log.written()
      log.info("info")
      log.setLevel("debug")
      log.debug("debug", facts(2))`)

    expect(lines).toMatchObject([{ event: "warn" }, { event: "debug", level: 20, n: 2 }])
  })

  it("takes a level that was set meanwhile", () => {
    const lines = linesOf(`
      const log = openLog("error")
      log.setLevel("info")
      log.info("said")
      await log.written()`)

    expect(lines).toMatchObject([{ event: "said" }])
  })

  it("hides what must not be in a log, however early it came", () => {
    const lines = linesOf(
      'openLog("info").info("early", { token: "EXAMPLE-canary", a: { secretAccessKey: "EXAMPLE-canary" } })',
    )

    expect(lines).toMatchObject([{ token: "[Redacted]", a: { secretAccessKey: "[Redacted]" } }])
    expect(JSON.stringify(lines)).not.toContain("EXAMPLE-canary")
  })

  it("says what happened, and no more, where pino is gone", () => {
    const folder = mkdtempSync(join(tmpdir(), "credd-log-"))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }')
    copyFileSync(here, join(folder, "log.js"))

    const lines = linesOf('openLog("info").error("crashed", { token: "EXAMPLE-canary" })', join(folder, "log.js"))

    expect(lines).toMatchObject([{ severity: "error", event: "crashed" }])
    expect(JSON.stringify(lines)).not.toContain("EXAMPLE-canary")
  })
})
