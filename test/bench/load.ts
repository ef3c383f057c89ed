/**
 * The caller, a process of its own: so many keep-alive connections, each sending its next request when the last one is
 * answered, on bare sockets so that the caller costs less than the server. Reads a Load from stdin, prints a Loaded.
 */
import { connect, type Socket } from "node:net"
import { text } from "node:stream/consumers"
import { quantile } from "./median.ts"

export interface Load {
  readonly port: number
  /** The bytes of one request. */
  readonly request: string
  readonly connections: number
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
  seconds,
  requests = Number.POSITIVE_INFINITY,
} = JSON.parse(await text(process.stdin)) as Load
const bytes = Buffer.from(request, "latin1")
const sockets = await Promise.all(Array.from({ length: connections }, () => opened()))

const tookMs: number[] = []
const startedAt = performance.now()
const endAt = startedAt + seconds * 1_000
await Promise.all(sockets.map((socket) => ask(socket)))
const wholeMs = performance.now() - startedAt
for (const socket of sockets) socket.destroy()

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

/** Asks again and again until it is time to stop. Every answer must be a 200 and as long as the first. */
async function ask(socket: Socket): Promise<void> {
  let answerBytes: number | undefined
  let seenBytes = 0
  let sentAt = 0
  await new Promise<void>((resolve, reject) => {
    const send = (): void => {
      sentAt = performance.now()
      socket.write(bytes)
    }
    socket.on("data", (chunk) => {
      if (seenBytes === 0 && chunk.toString("latin1", 0, 12) !== "HTTP/1.1 200") {
        reject(new Error(`the answer began with ${JSON.stringify(chunk.toString("latin1", 0, 12))}`))
      }
      seenBytes += chunk.length
      answerBytes ??= lengthOf(chunk)
      if (seenBytes < answerBytes) return
      if (seenBytes > answerBytes) reject(new Error("an answer is longer than the first"))
      seenBytes = 0
      const now = performance.now()
      tookMs.push(now - sentAt)
      if (now < endAt && tookMs.length < requests) send()
      else resolve()
    })
    socket.once("error", reject)
    socket.once("close", () => reject(new Error("the server closed the connection")))
    send()
  })
}

function lengthOf(answer: Buffer): number {
  const head = answer.indexOf("\r\n\r\n") + 4
  const body = /\r\ncontent-length: *(\d+)\r\n/i.exec(answer.toString("latin1", 0, head))?.[1]
  if (head < 4 || body === undefined) throw new Error("the first answer has no length")
  return head + Number(body)
}
