import { execFileSync, spawnSync } from "node:child_process"
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { sweepTemporaries, writeFileAtomic } from "../../../daemon/adapters/atomic-file.ts"

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "credd-atomic-"))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe(writeFileAtomic.name, () => {
  it("writes text and bytes that only their owner can read", async () => {
    await writeFileAtomic(join(folder, "text"), "hé\n")
    await writeFileAtomic(join(folder, "bytes"), Buffer.from([0, 255]))

    expect(readFileSync(join(folder, "text"), "utf8")).toBe("hé\n")
    expect(readFileSync(join(folder, "bytes"))).toEqual(Buffer.from([0, 255]))
    expect(statSync(join(folder, "text")).mode & 0o777).toBe(0o600)
  })

  it("replaces a file that others could read by one that they cannot", async () => {
    writeFileSync(join(folder, "a"), "old")
    chmodSync(join(folder, "a"), 0o644)

    await writeFileAtomic(join(folder, "a"), "new")

    expect(readFileSync(join(folder, "a"), "utf8")).toBe("new")
    expect(statSync(join(folder, "a")).mode & 0o777).toBe(0o600)
  })

  it("shows every reader a whole file while 20 writers take turns at it", async () => {
    const path = join(folder, "a")
    const texts = Array.from({ length: 20 }, (_, i) => String(i).padStart(2, "0").repeat(20_000))
    await writeFileAtomic(path, "start")
    const seen = new Set<string>()

    const writers = { left: texts.length }
    const writing = texts.map((text) =>
      writeFileAtomic(path, text).finally(() => {
        writers.left -= 1
      }),
    )
    while (writers.left > 0) {
      seen.add(readFileSync(path, "utf8"))
      await new Promise((resolve) => {
        setImmediate(resolve)
      })
    }
    await Promise.all(writing)

    expect([...seen].filter((text) => text !== "start" && !texts.includes(text))).toEqual([])
    expect(texts).toContain(readFileSync(path, "utf8"))
    expect(readdirSync(folder)).toEqual(["a"])
  })

  it.each([
    ["there is no such folder", (path: string) => path, "missing/a", "ENOENT"],
    ["a folder stands in its place", (path: string) => mkdirSync(path), "a", "EISDIR"],
  ])("leaves nothing behind when %s", async (_, plant, name, why) => {
    const path = join(folder, name)
    plant(path)
    const before = readdirSync(folder)

    await expect(writeFileAtomic(path, "x")).rejects.toMatchObject({
      code: "StoreWriteFailed",
      message: expect.stringContaining(why),
    })

    expect(readdirSync(folder)).toEqual(before)
  })

  describe.skipIf(process.getuid?.() !== 0)("on a small disk (needs root, to mount it)", () => {
    it.each([
      ["the disk is full", () => undefined],
      ["the file system is read-only", () => execFileSync("mount", ["-o", "remount,ro", folder])],
    ])("keeps what stood there when %s", async (why, spoil) => {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder])
      try {
        await writeFileAtomic(join(folder, "a"), "old")
        spoil()

        await expect(writeFileAtomic(join(folder, "a"), "x".repeat(100_000))).rejects.toMatchObject({
          code: "StoreWriteFailed",
          message: `could not write ${join(folder, "a")}: ${why}`,
        })

        expect(readFileSync(join(folder, "a"), "utf8")).toBe("old")
        expect(readdirSync(folder)).toEqual(["a"])
      } finally {
        execFileSync("umount", [folder])
      }
    })
  })
})

describe(sweepTemporaries.name, () => {
  it("takes away what killed processes left, and nothing else", async () => {
    const ended = spawnSync(process.execPath, ["-e", "0"]).pid
    const left = `store.credd.${ended}-0123456789ab.tmp`
    const others = [`store.credd.${process.ppid}-0123456789ab.tmp`, "store.credd", "mine.tmp", `${ended}.tmp`]
    for (const name of [left, ...others]) writeFileSync(join(folder, name), "EXAMPLE")

    sweepTemporaries([folder, join(folder, "missing")])

    expect(readdirSync(folder).toSorted()).toEqual(others.toSorted())
  })
})
