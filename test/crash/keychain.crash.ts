// The daemon with a real keyring, and the helper that talks to it, killed before each effect of each change.
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import type { ItemStore } from "../../daemon/adapters/item-store.ts"
import { keychain } from "../../daemon/adapters/keychain.ts"
import { startKeyring, type Keyring } from "../support/keyring.ts"
import { openBox, type Box } from "./box.ts"
import { killAtEach, type Operation } from "./kill-at-each.ts"

const helper = fileURLToPath(new URL("../../dist/daemon/keychain-helper.js", import.meta.url))
const patience = { timeout: 60_000, interval: 200 }

let keyring: Keyring
let folder: string

beforeEach(async () => {
  keyring = await startKeyring()
  folder = mkdtempSync(join(tmpdir(), "credd-index-"))
})
afterEach(async () => {
  await keyring.close()
  rmSync(folder, { recursive: true })
})

/** The keyring as it is, whatever an index says. */
function items(): ItemStore {
  const indexFile = join(folder, "index.json")
  rmSync(indexFile, { force: true })
  return keychain({ helper, env: keyring.env, indexFile })
}

/** A box in which this was done before, and what puts the keyring back to that. */
async function boxAfter(
  ...steps: readonly ((box: Box) => Promise<unknown>)[]
): Promise<[Box, Pick<Operation, "restore" | "check">]> {
  const box = await openBox({ ...keyring.env, CREDD_STORE: "keychain" })
  const daemon = await box.start()
  for (const step of steps) await step(box)
  await box.end(daemon)
  box.keep()
  const kept = await items().read(await items().names())
  return [
    box,
    {
      restore: async () =>
        // A busy machine may not answer in time.
        await vi.waitFor(async () => {
          const store = items()
          await store.remove((await store.names()).filter((name) => !kept.has(name)))
          for (const [name, value] of kept) await store.write(name, value)
        }, patience),
      async check() {
        // Nothing is in the keyring that credd does not know of, and credd counts on nothing that is not there.
        const { names, unsure } = JSON.parse(readFileSync(join(box.state, "keychain-index.json"), "utf8")) as Record<
          string,
          string[]
        >
        const there = await vi.waitFor(async () => await items().names(), patience)
        expect([names, unsure]).toEqual([there.toSorted(), []])
      },
    },
  ]
}

const addKey = (box: Box): Promise<unknown> => box.addKey()
const login = (box: Box): Promise<unknown> => box.login()

describe("a daemon that is killed in the middle of", () => {
  it("the first access key", async () => {
    const [box, around] = await boxAfter()

    await killAtEach(box, { run: addKey, ...around })
  })

  it("login", async () => {
    const [box, around] = await boxAfter(addKey)

    await killAtEach(box, { run: login, ...around })
  })

  it("logout", async () => {
    const [box, around] = await boxAfter(addKey, login)

    await killAtEach(box, { run: ({ call }) => call("POST /logout", { profiles: ["acme"], all: false }), ...around })
  })

  it("removing an access key and its session", async () => {
    const [box, around] = await boxAfter(addKey, login)

    await killAtEach(box, { run: ({ call }) => call("DELETE /access-keys", { profile: "acme" }), ...around })
  })
})
