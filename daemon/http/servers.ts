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
  return loopbackServer(app, inFull)
}

const idleStrangerMs = 100

/**
 * A metadata server: only for whom `mayAsk` lets in, looked up once a connection and as soon as there is one. Somebody
 * else's connections are closed even while they say nothing, or a few hundred of them would leave no room for ours.
 */
export function imdsServer(app: Fetching, mayAsk: (socket: Socket) => Promise<boolean>): Server {
  const verdicts = new WeakMap<Socket, Promise<boolean>>()
  const asking = new WeakSet<Socket>()
  const verdictOn = (socket: Socket): Promise<boolean> => {
    const verdict = verdicts.get(socket) ?? mayAsk(socket).catch(() => false)
    verdicts.set(socket, verdict)
    return verdict
  }
  const closeUnlessAllowed = async (socket: Socket): Promise<void> => {
    if (await verdictOn(socket)) return
    // A request that is on its way is still to get its 403.
    setTimeout(() => asking.has(socket) || socket.destroy(), idleStrangerMs).unref()
  }
  const server = loopbackServer(app, silently, async (socket) => {
    asking.add(socket)
    return await verdictOn(socket)
  })
  server.on("connection", (socket) => {
    if (socket.destroyed) return
    void closeUnlessAllowed(socket)
  })
  return server
}

/** What an error looks like on the wire. */
type Wording = (error: unknown) => { readonly status: number; readonly headers: Headers; readonly body: string }
type Headers = Readonly<Record<string, string>>

function loopbackServer(app: Fetching, word: Wording, mayAsk?: (socket: Socket) => Promise<boolean>): Server {
  const refused = (response: ServerResponse, error: unknown): void => {
    const { status, headers, body } = word(error)
    response.writeHead(status, headers)
    response.end(body)
  }
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
    refused(response, requestMalformed("no body is expected")),
  )
  server.on("clientError", (_, socket) => {
    if (!socket.writable) {
      socket.destroy()
      return
    }
    const { headers, body } = word(requestMalformed("this is not HTTP/1.1"))
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
    socket.end(["HTTP/1.1 400 Bad Request", ...lines, "", body].join("\r\n"))
  })
  return server
}

/** The control plane's server: our own client over a socket that only this user can open. */
export function controlServer(app: Fetching): Server {
  const listener = getRequestListener(app.fetch)
  const server = createServer({ ...bounds, requestTimeout: 30_000 }, (request, response) => {
    if (Number(request.headers["content-length"] ?? 0) > 65_536 || request.headers["transfer-encoding"] !== undefined) {
      const { status, headers, body } = inFull(requestMalformed("the body is too large"))
      response.writeHead(status, headers).end(body)
      return
    }
    void listener(request, response)
  })
  server.on("upgrade", (_, socket) => socket.destroy())
  server.on("connect", (_, socket) => socket.destroy())
  return server
}

/** Without a body, for clients that would take it for an answer. */
const silently: Wording = (error) => ({
  status: statusOf(error),
  headers: { ...answerHeaders, "content-type": "text/plain", "content-length": "0", connection: "close" },
  body: "",
})

const inFull: Wording = (error) => {
  const { status, body } = problem(error)
  return {
    status,
    headers: { ...answerHeaders, "content-length": String(body.length), connection: "close" },
    body,
  }
}
