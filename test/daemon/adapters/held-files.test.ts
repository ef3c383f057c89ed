import { mkdtempSync, readdirSync, readlinkSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import { holdFiles } from "../../../daemon/adapters/held-files.ts"

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
    hold: () => holdFiles({ folder, onRead }),
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

describe("holdFiles", () => {
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
    expect(() => holdFiles({ folder: join(folder, "none"), onRead: vi.fn() })).not.toThrow()
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
