/** The servers on node:http: bounds on what a slow or hostile caller can cost, and the checks that need the raw request. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { Socket } from "node:net"
import type { Duplex } from "node:stream"
import { peerRejected, requestMalformed } from "../core/errors.ts"
import { refusal, type Answer } from "./answer.ts"
import type { CredentialsApp } from "./credentials-app.ts"
import { isLoopback } from "./guards.ts"
import { writeAnswer } from "./write-answer.ts"

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

/** Whoever was refused reads the answer within this time. */
const lingerMs = 1_000

export type Handle = (request: IncomingMessage, response: ServerResponse) => void

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
  function handle(request: IncomingMessage, response: ServerResponse): void {
    const answer = app(request)
    if (answer instanceof Promise) void answer.then((settled) => write(response, settled))
    else write(response, answer)
  }
  async function closeStranger(socket: Socket): Promise<void> {
    if (await Promise.resolve(mayAsk(socket)).catch(() => false)) return
    onRefused(peerRejected(), socket)
    socket.destroy()
  }
  return loopbackServer(refusal, onRefused, handle, (socket, open) => {
    if (open > crowd) void closeStranger(socket)
  })
}

/** For callers of any kind on loopback. */
export function loopbackServer(
  word: (error: unknown) => Answer,
  onRefused: OnRefused,
  handle: Handle,
  onOpen: (socket: Socket, open: number) => void = () => undefined,
): Server {
  /** Connections whose time is over, and who may have sent a whole request all the same. */
  const late = new Set<Duplex>()
  const open = new Set<Socket>()
  /** Where an answer has still to come. */
  const answering = new Set<Duplex>()
  const server = createServer(bounds, (request, response) => {
    if (late.size > 0) late.delete(request.socket)
    // Stopping: what comes on a kept connection is answered, and the caller told to come back on a new one.
    if (!server.listening) response.setHeader("connection", "close")
    handle(request, response)
    if (response.writableEnded) return
    answering.add(request.socket)
    response.once("close", () => answering.delete(request.socket))
  })
  // Node's own leaves those that have never sent a whole request, and whoever says nothing would keep us from ending.
  server.closeIdleConnections = () => {
    for (const socket of open) if (!answering.has(socket) && socket.writableLength === 0) socket.destroy()
  }
  server.maxHeadersCount = 0
  server.maxConnections = 4_096
  server.on("connection", (socket) => {
    if (isLoopback(socket.remoteAddress)) {
      open.add(socket)
      socket.once("close", () => open.delete(socket))
      onOpen(socket, open.size)
      return
    }
    onRefused(peerRejected(), socket)
    socket.destroy()
  })
  const close = (request: IncomingMessage, socket: Duplex): void => {
    onRefused(requestMalformed("only HTTP/1.1 is spoken here"), request.socket)
    socket.destroy()
  }
  server.on("upgrade", close)
  server.on("connect", close)
  const refuseBody = ({ socket }: IncomingMessage, response: ServerResponse): void => {
    const error = requestMalformed("no body is expected")
    onRefused(error, socket)
    write(response, word(error))
  }
  server.on("checkContinue", refuseBody)
  server.on("checkExpectation", refuseBody)
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    // The answer to an earlier request is still to come, and this would be taken for it.
    if (!socket.writable || answering.has(socket)) socket.destroy()
    else if (error.code === "ERR_HTTP_REQUEST_TIMEOUT") refuseUnlessRead(socket)
    else refuse(socket, "this is not HTTP/1.1")
  })
  /**
   * Node looks at its clock before it reads: after a freeze (a busy machine, SIGSTOP) whole requests lie there unread, and
   * would be refused as slow. What lies there is read in this turn of the event loop.
   */
  function refuseUnlessRead(socket: Duplex): void {
    late.add(socket)
    setImmediate(() => {
      if (late.delete(socket)) refuse(socket, "it came too slowly")
    })
  }
  function refuse(socket: Duplex, why: string): void {
    const error = requestMalformed(why)
    if (socket instanceof Socket) onRefused(error, socket)
    const { headers, body } = word(error)
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
    socket.end(["HTTP/1.1 400 Bad Request", ...lines, "", body].join("\r\n"))
    // Node looks at it no more, and its other end may stay open.
    setTimeout(() => socket.destroy(), lingerMs).unref()
  }
  return server
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

export function write(response: ServerResponse, answer: Answer): void {
  writeAnswer(response, answer, bounds.keepAliveTimeout / 1_000)
}
