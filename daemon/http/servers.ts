/** The two node:http servers: bounds on what a slow or hostile caller can cost, and the checks that need the raw request. */
import { getRequestListener } from "@hono/node-server"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { peerRejected, requestMalformed } from "../core/errors.ts"
import { answerHeaders } from "./credentials-app.ts"
import { guardFraming, isLoopback } from "./guards.ts"
import { problem, statusOf } from "./problem.ts"

/** Node's own bounds let a half-sent request live for 90 s, and drop headers beyond 1,000 in silence. */
const bounds = {
  maxHeaderSize: 8_192,
  headersTimeout: 2_000,
  requestTimeout: 5_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 500,
}

type Fetching = Parameters<typeof getRequestListener>[0] extends infer Fetch ? { readonly fetch: Fetch } : never

/** The data plane's server, for callers of any kind on loopback. */
export function credentialsServer(app: Fetching): Server {
  return loopbackServer(app, refuse)
}

/** A metadata server: only for whom `mayAsk` lets in, looked up once a connection. */
export function imdsServer(app: Fetching, mayAsk: (socket: Socket) => Promise<boolean>): Server {
  const allowed = new WeakMap<Socket, Promise<boolean>>()
  const server = loopbackServer(app, refuseSilently, async (socket) => {
    const known = allowed.get(socket) ?? mayAsk(socket)
    allowed.set(socket, known)
    return await known
  })
  server.maxConnections = 256
  return server
}

function loopbackServer(
  app: Fetching,
  refused: (response: ServerResponse, error: unknown) => void,
  mayAsk?: (socket: Socket) => Promise<boolean>,
): Server {
  // Nothing to clean up: a request with a body is refused before it comes here.
  const listener = getRequestListener(app.fetch, { autoCleanupIncoming: false })
  const server = createServer(bounds, (request, response) => {
    try {
      guardFraming(request)
    } catch (error) {
      refused(response, error)
      return
    }
    if (mayAsk === undefined) void listener(request, response)
    else {
      mayAsk(request.socket).then(
        (isAllowed) => (isAllowed ? listener(request, response) : refused(response, peerRejected())),
        (error: unknown) => refused(response, error),
      )
    }
  })
  server.maxHeadersCount = 0
  server.maxConnections = 1_024
  server.on("connection", (socket) => {
    if (!isLoopback(socket.remoteAddress)) socket.destroy()
  })
  server.on("upgrade", (_, socket) => socket.destroy())
  server.on("connect", (_, socket) => socket.destroy())
  server.on("checkContinue", (_: IncomingMessage, response: ServerResponse) =>
    refuse(response, requestMalformed("no body is expected")),
  )
  server.on("clientError", (_, socket) => {
    const { body } = problem(requestMalformed("this is not HTTP/1.1"))
    if (!socket.writable) socket.destroy()
    else
      socket.end(
        `HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
      )
  })
  return server
}

/** The control plane's server: our own client over a socket that only this user can open. */
export function controlServer(app: Fetching): Server {
  const listener = getRequestListener(app.fetch)
  const server = createServer({ ...bounds, requestTimeout: 30_000 }, (request, response) => {
    if (Number(request.headers["content-length"] ?? 0) > 65_536 || request.headers["transfer-encoding"] !== undefined) {
      refuse(response, requestMalformed("the body is too large"))
      return
    }
    void listener(request, response)
  })
  server.on("upgrade", (_, socket) => socket.destroy())
  server.on("connect", (_, socket) => socket.destroy())
  return server
}

/** Without a body, for clients that would take it for an answer. */
function refuseSilently(response: ServerResponse, error: unknown): void {
  response.writeHead(statusOf(error), { "content-length": "0", connection: "close" })
  response.end()
}

function refuse(response: ServerResponse, error: unknown): void {
  const { status, body } = problem(error)
  response.writeHead(status, { ...answerHeaders, "content-length": String(body.length), connection: "close" })
  response.end(body)
}
