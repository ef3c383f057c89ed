/** One HTTP request on a bare socket, as the simplest of callers sends it. */
import { connect, type Socket } from "node:net"

export type RawAnswer =
  | { readonly kind: "answer"; readonly status: number; readonly body: string }
  | { readonly kind: "broken"; readonly why: string }

export interface RawCaller {
  ask(path: string, headers: Readonly<Record<string, string>>): Promise<RawAnswer>
  close(): void
}

/** Longer than any daemon is stopped for. */
const deadlineMs = 12_000
/** The server closes a connection that was idle for longer. */
const idleMs = 1_000

/** Keeps its connection from one request to the next, where `keepsAlive`. */
export function rawCaller(port: number, keepsAlive: boolean): RawCaller {
  let kept: { readonly socket: Socket; readonly at: number } | undefined

  function connection(): Socket {
    const { socket, at } = kept ?? {}
    kept = undefined
    if (socket !== undefined && !socket.destroyed && performance.now() - (at ?? 0) < idleMs) return socket
    socket?.destroy()
    return connect({ host: "127.0.0.1", port, noDelay: true })
  }

  return {
    async ask(path, headers) {
      const socket = connection()
      const lines = Object.entries({
        Host: `127.0.0.1:${port}`,
        Connection: keepsAlive ? "keep-alive" : "close",
        ...headers,
      }).map(([name, value]) => `${name}: ${value}`)
      const answer = await exchange(socket, [`GET ${path} HTTP/1.1`, ...lines, "", ""].join("\r\n"))
      if (keepsAlive && answer.kind === "answer") kept = { socket, at: performance.now() }
      else socket.destroy()
      return answer
    },
    close: () => kept?.socket.destroy(),
  }
}

async function exchange(socket: Socket, request: string): Promise<RawAnswer> {
  return await new Promise((resolve) => {
    let seen = Buffer.alloc(0)
    function settle(answer: RawAnswer): void {
      clearTimeout(timer)
      for (const name of ["data", "error", "close"]) socket.removeAllListeners(name)
      socket.on("error", () => undefined)
      resolve(answer)
    }
    const timer = setTimeout(() => settle({ kind: "broken", why: "no answer" }), deadlineMs)
    socket.on("data", (chunk: Buffer) => {
      seen = Buffer.concat([seen, chunk])
      const answer = whole(seen)
      if (answer !== undefined) settle(answer)
    })
    socket.once("error", (error: NodeJS.ErrnoException) => settle({ kind: "broken", why: error.code ?? "error" }))
    socket.once("close", () => settle({ kind: "broken", why: "closed" }))
    socket.write(request)
  })
}

function whole(bytes: Buffer): RawAnswer | undefined {
  const end = bytes.indexOf("\r\n\r\n")
  if (end < 0) return undefined
  const head = bytes.toString("latin1", 0, end)
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1])
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length === undefined) return { kind: "broken", why: "no content-length" }
  const body = bytes.subarray(end + 4)
  if (body.length > Number(length)) return { kind: "broken", why: "an answer longer than it says" }
  return body.length < Number(length) ? undefined : { kind: "answer", status, body: body.toString("utf8") }
}
