import { execFileSync, spawn } from "node:child_process"
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
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

  it("wants at least 8 characters for a new file, from a person as from a passphrase file", async () => {
    const store = fileStore({ path: path(), passphrase: async () => undefined })

    await expect(store.unlock("short")).rejects.toMatchObject({ code: "UsageWrong" })
    for (const given of ["", "short"])
      await expect(open(given).write("a", new Secret("one"))).rejects.toMatchObject({ code: "UsageWrong" })
    expect(existsSync(path())).toBe(false)
  })

  it("takes a passphrase file that was mended, without a restart", async () => {
    await open().write("a", new Secret("one"))
    let given = "another passphrase"
    const store = fileStore({ path: path(), passphrase: async () => given })
    await expect(store.names()).rejects.toMatchObject({ code: "KeychainLocked" })

    given = passphrase

    expect(await store.names()).toEqual(["a"])
  })

  it("asks scrypt once about a passphrase that is wrong, however often it is tried", async () => {
    await open().write("a", new Secret("one"))
    const store = open("another passphrase")
    await store.names().catch(() => undefined)
    const before = performance.now()

    for (let i = 0; i < 20; i += 1) await expect(store.names()).rejects.toMatchObject({ code: "KeychainLocked" })

    // Twenty times scrypt would be some 8,000.
    expect(performance.now() - before).toBeLessThan(1_000)
  })

  it("sees what another process wrote meanwhile", async () => {
    const [one, two] = [open(), open()]
    await one.write("a", new Secret("one"))
    await two.write("b", new Secret("two"))

    expect(await one.names()).toEqual(["a", "b"])
  })

  it("never encrypts two writings under the same nonce", async () => {
    const store = open()
    const nonces = new Set<string>()

    for (let i = 0; i < 50; i += 1) {
      await store.write("a", new Secret("one"))
      nonces.add(readFileSync(path(), "utf8").replace(/.*"nonce":"(\w+)".*/s, "$1"))
    }

    expect(nonces.size).toBe(50)
  })

  it("leaves alone what a newer credd wrote, and does not call it damaged", async () => {
    writeFileSync(path(), '{"credd":2,"anything":"else"}\nAAAA\n', { mode: 0o600 })

    await expect(open().write("a", new Secret("one"))).rejects.toMatchObject({
      code: "KeychainUnavailable",
      message: expect.stringContaining("a newer credd wrote it"),
    })
    expect(readFileSync(path(), "utf8")).toContain('"credd":2')
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
    [
      "a symlink",
      () => {
        writeFileSync(join(folder, "elsewhere"), "x", { mode: 0o600 })
        symlinkSync(join(folder, "elsewhere"), path())
      },
    ],
    ["a folder", () => mkdirSync(path(), { mode: 0o700 })],
    ["a pipe", () => execFileSync("sh", ["-c", 'mkfifo -m 600 "$0"', path()])],
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

  it("is readable after 30 times kill -9 while it saves, and never older than what was acknowledged", async () => {
    const lanes = Array.from({ length: 5 }, (_, lane) => join(folder, `lane-${lane}`))

    const kills = await Promise.all(
      lanes.map(async (file, lane) => {
        const store = fileStore({ path: file, passphrase: async () => passphrase })
        let killed = 0
        for (let round = 0; round < 6; round += 1) {
          const acknowledged = await killedWriter(file, 1 + (((lane * 6 + round) * 7) % 30))
          const kept = Number((await store.read(["a"])).get("a")?.reveal().split(" ")[0])
          expect(kept).toBeGreaterThanOrEqual(acknowledged)
          killed += 1
        }
        return killed
      }),
    )

    expect(kills).toEqual([6, 6, 6, 6, 6])
  }, 120_000)

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

/** Saves numbers for ever, says each one it has saved, and a space before it begins with the next. */
const writer = `
  import { fileStore } from "./build/daemon/adapters/file-store.js"
  import { Secret } from "./build/daemon/core/secret.js"
  const [path, passphrase] = process.argv.slice(1)
  const store = fileStore({ path, passphrase: async () => passphrase })
  let n = Number((await store.read(["a"])).get("a")?.reveal().split(" ")[0] ?? 0)
  for (;;) {
    n += 1
    await store.write("a", new Secret(n + " " + "x".repeat(20_000)))
    process.stdout.write(n + "\\n")
  }
`

/** Kills a writer somewhere after its `acks`th acknowledgement; answers with the last one that arrived whole. */
async function killedWriter(file: string, acks: number): Promise<number> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", writer, file, passphrase], {
    stdio: ["ignore", "pipe", "inherit"],
  })
  let output = ""
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    output += chunk
    // At a random point of the next save, not at its start: saves take some milliseconds.
    if (output.split("\n").length > acks) setTimeout(() => child.kill("SIGKILL"), Math.random() * 5)
  })
  await new Promise((resolve) => {
    child.once("close", resolve)
  })
  expect(child.signalCode).toBe("SIGKILL")
  return Number(output.split("\n").at(-2))
}
