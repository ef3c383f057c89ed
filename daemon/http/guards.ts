/**
 * Who may speak to a server on loopback. Loopback is not safety: a web page can make a browser send requests here, and
 * with DNS rebinding it can read the answers. These checks come before any other work; none of them knows a profile.
 */
import type { IncomingMessage } from "node:http"
import { hostRejected, originRejected, requestMalformed } from "../core/errors.ts"

/** What a request shows on its face. */
export type RequestHead = Pick<IncomingMessage, "httpVersion" | "url" | "rawHeaders">

/** Browsers and proxies add these; no AWS SDK does. (Not Sec-Fetch-Mode: Node's own fetch sends it.) */
const foreignHeaders = [
  "origin",
  "referer",
  "cookie",
  "sec-fetch-site",
  "access-control-request-method",
  "access-control-request-headers",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-real-ip",
  "forwarded",
  "via",
]

/** A header that stands twice is read differently by different parsers; these decide who is asking. */
const singleHeaders = [
  "host",
  "authorization",
  "content-length",
  "transfer-encoding",
  "x-aws-ec2-metadata-token",
  "x-aws-ec2-metadata-token-ttl-seconds",
] as const

const foreign = -1
const unwatched = 0
/** A bit for each header that may stand once. */
const watched: ReadonlyMap<string, number> = new Map([
  ...foreignHeaders.map((name) => [name, foreign] as const),
  ...singleHeaders.map((name, index) => [name, 1 << index] as const),
])
const [hostBit, authorizationBit, lengthBit, encodingBit] = singleHeaders.map((_, index) => 1 << index)

const maxHeaders = 64
const maxTarget = 2_048

/** Every name that a browser can only have for this server itself. The CRT leaves the port out. */
export function hostsOf(port: number): ReadonlySet<string> {
  return new Set(["127.0.0.1", "localhost", "[::1]"].flatMap((host) => [host, `${host}:${port}`]))
}

/**
 * The request's Authorization, where it has one. Throws `RequestMalformed`, `HostRejected` or `OriginRejected`. Reads the
 * headers as they came, once: Node's own reading drops what stands twice, and costs as much as all the rest.
 */
export function guard(
  { httpVersion, url = "", rawHeaders }: RequestHead,
  hosts: ReadonlySet<string>,
): string | undefined {
  if (httpVersion !== "1.1") throw requestMalformed("only HTTP/1.1 is spoken here")
  if (rawHeaders.length / 2 > maxHeaders) throw requestMalformed("too many headers")
  if (!url.startsWith("/")) throw requestMalformed("the request target is not a path")
  if (url.length > maxTarget) throw requestMalformed("the request target is too long")
  let host: string | undefined
  let authorization: string | undefined
  let isForeign = false
  let seen = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const kind = kindOf(rawHeaders[i] ?? "")
    if (kind === unwatched) continue
    if (kind === foreign) {
      isForeign = true
      continue
    }
    if ((seen & kind) !== 0) throw requestMalformed("a header stands twice that may stand once")
    seen |= kind
    const value = rawHeaders[i + 1] ?? ""
    if (kind === hostBit) host = value
    else if (kind === authorizationBit) authorization = value
    else if (kind === encodingBit || (kind === lengthBit && value !== "0")) {
      throw requestMalformed("no body is expected")
    }
  }
  if (host === undefined) throw requestMalformed("the Host header is missing")
  if (!hosts.has(host.toLowerCase())) throw hostRejected()
  if (isForeign) throw originRejected()
  return authorization
}

/** Spellings that were met: a client writes its headers always alike, and lower-casing each anew costs more than this. */
const spellings = new Map<string, number>()
const maxSpellings = 256

function kindOf(name: string): number {
  const known = spellings.get(name)
  if (known !== undefined) return known
  const kind = watched.get(name.toLowerCase()) ?? unwatched
  // A copy: V8 keeps the whole text of which a name was cut out, and there is a token in it.
  if (spellings.size < maxSpellings) spellings.set(Buffer.from(name, "latin1").toString("latin1"), kind)
  return kind
}

/** Behind some routing set-ups (`route_localnet`) the neighbours on the network reach a loopback listener. */
export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && (address.startsWith("127.") || address === "::1" || address.startsWith("::ffff:127."))
}
