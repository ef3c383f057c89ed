/** The two node:http servers: bounds on what a slow or hostile caller can cost, and the checks that need the raw request. */
import { getRequestListener } from "@hono/node-server"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { Socket } from "node:net"
import type { Duplex } from "node:stream"
import { peerRejected, requestMalformed } from "../core/errors.ts"
import { refusal, silentRefusal, type Answer } from "./answer.ts"
import type { CredentialsApp } from "./credentials-app.ts"
import { guard, isLoopback } from "./guards.ts"

/** Node's own bounds let a half-sent request live for 90 s, and drop headers beyond 1,000 in silence. */
const bounds = {
  maxHeaderSize: 8_192,
  headersTimeout: 2_000,
  requestTimeout: 5_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 500,
  // Refused by us, like all else: node would do it behind the audit log's back.
  requireHostHeader: false,
}

export type Fetching = Parameters<typeof getRequestListener>[0] extends infer Fetch ? { readonly fetch: Fetch } : never

/** Hears of every refusal that the app never sees. */
export type OnRefused = (error: unknown, socket: Socket) => void

/** Whether somebody may ask at all; known at once for a connection that was looked up before. */
export type MayAsk = (socket: Socket) => boolean | Promise<boolean>

/** So many connections at once are no crowd. */
const crowd = 64

/**
 * The data plane's server, for callers of any kind on loopback. In a crowd each new connection is looked up before it says
 * anything, and somebody else's is closed: another user could otherwise hold every place and leave none for ours.
 */
export function credentialsServer(app: CredentialsApp, onRefused: OnRefused, mayAsk: MayAsk): Server {
  const server = loopbackServer(refusal, onRefused, (request, response) => {
    const answer = app(request)
    if (answer instanceof Promise) void answer.then((settled) => write(response, settled))
    else write(response, answer)
  })
  let connections = 0
  server.on("connection", (socket) => {
    if (socket.destroyed) return
    connections += 1
    socket.once("close", () => {
      connections -= 1
    })
    if (connections > crowd) void closeStranger(socket)
  })
  async function closeStranger(socket: Socket): Promise<void> {
    if (await Promise.resolve(mayAsk(socket)).catch(() => false)) return
    onRefused(peerRejected(), socket)
    socket.destroy()
  }
  return server
}

const idleStrangerMs = 50

/**
 * A metadata server: only for whom `mayAsk` lets in, looked up once a connection and as soon as there is one. Somebody
 * else's connections are closed even while they say nothing, or a few hundred of them would leave no room for ours.
 */
export function imdsServer(
  app: Fetching,
  hosts: ReadonlySet<string>,
  mayAsk: (socket: Socket) => Promise<boolean>,
  onRefused: OnRefused,
): Server {
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
  // Nothing to clean up: a request with a body is refused before it comes here.
  const listener = getRequestListener(app.fetch, { autoCleanupIncoming: false })
  const admit = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    asking.add(request.socket)
    if (await verdictOn(request.socket)) await listener(request, response)
    else refuse(response, peerRejected())
  }
  const refuse = (response: ServerResponse, error: unknown): void => {
    onRefused(error, response.req.socket)
    write(response, silentRefusal(error))
  }
  const server = loopbackServer(silentRefusal, onRefused, (request, response) => {
    try {
      guard(request, hosts)
    } catch (error) {
      refuse(response, error)
      return
    }
    void admit(request, response)
  })
  server.on("connection", (socket) => {
    if (socket.destroyed) return
    void closeUnlessAllowed(socket)
  })
  return server
}

function loopbackServer(
  word: (error: unknown) => Answer,
  onRefused: OnRefused,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Server {
  const server = createServer(bounds, (request, response) => {
    // Stopping: what comes on a kept connection is answered, and the caller told to come back on a new one.
    if (!server.listening) response.setHeader("connection", "close")
    handle(request, response)
  })
  server.maxHeadersCount = 0
  server.maxConnections = 4_096
  server.on("connection", (socket) => {
    if (isLoopback(socket.remoteAddress)) return
    onRefused(peerRejected(), socket)
    socket.destroy()
  })
  const close = (request: IncomingMessage, socket: Duplex): void => {
    onRefused(requestMalformed("only HTTP/1.1 is spoken here"), request.socket)
    socket.destroy()
  }
  server.on("upgrade", close)
  server.on("connect", close)
  server.on("checkContinue", ({ socket }: IncomingMessage, response: ServerResponse) => {
    const error = requestMalformed("no body is expected")
    onRefused(error, socket)
    write(response, word(error))
  })
  server.on("clientError", (_, socket) => {
    if (!socket.writable) {
      socket.destroy()
      return
    }
    const error = requestMalformed("this is not HTTP/1.1")
    if (socket instanceof Socket) onRefused(error, socket)
    const { headers, body } = word(error)
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
      write(response, refusal(requestMalformed("the body is too large")))
      return
    }
    if (!server.listening) response.setHeader("connection", "close")
    void listener(request, response)
  })
  server.on("upgrade", (_, socket) => socket.destroy())
  server.on("connect", (_, socket) => socket.destroy())
  return server
}

function write(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, headers)
  response.end(body)
}
