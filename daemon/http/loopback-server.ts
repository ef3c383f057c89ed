/** A server on node:http for callers of any kind on loopback: bounds on what a slow or hostile one can cost. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import { peerRejected, requestMalformed } from "../core/errors.ts"
import type { Connection } from "../core/ports.ts"
import type { Answer } from "./answer.ts"
import { bounds, write } from "./bounds.ts"
import type { CredentialsApp } from "./credentials-app.ts"
import { endsOf } from "./ends.ts"
import { isLoopback } from "./guards.ts"
import { plainConnections } from "./plain-connection.ts"
import { wholeAnswer } from "./whole-answer.ts"

/** Whoever was refused reads the answer within this time. */
const lingerMs = 1_000

/** Hears of every refusal that the app never sees. */
export type OnRefused = (error: unknown, from: Connection) => void

export interface LoopbackOptions {
  /** What a refused caller is told. */
  readonly word: (error: unknown) => Answer
  readonly onRefused: OnRefused
  readonly handle: (request: IncomingMessage, response: ServerResponse, from: Connection) => void
  /** Answers plain requests in the place of `handle`, in less than half of its time. */
  readonly plain?: CredentialsApp
  /** Hears of each connection, and how many there are. */
  readonly onOpen?: (socket: Socket, from: Connection, open: number) => void
}

export function loopbackServer({ word, onRefused, handle, plain, onOpen }: LoopbackOptions): Server {
  const open = new Map<Duplex, Connection>()
  /** Connections whose time is over, and who may have sent a whole request all the same. */
  const late = new Set<Duplex>()
  /** Where an answer has still to come. */
  const answering = new Set<Duplex>()
  // An answer to a plain request is one piece, which nothing delays: for those it would be a system call for nothing.
  const server = createServer({ ...bounds, noDelay: plain === undefined }, (request, response) => {
    const { socket } = request
    if (late.size > 0) late.delete(socket)
    // Stopping: what comes on a kept connection is answered, and the caller told to come back on a new one.
    if (!server.listening) response.setHeader("connection", "close")
    handle(request, response, open.get(socket) ?? socket)
    if (response.writableEnded) return
    answering.add(socket)
    response.once("close", () => answering.delete(socket))
  })
  // Node's own leaves those that have never sent a whole request, and whoever says nothing would keep us from ending.
  server.closeIdleConnections = () => {
    for (const socket of open.keys()) if (!answering.has(socket) && socket.writableLength === 0) socket.destroy()
  }
  server.closeAllConnections = () => {
    for (const socket of open.keys()) socket.destroy()
  }
  server.maxHeadersCount = 0
  server.maxConnections = 4_096

  // Node's own listener gives a connection to its parser: at once, or when there is something that only that can read.
  const parsers = server.listeners("connection")
  if (parsers.length === 0) throw new Error("this node keeps its parser elsewhere")
  function parse(socket: Socket): void {
    if (plain !== undefined) socket.setNoDelay(true)
    for (const each of parsers) each.call(server, socket)
  }
  const begin = plain === undefined ? undefined : beginPlain(plain)
  const ends = plain === undefined ? undefined : endsOf(server)
  server.removeAllListeners("connection").on("connection", (socket: Socket) => {
    if (!isLoopback(socket.remoteAddress)) {
      onRefused(peerRejected(), socket)
      socket.destroy()
      return
    }
    const apart = ends?.(socket)
    const from = apart ?? socket
    open.set(socket, from)
    socket.on("close", (hadError: boolean) => {
      open.delete(socket)
      // Where it was us who closed first, the other end may still hold its socket.
      if (apart !== undefined) apart.hasLeft = hadError || socket.readableEnded
    })
    if (begin === undefined) parse(socket)
    else begin(socket, from)
    onOpen?.(socket, from, open.size)
  })

  function beginPlain(ask: CredentialsApp): (socket: Socket, from: Connection) => void {
    return plainConnections({
      ask,
      bytesOf: (answered, isLast) => wholeAnswer(answered, isLast ? undefined : bounds.keepAliveTimeout),
      isEnding: () => !server.listening,
      answering,
      handOver: parse,
      onSilent: (socket) => refuse(socket, "it came too slowly"),
      firstRequestMs: bounds.headersTimeout,
      // A second more than the answer says, as node has it: a request may be on its way.
      nextRequestMs: bounds.keepAliveTimeout + 1_000,
    })
  }

  function close(request: IncomingMessage, socket: Duplex): void {
    onRefused(requestMalformed("only HTTP/1.1 is spoken here"), open.get(socket) ?? request.socket)
    socket.destroy()
  }
  server.on("upgrade", close)
  server.on("connect", close)
  function refuseBody({ socket }: IncomingMessage, response: ServerResponse): void {
    const error = requestMalformed("no body is expected")
    onRefused(error, open.get(socket) ?? socket)
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
    const from = open.get(socket)
    if (from !== undefined) onRefused(error, from)
    socket.end(wholeAnswer(word(error), undefined), "latin1")
    // Node looks at it no more, and its other end may stay open.
    setTimeout(() => socket.destroy(), lingerMs).unref()
  }
  return server
}
