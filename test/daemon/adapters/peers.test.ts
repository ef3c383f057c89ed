import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect, createServer, type Server, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { spawn } from "node:child_process"
import { fc, test } from "@fast-check/vitest"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import { listenOnPort } from "../../../daemon/adapters/listen.ts"
import { peers } from "../../../daemon/adapters/peers.ts"
import type { FindProcess } from "../../../daemon/adapters/processes.ts"
import type { FindOwner } from "../../../daemon/adapters/socket-owner.ts"
import { tcpTable } from "../../../daemon/adapters/tcp-table.ts"
import { asOtherUser, needsOtherUser, otherUid } from "../../support/other-user.ts"

const own = process.getuid?.()

/** Connects (to host, port) and says `open`; at a line of input it half-closes, at the next it ends. */
const caller = `
  import { connect } from "node:net"
  const [host, port] = process.argv.slice(1)
  const socket = connect({ host, port: Number(port), allowHalfOpen: true }, () => console.log("open"))
  process.stdin.once("data", () => { socket.end(); process.stdin.once("data", () => process.exit()) })`

async function setup() {
  const accepted: Socket[] = []
  const server = createServer(
    { allowHalfOpen: true },
    (socket) => void accepted.push(socket.on("error", () => undefined)),
  )
  const port = await listenOnPort(server, 0)
  onTestFinished(() => {
    for (const socket of accepted) socket.destroy()
    server.close()
  })
  return { server, port, connection: async () => await next(server, accepted) }
}

async function next(server: Server, accepted: readonly Socket[]): Promise<Socket> {
  if (accepted.length === 0) await once(server, "connection")
  return accepted.at(-1)!
}

describe.runIf(process.platform === "linux")(peers.name, () => {
  it.each(["127.0.0.1", "::ffff:127.0.0.1"])(
    "knows who connects to %s: user, process, program, folder",
    async (host) => {
      const { port, connection } = await setup()
      const child = spawn(process.execPath, ["--input-type=module", "-e", caller, host, String(port)], { cwd: "/usr" })
      onTestFinished(() => void child.kill("SIGKILL"))

      const who = await peers({ allowUids: [] }).who(await connection())

      expect(who).toEqual({ uid: own, pid: child.pid, executable: process.execPath, directory: "/usr" })
    },
  )

  it("lets in the daemon's own user, and a second user only by allow_uids", async (context) => {
    needsOtherUser(context)
    const { port, connection } = await setup()
    asOtherUser(caller, ["127.0.0.1", String(port)])
    const theirs = await connection()

    expect(await peers({ allowUids: [] }).mayAsk(theirs)).toBe(false)
    expect(await peers({ allowUids: [otherUid] }).mayAsk(theirs)).toBe(true)
    expect(await peers({ allowUids: [otherUid] }).isOurs(theirs)).toBe(false)
    const { uid } = await peers({ allowUids: [] }).who(theirs)
    expect(uid).toBe(otherUid)
  })

  it("knows a second user's half-closed connection, and takes an abandoned one for nobody's", async (context) => {
    needsOtherUser(context)
    const { port, connection } = await setup()
    const child = asOtherUser(caller, ["127.0.0.1", String(port)])
    const theirs = await connection()
    child.stdin?.write("\n")
    await once(theirs.resume(), "end")

    expect(await peers({ allowUids: [otherUid] }).mayAsk(theirs)).toBe(true)
    child.kill("SIGKILL")
    await once(child, "exit")

    // Not root's either, whom a socket without an owner is written down to.
    expect(await peers({ allowUids: [otherUid, 0] }).mayAsk(theirs)).toBe(false)
  })

  it("looks once a connection, and answers at once from then on", async () => {
    const findOwner = vi.fn(async () => ({ uid: 1000, inode: "1" }))
    const findProcess = vi.fn(async () => ({ pid: 7 }))
    const { mayAsk, who, isOurs } = peers({ allowUids: [], ownUid: 1000, platform: "linux", findOwner, findProcess })
    const connection = {}

    await Promise.all([mayAsk(connection), who(connection), isOurs(connection), who(connection)])

    expect(mayAsk(connection)).toBe(true)
    expect(findOwner).toHaveBeenCalledTimes(1)
    expect(findProcess).toHaveBeenCalledTimes(1)
  })

  it.each([
    ["at once", { uid: 1000, inode: "1" }],
    ["later", Promise.resolve({ uid: 1000, inode: "1" })],
  ])("looks for a process again where nobody had the time for it (its user known %s)", async (_, owner) => {
    const process = { pid: 7 }
    const findProcess = vi.fn<FindProcess>().mockReturnValueOnce(undefined).mockReturnValue(process)
    const findOwner = vi.fn<FindOwner>().mockReturnValue(owner)
    const { who } = peers({ allowUids: [], ownUid: 1000, platform: "linux", findOwner, findProcess })
    const connection = {}

    expect(await who(connection)).toEqual({ uid: 1000 })
    expect(await who(connection)).toEqual({ uid: 1000, pid: 7 })
    // One peer is one object.
    expect(await who({})).toBe(await who(connection))
    expect(findProcess).toHaveBeenCalledTimes(3)
    expect(findOwner).toHaveBeenCalledTimes(2)
  })

  it("lets nobody in when the table cannot be read", async () => {
    const { port, connection } = await setup()
    const socket = connect(port, "127.0.0.1")
    onTestFinished(() => void socket.destroy())

    expect(await peers({ allowUids: [], findOwner: tcpTable(["/nowhere"]) }).mayAsk(await connection())).toBe(false)
  })

  it("leaves it to the token where the machine does not tell", async () => {
    const elsewhere = peers({ allowUids: [], platform: "darwin" })

    expect(elsewhere.mayAsk({})).toBe(true)
    expect(await elsewhere.isOurs({})).toBe(true)
    expect(await elsewhere.who({})).toEqual({})
  })
})

const end = (address: string, port: number): string =>
  `${address
    .split(".")
    .toReversed()
    .map((byte) => Number(byte).toString(16).toUpperCase().padStart(2, "0"))
    .join("")}:${port.toString(16).toUpperCase().padStart(4, "0")}`
const row = (from: string, to: string, uid: number, inode: number): string =>
  `   0: ${from} ${to} 01 00000000:00000000 00:00000000 00000000 ${String(uid).padStart(5)}        0 ${inode} 1 0000000000000000 20 4 30 10 -1`

describe(tcpTable.name, () => {
  const address = fc.tuple(fc.nat(255), fc.nat(255)).map(([a, b]) => `127.0.${a}.${b}`)
  const port = fc.integer({ min: 1, max: 65_535 })
  const tuple = fc.record({ remoteAddress: address, remotePort: port, localAddress: address, localPort: port })

  test.prop([fc.uniqueArray(tuple, { minLength: 1, maxLength: 200, selector: (each) => JSON.stringify(each) })])(
    "finds each connection's own row among any others, and all of them in one look",
    async (connections) => {
      const folder = mkdtempSync(join(tmpdir(), "credd-table-"))
      const rows = connections.map(({ remoteAddress, remotePort, localAddress, localPort }, i) =>
        row(end(remoteAddress, remotePort), end(localAddress, localPort), i, i + 1),
      )
      writeFileSync(join(folder, "tcp"), `  sl  local_address rem_address\n${rows.join("\n")}\n`)
      const find = tcpTable([join(folder, "tcp")])

      const found = await Promise.all(connections.map(async (each) => await find(each)))
      rmSync(folder, { recursive: true })

      expect(found).toEqual(connections.map((_, i) => ({ uid: i, inode: String(i + 1) })))
    },
  )
})
