/** What every ItemStore promises, whatever it keeps its items in. One suite, run over memory, the file and the real keychain. */
import { fc, it } from "@fast-check/vitest"
import { describe, expect } from "vitest"
import type { ItemStore } from "../../daemon/adapters/item-store.ts"
import { Secret } from "../../daemon/core/secret.ts"

export interface ItemStoreSubject {
  readonly store: ItemStore
  /** A second instance over the same backing, as after a restart; absent where nothing survives one. */
  readonly reopened?: () => Promise<ItemStore>
}

/** A step against a store and against a Map, which must agree after every one. */
const step = fc.oneof(
  fc.record({ write: fc.constantFrom("a", "b", "c/d", "é %"), value: fc.string({ unit: "binary", minLength: 1 }) }),
  fc.record({ remove: fc.subarray(["a", "b", "c/d", "é %"]) }),
)

export function itemStoreContract(
  name: string,
  setup: () => Promise<ItemStoreSubject>,
  { hasProperties = true } = {},
): void {
  describe(`${name} as an ItemStore`, () => {
    it.each([
      ["a word", "EXAMPLE-secret"],
      ["1 KB", "x".repeat(1_024)],
      ["64 KB", "y".repeat(65_536)],
      ["1 MB", "z".repeat(1_048_576)],
      ["a newline, a NUL and an emoji", "a\nb\0c😀"],
      ["JSON", JSON.stringify({ a: '"', b: "\\" })],
    ])("gives back %s", async (_, value) => {
      const { store } = await setup()

      await store.write("session/acme", new Secret(value))

      expect(await text(store, "session/acme")).toBe(value)
    })

    it.each(["session/with space", "session/a/b", "session/schön 日本", "session/50%", "access-key/it's"])(
      "keeps an item called %s",
      async (item) => {
        const { store } = await setup()

        await store.write(item, new Secret("EXAMPLE"))

        expect(await store.names()).toEqual([item])
        expect(await text(store, item)).toBe("EXAMPLE")
      },
    )

    it("overwrites in place", async () => {
      const { store } = await setup()
      await store.write("a", new Secret("one"))

      await store.write("a", new Secret("two"))

      expect(await text(store, "a")).toBe("two")
      expect(await store.names()).toEqual(["a"])
    })

    it("leaves out what is missing, and removing it is no error", async () => {
      const { store } = await setup()
      await store.write("a", new Secret("one"))

      await store.remove(["missing"])

      expect([...(await store.read(["a", "missing"])).keys()]).toEqual(["a"])
    })

    it("removes what it is told to and nothing else", async () => {
      const { store } = await setup()
      for (const item of ["a", "b", "c"]) await store.write(item, new Secret(item))

      await store.remove(["a", "c"])

      expect(await store.names()).toEqual(["b"])
      expect([...(await store.read(["a", "b", "c"])).keys()]).toEqual(["b"])
    })

    it("loses none of 10 writes at once", async () => {
      const { store } = await setup()
      const items = Array.from({ length: 10 }, (_, i) => `session/${i}`)

      await Promise.all(items.map((item) => store.write(item, new Secret(item))))

      expect([...(await store.names())].toSorted()).toEqual(items)
      expect((await store.read(items)).size).toBe(10)
    })

    it("reads 100 items in one go", { timeout: 120_000 }, async () => {
      const { store } = await setup()
      const items = Array.from({ length: 100 }, (_, i) => `session/${String(i).padStart(3, "0")}`)
      for (const item of items) await store.write(item, new Secret(`value of ${item}`))

      const read = await store.read(items)

      expect([...(await store.names())].toSorted()).toEqual(items)
      expect(items.map((item) => read.get(item)?.reveal())).toEqual(items.map((item) => `value of ${item}`))
    })

    it("behaves as a Map, step by step", async ({ skip }) => {
      skip(!hasProperties, "each step starts a process here; the tables cover it")
      const { store } = await setup()

      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
          const map = new Map<string, string>()
          await store.remove(await store.names())
          for (const each of steps) {
            if ("write" in each) {
              await store.write(each.write, new Secret(each.value))
              map.set(each.write, each.value)
            } else {
              await store.remove(each.remove)
              for (const item of each.remove) map.delete(item)
            }
            const names = await store.names()
            const read = await store.read(names)
            expect(new Map([...read].map(([item, value]) => [item, value.reveal()]))).toEqual(map)
            expect([...names].toSorted()).toEqual([...map.keys()].toSorted())
          }
        }),
        { numRuns: 30 },
      )
    })

    it("has everything after a restart", async ({ skip }) => {
      const { store, reopened } = await setup()
      skip(reopened === undefined, "nothing in the memory store survives a restart: that is its promise")
      await store.write("a", new Secret("one"))
      await store.write("b", new Secret("two"))
      await store.remove(["b"])

      const again = await reopened?.()

      expect(await again?.names()).toEqual(["a"])
      expect(again && (await text(again, "a"))).toBe("one")
    })

    it("shows no secret when it is printed", async () => {
      const { store } = await setup()
      await store.write("a", new Secret("EXAMPLE-canary"))

      const read = await store.read(["a"])

      expect(`${JSON.stringify([...read])} ${String(read.get("a"))}`).not.toContain("canary")
    })
  })
}

async function text(store: ItemStore, item: string): Promise<string | undefined> {
  return (await store.read([item])).get(item)?.reveal()
}
