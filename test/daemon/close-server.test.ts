import { once } from "node:events"
import { connect, type Socket } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import { listenOnPort } from "../../daemon/adapters/listen.ts"
import { closeServer } from "../../daemon/close-server.ts"
import { answer, refusal, type Answer } from "../../daemon/http/answer.ts"
import { write } from "../../daemon/http/bounds.ts"
import { loopbackServer } from "../../daemon/http/loopback-server.ts"

async function setup(answered: () => Promise<Answer>, isPlain = false) {
  const server = loopbackServer({
    word: refusal,
    onRefused: () => undefined,
    handle: (_, response) => void answered().then((each) => write(response, each)),
    ...(isPlain ? { plain: answered } : {}),
  })
  const port = await listenOnPort(server, 0)
  onTestFinished(() => server.closeAllConnections())
  /** Stays open at its end, whatever the server does. */
  async function open(bytes: string): Promise<Socket> {
    const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true })
    socket.on("error", () => undefined).resume()
    const [opened] = (await Promise.all([once(server, "connection"), once(socket, "connect")]))[0] as [Socket]
    socket.write(bytes)
    onTestFinished(() => void socket.destroy())
    await sleep(0)
    return opened
  }
  return { server, open }
}

const ok = answer(200, '{"status":"ok"}')
const whole = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

describe(closeServer.name, () => {
  it.each([
    ["says nothing", "", false],
    ["has sent half a request", "GET / HTTP/1.1\r\nHost", false],
    ["says nothing where plain requests are read", "", true],
    ["has been answered a plain request", whole, true],
  ])("does not wait for a connection that %s", async (_, bytes, isPlain) => {
    const { server, open } = await setup(async () => ok, isPlain)
    await open(bytes)
    const before = performance.now()

    await closeServer(server)

    // As long as an answer may take: 4,500.
    expect(performance.now() - before).toBeLessThan(3_000)
  })

  it.each([false, true])("waits for an answer that is under way (plain: %s)", async (isPlain) => {
    let give: ((answered: Answer) => void) | undefined
    const { server, open } = await setup(() => new Promise((resolve) => (give = resolve)), isPlain)
    const caller = await open(whole)
    await vi.waitFor(() => expect(give).toBeDefined())
    const closed = closeServer(server)
    // More than kept connections are given.
    await sleep(400)
    expect(caller.destroyed).toBe(false)

    give?.(ok)

    await closed
  })
})

describe("a connection that was refused as too slow", () => {
  it("is closed though its other end stays open", async () => {
    const { open } = await setup(async () => ok)
    const slow = await open("GET / HTTP/1.1\r\nHost")

    await once(slow, "close")
  })

  it("is not told so while the answer to its first request is to come", async () => {
    const { server, open } = await setup(async () => await sleep(60_000, ok, { ref: false }))
    const asked = once(server, "request")
    const both = await open(`${whole}GET / HTTP/1.1\r\nHost`)
    await asked

    await once(both, "close")
    expect(both.bytesWritten).toBe(0)
  })
})
