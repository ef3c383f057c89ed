import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fc, test } from "@fast-check/vitest"
import { describe, expect, it, onTestFinished } from "vitest"
import { processes } from "../../../daemon/adapters/processes.ts"
import { minutes } from "../../fakes/clock.ts"

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
    become(pid: number, { executable, directory }: { readonly executable: string; readonly directory: string }) {
      for (const [name, target] of Object.entries({ exe: executable, cwd: directory })) {
        rmSync(join(folder, String(pid), name))
        symlinkSync(target, join(folder, String(pid), name))
      }
    },
    end: (pid: number) => rmSync(join(folder, String(pid)), { recursive: true }),
    remove: () => rmSync(folder, { recursive: true }),
  }
}

/** A look takes what passes between the question and its answer. */
function clock() {
  let at = 0
  return { now: () => at, pass: (ms: number) => (at += ms) }
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
    const { folder, begin, become, hold, letGo, end, remove } = proc({ 700: { 5: "1" }, 800: {} })
    onTestFinished(remove)
    const find = processes(folder)
    expect(await find("1")).toEqual(process(700))

    letGo(700, 5)
    hold(800, 5, "2")
    hold(700, 5, "3")
    expect(await find("2")).toEqual(process(800))
    expect(await find("3")).toEqual(process(700))
    become(700, { executable: "/bin/other", directory: "/home/of-700" })
    expect(await find("3")).toEqual({ ...process(700), executable: "/bin/other" })
    end(700)
    begin(900, { 5: "4" })

    expect(await find("4")).toEqual(process(900))
    expect(await find("3")).toBeUndefined()
  })

  it("rests once looks in vain have taken a hundredth of its time, and looks for those who are there then", async () => {
    const { folder, hold, remove } = proc({ 700: {} })
    onTestFinished(remove)
    const { now, pass } = clock()
    const rests: { readonly ms: number; readonly end: () => void }[] = []
    const rest = async (ms: number) => await new Promise<void>((end) => rests.push({ ms, end }))
    const find = processes(folder, { now, rest })
    for (let looks = 0; looks < 6; looks += 1) {
      const gone = find(`gone ${looks}`)
      pass(10)
      expect(await gone).toBeUndefined()
    }
    expect(rests).toEqual([])

    const [stays, leaves] = [{ hasLeft: false }, { hasLeft: false }]
    const waiting = [find("1", stays), find("2", leaves)]
    // Nobody else is kept waiting in a crowd.
    const crowd = Array.from({ length: 1_000 }, (_, i) => find(String(9_000 + i), { hasLeft: true }))
    expect(crowd.filter((each) => each instanceof Promise)).toHaveLength(62)
    expect(rests.map(({ ms }) => ms > 0 && ms <= 250)).toEqual([true])
    hold(700, 5, "1")
    hold(700, 6, "2")
    leaves.hasLeft = true
    pass(250)
    rests[0]?.end()

    expect(await Promise.all(waiting.map(async (each) => await each))).toEqual([process(700), undefined])
    expect(await Promise.all(crowd.map(async (each) => await each))).toEqual(crowd.map(() => undefined))
  })

  it("rests no longer because the machine stood still", async () => {
    const { folder, hold, remove } = proc({ 700: {} })
    onTestFinished(remove)
    const { now, pass } = clock()
    const rests: number[] = []
    const find = processes(folder, { now, rest: async (ms) => void rests.push(pass(ms)) })
    const gone = find("gone")
    pass(60_000)
    expect(await gone).toBeUndefined()
    const at = now()
    hold(700, 5, "1")

    expect(await find("1")).toEqual(process(700))
    expect(now() - at).toBe(250)
  })

  it("looks for a quarter of a second at most", async () => {
    const { folder, remove } = proc({ 700: { 5: "1" } })
    onTestFinished(remove)
    const { now, pass } = clock()
    const find = processes(folder, { now, rest: async (ms) => void pass(ms) })
    const found = find("1")
    pass(251)

    expect(await found).toBeUndefined()
  })

  it("looks no further for those who have closed their connections", async () => {
    const many = Array.from({ length: 200 }, (_, i) => [1_000 + i, { 5: `of ${i}` }] as const)
    const { folder, hold, remove } = proc(Object.fromEntries(many))
    onTestFinished(remove)
    const find = processes(folder)
    const connection = { hasLeft: false }
    const gone = find("1", connection)
    connection.hasLeft = true
    // It would be found, last of all.
    hold(1_000, 6, "1")

    expect(await gone).toBeUndefined()
  })

  it("looks on the spot, while the caller waits for its answer, where one was gone before anybody looked", async () => {
    const { folder, begin, letGo, remove } = proc({ 700: { 5: "1" } })
    onTestFinished(remove)
    const find = processes(folder)
    begin(800, { 5: "2" })
    const gone = find("2")
    letGo(800, 5)
    expect(await gone).toBeUndefined()

    expect(find("1")).toEqual(process(700))
    expect(find("1")).toBe(find("1"))
  })

  it.each([
    [9, true],
    [11, false],
  ])("still looks on the spot %d minutes later: %s", async (after, isOnTheSpot) => {
    const { folder, remove } = proc({ 700: { 5: "1" } })
    onTestFinished(remove)
    const { now, pass } = clock()
    const find = processes(folder, { now })
    await find("gone")
    pass(after * minutes)

    expect(find("1") instanceof Promise).toBe(!isOnTheSpot)
  })

  it("stops looking on the spot when that takes too much of its time, though it finds whom it looks for", async () => {
    const { folder, hold, letGo, remove } = proc({ 700: {} })
    onTestFinished(remove)
    let at = 0
    const find = processes(folder, { now: () => (at += 1), rest: async () => undefined })
    await find("gone")

    const found = Array.from({ length: 100 }, (_, i) => {
      hold(700, i, String(i))
      const each = find(String(i))
      letGo(700, i)
      return each
    })

    expect(found[0]).toEqual(process(700))
    expect(found.filter((each) => each instanceof Promise).length).toBeGreaterThan(10)
    await Promise.all(found.map(async (each) => await each))
  })

  it("looks on the spot beside a youngest process that holds very much", async () => {
    const { folder, begin, letGo, hold, remove } = proc({ 700: {}, 800: {} })
    onTestFinished(remove)
    const find = processes(folder)
    await find("gone")
    begin(900, Object.fromEntries(Array.from({ length: 300 }, (_, i) => [i, `of ${i}`])))
    hold(700, 5, "1")
    const found = find("1")
    letGo(700, 5)

    expect(found).toEqual(process(700))
  })

  it("looks on the spot at the youngest, and each time at others of the old", async () => {
    const old = Array.from({ length: 300 }, (_, i) => [1_000 + i, { 5: `of ${i}` }] as const)
    const { folder, begin, hold, letGo, remove } = proc(Object.fromEntries(old))
    onTestFinished(remove)
    const { now, pass } = clock()
    const find = processes(folder, { now })
    /** Of a caller that is gone before anybody else can look. */
    const glance = (pid: number, inode: string) => {
      hold(pid, 6, inode)
      const found = find(inode)
      letGo(pid, 6)
      return found
    }
    async function inVain(inode: string): Promise<void> {
      const found = glance(1_000, inode)
      pass(1)
      expect(found).toBeInstanceOf(Promise)
      expect(await found).toBeUndefined()
    }
    await inVain("before anybody was gone")

    // The youngest each time, and 13 of 299 others with one socket each.
    for (let times = 0; times < 22; times += 1) await inVain(`glance ${times}`)
    expect(glance(1_000, "the last glance")).toEqual(process(1_000))
    begin(2_000, {})

    expect(glance(2_000, "in the youngest")).toEqual(process(2_000))
  })

  it("tells at once what a process has become, and where it has gone a tenth of a second later", async () => {
    const { folder, become, remove } = proc({ 700: { 5: "1" } })
    onTestFinished(remove)
    const { now, pass } = clock()
    const find = processes(folder, { now })
    const before = await find("1")
    become(700, { executable: "/bin/program-700", directory: "/srv" })
    pass(99)
    expect(find("1")).toBe(before)
    become(700, { executable: "/bin/other", directory: "/srv" })
    expect(find("1")).toEqual({ pid: 700, executable: "/bin/other", directory: "/home/of-700" })
    pass(1)

    expect(find("1")).toEqual({ pid: 700, executable: "/bin/other", directory: "/srv" })
  })

  it("guesses ever less often while it guesses wrong, and at each caller again once it is right", async () => {
    const { folder, hold, letGo, remove } = proc({ 700: { 5: "1" } })
    onTestFinished(remove)
    const find = processes(folder)
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

  it("knows a caller at once at each of its last two descriptors", async () => {
    const { folder, hold, remove } = proc({ 700: { 5: "1" } })
    onTestFinished(remove)
    const find = processes(folder)
    expect(await find("1")).toEqual(process(700))
    hold(700, 6, "2")

    // The first is a guess in vain, and the second is passed over for it.
    for (let times = 0; times < 2; times += 1) expect(await find("2")).toEqual(process(700))
    for (const inode of ["2", "1", "2", "2", "1"]) expect(find(inode)).toEqual(process(700))
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
