import { connect } from "node:net"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { listenOnPort } from "../../../daemon/adapters/listen.ts"
import { served, wholeAccess } from "../../../daemon/core/access.ts"
import { credentialsApp } from "../../../daemon/http/credentials-app.ts"
import { codeOf } from "../../../daemon/core/errors.ts"
import { hostsOf } from "../../../daemon/http/guards.ts"
import { credentialsServer } from "../../../daemon/http/servers.ts"
import { fakeAudit } from "../../fakes/audit.ts"
import { someCredentials } from "../../fakes/credentials.ts"
import { fakeLeases } from "../../fakes/leases.ts"
import { fakeLog } from "../../fakes/log.ts"
import { fakePeers } from "../../fakes/peers.ts"

const { leases, mint } = fakeLeases()
const { token } = await mint({})
const audit = fakeAudit()
const hosts = new Set<string>()
const credentials = served(someCredentials(Date.now() + 3_600_000), wholeAccess)
const server = credentialsServer(
  credentialsApp({
    hosts,
    leases,
    peers: fakePeers(),
    audit,
    log: fakeLog(),
    isProfile: () => true,
    credentialsFor: async () => credentials,
  }),
  (error) => audit.record("refused", { outcome: codeOf(error) }),
  () => true,
)
let port = 0

beforeAll(async () => {
  port = await listenOnPort(server, 0)
  for (const host of hostsOf(port)) hosts.add(host)
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

/** Sends bytes as they are and reads until the server closes or has answered. */
async function raw(bytes: string | Buffer): Promise<string> {
  return await new Promise((resolve) => {
    let text = ""
    const socket = connect({ host: "127.0.0.1", port }, () => socket.write(bytes))
    const done = (): void => {
      socket.destroy()
      resolve(text)
    }
    socket.setTimeout(8_000, done)
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1")
      const [head = "", body] = text.split("\r\n\r\n", 2)
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1])
      if (body !== undefined && body.length >= length) done()
    })
    socket.once("close", done)
    socket.once("error", done)
  })
}

const get = (headers: readonly string[], target = "/credentials/dev", version = "1.1"): string =>
  [`GET ${target} HTTP/${version}`, ...headers, "", ""].join("\r\n")
const host = (): string => `Host: 127.0.0.1:${port}`
const authorization = `Authorization: ${token}`
const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0)

describe("the data plane on a raw socket", () => {
  it("serves a plain request, and one whose Host has no port (the CRT's)", async () => {
    expect(statusOf(await raw(get([host(), authorization])))).toBe(200)
    expect(statusOf(await raw(get(["Host: 127.0.0.1", authorization])))).toBe(200)
  })

  it.each([
    ["no Host", () => get([authorization]), 400],
    ["HTTP/1.0 without Host", () => get([authorization], "/credentials/dev", "1.0"), 400],
    ["HTTP/1.0 with Host", () => get([host(), authorization], "/credentials/dev", "1.0"), 400],
    ["two Hosts", () => get([host(), "Host: evil.test", authorization]), 400],
    ["a foreign Host first", () => get(["Host: evil.test", authorization]), 403],
    ["two Authorizations", () => get([host(), authorization, "Authorization: x"]), 400],
    ["an absolute target", () => get([host(), authorization], "http://evil.test/credentials/dev"), 400],
    ["a target of 4 KB", () => get([host(), authorization], `/credentials/${"a".repeat(4_000)}`), 400],
    ["a body", () => `${get([host(), authorization, "Content-Length: 5"])}hello`, 400],
    ["a chunked body", () => `${get([host(), authorization, "Transfer-Encoding: chunked"])}0\r\n\r\n`, 400],
    [
      "Content-Length and chunked together",
      () => `${get([host(), authorization, "Content-Length: 5", "Transfer-Encoding: chunked"])}0\r\n\r\n`,
      400,
    ],
    ["Expect", () => get([host(), authorization, "Expect: 100-continue"]), 400],
    ["Expect of something else", () => get([host(), authorization, "Expect: foo"]), 400],
    ["65 headers", () => get([host(), authorization, ...Array.from({ length: 63 }, (_, i) => `X-${i}: y`)]), 400],
    [
      "1,990 headers that would hide a second Host",
      () => get([host(), authorization, ...Array.from({ length: 1_990 }, () => "a:"), "X-Forwarded-For: 1"]),
      400,
    ],
    ["20 KB of one header", () => get([host(), authorization, `X: ${"a".repeat(20_000)}`]), 400],
    ["a NUL in a header", () => get([host(), authorization, "X: a\0b"]), 400],
    ["bare line feeds", () => `GET / HTTP/1.1\n${host()}\n\n`, 400],
    ["a folded header", () => get([host(), "Authorization: a", " b"]), 400],
    ["a TLS hello", () => Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]), 400],
    ["garbage", () => Buffer.alloc(200, 0xff), 400],
    ["an unknown method", () => `FOO / HTTP/1.1\r\n${host()}\r\n\r\n`, 400],
    ["TRACE", () => `TRACE / HTTP/1.1\r\n${host()}\r\n\r\n`, 405],
    ["POST", () => `POST /credentials/dev HTTP/1.1\r\n${host()}\r\n${authorization}\r\nContent-Length: 0\r\n\r\n`, 405],
  ])("refuses %s", async (_, request, status) => {
    const before = audit.lines.length

    const answer = await raw(request())

    expect(statusOf(answer)).toBe(status)
    expect(audit.lines.slice(before)).toMatchObject([{ event: "refused" }])
    expect(answer).not.toContain("SecretAccessKey")
  })

  it.each([
    ["CONNECT", () => "CONNECT evil:80 HTTP/1.1\r\nHost: evil\r\n\r\n"],
    ["an upgrade to WebSocket", () => get([host(), authorization, "Connection: Upgrade", "Upgrade: websocket"])],
  ])("closes on %s without a word", async (_, request) => {
    const before = audit.lines.length

    expect(await raw(request())).toBe("")
    expect(audit.lines.slice(before)).toMatchObject([{ event: "refused" }])
  })

  it("closes a connection that sends its headers too slowly", async () => {
    const before = performance.now()

    await raw(`GET / HTTP/1.1\r\n${host()}\r\nX-slow`)

    expect(performance.now() - before).toBeLessThan(6_000)
  })

  it("answers a request that came whole while the daemon was frozen, however long that was", async () => {
    const answer = new Promise<string>((resolve) => {
      const socket = connect({ host: "127.0.0.1", port })
      server.once("connection", () => {
        socket.write(get([host(), authorization]))
        // Longer than headers may take; nothing is read meanwhile.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_600)
      })
      socket.once("data", (chunk) => {
        socket.destroy()
        resolve(chunk.toString("latin1"))
      })
    })

    expect(statusOf(await answer)).toBe(200)
  })

  it("closes a crowd that sends its headers too slowly without a word on stderr", async () => {
    const warned = vi.fn<(warning: Error) => void>()
    process.on("warning", warned)
    const before = audit.lines.length

    await Promise.all(Array.from({ length: 20 }, () => raw(`GET / HTTP/1.1\r\n${host()}\r\nX-slow`)))

    process.off("warning", warned)
    expect(warned).not.toHaveBeenCalled()
    expect(audit.lines.slice(before)).toHaveLength(20)
  })

  it("answers one request after another on a connection", async () => {
    const answer = await raw(get([host(), authorization]))

    expect(answer).toMatch(/Connection: keep-alive/i)
  })
})
