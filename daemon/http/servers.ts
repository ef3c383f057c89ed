/** The servers: who is let in, and what answers. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { peerRejected, requestMalformed } from "../core/errors.ts"
import type { Connection } from "../core/ports.ts"
import { refusal } from "./answer.ts"
import { bounds, write } from "./bounds.ts"
import type { CredentialsApp } from "./credentials-app.ts"
import { loopbackServer, type OnRefused } from "./loopback-server.ts"

export type Handle = (request: IncomingMessage, response: ServerResponse) => void

/** Whether somebody may ask at all; known at once for a connection that was looked up before. */
export type MayAsk = (from: Connection) => boolean | Promise<boolean>

/** So many connections at once are no crowd. */
const crowd = 64

/**
 * The data plane's server. In a crowd each new connection is looked up before it says anything, and somebody else's is
 * closed: another user could otherwise hold every place and leave none for ours.
 */
export function credentialsServer(app: CredentialsApp, onRefused: OnRefused, mayAsk: MayAsk): Server {
  function handle(request: IncomingMessage, response: ServerResponse, from: Connection): void {
    const { method, url, httpVersion, rawHeaders } = request
    const answer = app({ method, url, httpVersion, rawHeaders, from })
    if (answer instanceof Promise) void answer.then((settled) => write(response, settled))
    else write(response, answer)
  }
  async function closeStranger(socket: Socket, from: Connection): Promise<void> {
    if (await Promise.resolve(mayAsk(from)).catch(() => false)) return
    onRefused(peerRejected(), from)
    socket.destroy()
  }
  return loopbackServer({
    word: refusal,
    onRefused,
    handle,
    plain: app,
    onOpen(socket, from, open) {
      if (open > crowd) void closeStranger(socket, from)
    },
  })
}

/** The control plane's server: our own client over a socket that only this user can open. */
export function controlServer(handle: Handle): Server {
  const server = createServer({ ...bounds, requestTimeout: 30_000 }, (request, response) => {
    if (Number(request.headers["content-length"] ?? 0) > 65_536 || request.headers["transfer-encoding"] !== undefined) {
      write(response, refusal(requestMalformed("the body is too large")))
      return
    }
    if (!server.listening) response.setHeader("connection", "close")
    handle(request, response)
  })
  server.on("upgrade", (_, socket) => socket.destroy())
  server.on("connect", (_, socket) => socket.destroy())
  return server
}
