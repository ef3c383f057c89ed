/**
 * A request as nearly every SDK sends it: a GET without a body, whole, in one piece. To read one is a tenth of what node's
 * parser does for it. Nothing is taken that node reads differently, or does anything else about: what is not plain in each of
 * its bytes is node's to read (plain-request.test.ts asks it).
 */
import type { RequestHead } from "./guards.ts"

export interface PlainRequest extends RequestHead {
  readonly method: "GET"
  /** The caller wants no further answer on this connection. */
  readonly isLast: boolean
}

/** Far more than any SDK sends. */
const longest = 4_096

/** With the characters of RFC 3986's path and query alone. */
const requestLine = /^GET (\/[\w\-.~!$&'()*+,;=:@%/?]*) HTTP\/1\.1$/
/** RFC 9110's token, and a value of visible ASCII with neither white space at its end nor a line of its own. */
const headerLine = /^([\w!#$%&'*+\-.^`|~]+):[ \t]*((?:[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)?)$/
/** They say where a request ends, or want more than an answer. */
const framing =
  /^(?:connection|content-length|expect|http2-settings|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade)$/i

/** Undefined for everything that is not plain. */
export function plainRequest(bytes: Buffer): PlainRequest | undefined {
  if (bytes.length > longest) return undefined
  const lines = bytes.toString("latin1").split("\r\n")
  const end = lines.length - 2
  if (end < 1 || lines[end] !== "" || lines[end + 1] !== "") return undefined
  const url = requestLine.exec(lines[0] ?? "")?.[1]
  if (url === undefined) return undefined
  const rawHeaders: string[] = []
  let isLast = false
  for (let i = 1; i < end; i += 1) {
    const [, name, value] = headerLine.exec(lines[i] ?? "") ?? []
    if (name === undefined || value === undefined) return undefined
    if (framing.test(name)) {
      if (!/^connection$/i.test(name) || !/^(?:close|keep-alive)$/i.test(value)) return undefined
      isLast ||= /^close$/i.test(value)
    }
    rawHeaders.push(name, value)
  }
  return { method: "GET", httpVersion: "1.1", url, rawHeaders, isLast }
}
