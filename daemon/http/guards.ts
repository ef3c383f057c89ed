/**
 * Who may speak to the data plane. Loopback is not safety: a web page can make a browser send requests here, and with
 * DNS rebinding it can read the answers. These checks come before any other work; none of them knows a profile.
 */
import type { IncomingMessage } from "node:http"
import { hostRejected, originRejected, requestMalformed } from "../core/errors.ts"

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
const singleHeaders = new Set([
  "host",
  "authorization",
  "content-length",
  "x-aws-ec2-metadata-token",
  "x-aws-ec2-metadata-token-ttl-seconds",
])

const maxHeaders = 64
const maxTarget = 2_048

/** Every name that a browser can only have for this server itself. The CRT leaves the port out. */
export function hostsOf(port: number): ReadonlySet<string> {
  return new Set(["127.0.0.1", "localhost", "[::1]"].flatMap((host) => [host, `${host}:${port}`]))
}

/** Throws `HostRejected` or `OriginRejected`. Takes a look-up, so that it serves any server. */
export function guardHeaders(header: (name: string) => string | undefined, hosts: ReadonlySet<string>): void {
  const host = header("host")
  if (host === undefined || !hosts.has(host.toLowerCase())) throw hostRejected()
  for (const name of foreignHeaders) if (header(name) !== undefined) throw originRejected()
}

/** What only the raw request shows: repeated headers, absolute-form targets, HTTP/1.0, bodies. Throws `RequestMalformed`. */
export function guardFraming(request: IncomingMessage): void {
  const { rawHeaders, httpVersion, url = "" } = request
  if (httpVersion !== "1.1") throw requestMalformed("only HTTP/1.1 is spoken here")
  if (rawHeaders.length / 2 > maxHeaders) throw requestMalformed("too many headers")
  if (!url.startsWith("/")) throw requestMalformed("the request target is not a path")
  if (url.length > maxTarget) throw requestMalformed("the request target is too long")
  const seen = new Set<string>()
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]?.toLowerCase() ?? ""
    if (!singleHeaders.has(name)) continue
    if (seen.has(name)) throw requestMalformed("a header stands twice that may stand once")
    seen.add(name)
  }
  const { "content-length": length, "transfer-encoding": encoding } = request.headers
  if (encoding !== undefined || (length !== undefined && length !== "0")) throw requestMalformed("no body is expected")
}

/** Behind some routing set-ups (`route_localnet`) the neighbours on the network reach a loopback listener. */
export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && (address.startsWith("127.") || address === "::1" || address.startsWith("::ffff:127."))
}
