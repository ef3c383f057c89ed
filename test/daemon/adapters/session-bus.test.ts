import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fc, test } from "@fast-check/vitest"
import { describe, expect, it, onTestFinished } from "vitest"
import { busPath, Reader, sessionBus, Writer } from "../../../daemon/adapters/session-bus.ts"
import { startKeyring } from "../../support/keyring.ts"

const bus = "org.freedesktop.DBus"
const object = { path: "/org/freedesktop/DBus", interface: bus }

describe("D-Bus's form of values", () => {
  const text = fc.string({ unit: "binary", maxLength: 300 })

  test.prop([fc.array(fc.tuple(text, fc.uint8Array({ maxLength: 700 }), fc.nat(255), fc.nat(0xff_ff_ff_ff)))])(
    "is read as it was written, wherever in a message it stands",
    (rows) => {
      const body = new Writer().byte(7)
      body.array(8, () => {
        for (const [string, bytes, byte, number] of rows) {
          body.align(8).string(string).byteArray(bytes).byte(byte).uint32(number).signature("a{sv}")
        }
      })

      const read = new Reader(Buffer.from(body.bytes()))

      expect(read.byte()).toBe(7)
      expect(
        read.array(8, () => {
          read.align(8)
          const row = [read.string(), new Uint8Array(read.byteArray()), read.byte(), read.uint32()]
          expect(read.signature()).toBe("a{sv}")
          return row
        }),
      ).toEqual(rows)
    },
  )

  test.prop([fc.uint8Array({ maxLength: 60 })])("is never read beyond its end", (bytes) => {
    const read = new Reader(Buffer.from(bytes))

    try {
      read.array(4, () => read.string())
    } catch (error) {
      expect(error).toHaveProperty("message", "a message ends too soon")
    }
  })
})

async function opened() {
  const keyring = await startKeyring({ isUnlocked: false })
  const made = sessionBus(busPath(keyring.env["DBUS_SESSION_BUS_ADDRESS"]) ?? "")
  onTestFinished(async () => {
    made.close()
    await keyring.close()
  })
  return { made, keyring }
}

describe(sessionBus.name, () => {
  it("asks a real bus many things at once", async () => {
    const { made, keyring } = await opened()
    const hasOwner = async (name: string): Promise<number> => {
      const write = (body: Writer): void => void body.string(name)
      const answer = await made.call(bus, { ...object, member: "NameHasOwner", signature: "s", write, answers: "b" })
      return answer.uint32()
    }

    const names = await made.call(bus, { ...object, member: "ListNames", answers: "as" })
    const owned = await Promise.all([bus, "com.example.Nobody", bus].map(hasOwner))

    expect(names.array(4, () => names.string())).toContain(bus)
    expect(owned).toEqual([1, 0, 1])
    const said = execFileSync("dbus-send", ["--session", "--print-reply", `--dest=${bus}`, "/", `${bus}.ListNames`], {
      env: keyring.env,
      encoding: "utf8",
    })
    expect(said).toContain(bus)
  })

  it("takes an error, and an answer of another form, for no answer", async () => {
    const { made } = await opened()

    await expect(made.call(bus, { ...object, member: "NoSuchMember", answers: "s" })).rejects.toThrow("something else")
    await expect(made.call(bus, { ...object, member: "ListNames", answers: "s" })).rejects.toThrow("something else")
  })

  it("answers nobody any more once it is closed, or the bus has ended", async () => {
    const { made, keyring } = await opened()
    const call = async (): Promise<Reader> => await made.call(bus, { ...object, member: "ListNames", answers: "as" })
    await call()

    await keyring.killBus()

    await expect(call()).rejects.toThrow(/closed|EPIPE|ECONNRESET/)
    made.close()
    await expect(call()).rejects.toThrow(/closed|EPIPE|ECONNRESET/)
  })

  it.each([
    ["is longer than any that is awaited", [0x6c, 2, 0, 1, 0, 0, 0x20, 0], "too long"],
    ["is in another byte order", [0x42, 2, 0, 1, 0, 0, 0, 0], "something else"],
    ["is of another protocol", [0x6c, 2, 0, 2, 0, 0, 0, 0], "something else"],
  ])("gives up where a message %s", async (_, head, why) => {
    const folder = mkdtempSync(join(tmpdir(), "credd-bus-"))
    const server = createServer((socket) =>
      socket.write(Buffer.concat([Buffer.from("OK 0\r\n"), Buffer.from(head), Buffer.alloc(8)])),
    )
    await new Promise<void>((resolve) => void server.listen(join(folder, "bus"), resolve))
    onTestFinished(() => {
      server.close()
      rmSync(folder, { recursive: true })
    })

    await expect(
      sessionBus(join(folder, "bus")).call(bus, { ...object, member: "ListNames", answers: "as" }),
    ).rejects.toThrow(why)
  })
})
