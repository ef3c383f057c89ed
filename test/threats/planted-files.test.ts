/** Files, symlinks and loose modes that somebody has put where credd keeps its own. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { describe, expect, it, vi } from "vitest"
import { install, killed, type Installation } from "../support/daemon.ts"

async function setup(): Promise<{ box: Installation; state: string; victim: string }> {
  const box = await install()
  const state = box.env["CREDD_HOME"] ?? ""
  mkdirSync(state, { mode: 0o700 })
  const victim = join(box.home, "victim")
  writeFileSync(victim, "precious\n", { mode: 0o644 })
  return { box, state, victim }
}

describe("what was planted in the place of the control socket", () => {
  it.each([
    ["a file", (path: string) => writeFileSync(path, "")],
    ["a symlink to a file", (path: string, victim: string) => symlinkSync(victim, path)],
    ["a symlink to nowhere", (path: string) => symlinkSync("/nowhere/else", path)],
    ["a folder", (path: string) => mkdirSync(path)],
  ])("is neither followed nor removed: %s", async (_, plant) => {
    const { box, state, victim } = await setup()
    plant(join(state, "credd.sock"), victim)
    const before = lstatSync(join(state, "credd.sock")).ino

    const { status, stderr } = await box.startInVain()

    expect(status).toBe(1)
    expect(stderr).toContain("something that is not a socket stands there")
    expect(lstatSync(join(state, "credd.sock")).ino).toBe(before)
    expect(readFileSync(victim, "utf8")).toBe("precious\n")
  })

  it("is its user's alone from the first moment on", async () => {
    const { box, state } = await setup()
    const old = process.umask(0)
    await box.start().finally(() => process.umask(old))

    expect(statSync(join(state, "credd.sock")).mode & 0o777).toBe(0o600)
  })
})

describe("what was planted in the place of the token file", () => {
  it("a symlink is replaced, and what it leads to is not written", async () => {
    const { box, state, victim } = await setup()
    mkdirSync(join(state, "tokens"), { mode: 0o700 })
    symlinkSync(victim, join(state, "tokens", "shell"))

    await box.start()

    expect(lstatSync(join(state, "tokens", "shell")).isFile()).toBe(true)
    expect(statSync(join(state, "tokens", "shell")).mode & 0o777).toBe(0o600)
    expect(readFileSync(victim, "utf8")).toBe("precious\n")
  })

  it.each([
    ["others can read it", (path: string) => chmodSync(path, 0o644)],
    ["it is a symlink to a copy", (path: string, victim: string) => (rmSync(path), symlinkSync(victim, path))],
    ["somebody has written another token into it", (path: string) => writeFileSync(path, "x".repeat(43))],
  ])("its token ends at the next start when %s", async (_, spoil) => {
    const { box, state, victim } = await setup()
    const path = join(state, "tokens", "shell")
    await killed(await box.start(), "SIGKILL")
    const old = readFileSync(path, "utf8")
    writeFileSync(victim, old)
    spoil(path, victim)

    await box.start()

    expect(readFileSync(path, "utf8")).not.toBe(old)
    expect(lstatSync(path).mode & 0o170777).toBe(0o100600)
    await vi.waitFor(async () => {
      // The daemon writes it when it listens, at another port each time here.
      const { endpoint } = JSON.parse(readFileSync(join(state, "endpoint.json"), "utf8")) as { endpoint: string }
      const answer = await fetch(`${endpoint}/credentials/dev`, { headers: { authorization: old } })
      expect(answer.status).toBe(401)
    })
  })

  it.each([0o755, 0o711, 0o770])("a folder of mode %o stops the daemon", async (mode) => {
    const { box, state } = await setup()
    mkdirSync(join(state, "tokens"))
    chmodSync(join(state, "tokens"), mode)

    expect(await box.startInVain()).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("other users can reach"),
    })
  })
})

describe("what was planted elsewhere in the state folder", () => {
  it.each(["endpoint.json", "leases.json", "imds.json", "settings.json"])(
    "a symlink in the place of %s is not written through",
    async (name) => {
      const { box, state, victim } = await setup()
      symlinkSync(victim, join(state, name))

      await box.start()
      await box.run(["lock"])

      expect(readFileSync(victim, "utf8")).toBe("precious\n")
    },
  )

  it("a state folder that is a symlink stops the daemon", async () => {
    const { box, state } = await setup()
    rmSync(state, { recursive: true })
    mkdirSync(join(box.home, "elsewhere"), { mode: 0o700 })
    symlinkSync(join(box.home, "elsewhere"), state)

    expect((await box.startInVain()).status).toBe(1)
    expect(existsSync(join(box.home, "elsewhere", "leases.json"))).toBe(false)
  })
})
