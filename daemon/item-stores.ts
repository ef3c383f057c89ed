/** The store that the settings name. Never another one in its place. */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { fileStore } from "./adapters/file-store.ts"
import type { ItemStore } from "./adapters/item-store.ts"
import { keychain } from "./adapters/keychain.ts"
import type { Helper } from "./adapters/keychain-process.ts"
import { memoryStore } from "./adapters/memory-store.ts"
import type { Settings } from "./settings.ts"

type Env = Readonly<Record<string, string | undefined>>

/** `first`: a helper of the keychain that is under way already. */
export function itemStore(settings: Settings, env: Env, first?: Helper): ItemStore {
  const { store, paths, passphraseFile } = settings
  if (store === "memory") return memoryStore()
  if (store === "keychain") return keychain({ indexFile: join(paths.state, "keychain-index.json"), env, first })
  const credentials = env["CREDENTIALS_DIRECTORY"]
  const file = passphraseFile ?? (credentials === undefined ? undefined : join(credentials, "credd-passphrase"))
  return fileStore({
    path: join(paths.state, "store.credd"),
    async passphrase() {
      if (file === undefined) return undefined
      const text = await readFile(file, "utf8").catch(() => undefined)
      return text?.replace(/\r?\n$/, "")
    },
  })
}
