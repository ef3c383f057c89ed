import { execFileSync } from "node:child_process"
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fc, test } from "@fast-check/vitest"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { auditTrail, type AuditLimits, type AuditTrail } from "../../../daemon/adapters/audit.ts"
import { checkTrail, fileNumbers, fileName, parseHead, type AuditLine } from "../../../daemon/audit-trail.ts"
import type { Peer } from "../../../daemon/core/ports.ts"
import { fakeClock, seconds } from "../../fakes/clock.ts"
import { fakeLog } from "../../fakes/log.ts"

let state: string
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "credd-audit-"))
})
const opened: AuditTrail[] = []
afterEach(async () => {
  for (const trail of opened.splice(0)) await trail.close()
  rmSync(state, { recursive: true, force: true, maxRetries: 5 })
})

const folder = (): string => join(state, "audit")
const path = (number = 1): string => join(folder(), fileName(number))
const numbers = (): readonly number[] => fileNumbers(readdirSync(folder()))
const lines = (): AuditLine[] =>
  numbers().flatMap((number) =>
    readFileSync(path(number), "utf8")
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as AuditLine),
  )

/** What `credd audit --verify` finds, without a daemon to ask. */
function findings(): readonly { readonly text: string; readonly isHarmless: boolean }[] {
  const check = checkTrail()
  for (const number of numbers()) check.file(fileName(number), readFileSync(path(number)))
  const head = existsSync(join(folder(), "head.json"))
    ? parseHead(readFileSync(join(folder(), "head.json"), "utf8"))
    : undefined
  return check.end(head === undefined ? [] : [head]).findings
}
const damage = (): readonly string[] =>
  findings()
    .filter(({ isHarmless }) => !isHarmless)
    .map(({ text }) => text)

function setup(limits: Partial<AuditLimits> = {}, who: () => Promise<Peer> = async () => ({})) {
  const clock = fakeClock()
  const log = fakeLog()
  const open = (): AuditTrail => {
    const trail = auditTrail({ state, clock, log, peers: { who }, limits })
    opened.push(trail)
    return trail
  }
  return { clock, log, open, trail: open() }
}

async function served(trail: AuditTrail, count = 1): Promise<void> {
  for (let i = 0; i < count; i += 1) trail.record("served", { outcome: "ok", profile: `dev${i}`, lease: "shell" })
  await trail.head()
}

describe(auditTrail.name, () => {
  it("writes a line an event, for its user alone, each with the hash of the one before", async () => {
    const { trail } = setup()
    trail.record("login", { outcome: "ok", profile: "acme" })
    trail.record("refused", { outcome: "TokenRejected", via: "endpoint" })
    await trail.head()

    expect(lines()).toMatchObject([
      {
        seq: 1,
        time: "2026-11-23T10:00:00.000Z",
        event: "login",
        outcome: "ok",
        profile: "acme",
        prev: "0".repeat(64),
      },
      { seq: 2, event: "refused", outcome: "TokenRejected", prev: expect.stringMatching(/^[0-9a-f]{64}$/) },
    ])
    expect(statSync(path()).mode & 0o777).toBe(0o600)
    expect(statSync(folder()).mode & 0o777).toBe(0o700)
    expect(findings()).toEqual([])
  })

  it("writes what comes together together, behind the caller's back", async () => {
    const { trail, clock } = setup()
    trail.record("served", { outcome: "ok" })
    trail.record("served", { outcome: "ok" })
    expect(existsSync(folder())).toBe(false)

    clock.advance(50)

    await vi.waitFor(() => expect(lines()).toHaveLength(2))
  })

  it("asks who the caller is when it is there, not when the line is written", async () => {
    const who = vi.fn(async () => ({ uid: 1000, pid: 7, executable: "/usr/bin/python3", directory: "/home/alice" }))
    const { trail } = setup({}, who)
    const connection = { remotePort: 1 }

    trail.record("served", { outcome: "ok" }, connection)
    expect(who).toHaveBeenCalledWith(connection)
    await trail.head()

    expect(lines()[0]?.peer).toEqual({ uid: 1000, pid: 7, executable: "/usr/bin/python3", directory: "/home/alice" })
  })

  it("cuts what a caller has made too long", async () => {
    const { trail } = setup({}, async () => ({ directory: "d".repeat(4_000) }))

    trail.record("served", { outcome: "ok", profile: "p".repeat(2_000) }, {})
    await trail.head()

    expect(readFileSync(path(), "utf8").length).toBeLessThan(1_500)
  })

  it("keeps the chain through restarts and rotation, and says which files it took away", async () => {
    const { open } = setup({ maxFileBytes: 1_000, maxFiles: 3 })
    for (let start = 0; start < 12; start += 1) {
      const trail = open()
      await served(trail, 3)
      await trail.close()
    }

    expect(numbers()).toHaveLength(3)
    expect(lines().filter(({ event }) => event === "pruned").length).toBeGreaterThan(0)
    expect(damage()).toEqual([])
  })

  it("finds a rotated file that somebody else took away", async () => {
    const { trail } = setup({ maxFileBytes: 1_000 })
    for (let i = 0; i < 5; i += 1) await served(trail, 4)

    rmSync(path(1))

    expect(damage()[0]).toMatch(/^lines 1 to \d+ are missing$/)
  })

  test.prop([fc.nat(), fc.constantFrom("change", "cut", "repeat", "swap", "forge"), fc.nat()], { numRuns: 60 })(
    "finds any line that was changed, cut out or put in",
    async (at, how, byte) => {
      rmSync(folder(), { recursive: true, force: true })
      const { trail } = setup({ maxFileBytes: 900 })
      for (let i = 0; i < 4; i += 1) await served(trail, 3)
      await trail.close()
      const number = numbers()[at % numbers().length]!
      const all = readFileSync(path(number), "utf8").split("\n").slice(0, -1)
      const i = at % all.length
      const line = all[i]!
      if (how === "change") {
        const position = byte % line.length
        all[i] = line.slice(0, position) + (line[position] === "x" ? "y" : "x") + line.slice(position + 1)
      } else if (how === "cut") all.splice(i, 1)
      else if (how === "repeat") all.splice(i, 0, line)
      else if (how === "forge") all.splice(i, 0, line.replace("dev", "prod"))
      else {
        fc.pre(i > 0)
        all[i] = all[i - 1]!
        all[i - 1] = line
      }
      writeFileSync(path(number), all.map((each) => `${each}\n`).join(""))

      expect(damage()).not.toEqual([])
    },
  )

  it("tells a write that a kill interrupted from a line that was cut, wherever it stopped", async () => {
    const { open } = setup()
    const first = open()
    await served(first, 2)
    const whole = readFileSync(path())
    const head = readFileSync(join(folder(), "head.json"))
    await served(first, 1)
    await first.close()
    const longer = readFileSync(path())

    for (let length = whole.length + 1; length < longer.length; length += 7) {
      // What stood there when the power went: a part of the third line, which nobody had been told was written.
      writeFileSync(path(), longer.subarray(0, length))
      writeFileSync(join(folder(), "head.json"), head)
      expect(findings()).toMatchObject([{ isHarmless: true, text: expect.stringContaining("interrupted") }])

      const next = open()
      await served(next)
      await next.close()

      expect(findings()).toMatchObject([{ isHarmless: true, text: expect.stringContaining("credd went on after it") }])
    }
  })

  it("tells the same of a line that had been written and was cut", async () => {
    const { open } = setup()
    const trail = open()
    await served(trail, 3)
    await trail.close()

    truncateSync(path(), statSync(path()).size - 20)

    expect(damage()).toEqual(["line 3 is missing"])
    const next = open()
    await served(next)
    expect(damage()).toContain("credd noticed: lines 3 to 3 were written and are gone")
  })

  it("notices at the next start that the record is gone", async () => {
    const { open } = setup()
    const trail = open()
    await served(trail, 3)
    await trail.close()
    rmSync(path())

    await served(open())

    expect(damage()).toEqual(
      expect.arrayContaining(["lines 1 to 3 are missing", "credd noticed: lines 1 to 3 were written and are gone"]),
    )
  })

  it.each([
    ["removed", () => rmSync(path())],
    ["moved away", () => renameSync(path(), join(folder(), "elsewhere"))],
    ["emptied", () => truncateSync(path(), 0)],
    ["written to by somebody else", () => appendFileSync(path(), readFileSync(path(), "utf8"))],
  ])("notices while it runs that its file was %s, and goes on in it", async (_, meddle) => {
    const { trail } = setup()
    await served(trail, 2)

    meddle()
    await served(trail)

    expect(damage()).toEqual(expect.arrayContaining([expect.stringContaining("by another program")]))
    expect(readFileSync(path(), "utf8")).toContain('"seq":4')
    expect(trail.problem()).toBe(undefined)
  })

  it("goes on when the disk is full, keeps so many lines and counts the rest, and catches up by itself", async ({
    skip,
  }) => {
    skip(process.getuid?.() !== 0, "needs root, to mount a small disk")
    const { trail, clock, log } = setup({ maxWaiting: 50 })
    mkdirSync(folder(), { mode: 0o700 })
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", folder()])
    try {
      await served(trail)
      try {
        for (;;) appendFileSync(join(folder(), "filler"), "x".repeat(1_000))
      } catch {
        // Not a page is left; what is in the last one of the file is.
      }

      trail.record("served", { outcome: "ok", profile: "x".repeat(5_000) })
      for (let i = 0; i < 60; i += 1) trail.record("served", { outcome: "ok", profile: "x".repeat(400) })
      await trail.head()

      expect(trail.problem()).toBe(
        "the audit log cannot be written: the disk is full; 50 lines wait, and 11 more are lost",
      )
      expect(log.lines.filter((line) => line.startsWith("error audit_not_written"))).toHaveLength(1)
      expect(damage()).toEqual([])

      rmSync(join(folder(), "filler"))
      clock.advance(5 * seconds)
      await vi.waitFor(() => expect(trail.problem()).toBe(undefined))
      await trail.head()

      expect(lines()).toHaveLength(52)
      expect(lines().at(-1)).toMatchObject({ event: "dropped", count: 11, since: "2026-11-23T10:00:00.000Z" })
      expect(log.lines).toContain("info audit_resumed {}")
      expect(damage()).toEqual([])
    } finally {
      await trail.close()
      execFileSync("umount", [folder()])
    }
  })

  it.each([
    ["a symlink", () => symlinkSync(join(state, "victim"), path())],
    ["a file that others can read", () => writeFileSync(path(), "", { mode: 0o644 })],
    ["a folder", () => mkdirSync(path())],
  ])("does not write to %s that was planted in its file's place, and says so", async (_, plant) => {
    const { trail } = setup()
    mkdirSync(folder(), { mode: 0o700 })
    plant()

    await served(trail)

    expect(trail.problem()).toContain("the audit log cannot be written")
    expect(existsSync(join(state, "victim"))).toBe(false)
  })

  it("does not use a folder that others can reach", async () => {
    const { trail } = setup()
    mkdirSync(folder(), { mode: 0o700 })
    chmodSync(folder(), 0o755)

    await served(trail)

    expect(trail.problem()).toContain("yours alone")
    expect(readdirSync(folder())).toEqual([])
  })
})
