import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import { ownModules } from "../../../daemon/adapters/own-modules.ts"

function setup(files: Readonly<Record<string, string>>) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "credd-held-")))
  writeFileSync(join(folder, "package.json"), '{ "type": "commonjs" }')
  writeFileSync(join(folder, "first.js"), "exports.read = (name) => require(name)")
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const require = createRequire(join(folder, "any.js"))
  const plain = require.extensions[".js"]
  onTestFinished(() => {
    require.extensions[".js"] = plain
    rmSync(folder, { recursive: true, force: true })
  })
  const first = require(join(folder, "first.js")) as { read(name: string): { readonly said?: string } }
  const onRead = vi.fn<() => void>()
  return {
    folder,
    onRead,
    hold: () => ownModules({ folder, onRead }).hold(),
    remove: () => rmSync(folder, { recursive: true }),
    /** By a module that was read before, as the daemon's are. */
    read: first.read,
    open: () =>
      readdirSync("/proc/self/fd").flatMap((fd) => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder) ? [fd] : []
        } catch {
          return []
        }
      }),
  }
}

describe(ownModules.name, () => {
  it("gives modules, and those that they ask for, whose files are gone", () => {
    const { hold, remove, read, onRead } = setup({
      "a.js": 'exports.said = require("./b.js").said',
      "b.js": 'exports.said = "é…"',
    })
    hold()
    remove()

    expect(read("./a.js").said).toBe("é…")

    expect(read("./a.js")).toBe(read("./a.js"))
    expect(onRead).toHaveBeenCalledTimes(2)
  })

  it("gives what was there, not what has come in its place", () => {
    const { folder, hold, read } = setup({ "a.js": 'exports.said = "old"' })
    hold()
    rmSync(join(folder, "a.js"))
    writeFileSync(join(folder, "a.js"), 'exports.said = "new"')

    expect(read("./a.js").said).toBe("old")
  })

  it("gives a module again that has failed", () => {
    const { hold, remove, read } = setup({
      "a.js": 'if (!process.heldTest) throw new Error("not yet"); exports.said = "now"',
    })
    hold()
    remove()
    onTestFinished(() => void Reflect.deleteProperty(process, "heldTest"))
    expect(() => read("./a.js")).toThrow("not yet")

    Object.assign(process, { heldTest: true })

    expect(read("./a.js").said).toBe("now")
  })

  it("holds no link, and no file that is not a module", () => {
    const { folder, hold, remove, read } = setup({ "notes.txt": "x" })
    const outside = setup({ "b.js": 'exports.said = "outside"' })
    symlinkSync(join(outside.folder, "b.js"), join(folder, "link.js"))
    hold()
    remove()

    expect(() => read("./link.js")).toThrow("Cannot find module")
  })

  it("leaves what it cannot hold to the disk", () => {
    const { folder, hold, read } = setup({})
    hold()
    writeFileSync(join(folder, "late.js"), 'exports.said = "late"')

    expect(read("./late.js").said).toBe("late")
    expect(() => ownModules({ folder: join(folder, "none"), onRead: vi.fn() }).hold()).not.toThrow()
  })

  it.runIf(process.platform === "linux")("has open only what was not read yet", () => {
    const { hold, read, open } = setup({ "a.js": "", "b.js": "" })
    expect(open()).toEqual([])
    hold()
    expect(open()).toHaveLength(2)

    read("./a.js")

    expect(open()).toHaveLength(1)
  })
})

/** As another process would, which has read none of it. */
function reading(folder: string, compiled: string, build?: string) {
  const require = createRequire(join(folder, "any.js"))
  const plain = require.extensions[".js"]
  onTestFinished(() => void (require.extensions[".js"] = plain))
  const onRead = vi.fn<() => void>()
  const modules = ownModules({ folder, compiled, onRead, ...(build === undefined ? {} : { build }) })
  return {
    onRead,
    modules,
    read(name: string): unknown {
      for (const each of readdirSync(folder)) Reflect.deleteProperty(require.cache, join(folder, each))
      return require(`./${name}`)
    },
  }
}

function made(text: string) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "credd-compiled-")))
  const compiled = join(folder, "compiled")
  mkdirSync(compiled)
  writeFileSync(join(folder, "a.js"), text)
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return { folder, compiled, kept: join(compiled, "a.js.compiled") }
}

/** A first process, which leaves what it has compiled. */
function keep(folder: string, compiled: string): void {
  const { modules, read } = reading(folder, compiled)
  read("a.js")
  modules.keep()
}

describe("compiled forms", () => {
  const text =
    'exports.said = () => `${__filename.slice(-4)} ${require("./b.js").more}`; exports.places = [module.filename, __dirname, require.resolve("./b.js")]'
  const more = 'exports.more = "and more"'

  it("are kept for whoever reads the modules next, for their owner alone, and written once", () => {
    const { folder, compiled, kept } = made(text)
    writeFileSync(join(folder, "b.js"), more)
    const first = reading(folder, compiled)
    expect(first.read("a.js")).toHaveProperty("places", [join(folder, "a.js"), folder, join(folder, "b.js")])
    expect((first.read("a.js") as { said(): string }).said()).toBe("a.js and more")
    expect(readdirSync(compiled)).toEqual([])

    first.modules.keep()

    expect(readdirSync(compiled).toSorted()).toEqual(["a.js.compiled", "b.js.compiled"])
    expect(statSync(kept).mode & 0o777).toBe(0o600)
    const { mtimeNs } = statSync(kept, { bigint: true })
    const second = reading(folder, compiled)
    expect((second.read("a.js") as { said(): string }).said()).toBe("a.js and more")
    second.modules.keep()
    expect(statSync(kept, { bigint: true }).mtimeNs).toBe(mtimeNs)
    expect(second.onRead).toHaveBeenCalledTimes(2)
  })

  it("are not taken for those of another text, though it is as long", () => {
    const { folder, compiled, kept } = made('exports.said = () => "old"')
    keep(folder, compiled)
    const before = readFileSync(kept)
    writeFileSync(join(folder, "a.js"), 'exports.said = () => "new"')

    const second = reading(folder, compiled)

    expect((second.read("a.js") as { said(): string }).said()).toBe("new")
    second.modules.keep()
    expect(readFileSync(kept).equals(before)).toBe(false)
  })

  it.each([
    ["cut off", (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)],
    ["empty", () => Buffer.alloc(0)],
    [
      "changed in one bit",
      (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -1), Buffer.of((bytes.at(-1) ?? 0) ^ 1)]),
    ],
    ["another program's", () => Buffer.from("EXAMPLE".repeat(100))],
  ])("are made anew where what is kept is %s", (_, broken) => {
    const { folder, compiled, kept } = made('exports.said = () => "whole"')
    keep(folder, compiled)
    writeFileSync(kept, broken(readFileSync(kept)))

    const second = reading(folder, compiled)

    expect((second.read("a.js") as { said(): string }).said()).toBe("whole")
    second.modules.keep()
    const mended = readFileSync(kept)
    const third = reading(folder, compiled)
    third.read("a.js")
    writeFileSync(kept, "")
    third.modules.keep()
    // What was mended was whole: the third had nothing to keep.
    expect(readFileSync(kept, "utf8")).toBe("")
    expect(mended.length).toBeGreaterThan(100)
  })

  it("are another Node's to make anew, whether V8 sees it or not", () => {
    const { folder, compiled, kept } = made('exports.said = () => "said"')
    keep(folder, compiled)
    const before = readFileSync(kept)

    const second = reading(folder, compiled, "another build")
    second.read("a.js")
    second.modules.keep()

    expect(readFileSync(kept).subarray(0, 32).equals(before.subarray(0, 32))).toBe(false)
  })

  it("are thrown away where a module fails with them", () => {
    const { folder, compiled, kept } = made("if (process.compiledTest) throw new Error('EXAMPLE')")
    keep(folder, compiled)
    expect(existsSync(kept)).toBe(true)
    Object.assign(process, { compiledTest: true })
    onTestFinished(() => void Reflect.deleteProperty(process, "compiledTest"))

    expect(() => reading(folder, compiled).read("a.js")).toThrow("EXAMPLE")

    expect(existsSync(kept)).toBe(false)
  })

  it("leave no half of a file where they could not be written", () => {
    const { folder, compiled } = made('exports.said = "said"')
    const { modules, read } = reading(folder, compiled)
    read("a.js")
    // In the place that it would be moved to.
    mkdirSync(join(compiled, "a.js.compiled", "x"), { recursive: true })

    modules.keep()

    expect(readdirSync(compiled)).toEqual(["a.js.compiled"])
  })

  it("are done without where they cannot be kept", () => {
    const { folder, compiled } = made('exports.said = "said"')
    rmSync(compiled, { recursive: true })
    const { modules, read } = reading(folder, compiled)

    expect(read("a.js")).toEqual({ said: "said" })

    expect(() => modules.keep()).not.toThrow()
  })

  it("are kept of what is held, too", () => {
    const { folder, compiled, kept } = made('exports.said = "held"')
    const { modules, read } = reading(folder, compiled)
    modules.hold()
    rmSync(join(folder, "a.js"))

    expect(read("a.js")).toEqual({ said: "held" })

    modules.keep()
    expect(readFileSync(kept).length).toBeGreaterThan(100)
  })

  it("let a module import, the first time and with what is kept", async () => {
    const { folder, compiled } = made('exports.read = async () => (await import("node:os")).EOL')
    for (let i = 0; i < 2; i += 1) {
      const { modules, read } = reading(folder, compiled)

      expect(await (read("a.js") as { read(): Promise<string> }).read()).toBe("\n")

      modules.keep()
    }
  })

  it("have an error tell the line that it came from", () => {
    const { folder, compiled } = made("\n\nthrow new Error('EXAMPLE')")

    expect(() => reading(folder, compiled).read("a.js")).toThrow(
      expect.objectContaining({ stack: expect.stringContaining(`${join(folder, "a.js")}:3:7`) }),
    )
  })
})
