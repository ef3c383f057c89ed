import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest"
import { startHelper, type Helper } from "../../../daemon/adapters/keychain-process.ts"
import { keychain, type KeychainOptions } from "../../../daemon/adapters/keychain.ts"
import type { ItemStore } from "../../../daemon/adapters/item-store.ts"
import { Secret } from "../../../daemon/core/secret.ts"
import { itemStoreContract } from "../../contracts/item-store.ts"
import { startKeyring, type Keyring } from "../../support/keyring.ts"

const helper = fileURLToPath(new URL("../../../dist/daemon/keychain-helper.js", import.meta.url))
const secretTool = "secret-tool"
let keyring: Keyring
let state: string
let services = 0

beforeEach(async () => {
  keyring = await startKeyring()
  state = mkdtempSync(join(tmpdir(), "credd-state-"))
  services += 1
})
afterEach(async () => {
  await keyring.close()
  rmSync(state, { recursive: true })
})

function open(env: Readonly<Record<string, string>> = keyring.env, options: Partial<KeychainOptions> = {}): ItemStore {
  return keychain({ helper, env, indexFile: join(state, "index.json"), service: `credd-test-${services}`, ...options })
}

async function read(store: ItemStore): Promise<string | undefined> {
  return (await store.read(["session/acme"])).get("session/acme")?.reveal()
}

itemStoreContract("the keychain", async () => ({ store: open(), reopened: async () => open() }), {
  hasProperties: false,
})

describe("the keychain on a real gnome-keyring", () => {
  const value = new Secret("EXAMPLE-canary-secret")

  it("tells a locked keyring from a missing item, and changes nothing in it", async () => {
    const store = open()
    await store.write("session/acme", value)
    await keyring.lock()

    await expect(store.read(["session/acme"])).rejects.toMatchObject({ code: "KeychainLocked" })
    await expect(store.write("session/acme", new Secret("other"))).rejects.toMatchObject({ code: "KeychainLocked" })
    await expect(store.remove(["session/acme"])).rejects.toMatchObject({ code: "KeychainLocked" })
    expect(await store.names()).toEqual(["session/acme"])
    expect(keyring.prompts()).toBe(0)
    await keyring.unlock()

    expect(await read(store)).toBe("EXAMPLE-canary-secret")
  })

  it("asks the helper that is under way, and starts another where that one was sent home", async () => {
    const started = (): Helper => startHelper({ file: helper, service: `credd-test-${services}`, env: keyring.env })
    const [asked, dismissed] = [started(), started()]
    dismissed.dismiss()

    await open(keyring.env, { first: asked }).write("session/acme", value)

    expect(asked.isWaiting()).toBe(false)
    expect(await read(open(keyring.env, { first: dismissed }))).toBe("EXAMPLE-canary-secret")
  })

  it("is locked after a reboot, and readable once somebody logs in", async () => {
    const store = open()
    await store.write("session/acme", value)
    await keyring.restartLocked()
    await expect(store.read(["session/acme"])).rejects.toMatchObject({ code: "KeychainLocked" })

    await keyring.unlock()

    expect(await read(store)).toBe("EXAMPLE-canary-secret")
  })

  it("is locked, and asks a person once, when a locked keyring holds nothing of ours", async () => {
    const other = open(keyring.env, { service: "another-program", indexFile: join(state, "other.json") })
    await other.write("a", value)
    const store = open()
    expect(await store.names()).toEqual([])
    await keyring.restartLocked()
    const before = performance.now()

    await expect(store.write("session/acme", value)).rejects.toMatchObject({ code: "KeychainLocked" })

    expect(performance.now() - before).toBeLessThan(3_000)
    expect(await store.names()).toEqual([])
    await vi.waitFor(() => expect(keyring.prompts()).toBe(1))
  })

  it("survives a keyring daemon that is killed: an error, then the value", async () => {
    const store = open()
    await store.write("session/acme", value)
    await keyring.kill()

    await expect(store.read(["session/acme"])).rejects.toMatchObject({
      code: expect.stringMatching(/^Keychain(Locked|Unavailable)$/),
    })
    await keyring.unlock()

    expect(await read(store)).toBe("EXAMPLE-canary-secret")
  })

  it("gives a hung keyring up within 3 s, without holding the event loop", async () => {
    const store = open()
    await store.write("session/acme", value)
    keyring.hang()
    const delay = monitorEventLoopDelay({ resolution: 5 })
    delay.enable()
    const before = performance.now()

    await expect(store.read(["session/acme"])).rejects.toMatchObject({
      code: "KeychainUnavailable",
      message: expect.stringContaining("2.5 s"),
    })
    delay.disable()
    expect(performance.now() - before).toBeLessThan(4_000)
    // Spawning costs some 10, on a busy machine 130; the hung call itself would cost 2,000.
    expect(delay.max / 1e6).toBeLessThan(1_000)
    keyring.resume()

    expect(await read(store)).toBe("EXAMPLE-canary-secret")
  })

  it("keeps nobody who waits behind a hung keyring longer than the first, and answers names at once", async () => {
    const store = open()
    await store.write("session/acme", value)
    keyring.hang()
    const before = performance.now()

    const waiting = Promise.allSettled([
      read(store),
      read(store),
      store.write("session/other", value),
      store.remove(["session/acme"]),
    ])
    expect(await store.names()).toEqual(["session/acme"])
    expect(performance.now() - before).toBeLessThan(1_000)
    const outcomes = await waiting

    expect(performance.now() - before).toBeLessThan(4_000)
    expect(outcomes.map((outcome) => outcome.status)).toEqual(["rejected", "rejected", "rejected", "rejected"])
    keyring.resume()
    expect(await read(store)).toBe("EXAMPLE-canary-secret")
  })

  it("gives a question up when the daemon ends", async () => {
    const end = new AbortController()
    const store = open(keyring.env, { signal: end.signal })
    await store.write("session/acme", value)
    keyring.hang()
    const before = performance.now()

    const reading = read(store)
    end.abort()

    await expect(reading).rejects.toMatchObject({ code: "KeychainUnavailable" })
    expect(performance.now() - before).toBeLessThan(2_400)
  })

  it("says so at once when there is no session bus", async () => {
    const { DBUS_SESSION_BUS_ADDRESS: _, ...noBus } = keyring.env
    const before = performance.now()

    await expect(open(noBus).read(["session/acme"])).rejects.toMatchObject({
      code: "KeychainUnavailable",
      message: expect.stringContaining("no session bus"),
    })
    expect(performance.now() - before).toBeLessThan(2_400)
    await expect(
      open({ ...noBus, DBUS_SESSION_BUS_ADDRESS: "unix:path=/nowhere" }).write("a", value),
    ).rejects.toMatchObject({ code: "KeychainUnavailable" })
  })

  it("says so when nobody on the bus keeps secrets", async () => {
    const lonely = await startKeyring({ isLonely: true })
    onTestFinished(lonely.close)
    const store = open(lonely.env)

    await expect(store.read(["session/acme"])).rejects.toMatchObject({ code: "KeychainUnavailable" })
    await expect(store.write("session/acme", value)).rejects.toMatchObject({ code: "KeychainUnavailable" })
    expect(existsSync(join(state, "index.json"))).toBe(false)
  })

  it("says so when the bus dies", async () => {
    const store = open()
    await store.write("session/acme", value)
    await keyring.killBus()

    await expect(store.read(["session/acme"])).rejects.toMatchObject({ code: "KeychainUnavailable" })
  })

  it("refuses an empty value before it writes", async () => {
    const store = open()

    await expect(store.write("session/acme", new Secret(""))).rejects.toMatchObject({ code: "StoreWriteFailed" })
    expect(await store.names()).toEqual([])
  })

  it("finds its items again when the index is lost or broken", async () => {
    const store = open()
    await store.write("session/acme", value)
    rmSync(join(state, "index.json"))

    expect(await open().names()).toEqual(["session/acme"])
    expect(existsSync(join(state, "index.json"))).toBe(true)
  })

  it("asks the keyring what became of a write that it never answered", async () => {
    const store = open()
    await store.write("session/first", value)
    keyring.hang()
    await expect(store.write("session/acme", value)).rejects.toMatchObject({ code: "KeychainUnavailable" })
    keyring.resume()

    const names = await open().names()

    const found = await open().read(["session/acme", "session/first"])
    expect(names).toEqual([...found.keys()].toSorted())
    expect(names).toContain("session/first")
  })

  it.each([
    ["the item came", ["session/acme", "session/first"]],
    ["the item did not come", ["session/first"]],
  ])("asks the keyring after a crash amid a write, when %s", async (_, there) => {
    for (const name of there) await open().write(name, value)
    writeFileSync(join(state, "index.json"), '{"names":["session/first"],"unsure":["session/acme"]}')

    expect(await open().names()).toEqual(there)
    expect(JSON.parse(readFileSync(join(state, "index.json"), "utf8"))).toEqual({ names: there, unsure: [] })
  })

  it.each([
    ["the item is gone", ["session/first"]],
    ["the item is still there", ["session/acme", "session/first"]],
  ])(
    "counts on a write that a crash cut short while the keyring is locked, and asks then, when %s",
    async (_, there) => {
      for (const name of there) await open().write(name, value)
      writeFileSync(join(state, "index.json"), '{"names":["session/first"],"unsure":["session/acme"]}')
      await keyring.lock()

      expect(await open().names()).toEqual(["session/acme", "session/first"])
      await keyring.unlock()

      expect(await open().names()).toEqual(there)
    },
  )

  it.each([
    ["the item is gone", ["session/first"]],
    ["the item is still there", ["session/acme", "session/first"]],
  ])("asks the keyring after a crash amid a removal, when %s", async (_, there) => {
    for (const name of there) await open().write(name, value)
    const names = ["session/acme", "session/first"]
    writeFileSync(join(state, "index.json"), JSON.stringify({ names, unsure: ["session/acme"] }))
    await keyring.lock()

    // A locked keyring tells nothing: what was there is believed to be.
    expect(await open().names()).toEqual(names)
    await keyring.unlock()

    expect(await open().names()).toEqual(there)
  })

  it("leaves the keychain alone when the index cannot be written", async () => {
    const store = open()
    await store.write("session/first", value)
    // It can be read, and its name is too long for a temporary file beside it: the one fault that stops root as well.
    const indexFile = join(state, "n".repeat(250))
    writeFileSync(indexFile, "[]")
    const long = open(keyring.env, { indexFile })

    await expect(long.write("session/acme", value)).rejects.toMatchObject({ code: "StoreWriteFailed" })

    expect([...(await store.read(["session/first", "session/acme"])).keys()]).toEqual(["session/first"])
  })

  it("is not misled by items of other programs under its name", async () => {
    const store = open()
    await store.write("session/acme", value)
    const service = `credd-test-${services}`
    for (const attributes of [
      ["account", "x"],
      ["username", "bytes"],
    ]) {
      const kept = spawnSync(secretTool, ["store", "--label=x", "service", service, ...attributes], {
        env: keyring.env,
        input: Buffer.from([0xff, 0xfe, 0x80]),
      })
      expect(kept.status).toBe(0)
    }

    expect(await read(store)).toBe("EXAMPLE-canary-secret")
    expect(await store.names()).toEqual(["session/acme"])
  })

  it.each([
    ["dies", "process.exit(1)"],
    ["is killed", 'process.kill(process.pid, "SIGKILL")'],
    ["crashes", 'process.kill(process.pid, "SIGSEGV")'],
    ["talks nonsense", 'console.log("EXAMPLE-canary-secret")'],
  ])("says so when the helper %s", async (_, code) => {
    const broken = join(state, "helper.mjs")
    writeFileSync(broken, code)

    await expect(open(keyring.env, { helper: broken }).read(["session/acme"])).rejects.toMatchObject({
      code: "KeychainUnavailable",
      message: "could not reach the keychain: its helper broke off",
    })
  })

  it("shows the secret in no argument, no environment and no error", async () => {
    const store = open({ ...keyring.env, NODE_OPTIONS: "--title=EXAMPLE", AWS_SECRET_ACCESS_KEY: "EXAMPLE-canary" })
    await store.write("session/acme", value)
    keyring.hang()

    const writing = store.write("session/acme", value).catch((error: unknown) => error)
    const child = await vi.waitFor(() => helpers()[0] ?? expect.fail("no helper yet"))
    const error = await writing

    expect(child.cmdline).toContain("keychain-helper.js")
    for (const text of [child.cmdline, child.environ, JSON.stringify(error), String(error)])
      expect(text).not.toContain("canary")
    expect(child.environ).not.toContain("NODE_OPTIONS")
  })

  it("keeps no secret in the index", async () => {
    await open().write("session/acme", value)

    expect(readFileSync(join(state, "index.json"), "utf8")).toBe('{"names":["session/acme"],"unsure":[]}\n')
  })
})

/** Our child processes that run the helper, as any program of this user sees them. */
function helpers(): readonly { readonly cmdline: string; readonly environ: string }[] {
  return readdirSync("/proc").flatMap((pid) => {
    try {
      const parent = / \S (\d+) /.exec(readFileSync(`/proc/${pid}/stat`, "utf8").replace(/\(.*\)/s, ""))?.[1]
      const cmdline = readFileSync(`/proc/${pid}/cmdline`, "utf8")
      if (Number(parent) !== process.pid || !cmdline.includes(helper)) return []
      return [{ cmdline, environ: readFileSync(`/proc/${pid}/environ`, "utf8") }]
    } catch {
      return []
    }
  })
}
