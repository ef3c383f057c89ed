/**
 * A connection while all that comes over it is plain requests, one at a time. Whatever else comes goes to node's parser, with
 * the connection and for good.
 */
import type { Socket } from "node:net"
import type { Connection } from "../core/ports.ts"
import type { Answer } from "./answer.ts"
import { plainRequest, type PlainRequest } from "./plain-request.ts"

export interface PlainOptions {
  readonly ask: (request: Omit<PlainRequest, "isLast"> & { readonly from: Connection }) => Answer | Promise<Answer>
  /** Head and body as they go over the wire. */
  readonly bytesOf: (answer: Answer, isLast: boolean) => Buffer | string
  /** Whether each answer is to be the last of its connection. */
  readonly isEnding: () => boolean
  /** Where an answer has still to come. */
  readonly answering: { add(socket: Socket): unknown; delete(socket: Socket): unknown }
  /** Takes the connection over; what has come of its next request comes after. */
  readonly handOver: (socket: Socket) => void
  /** Nothing came within its time. */
  readonly onSilent: (socket: Socket) => void
  readonly firstRequestMs: number
  /** Longer than for the first. Whoever does not read an answer has this long, too. */
  readonly nextRequestMs: number
}

/** Reads a connection from its beginning on. */
export function plainConnections(options: PlainOptions): (socket: Socket, from: Connection) => void {
  const { ask, bytesOf, isEnding, answering, handOver, onSilent, firstRequestMs, nextRequestMs } = options
  return (socket, from) => {
    let asked = 0
    let answers = 0
    let isWaiting = false
    let isIdle = false
    let hasEnded = false
    /** To node's parser. */
    let hasLeft = false

    function onData(bytes: Buffer): void {
      if (isIdle) {
        isIdle = false
        socket.setTimeout(firstRequestMs)
      }
      const request = plainRequest(bytes)
      if (request === undefined) {
        leave(bytes)
        return
      }
      asked += 1
      const { method, url, httpVersion, rawHeaders } = request
      const answered = ask({ method, url, httpVersion, rawHeaders, from })
      if (answered instanceof Promise) void wait(request, answered)
      else write(request, answered)
    }

    async function wait(request: PlainRequest, pending: Promise<Answer>): Promise<void> {
      // What comes meanwhile is read behind this answer.
      socket.pause()
      isWaiting = true
      answering.add(socket)
      const answered = await pending
      answering.delete(socket)
      isWaiting = false
      write(request, answered)
      goOn()
    }

    function write(request: PlainRequest, answered: Answer): void {
      const isLast = request.isLast || hasEnded || isEnding() || answered.headers["connection"] === "close"
      const isTaken = socket.write(bytesOf(answered, isLast), "latin1")
      if (isLast) {
        letGo()
        endUnless("close")
        socket.destroySoon()
        return
      }
      if (!isTaken) rest()
      answers += 1
    }

    /** Who asks and does not read is not read either. */
    function rest(): void {
      socket.pause()
      socket.once("drain", goOn)
      endUnless("drain")
    }

    function goOn(): void {
      if (!isWaiting && !socket.writableNeedDrain) socket.resume()
    }

    /** Whoever does not read is not waited for, whatever it goes on sending. */
    function endUnless(event: "close" | "drain"): void {
      const timer = setTimeout(() => socket.destroy(), nextRequestMs).unref()
      const isOver = (): void => {
        clearTimeout(timer)
        socket.off(event, isOver).off("close", isOver)
      }
      socket.on(event, isOver).on("close", isOver)
    }

    function onEnd(): void {
      hasEnded = true
      if (!isWaiting) socket.end()
    }

    /** A timer is looked at before the sockets are: after a freeze, what lies there unread is read first. */
    function onTimeout(): void {
      // Both have an end of their own.
      if (isWaiting || socket.isPaused()) return
      // Most have one request: only who has come for more pays for another timer.
      if (answers > 0 && !isIdle) {
        isIdle = true
        socket.setTimeout(nextRequestMs - firstRequestMs)
        return
      }
      const before = asked
      setImmediate(() => {
        if (socket.destroyed || asked !== before || hasLeft) return
        letGo()
        if (answers === 0) onSilent(socket)
        else socket.destroy()
      })
    }

    function leave(bytes: Buffer): void {
      hasLeft = true
      letGo()
      socket.off("error", ignore)
      handOver(socket)
      socket.unshift(bytes)
    }

    /** Nothing that comes is answered here any more. */
    function letGo(): void {
      socket.off("data", onData).off("end", onEnd).off("timeout", onTimeout).setTimeout(0)
    }

    socket.on("data", onData).on("end", onEnd).on("timeout", onTimeout).on("error", ignore).setTimeout(firstRequestMs)
  }
}

/** Node closes the connection, and nobody is left to be told. */
function ignore(): void {}
