import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { keychain } from "../../../daemon/adapters/keychain.ts"
import type { ItemStore } from "../../../daemon/adapters/item-store.ts"
import { Secret } from "../../../daemon/core/secret.ts"
import { itemStoreContract } from "../../contracts/item-store.ts"
import { startKeyring, type Keyring } from "../../support/keyring.ts"

const helper = fileURLToPath(new URL("../../../dist/daemon/keychain-helper.js", import.meta.url))
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

function open(env: Readonly<Record<string, string>> = keyring.env): ItemStore {
  return keychain({ helper, env, indexFile: join(state, "index.json"), service: `credd-test-${services}` })
}

async function read(store: ItemStore): Promise<string | undefined> {
  return (await store.read(["session/acme"])).get("session/acme")?.reveal()
}

itemStoreContract("the keychain", async () => ({ store: open(), reopened: async () => open() }))

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

  it("is locked after a reboot, and readable once somebody logs in", async () => {
    const store = open()
    await store.write("session/acme", value)
    await keyring.restartLocked()
    await expect(store.read(["session/acme"])).rejects.toMatchObject({ code: "KeychainLocked" })

    await keyring.unlock()

    expect(await read(store)).toBe("EXAMPLE-canary-secret")
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
    // Spawning costs some; the hung call itself would cost 2,000.
    expect(delay.max / 1e6).toBeLessThan(500)
    keyring.resume()

    expect(await read(store)).toBe("EXAMPLE-canary-secret")
  })

  it("says so at once when there is no session bus", async () => {
    const { DBUS_SESSION_BUS_ADDRESS: _, ...noBus } = keyring.env

    await expect(open(noBus).read(["session/acme"])).rejects.toMatchObject({ code: "KeychainUnavailable" })
    await expect(
      open({ ...noBus, DBUS_SESSION_BUS_ADDRESS: "unix:path=/nowhere" }).write("a", value),
    ).rejects.toMatchObject({ code: "KeychainUnavailable" })
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

  it("keeps no secret in the index", async () => {
    await open().write("session/acme", value)

    expect(readFileSync(join(state, "index.json"), "utf8")).toBe('["session/acme"]\n')
  })
})
