/**
 * Writes an answer in one piece. Node's way builds the head anew each time and hands the kernel two pieces, the second of
 * them empty: a fifth of an answer's time (docs/performance.md).
 */
import { STATUS_CODES, type ServerResponse } from "node:http"
import type { Answer } from "./answer.ts"

/** Where node keeps a head before it is sent. Its documentation does not have it, and so nothing here relies on it. */
const headField = "_header"
type WithHead = ServerResponse & { [headField]?: string | null }

interface Whole {
  readonly second: number
  readonly text: string
}

const wholes = new WeakMap<Answer, Whole>()

export function writeAnswer(response: ServerResponse, answer: Answer, keepAliveSeconds: number): void {
  if (isUsual(response) && writeWhole(response, wholeOf(answer, keepAliveSeconds))) return
  response.writeHead(answer.status, answer.headers)
  response.end(answer.body)
}

/** A GET, on a connection that stays, and nobody has anything to add. */
function isUsual(response: ServerResponse): boolean {
  return response.shouldKeepAlive && response.req.method === "GET" && !response.hasHeader("connection")
}

function writeWhole(response: WithHead, { text }: Whole): boolean {
  if (text === "") return false
  response[headField] = text
  // A node that keeps it elsewhere would now send a head of its own, without a body.
  if (!response.headersSent) return false
  response.end()
  return true
}

/** Head and body as they go over the wire, made once a second; empty for what node has to write itself. */
function wholeOf(answer: Answer, keepAliveSeconds: number): Whole {
  const second = Math.floor(Date.now() / 1_000)
  const known = wholes.get(answer)
  if (known?.second === second) return known
  const made = { second, text: wholeText(answer, new Date(second * 1_000), keepAliveSeconds) }
  wholes.set(answer, made)
  return made
}

function wholeText({ status, headers, body }: Answer, date: Date, keepAliveSeconds: number): string {
  const isLast = headers["connection"] !== undefined
  // The head is sent as latin1: a length in bytes is one in characters only where all is ASCII.
  if (isLast || Buffer.byteLength(body) !== body.length) return ""
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    `Date: ${date.toUTCString()}`,
    "Connection: keep-alive",
    `Keep-Alive: timeout=${keepAliveSeconds}`,
    "",
    body,
  ].join("\r\n")
}
