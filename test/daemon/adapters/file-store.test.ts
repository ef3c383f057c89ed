import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { execFileSync } from "node:child_process"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { fileStore } from "../../../daemon/adapters/file-store.ts"
import { memoryStore } from "../../../daemon/adapters/memory-store.ts"
import { Secret } from "../../../daemon/core/secret.ts"
import { itemStoreContract } from "../../contracts/item-store.ts"

let folder: string
const passphrase = "EXAMPLE correct horse"

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "credd-file-store-"))
})
afterEach(() => rmSync(folder, { recursive: true }))

const path = (): string => join(folder, "store.credd")
const open = (given: string | undefined = passphrase) => fileStore({ path: path(), passphrase: async () => given })

itemStoreContract("memory", async () => ({ store: memoryStore() }))
itemStoreContract("the file", async () => ({ store: open(), reopened: async () => open() }))

describe(fileStore.name, () => {
  it("writes a file that only its owner can read, and that shows no secret and no name", async () => {
    await open().write("session/acme-corp", new Secret("EXAMPLE-canary"))

    const text = readFileSync(path(), "utf8")

    expect(statSync(path()).mode & 0o777).toBe(0o600)
    for (const each of [
      "canary",
      "acme-corp",
      passphrase,
      Buffer.from("EXAMPLE-canary").toString("base64").slice(0, 12),
    ])
      expect(text).not.toContain(each)
  })

  it("is locked without a passphrase, and open after unlock", async () => {
    await open().write("a", new Secret("one"))
    const store = fileStore({ path: path(), passphrase: async () => undefined })

    await expect(store.names()).rejects.toMatchObject({ code: "KeychainLocked", hint: "run: credd unlock" })
    await expect(store.write("b", new Secret("two"))).rejects.toMatchObject({ code: "KeychainLocked" })
    await expect(store.unlock("wrong passphrase")).rejects.toMatchObject({ code: "KeychainLocked" })
    await store.unlock(passphrase)

    expect(await store.names()).toEqual(["a"])
  })

  it("tells a wrong passphrase from a damaged file", async () => {
    await open().write("a", new Secret("one"))

    await expect(open("another passphrase").names()).rejects.toMatchObject({
      message: expect.stringContaining("does not open"),
    })
  })

  it("wants at least 8 characters for a new file", async () => {
    const store = fileStore({ path: path(), passphrase: async () => undefined })

    await expect(store.unlock("short")).rejects.toMatchObject({ code: "UsageWrong" })
  })

  it("notices every changed byte and every cut", async () => {
    const store = open()
    await store.write("a", new Secret("one"))
    const whole = readFileSync(path())
    // A changed salt costs a new scrypt, so two of its 32 digits stand for all.
    const salt = whole.indexOf('"salt":"') + 8
    const damaged = [
      ...Array.from(whole, (byte, i) => Buffer.from(whole).fill(byte ^ 1, i, i + 1)).filter(
        (_, i) => i <= salt + 2 || i >= salt + 32,
      ),
      ...Array.from(whole, (_, length) => whole.subarray(0, length)),
    ]

    for (const bytes of damaged) {
      writeFileSync(path(), bytes)
      const outcome = await store.names().catch((error: unknown) => error)
      expect(outcome).toMatchObject({ code: expect.stringMatching(/^(StoreDamaged|KeychainLocked)$/) })
    }
  })

  it.each([
    ["a symlink", () => symlinkSync("/etc/hostname", path())],
    [
      "a file that others can read",
      () => {
        writeFileSync(path(), "x")
        chmodSync(path(), 0o644)
      },
    ],
  ])("does not touch %s", async (_, plant) => {
    plant()

    await expect(open().names()).rejects.toMatchObject({ code: "KeychainUnavailable" })
    await expect(open().write("a", new Secret("x"))).rejects.toMatchObject({ code: "KeychainUnavailable" })
  })

  it("keeps what it had when the disk is full", async ({ skip }) => {
    skip(process.getuid?.() !== 0, "needs root, to mount a small disk")
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder])
    try {
      const store = open()
      await store.write("a", new Secret("one"))
      const before = readFileSync(path())

      await expect(store.write("b", new Secret("x".repeat(100_000)))).rejects.toMatchObject({
        code: "StoreWriteFailed",
        message: expect.stringContaining("disk is full"),
      })

      expect(readFileSync(path())).toEqual(before)
      expect(await store.names()).toEqual(["a"])
      expect(execFileSync("ls", [folder], { encoding: "utf8" })).toBe("store.credd\n")
    } finally {
      execFileSync("umount", [folder])
    }
  })
})
