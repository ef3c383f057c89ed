import { createServer, type IncomingMessage } from "node:http"
import { connect } from "node:net"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { fc, test } from "@fast-check/vitest"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { listenOnPort } from "../../../daemon/adapters/listen.ts"
import { guard } from "../../../daemon/http/guards.ts"
import { plainRequest } from "../../../daemon/http/plain-request.ts"

interface Read {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly httpVersion: string
  readonly rawHeaders: readonly string[]
  readonly body: string
  readonly isLast: boolean
}

let seen: Promise<Read>[] = []
async function read(request: IncomingMessage, isLast: boolean): Promise<Read> {
  let body = ""
  for await (const chunk of request) body += String(chunk)
  const { method, url, httpVersion, rawHeaders } = request
  return { method, url, httpVersion, rawHeaders, body, isLast }
}
const server = createServer({ maxHeaderSize: 8_192, requireHostHeader: false }, (request, response) => {
  seen.push(read(request, !response.shouldKeepAlive))
  response.end()
})
server.maxHeadersCount = 0
for (const event of ["checkContinue", "checkExpectation", "upgrade", "connect"]) {
  server.on(event, (request: IncomingMessage) => {
    const { method, url, httpVersion, rawHeaders } = request
    seen.push(Promise.resolve({ method, url, httpVersion, rawHeaders, body: `${event}!`, isLast: false }))
    request.socket.destroy()
  })
}
let port = 0

beforeAll(async () => {
  port = await listenOnPort(server, 0)
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const sentinel = "GET /sentinel HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

/** What node's parser makes of the bytes, and of a request that follows them. */
async function nodeReads(bytes: Buffer): Promise<readonly Read[]> {
  seen = []
  await new Promise<void>((resolve) => {
    const socket = connect({ host: "127.0.0.1", port }, () => {
      socket.write(bytes)
      socket.write(sentinel)
    })
    socket.on("error", () => undefined).once("close", () => resolve())
    socket.resume()
  })
  return await Promise.all(seen)
}

const request = (...lines: readonly string[]): Buffer => Buffer.from([...lines, "", ""].join("\r\n"), "latin1")
const sdks: readonly (readonly [string, Buffer])[] = [
  [
    "botocore",
    request(
      "GET /credentials/dev HTTP/1.1",
      "Host: 127.0.0.1:9912",
      "Accept-Encoding: identity",
      "Accept: application/json",
      "User-Agent: Boto3/1.40 md/Botocore#1.40 ua/2.1 os/linux#6 lang/python#3.11",
      "Authorization: credd_x",
    ),
  ],
  [
    "Go",
    request(
      "GET /credentials/dev HTTP/1.1",
      "Host: 127.0.0.1:9912",
      "User-Agent: aws-sdk-go-v2/1.30 ua/2.1",
      "Accept: application/json",
      "Authorization: credd_x",
      "Accept-Encoding: gzip",
    ),
  ],
  [
    "JavaScript",
    request(
      "GET /credentials/dev HTTP/1.1",
      "Authorization: credd_x",
      "Host: 127.0.0.1:9912",
      "Connection: keep-alive",
    ),
  ],
  [
    "an older JavaScript",
    request("GET /credentials/a%2Fb?x=1 HTTP/1.1", "authorization:credd_x", "host:localhost:9912", "connection: close"),
  ],
  [
    "Java",
    request(
      "GET /credentials/dev HTTP/1.1",
      "Accept: */*",
      "User-Agent: aws-sdk-java/2.30 (Linux; 6.1) OpenJDK/17",
      "Authorization: credd_x",
      "Host: 127.0.0.1:9912",
      "Connection: keep-alive",
    ),
  ],
  [
    "the CRT",
    request(
      "GET /credentials/dev HTTP/1.1",
      "Host: 127.0.0.1",
      "Accept: */*",
      "User-Agent: aws-sdk-crt/credentials-provider",
      "Authorization: credd_x",
      "Accept-Encoding: identity",
    ),
  ],
  [
    "curl",
    request(
      "GET /credentials/dev HTTP/1.1",
      "Host: 127.0.0.1:9912",
      "User-Agent: curl/7.88.1",
      "Accept: */*",
      "Authorization: credd_x",
    ),
  ],
]

const characters = fc.oneof(
  fc.constantFrom(...Array.from({ length: 256 }, (_, code) => String.fromCharCode(code))),
  fc.constantFrom("\0", "\r", "\n", "\r\n", "\t", " ", ":"),
)
const edit = fc.record({ at: fc.nat(600), cut: fc.nat(2), put: fc.array(characters, { maxLength: 3 }) })
const lines = [
  "Content-Length: 0",
  "Content-Length: 5",
  "Transfer-Encoding: chunked",
  "Connection: close",
  "Connection: keep-alive",
  "Connection: upgrade",
  "Connection: close, keep-alive",
  "Connection:",
  "Proxy-Connection: close",
  "Keep-Alive: timeout=1",
  "Upgrade: websocket",
  "Expect: 100-continue",
  "Expect: anything",
  "TE: trailers",
  "Trailer: x",
  "HTTP2-Settings: x",
  "X-Empty:",
  "X-Padded:   a  b ",
  "X-Tabbed:\ta\tb",
  " folded",
  "No colon",
  ": no name",
  "Spaced : x",
  "",
  "GET /second HTTP/1.1",
]

/** A request as an SDK sends it, with lines of its own, and a few bytes not as they were. */
const nearlyPlain = fc
  .record({
    sent: fc.constantFrom(...sdks.map(([, bytes]) => bytes)),
    more: fc.array(fc.record({ line: fc.constantFrom(...lines), at: fc.nat(8) }), { maxLength: 2 }),
    edits: fc.array(edit, { maxLength: 2 }),
    tail: fc.constantFrom("", "", "", "x", "\r\n", "GET / HTTP/1.1\r\n\r\n"),
  })
  .map(({ sent, more, edits, tail }) => {
    const parts = sent.toString("latin1").split("\r\n")
    for (const { line, at } of more) parts.splice(1 + (at % (parts.length - 2)), 0, line)
    let text = parts.join("\r\n")
    for (const { at, cut, put } of edits) {
      const place = at % text.length
      text = text.slice(0, place) + put.join("") + text.slice(place + cut)
    }
    return Buffer.from(text + tail, "latin1")
  })

describe(plainRequest.name, () => {
  it.each(sdks)("reads what %s sends", (_, bytes) => {
    expect(plainRequest(bytes)).toBeDefined()
  })

  test.prop([nearlyPlain], { numRuns: 3_000 })("takes nothing that node reads differently", async (bytes) => {
    const ours = plainRequest(bytes)
    if (ours === undefined) return

    const [first, next, ...others] = await nodeReads(bytes)

    expect({ ...ours, body: "" }).toEqual(first)
    expect(next?.url).toBe(ours.isLast ? undefined : "/sentinel")
    expect(others).toEqual([])
  })

  it.each([
    ["nothing", ""],
    ["half a request", "GET / HTTP/1.1\r\nHost: x\r\n"],
    ["two requests", "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n"],
    ["a request and more", "GET / HTTP/1.1\r\nHost: x\r\n\r\nx"],
    ["another method", "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["an older version", "GET / HTTP/1.0\r\nHost: x\r\n\r\n"],
    ["another's path", "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["a body to come", "GET / HTTP/1.1\r\nContent-Length: 1\r\n\r\n"],
    ["more than an answer", "GET / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n"],
    ["a header of 4 KB", `GET / HTTP/1.1\r\nX: ${"x".repeat(4_096)}\r\n\r\n`],
  ])("leaves %s to node", (_, text) => {
    expect(plainRequest(Buffer.from(text, "latin1"))).toBeUndefined()
  })

  it("leaves nothing of a request in what the guards remember of its headers' names", () => {
    setFlagsFromString("--expose-gc")
    const collect = runInNewContext("gc") as () => void
    collect()
    const before = process.memoryUsage().heapUsed

    // Each spelling is new; together they are nearly a megabyte.
    for (let i = 0; i < 250; i += 1) {
      const ours = plainRequest(request("GET / HTTP/1.1", "Host: x", `X-Spelling-Of-Number-${i}: ${"x".repeat(3_900)}`))
      guard(ours ?? expect.fail("not plain"), new Set(["x"]))
    }
    collect()

    expect(process.memoryUsage().heapUsed - before).toBeLessThan(500_000)
  })
})
