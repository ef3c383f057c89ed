/**
 * The caller, a process of its own: so many connections, each sending its next request when the last one is answered (or
 * making room for the next connection), on bare sockets so that the caller costs less than the server. Reads a Load from
 * stdin, prints a Loaded.
 */
import { connect, type Socket } from "node:net"
import { text } from "node:stream/consumers"
import { quantile } from "./median.ts"

export interface Load {
  readonly port: number
  /** The bytes of one request. */
  readonly request: string
  readonly connections: number
  /** A new connection for each request, as most SDKs ask. */
  readonly isAnew?: boolean
  /** When to stop, whichever comes first. */
  readonly seconds: number
  readonly requests?: number
}

export interface Loaded {
  readonly requests: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

const {
  port,
  request,
  connections,
  isAnew = false,
  seconds,
  requests = Number.POSITIVE_INFINITY,
} = JSON.parse(await text(process.stdin)) as Load
const bytes = Buffer.from(request, "latin1")
const tookMs: number[] = []
let answerBytes: number | undefined
const startedAt = performance.now()
const endAt = startedAt + seconds * 1_000
await Promise.all(Array.from({ length: connections }, isAnew ? askAnew : askOn))
const wholeMs = performance.now() - startedAt

const loaded: Loaded = {
  requests: tookMs.length,
  perSecond: tookMs.length / (wholeMs / 1_000),
  p50Ms: quantile(tookMs, 0.5),
  p99Ms: quantile(tookMs, 0.99),
  maxMs: quantile(tookMs, 1),
}
process.stdout.write(JSON.stringify(loaded))

async function opened(): Promise<Socket> {
  return await new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true }, () => resolve(socket))
    socket.once("error", reject)
  })
}

function isOver(): boolean {
  return performance.now() >= endAt || tookMs.length >= requests
}

/** Asks on one connection until it is time to stop. */
async function askOn(): Promise<void> {
  const socket = await opened()
  const ask = asking(socket)
  while (!isOver()) {
    const sentAt = performance.now()
    await ask()
    tookMs.push(performance.now() - sentAt)
  }
  socket.destroy()
}

/** Counts the connection's own time, too: that is what a caller waits for. */
async function askAnew(): Promise<void> {
  while (!isOver()) {
    const sentAt = performance.now()
    const socket = await opened()
    await asking(socket)()
    tookMs.push(performance.now() - sentAt)
    // No connection is left in TIME_WAIT: there are fewer ports than requests.
    socket.resetAndDestroy()
  }
}

/** Sends the request and waits for its answer. Every answer must be a 200 and as long as the first. */
function asking(socket: Socket): () => Promise<void> {
  let seenBytes = 0
  let settle: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined
  socket.on("data", (chunk) => {
    if (seenBytes === 0 && chunk.toString("latin1", 0, 12) !== "HTTP/1.1 200") {
      settle?.reject(new Error(`the answer began with ${JSON.stringify(chunk.toString("latin1", 0, 12))}`))
    }
    seenBytes += chunk.length
    answerBytes ??= lengthOf(chunk)
    if (seenBytes < answerBytes) return
    if (seenBytes > answerBytes) settle?.reject(new Error("an answer is longer than the first"))
    seenBytes = 0
    settle?.resolve()
  })
  socket.once("error", (error) => settle?.reject(error))
  socket.once("close", () => settle?.reject(new Error("the server closed the connection")))
  return async () => {
    await new Promise<void>((resolve, reject) => {
      settle = { resolve, reject }
      socket.write(bytes)
    })
  }
}

function lengthOf(answer: Buffer): number {
  const head = answer.indexOf("\r\n\r\n") + 4
  const body = /\r\ncontent-length: *(\d+)\r\n/i.exec(answer.toString("latin1", 0, head))?.[1]
  if (head < 4 || body === undefined) throw new Error("the first answer has no length")
  return head + Number(body)
}
