/** An answer as it goes over the wire, in one piece: node builds the head anew each time, and hands the kernel two. */
import { STATUS_CODES } from "node:http"
import type { Answer } from "./answer.ts"

interface Whole {
  readonly second: number
  readonly bytes: string | Buffer
}

/** Of answers that leave their connection open: most go to many callers. */
const wholes = new WeakMap<Answer, Whole>()

/** Just what node would send; a string is latin1. `keepAliveMs`: undefined for the last answer of a connection. */
export function wholeAnswer(answer: Answer, keepAliveMs: number | undefined): string | Buffer {
  const second = Math.floor(Date.now() / 1_000)
  if (keepAliveMs === undefined) return made(answer, second, ["Connection: close"])
  const known = wholes.get(answer)
  if (known?.second === second) return known.bytes
  const stays = ["Connection: keep-alive", `Keep-Alive: timeout=${Math.floor(keepAliveMs / 1_000)}`]
  const bytes = made(answer, second, stays)
  wholes.set(answer, { second, bytes })
  return bytes
}

function made({ status, headers, body }: Answer, second: number, connection: readonly string[]): string | Buffer {
  const text = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    `Date: ${new Date(second * 1_000).toUTCString()}`,
    ...(headers["connection"] === undefined ? connection : []),
    "",
    body,
  ].join("\r\n")
  // The head is ASCII, and so are nearly all bodies: a string then needs no copy of its own.
  return Buffer.byteLength(body) === body.length ? text : Buffer.from(text)
}
