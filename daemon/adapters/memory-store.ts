/** Keeps secrets in this process only: nothing survives a restart. */
import { unlockNotNeeded } from "../core/errors.ts"
import type { Secret } from "../core/secret.ts"
import type { ItemStore } from "./item-store.ts"

export function memoryStore(): ItemStore {
  const items = new Map<string, Secret>()
  return {
    kind: "memory",
    names: async () => [...items.keys()],
    async read(names) {
      const found = new Map<string, Secret>()
      for (const name of names) {
        const value = items.get(name)
        if (value !== undefined) found.set(name, value)
      }
      return found
    },
    async write(name, value) {
      items.set(name, value)
    },
    async remove(names) {
      for (const name of names) items.delete(name)
    },
    async unlock() {
      throw unlockNotNeeded("memory")
    },
  }
}
