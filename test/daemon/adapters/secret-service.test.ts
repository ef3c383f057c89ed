import { execFileSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { connect, createServer, type Server, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fc, test } from "@fast-check/vitest"
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest"
import type { Helper } from "../../../daemon/adapters/keychain-process.ts"
import { secretService } from "../../../daemon/adapters/secret-service.ts"
import { busPath, sessionBus, type Writer } from "../../../daemon/adapters/session-bus.ts"
import { startKeyring, type Keyring } from "../../support/keyring.ts"

const service = "credd-test"
const helpersAnswer = '{"error":"locked","why":""}'

/** What the daemon asks for at its start. */
function readOf(...names: string[]): string {
  return JSON.stringify({ op: "read", names })
}

/** A busy machine may take longer than a start waits. */
const patient = 10_000

function asked(path: string, patienceMs = 100) {
  const ask = vi.fn<(question: string) => Promise<string>>().mockResolvedValue(helpersAnswer)
  const helper = vi.fn<() => Helper>(() => ({ isWaiting: () => true, ask, dismiss: () => undefined }))
  const first = secretService({ path, service, helper, patienceMs })
  onTestFinished(() => first.dismiss())
  return { first, helper, ask }
}

/** Stores as the helper's binding does. */
function store(keyring: Keyring, username: string, value: string, ...more: string[]): void {
  const attributes = ["service", service, "username", username, ...more]
  execFileSync("secret-tool", ["store", "--label", username, ...attributes], { env: keyring.env, input: value })
}

/** Makes a second keyring, without a window that asks for its password, with an item in it, and locks it. */
async function storeLocked(keyring: Keyring, username: string): Promise<void> {
  const bus = sessionBus(pathOf(keyring))
  onTestFinished(() => bus.close())
  const [path, secrets] = ["/org/freedesktop/secrets", "org.freedesktop.Secret"]
  const opened = await bus.call("org.freedesktop.secrets", {
    path,
    interface: `${secrets}.Service`,
    member: "OpenSession",
    signature: "sv",
    write: (body) => void body.string("plain").signature("s").string(""),
    answers: "vo",
  })
  opened.signature()
  opened.string()
  const session = opened.string()
  const secret = (body: Writer, value: string): Writer =>
    body.align(8).string(session).byteArray(Buffer.alloc(0)).byteArray(Buffer.from(value)).string("text/plain")
  const made = await bus.call("org.gnome.keyring", {
    path,
    interface: "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface",
    member: "CreateWithMasterPassword",
    signature: "a{sv}(oayays)",
    write(body) {
      body.array(8, () => void body.align(8).string(`${secrets}.Collection.Label`).signature("s").string("second"))
      secret(body, "EXAMPLE-password")
    },
    answers: "o",
  })
  const collection = made.string()
  await bus.call("org.freedesktop.secrets", {
    path: collection,
    interface: `${secrets}.Collection`,
    member: "CreateItem",
    signature: "a{sv}(oayays)b",
    write(body) {
      body.array(8, () => {
        body.align(8).string(`${secrets}.Item.Attributes`).signature("a{ss}")
        body.array(8, () => {
          for (const [key, value] of Object.entries({ service, username })) body.align(8).string(key).string(value)
        })
      })
      secret(body, "EXAMPLE").uint32(0)
    },
    answers: "oo",
  })
  await bus.call("org.freedesktop.secrets", {
    path,
    interface: `${secrets}.Service`,
    member: "Lock",
    signature: "ao",
    write: (body) => void body.array(4, () => void body.string(collection)),
    answers: "aoo",
  })
}

function pathOf(keyring: Keyring): string {
  return busPath(keyring.env["DBUS_SESSION_BUS_ADDRESS"]) ?? expect.fail("the bus has no path")
}

/** A socket on which somebody else speaks. */
async function listening(speak: (socket: Socket) => void): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "credd-bus-"))
  const path = join(folder, "bus")
  const sockets: Socket[] = []
  const server: Server = createServer((socket) => {
    sockets.push(socket.on("error", () => undefined))
    speak(socket)
  })
  await new Promise<void>((resolve) => void server.listen(path, resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
    rmSync(folder, { recursive: true })
  })
  return path
}

describe("the Secret Service of a real gnome-keyring", () => {
  let keyring: Keyring
  beforeAll(async () => {
    keyring = await startKeyring()
  })
  afterAll(async () => await keyring.close())

  it("gives what it is asked for, and nothing else, without the helper", async () => {
    const values = {
      "session/acme": '{"a":"é…😀"}',
      "session/b c": "EXAMPLE".repeat(1_000),
      "access-key/acme": "EXAMPLE-key",
    }
    for (const [name, value] of Object.entries(values)) store(keyring, name, value)
    const { first, helper } = asked(pathOf(keyring), patient)

    const answer = await first.ask(readOf("session/b c", "session/acme"))

    expect(JSON.parse(answer ?? "")).toEqual({
      items: [
        ["session/b c", values["session/b c"]],
        ["session/acme", values["session/acme"]],
      ],
    })
    expect(helper).not.toHaveBeenCalled()
    expect(first.isWaiting()).toBe(false)
  })

  it("passes no secret over the bus that somebody could read there", async () => {
    store(keyring, "session/watched", "EXAMPLE-canary-secret")
    let passed = ""
    let isOver: Promise<unknown> | undefined
    const path = await listening((socket) => {
      isOver = once(socket, "close")
      const bus = connect({ path: pathOf(keyring) }).on("error", () => undefined)
      socket.pipe(bus).on("data", (bytes: Buffer) => (passed += bytes.toString("latin1")))
      bus.pipe(socket)
    })

    const answer = await asked(path, patient).first.ask(readOf("session/watched"))

    expect(answer).toContain("EXAMPLE-canary-secret")
    expect(passed).toContain("/org/freedesktop/secrets/session/")
    expect(passed).not.toContain("EXAMPLE-canary-secret")
    // Nobody is left on the bus.
    await isOver
  })

  it.each([
    ["an item that is not there", ["session/none"]],
    ["one of two that is not there", ["session/twice-less", "session/none"]],
    ["an item that is there twice", ["session/twice"]],
  ])("leaves %s to the helper", async (_, names) => {
    store(keyring, "session/twice-less", "EXAMPLE")
    store(keyring, "session/twice", "EXAMPLE-1", "more", "1")
    store(keyring, "session/twice", "EXAMPLE-2", "more", "2")
    const { first, ask } = asked(pathOf(keyring), patient)

    expect(await first.ask(readOf(...names))).toBe(helpersAnswer)

    expect(ask).toHaveBeenCalledExactlyOnceWith(readOf(...names))
  })

  it("leaves an item to the helper that a second keyring has as well, and locked", async () => {
    const two = await startKeyring()
    onTestFinished(two.close)
    store(two, "session/acme", "EXAMPLE")
    await storeLocked(two, "session/acme")
    const { first, ask } = asked(pathOf(two), patient)

    expect(await first.ask(readOf("session/acme"))).toBe(helpersAnswer)

    expect(ask).toHaveBeenCalledOnce()
  })

  it.each([
    '{"op":"list"}',
    '{"op":"write","name":"session/a","value":"EXAMPLE"}',
    '{"op":"remove","names":["session/a"]}',
  ])("leaves %s to the helper", async (question) => {
    const { first, ask } = asked(pathOf(keyring), patient)

    expect(await first.ask(question)).toBe(helpersAnswer)

    expect(ask).toHaveBeenCalledExactlyOnceWith(question)
  })

  // gnome-keyring may end, and be locked then, where a session is the first that it is asked for by somebody new.
  it("opens its session only when the service has answered something else", async () => {
    store(keyring, "session/order", "EXAMPLE")
    const passed: string[] = []
    const path = await listening((socket) => {
      const bus = connect({ path: pathOf(keyring) }).on("error", () => undefined)
      socket.on("data", (bytes: Buffer) => passed.push(`> ${bytes.toString("latin1")}`)).pipe(bus)
      bus.on("data", (bytes: Buffer) => passed.push(`< ${bytes.toString("latin1")}`)).pipe(socket)
    })

    await asked(path, patient).first.ask(readOf("session/order"))

    const place = (text: string): number => passed.findIndex((each) => each.includes(text))
    const answered = passed.findIndex((each) => each.startsWith("<") && each.includes("/org/freedesktop/secrets/"))
    expect(place("ReadAlias")).toBeGreaterThanOrEqual(0)
    expect(answered).toBeGreaterThan(place("ReadAlias"))
    expect(place("OpenSession")).toBeGreaterThan(answered)
  })

  it("leaves a question under way alone when it is sent home", async () => {
    store(keyring, "session/asked", "EXAMPLE")
    const { first, helper } = asked(pathOf(keyring), patient)

    const answer = first.ask(readOf("session/asked"))
    first.dismiss()

    expect(await answer).toContain("EXAMPLE")
    expect(helper).not.toHaveBeenCalled()
  })

  it("starts no helper where nobody asks", () => {
    const { first, helper } = asked(pathOf(keyring), patient)

    first.dismiss()

    expect(first.isWaiting()).toBe(false)
    expect(helper).not.toHaveBeenCalled()
  })
})

/** With a head that says so much: an answer to one of the first calls. */
function framed(body: Uint8Array): Buffer {
  const head = Buffer.alloc(24)
  head.set([0x6c, 2, 0, 1])
  head.writeUInt32LE(body.length, 4)
  head.writeUInt32LE(8, 12)
  head.set([5, 1, 0x75, 0, (body[0] ?? 0) % 4], 16)
  return Buffer.concat([head, body])
}

describe("the Secret Service in trouble", () => {
  it.each([
    ["locked", async (keyring: Keyring) => await keyring.lock()],
    ["hung", async (keyring: Keyring) => keyring.hang()],
    ["gone", async (keyring: Keyring) => await keyring.killBus()],
  ])("is the helper's to tell of: %s", async (_, trouble) => {
    const keyring = await startKeyring()
    onTestFinished(async () => await keyring.close())
    store(keyring, "session/acme", "EXAMPLE")
    await trouble(keyring)
    const { first, ask } = asked(pathOf(keyring))

    expect(await first.ask(readOf("session/acme"))).toBe(helpersAnswer)

    expect(ask).toHaveBeenCalledOnce()
    expect(keyring.prompts()).toBe(0)
  })

  it("is not waited for on a bus that says nothing, that refuses us, or that nobody listens on", async () => {
    const silent = await listening(() => undefined)
    const refusing = await listening((socket) => socket.end("REJECTED EXTERNAL\r\n"))

    for (const path of [silent, refusing, "/nowhere/bus"]) {
      expect(await asked(path).first.ask(readOf("session/acme"))).toBe(helpersAnswer)
    }
  })

  const admitted = Buffer.from("OK 0123456789abcdef0123456789abcdef\r\n")
  test.prop([fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), fc.boolean()], { numRuns: 60 })(
    "is the helper's to tell of when the bus speaks anything at all",
    async (pieces, isFramed) => {
      const path = await listening((socket) => {
        socket.write(admitted)
        for (const piece of pieces) socket.write(isFramed ? framed(piece) : piece)
        socket.end()
      })

      expect(await asked(path).first.ask(readOf("session/acme"))).toBe(helpersAnswer)
    },
  )
})

describe(busPath.name, () => {
  it.each([
    ["unix:path=/run/user/1000/bus", "/run/user/1000/bus"],
    ["unix:path=/tmp/dbus-x,guid=1f5a4a014fe2d4fc6a3ba9336b09a1bc", "/tmp/dbus-x"],
    ["unix:abstract=/tmp/dbus-x", undefined],
    ["unix:path=/a;unix:path=/b", undefined],
    ["unix:path=/a%20b", undefined],
    ["unix:path=relative", undefined],
    ["tcp:host=127.0.0.1,port=1", undefined],
    ["autolaunch:", undefined],
    ["", undefined],
    [undefined, undefined],
  ])("finds the socket of %j, or leaves it to the helper", (address, path) => {
    expect(busPath(address)).toBe(path)
  })
})
