import { once } from "node:events"
import { connect, type Socket } from "node:net"
import { describe, expect, it, onTestFinished } from "vitest"
import { listenOnPort } from "../../../daemon/adapters/listen.ts"
import type { Connection } from "../../../daemon/core/ports.ts"
import { answer, refusal } from "../../../daemon/http/answer.ts"
import { write } from "../../../daemon/http/bounds.ts"
import { loopbackServer } from "../../../daemon/http/loopback-server.ts"

async function setup() {
  const asked: { readonly from: Connection; readonly isPlain: boolean }[] = []
  const made = answer(200, "{}")
  const server = loopbackServer({
    word: refusal,
    onRefused: () => undefined,
    handle(_, response, from) {
      asked.push({ from, isPlain: false })
      write(response, made)
    },
    plain({ from }) {
      asked.push({ from, isPlain: true })
      return made
    },
  })
  const port = await listenOnPort(server, 0)
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  async function open(): Promise<Socket> {
    const socket = connect({ host: "127.0.0.1", port })
    await Promise.all([once(server, "connection"), once(socket, "connect")])
    return socket
  }
  return { server, port, open, asked }
}

const plain = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
const other = "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"

describe(loopbackServer.name, () => {
  it("knows a connection by the same ends, whoever reads its requests, and that it is over", async () => {
    const { open, port, asked } = await setup()
    const socket = await open()
    const { localPort } = socket

    for (const request of [plain, other]) {
      socket.write(request)
      await once(socket, "data")
    }

    expect(asked.map(({ isPlain }) => isPlain)).toEqual([true, false])
    const [first, second] = asked.map(({ from }) => from)
    expect(second).toBe(first)
    expect(first).toEqual({
      remoteAddress: "127.0.0.1",
      remotePort: localPort,
      localAddress: "127.0.0.1",
      localPort: port,
      hasLeft: false,
    })

    socket.destroy()
    await expect.poll(() => first?.hasLeft).toBe(true)
  })

  it("does not take a connection that it has closed itself for one whose other end has left", async () => {
    const { server, open, asked } = await setup()
    const socket = await open()
    socket.write(plain)
    await once(socket, "data")

    server.closeIdleConnections()
    await once(socket, "close")

    expect(asked[0]?.from.hasLeft).toBe(false)
  })

  it("closes all its connections: silent ones, kept ones, and those that node reads", async () => {
    const { server, open } = await setup()
    const sockets = [await open(), await open(), await open()]
    for (const [i, request] of [plain, other].entries()) {
      sockets[i]?.write(request)
      await once(sockets[i] ?? server, "data")
    }

    const closed = Promise.all(sockets.map((socket) => once(socket, "close")))
    server.closeAllConnections()

    await closed
  })
})
