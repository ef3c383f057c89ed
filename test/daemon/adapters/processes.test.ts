import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fc, test } from "@fast-check/vitest"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import { processes } from "../../../daemon/adapters/processes.ts"

/** A /proc of so many processes, each with the sockets that it holds: by process id, inodes by descriptor. */
function proc(held: Readonly<Record<number, Readonly<Record<number, string>>>>) {
  const folder = mkdtempSync(join(tmpdir(), "credd-proc-"))
  const hold = (pid: number, fd: number, inode: string): void => {
    mkdirSync(join(folder, String(pid), "fd"), { recursive: true })
    symlinkSync(`socket:[${inode}]`, join(folder, String(pid), "fd", String(fd)))
  }
  const begin = (pid: number, sockets: Readonly<Record<number, string>>): void => {
    mkdirSync(join(folder, String(pid), "fd"), { recursive: true })
    symlinkSync(`/bin/program-${pid}`, join(folder, String(pid), "exe"))
    symlinkSync(`/home/of-${pid}`, join(folder, String(pid), "cwd"))
    for (const [fd, inode] of Object.entries(sockets)) hold(pid, Number(fd), inode)
  }
  for (const [pid, sockets] of Object.entries(held)) begin(Number(pid), sockets)
  return {
    folder,
    hold,
    begin,
    letGo: (pid: number, fd: number) => rmSync(join(folder, String(pid), "fd", String(fd))),
    end: (pid: number) => rmSync(join(folder, String(pid)), { recursive: true }),
    remove: () => rmSync(folder, { recursive: true }),
  }
}

const process = (pid: number) => ({ pid, executable: `/bin/program-${pid}`, directory: `/home/of-${pid}` })

describe(processes.name, () => {
  test.prop([
    fc.uniqueArray(fc.integer({ min: 2, max: 99_999 }), { minLength: 1, maxLength: 8 }),
    fc.array(fc.tuple(fc.nat(7), fc.nat(150)), { minLength: 1, maxLength: 300 }),
  ])("finds every socket with its own process, again and again, whoever asked before", async (pids, placed) => {
    const owners = new Map<string, number>()
    const held: Record<number, Record<number, string>> = {}
    for (const [i, [at, fd]] of placed.entries()) {
      const pid = pids[at % pids.length]!
      const sockets = (held[pid] ??= {})
      if (sockets[fd] !== undefined) continue
      sockets[fd] = String(1_000 + i)
      owners.set(String(1_000 + i), pid)
    }
    const { folder, remove } = proc(held)
    const find = processes(folder)
    const inodes = [...owners.keys()]

    const first = await Promise.all(inodes.map(async (inode) => await find(inode)))
    const again: unknown[] = []
    for (const inode of inodes.slice(-10)) again.push(await find(inode))
    remove()

    expect(first).toEqual(inodes.map((inode) => process(owners.get(inode)!)))
    expect(again).toEqual(inodes.slice(-10).map((inode) => process(owners.get(inode)!)))
  })

  it("does not take the process that asked last for one that came to its number, its place or its descriptor", async () => {
    const { folder, begin, hold, letGo, end, remove } = proc({ 700: { 5: "1" }, 800: {} })
    onTestFinished(remove)
    const find = processes(folder)
    expect(await find("1")).toEqual(process(700))

    letGo(700, 5)
    hold(800, 5, "2")
    hold(700, 5, "3")
    expect(await find("2")).toEqual(process(800))
    expect(await find("3")).toEqual(process(700))
    end(700)
    begin(900, { 5: "4" })

    expect(await find("4")).toEqual(process(900))
    expect(await find("3")).toBeUndefined()
  })

  it("rests after a search in vain, a quarter of a second at most, and looks for all who came meanwhile", async () => {
    const { folder, hold, remove } = proc({ 700: {} })
    onTestFinished(remove)
    const rests: { readonly ms: number; readonly end: () => void }[] = []
    const find = processes(folder, (ms) => new Promise((end) => rests.push({ ms, end })))
    expect(await find("1")).toBeUndefined()
    await new Promise(setImmediate)
    expect(rests).toHaveLength(2)
    expect(rests.every(({ ms }) => ms > 0 && ms <= 250)).toBe(true)

    hold(700, 5, "2")
    hold(700, 6, "3")
    const settled = vi.fn<() => void>()
    const waiting = ["2", "3"].map(async (inode) => await find(inode))
    for (const each of waiting) void each.then(settled)
    for (let turns = 0; turns < 20; turns += 1) await new Promise(setImmediate)
    expect(settled).not.toHaveBeenCalled()
    for (const { end } of rests.splice(0)) end()

    expect(await Promise.all(waiting)).toEqual([process(700), process(700)])
  })

  it("rests longer each time that it has found nobody, and is quick again when it has found somebody", async () => {
    const { folder, hold, remove } = proc({ 700: {} })
    onTestFinished(remove)
    const rests: number[] = []
    const find = processes(folder, async (ms) => void rests.push(ms))
    for (let i = 0; i < 20; i += 1) {
      await find(`in vain ${i}`)
      await new Promise(setImmediate)
    }
    expect(Math.max(...rests)).toBe(250)
    rests.length = 0

    hold(700, 5, "2")
    await find("2")
    await find("in vain again")
    await new Promise(setImmediate)

    expect(Math.min(...rests)).toBeLessThan(200)
  })

  it("looks for nobody who has closed its connection while it rested", async () => {
    const { folder, hold, remove } = proc({ 700: {} })
    onTestFinished(remove)
    const rests: (() => void)[] = []
    const find = processes(folder, () => new Promise((end) => rests.push(end)))
    expect(await find("1")).toBeUndefined()
    await new Promise(setImmediate)
    hold(700, 5, "2")
    hold(700, 6, "3")
    const gone = { hasLeft: false }
    const waiting = (["2", "3"] as const).map(async (inode) => await find(inode, inode === "2" ? gone : undefined))

    gone.hasLeft = true
    for (const end of rests.splice(0)) end()

    expect(await Promise.all(waiting)).toEqual([undefined, process(700)])
  })

  it("keeps no crowd waiting: of those who come while it rests, only so many are looked for", async () => {
    const { folder, remove } = proc({ 700: {} })
    onTestFinished(remove)
    const find = processes(folder, () => new Promise(() => undefined))
    expect(await find("1")).toBeUndefined()
    await new Promise(setImmediate)

    const answers = Array.from({ length: 1_000 }, (_, i) => find(String(9_000 + i)))

    expect(answers.filter((each) => each instanceof Promise)).toHaveLength(64)
    expect(answers.filter((each) => each === undefined)).toHaveLength(936)
  })

  it("guesses ever less often while it guesses wrong, and at each caller again once it is right", async () => {
    const { folder, hold, letGo, remove } = proc({ 700: { 5: "1" } })
    onTestFinished(remove)
    const find = processes(folder, async () => undefined)
    expect(await find("1")).toEqual(process(700))
    await new Promise(setImmediate)
    // Never there, each: it is a guess's luck that is asked for.
    for (let i = 0; i < 200; i += 1) void find(String(9_000 + i))
    letGo(700, 5)
    hold(700, 5, "2")

    let inVain = 0
    while (find("2") instanceof Promise) inVain += 1
    expect(inVain).toBeGreaterThan(8)
    expect(inVain).toBeLessThan(64)
    expect(find("2")).toEqual(process(700))
    expect(find("2")).toBe(find("2"))
  })

  it("keeps a daemon from ending before those who wait are looked for", () => {
    const { folder, remove } = proc({ 700: {} })
    onTestFinished(remove)
    const built = new URL("../../../build/daemon/adapters/processes.js", import.meta.url)
    const program = `import { processes } from ${JSON.stringify(built)}
      const find = processes(${JSON.stringify(folder)})
      await find("1")
      await find("2")
      console.log("looked for")`

    const { stdout } = spawnSync(globalThis.process.execPath, ["--input-type=module", "-e", program])

    expect(String(stdout)).toBe("looked for\n")
  })

  it("finds those who are there among many that are gone already", async () => {
    const { folder, remove } = proc({ 700: { 5: "1" }, 800: { 6: "2" } })
    onTestFinished(remove)
    const find = processes(folder)
    const gone = Array.from({ length: 50 }, async (_, i) => await find(String(9_000 + i)))

    expect(await Promise.all([...gone, find("1")])).toEqual([...gone.map(() => undefined), process(700)])
    expect(await Promise.all([find("9999"), find("2")])).toEqual([undefined, process(800)])
  })
})
