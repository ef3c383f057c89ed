import { mkdtempSync, openSync, closeSync, rmSync, writeFileSync } from "node:fs"
import { spawn, type ChildProcess } from "node:child_process"
import { endianness, tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { fc, test } from "@fast-check/vitest"
import { describe, expect, it, onTestFinished } from "vitest"
import { inetDiag, isNonBlocking } from "../../../daemon/adapters/inet-diag.ts"
import type { SocketOwner } from "../../../daemon/adapters/socket-owner.ts"
import { withInetDiag } from "../../support/inet-diag.ts"
import { asOtherUser, needsOtherUser, otherUid } from "../../support/other-user.ts"

interface Said {
  readonly byDiag?: SocketOwner
  readonly byTable?: SocketOwner
  /** Whether the kernel told, and its table was not asked for it. */
  readonly isAnswered: boolean
}

type Fate = "open" | "half-closed" | "closed" | "reset"

interface Caller {
  readonly host: string
  readonly fate: Fate
  readonly isOther: boolean
}

const server = fileURLToPath(new URL("../../support/diag-server.mjs", import.meta.url))
const hosts = ["127.0.0.1", "127.5.6.7"]

/** Connects as each of its input's lines says, meets its fate, and says from which ports. */
const callers = `
  import { connect } from "node:net"
  import { createInterface } from "node:readline"
  const fates = {
    open: async () => undefined,
    "half-closed": (socket) => new Promise((resolve) => socket.end(resolve)),
    closed: async (socket) => void socket.destroy(),
    reset: async (socket) => void socket.resetAndDestroy(),
  }
  for await (const line of createInterface(process.stdin)) {
    const { port, callers } = JSON.parse(line)
    const ports = await Promise.all(callers.map(async ({ host, fate }) => {
      const socket = connect({ host, port, allowHalfOpen: true })
      await new Promise((resolve, reject) => socket.once("data", resolve).once("error", reject))
      const from = socket.localPort
      await fates[fate](socket)
      return from
    }))
    console.log(JSON.stringify(ports))
  }`

function talk(child: ChildProcess): { ask(said?: object): Promise<unknown> } {
  const lines = createInterface(child.stdout!)[Symbol.asyncIterator]()
  return {
    async ask(said) {
      if (said !== undefined) child.stdin?.write(`${JSON.stringify(said)}\n`)
      return JSON.parse((await lines.next()).value ?? "") as unknown
    },
  }
}

function started(child: ChildProcess): ChildProcess {
  onTestFinished(() => void child.kill("SIGKILL"))
  return child
}

async function setup() {
  const [program, args] = withInetDiag(process.execPath, server, ...hosts)
  const listening = talk(started(spawn(program, [...args], { stdio: ["pipe", "pipe", "inherit"] })))
  const { port, isReady } = (await listening.ask()) as { port: number; isReady: boolean }
  return {
    port,
    isReady,
    async ownersOf(from: readonly { readonly host: string; readonly port: number }[]): Promise<readonly Said[]> {
      const keys = from.map(({ host, port: source }) => `${host.replace("::ffff:", "")} ${source}`)
      const said = (await listening.ask(keys)) as Record<string, Said>
      return keys.map((key) => said[key]!)
    },
  }
}

/** Programs that connect: ours, and a second user's where there can be one. */
function crowd() {
  const code = ["--input-type=module", "-e", callers]
  const ours = talk(started(spawn(process.execPath, code, { stdio: ["pipe", "pipe", "inherit"] })))
  const theirs = process.getuid?.() === 0 ? talk(asOtherUser(callers)) : ours
  const connected = async (of: typeof ours, port: number, wanted: readonly Caller[]) => {
    const ports = (await of.ask({ port, callers: wanted })) as number[]
    return wanted.map((each, i) => ({ ...each, port: ports[i] ?? 0 }))
  }
  return async (port: number, wanted: readonly Caller[]) => [
    ...(await connected(
      ours,
      port,
      wanted.filter(({ isOther }) => !isOther),
    )),
    ...(await connected(
      theirs,
      port,
      wanted.filter(({ isOther }) => isOther),
    )),
  ]
}

const fate = fc.constantFrom<Fate>("open", "half-closed", "closed", "reset")
const host = fc.constantFrom(...hosts, ...hosts.map((each) => `::ffff:${each}`))
const isOther = fc.boolean()

describe.runIf(process.platform === "linux")(inetDiag.name, () => {
  it("says what the table says, of anybody's sockets in any state, and needs no table for those that are there", async () => {
    const { port, isReady, ownersOf } = await setup()
    const connect = crowd()
    const canBeOther = process.getuid?.() === 0

    const check = async (wanted: readonly Caller[]): Promise<void> => {
      const sockets = await connect(port, wanted)
      for (const [i, { byDiag, byTable, isAnswered }] of (await ownersOf(sockets)).entries()) {
        const { fate: met, isOther: isTheirs } = sockets[i]!
        const isThere = met === "open" || met === "half-closed"
        expect(byDiag).toEqual(byTable)
        expect(byDiag?.uid).toBe(isThere ? (isTheirs && canBeOther ? otherUid : process.getuid?.()) : undefined)
        if (isThere) expect(isAnswered).toBe(true)
      }
    }

    expect(isReady).toBe(true)
    const sockets = fc.array(fc.record({ host, fate, isOther }), { minLength: 1, maxLength: 100 })
    await fc.assert(fc.asyncProperty(sockets, check), { numRuns: 20 })
  })

  it("finds a socket that is bound to the loopback device", async (context) => {
    needsOtherUser(context)
    const { port, ownersOf } = await setup()
    const bound = `
import socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
s.connect(("127.0.0.1", ${port}))
s.recv(1)
print(s.getsockname()[1], flush=True)
sys.stdin.read()`
    const child = started(spawn("python3", ["-c", bound], { stdio: ["pipe", "pipe", "inherit"] }))

    const [said] = await ownersOf([{ host: "127.0.0.1", port: (await talk(child).ask()) as number }])

    expect(said).toMatchObject({ byDiag: { uid: process.getuid?.() }, isAnswered: true })
  })

  it("takes no socket that listens for the one that has gone", async () => {
    const { port, ownersOf } = await setup()
    const gone = `
import socket
s = socket.socket()
s.connect(("127.0.0.1", ${port}))
s.recv(1)
address = s.getsockname()
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\\1\\0\\0\\0\\0\\0\\0\\0")
s.close()
listening = socket.socket()
listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listening.bind(address)
listening.listen()
print(address[1], flush=True)
input()`
    const child = started(spawn("python3", ["-c", gone], { stdio: ["pipe", "pipe", "inherit"] }))

    const [said] = await ownersOf([{ host: "127.0.0.1", port: (await talk(child).ask()) as number }])

    expect(said).toEqual({ isAnswered: false })
  })
})

const connection = { remoteAddress: "127.0.0.1", remotePort: 40_000, localAddress: "127.0.0.1", localPort: 9_912 }
const sequence = 7
const number = (value: number, bytes = 4): Buffer => {
  const made = Buffer.alloc(bytes)
  if (endianness() === "LE") made.writeUIntLE(value, 0, bytes)
  else made.writeUIntBE(value, 0, bytes)
  return made
}
const port = (value: number): Buffer => Buffer.from([value >> 8, value & 255])
const address = (bytes: readonly number[]): Buffer => Buffer.concat([Buffer.from(bytes)], 16)

/** The kernel's answer, in the order of its fields, each of which a case can replace. */
const fields = {
  length: number(88),
  type: number(20, 2),
  flags: number(0, 2),
  sequence: number(sequence + 1),
  pid: number(0),
  family: Buffer.from([2]),
  state: Buffer.from([1]),
  timers: Buffer.from([0, 0]),
  ports: Buffer.concat([port(40_000), port(9_912)]),
  source: address([127, 0, 0, 1]),
  target: address([127, 0, 0, 1]),
  device: number(0),
  cookie: Buffer.from("0102030405060708", "hex"),
  queues: Buffer.alloc(12),
  uid: number(1_000),
  inode: number(4_711),
}

/** Asks a socket that has just this to say: a file, whose next bytes are the answer once the question is written. */
function answered(answer: Buffer): SocketOwner | "asked the table" | undefined {
  const folder = mkdtempSync(join(tmpdir(), "credd-diag-"))
  writeFileSync(join(folder, "socket"), Buffer.concat([Buffer.alloc(72), answer]))
  const fd = openSync(join(folder, "socket"), "r+")
  try {
    const find = inetDiag(fd, () => ({ uid: -1, inode: "table" }), sequence)
    const found = find(connection)
    if (found instanceof Promise) throw new TypeError("an answer takes no time")
    return found?.inode === "table" ? "asked the table" : found
  } finally {
    closeSync(fd)
    rmSync(folder, { recursive: true })
  }
}

const message = (changed: Partial<Record<keyof typeof fields, Buffer>> = {}): Buffer =>
  Buffer.concat(Object.values({ ...fields, ...changed }))
const mappedTo = (bytes: readonly number[]): Buffer =>
  Buffer.from([...Array.from({ length: 10 }, () => 0), 255, 255, ...bytes])

const likeMapped = Buffer.concat([Buffer.alloc(12, 0x20), Buffer.from([127, 0, 0, 1])])

describe("an answer of the kernel's", () => {
  it("is taken when it is to this question and about this connection", () => {
    expect(answered(message())).toEqual({ uid: 1_000, inode: "4711" })
    const ends = { source: mappedTo([127, 0, 0, 1]), target: mappedTo([127, 0, 0, 1]) }
    expect(answered(message({ family: Buffer.from([10]), ...ends }))).toEqual({ uid: 1_000, inode: "4711" })
    expect(answered(Buffer.concat([message(), Buffer.alloc(64, 1)]))).toEqual({ uid: 1_000, inode: "4711" })
  })

  it("makes nobody of a socket without an owner, which reads as root's", () => {
    expect(answered(message({ uid: number(0), inode: number(0) }))).toBeUndefined()
  })

  it.each<[string, Partial<Record<keyof typeof fields, Buffer>>]>([
    ["an error", { type: number(2, 2), family: number(2 ** 32 - 2).subarray(0, 1) }],
    ["to another question", { sequence: number(sequence) }],
    ["of another kind", { type: number(3, 2) }],
    ["shorter than it has to be", { length: number(87) }],
    ["about a socket that listens", { state: Buffer.from([10]) }],
    ["about another port of the peer's", { ports: Buffer.concat([port(40_001), port(9_912)]) }],
    ["about another port of ours", { ports: Buffer.concat([port(40_000), port(9_913)]) }],
    ["about another address of the peer's", { source: address([127, 0, 0, 2]) }],
    ["about another address of ours", { target: address([127, 0, 0, 2]) }],
    ["about an IPv6 address", { family: Buffer.from([10]) }],
    ["about an IPv6 address that ends alike", { family: Buffer.from([10]), source: likeMapped, target: likeMapped }],
    ["about no family that there is", { family: Buffer.from([3]) }],
  ])("is not believed when it is %s: the table is asked", (_, changed) => {
    expect(answered(message(changed))).toBe("asked the table")
  })

  test.prop([fc.nat(87)])("is not believed when it was cut off", (length) => {
    expect(answered(message().subarray(0, length))).toBe("asked the table")
  })

  test.prop([fc.uint8Array({ maxLength: 200 })])("is not believed when it is anything", (bytes) => {
    expect(answered(Buffer.from(bytes))).toBe("asked the table")
  })
})

describe.runIf(process.platform === "linux")(isNonBlocking.name, () => {
  it("does not trust a descriptor that could keep us waiting, or is none", () => {
    const fd = openSync("/dev/null", "r+")
    onTestFinished(() => closeSync(fd))

    expect([isNonBlocking(fd), isNonBlocking(99_999)]).toEqual([false, false])
  })
})
