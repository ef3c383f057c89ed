import type { Socket } from "node:net"
import { connect } from "node:net"
import { once } from "node:events"
import { fc, test } from "@fast-check/vitest"
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest"
import { listenOnPort } from "../../../daemon/adapters/listen.ts"
import { hostsOf } from "../../../daemon/http/guards.ts"
import { codeOf } from "../../../daemon/core/errors.ts"
import { imdsApp } from "../../../daemon/http/imds-app.ts"
import { imdsServer } from "../../../daemon/http/imds-server.ts"
import { fakeClock, hours } from "../../fakes/clock.ts"
import { fakeAudit } from "../../fakes/audit.ts"
import { someCredentials } from "../../fakes/credentials.ts"
import { fakeLog } from "../../fakes/log.ts"

const hosts = new Set<string>()
const clock = fakeClock()
const audit = fakeAudit()
const mayAsk = vi.fn<(socket: Socket) => Promise<boolean>>()
const server = imdsServer(
  imdsApp({
    profile: "dev",
    tokenKey: "k".repeat(43),
    clock,
    audit,
    log: fakeLog(),
    place: () => ({ region: "eu-west-1" }),
    credentials: async () => someCredentials(clock.now() + 1 * hours),
  }),
  hosts,
  mayAsk,
  (error) => audit.record("refused", { outcome: codeOf(error) }),
)
let port = 0

beforeAll(async () => {
  // Node would close whoever says nothing after two seconds; here it is left to us.
  server.headersTimeout = 60_000
  server.requestTimeout = 60_000
  port = await listenOnPort(server, 0)
  for (const host of hostsOf(port)) hosts.add(host)
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(() => {
  mayAsk.mockReset().mockResolvedValue(true)
})

/** Sends bytes as they are (and no more, if they are the last) and reads until the server closes. */
async function raw(bytes: string | Buffer, isLast = false): Promise<string> {
  return await new Promise((resolve) => {
    let text = ""
    const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true }, () => {
      socket.write(bytes)
      if (isLast) socket.end()
    })
    const done = (): void => {
      socket.destroy()
      resolve(text)
    }
    socket.setTimeout(8_000, done)
    socket.on("data", (chunk) => (text += chunk.toString("latin1")))
    socket.once("end", done)
    socket.once("close", done)
    socket.once("error", done)
  })
}

const ask = (method: string, target: string, ...headers: readonly string[]): string =>
  [`${method} ${target} HTTP/1.1`, `Host: 127.0.0.1:${port}`, ...headers, "Connection: close", "", ""].join("\r\n")
const put = (...headers: readonly string[]): string => ask("PUT", "/latest/api/token", ...headers)
const ttl = "X-aws-ec2-metadata-token-ttl-seconds: 21600"
const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0)
const bodyOf = (answer: string): string => answer.slice(answer.indexOf("\r\n\r\n") + 4)
const list = "/latest/meta-data/iam/security-credentials/"

async function token(): Promise<string> {
  return `X-aws-ec2-metadata-token: ${bodyOf(await raw(put(ttl)))}`
}

describe("the metadata server on a raw socket", () => {
  it("goes from token to list to document, to the byte", async () => {
    const minted = await raw(put(ttl))
    expect(minted).toMatch(/\r\nx-aws-ec2-metadata-token-ttl-seconds: 21600\r\n/)

    const role = await raw(ask("GET", list, await token()))
    expect(role).toMatch(/\r\ncontent-length: 9\r\n/)
    expect(bodyOf(role)).toBe("credd-dev")

    const held = await raw(ask("GET", `${list}credd-dev`, await token()))
    expect(held).toMatch(/\r\ncontent-type: text\/plain\r\n/)
    expect(JSON.parse(bodyOf(held))).toMatchObject({ Code: "Success", Type: "AWS-HMAC" })
  })

  it.each([
    ["a PUT with a Content-Length of 0, as Go sends it", async () => put(ttl, "Content-Length: 0"), 200],
    ["a PUT without a TTL", async () => put(), 400],
    ["two TTLs", async () => put(ttl, ttl), 400],
    ["a PUT with X-Forwarded-For", async () => put(ttl, "X-Forwarded-For: 10.0.0.1"), 403],
    ["X-Forwarded-For behind 70 others", async () => put(ttl, ...Array.from({ length: 70 }, () => "a: b"), "X-Forwarded-For: 1"), 400],
    ["two Hosts", async () => put(ttl, "Host: evil.test"), 400],
    ["a PUT with a body", async () => `${put(ttl, "Content-Length: 5")}hello`, 400],
    ["Expect", async () => put(ttl, "Expect: 100-continue"), 400],
    ["another Host, as a rebound page sends it", async () => put(ttl).replace("127.0.0.1", "evil.test"), 403],
    ["IMDSv1", async () => ask("GET", list), 401],
    ["two tokens", async () => ask("GET", list, await token(), await token()), 400],
    ["a GET with X-Forwarded-For", async () => ask("GET", list, await token(), "X-Forwarded-For: 1"), 403],
    ["HTTP/1.0", async () => put(ttl).replace("HTTP/1.1", "HTTP/1.0"), 400],
    ["an absolute target", async () => ask("PUT", "http://127.0.0.1/latest/api/token", ttl), 400],
    ["what is not HTTP", async () => Buffer.alloc(200, 0xff), 400],
    ["no path that there is", async () => ask("GET", "/latest/user-data", await token()), 404],
    ["POST", async () => ask("POST", "/latest/api/token", ttl), 405],
  ])("answers %s, errors without a body", async (_, request, status) => {
    const answer = await raw(await request())

    expect(statusOf(answer)).toBe(status)
    if (status !== 200) expect(bodyOf(answer)).toBe("")
  }) // prettier-ignore

  it.each(["origin", "referer", "cookie", "sec-fetch-site", "forwarded", "via", "x-real-ip", "x-forwarded-for"])(
    "refuses PUT and GET that bring %s",
    async (name) => {
      for (const request of [put(ttl, `${name}: 10.0.0.1`), ask("GET", list, await token(), `${name}: 10.0.0.1`)]) {
        const answer = await raw(request)
        expect([statusOf(answer), bodyOf(answer)]).toEqual([403, ""])
      }
    },
  )

  it.each([
    ["evil.test", 403],
    ["169.254.169.254", 403],
    ["0.0.0.0", 403],
    ["[::]", 403],
    ["127.0.0.1", 200],
    ["localhost", 200],
    ["[::1]", 200],
  ])("answers the Host %s with %d, with its port and without", async (host, status) => {
    for (const named of [host, `${host}:${port}`]) {
      expect(statusOf(await raw(put(ttl).replace(`127.0.0.1:${port}`, named)))).toBe(status)
    }
    expect(statusOf(await raw(put(ttl).replace(`127.0.0.1:${port}`, `${host}:${port + 1}`)))).toBe(403)
  })

  it("asks once a connection whose it is, however many requests come", async () => {
    const two = put(ttl).replace("Connection: close", "Connection: keep-alive") + put(ttl)

    expect((await raw(two)).match(/HTTP\/1\.1 200/g)).toHaveLength(2)
    expect(mayAsk).toHaveBeenCalledTimes(1)
  })
})

describe("whatever comes in on the metadata port", () => {
  const line = fc.constantFrom(
    "GET /latest/meta-data/iam/security-credentials/credd-dev HTTP/1.1",
    "GET /latest/meta-data/iam/security-credentials-extended/credd-dev HTTP/1.1",
    "HEAD /latest/dynamic/instance-identity/document HTTP/1.1",
    "GET //latest/api/token HTTP/1.1",
    "POST /latest/api/token HTTP/1.1",
  )
  const header = fc.oneof(
    fc.constantFrom(
      "X-aws-ec2-metadata-token: 99999999999.AAAA",
      "X-aws-ec2-metadata-token:",
      "X-aws-ec2-metadata-token-ttl-seconds: 60",
      "Host: 127.0.0.1",
      "Content-Length: 5",
      "Transfer-Encoding: chunked",
    ),
    fc.string({ unit: "binary", maxLength: 40 }),
  )
  const requests = fc
    .tuple(line, fc.constant("Host: localhost"), fc.array(header, { maxLength: 3 }))
    .map(([first, host, more]) => [first, host, ...more])

  test.prop(
    [
      fc.oneof(
        requests.map((each) => `${each.join("\r\n")}\r\n\r\n`),
        fc.uint8Array({ maxLength: 300 }),
      ),
    ],
    {
      numRuns: 300,
    },
  )("gets no credentials without a token, and the next caller is served", async (bytes) => {
    const answer = await raw(Buffer.from(bytes), true)

    expect(answer).not.toMatch(/HTTP\/1\.1 200|SecretAccessKey/)
    expect(statusOf(await raw(put(ttl)))).toBe(200)
  })
})

describe("somebody else's connection to the metadata server", () => {
  it.each([
    ["PUT", () => put(ttl)],
    ["GET", () => ask("GET", list, "X-aws-ec2-metadata-token: x")],
  ])("gets 403 on %s", async (_, request) => {
    mayAsk.mockResolvedValue(false)

    const answer = await raw(request())

    expect([statusOf(answer), bodyOf(answer)]).toEqual([403, ""])
  })

  it("gets 403 where it cannot be told whose it is", async () => {
    mayAsk.mockRejectedValue(new Error("no /proc"))

    expect(statusOf(await raw(put(ttl)))).toBe(403)
  })

  it("is closed at once while it says nothing, so that it takes nobody's place", async () => {
    mayAsk.mockResolvedValue(false)
    const idle = Array.from({ length: 400 }, () =>
      connect({ host: "127.0.0.1", port })
        .on("error", () => undefined)
        .resume(),
    )
    await Promise.all(idle.map(async (socket) => (socket.destroyed ? undefined : await once(socket, "close"))))

    mayAsk.mockResolvedValue(true)
    expect(statusOf(await raw(put(ttl)))).toBe(200)
    expect(await new Promise((resolve) => server.getConnections((_, count) => resolve(count)))).toBeLessThan(3)
  })
})
