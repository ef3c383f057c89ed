/** Bytes of any kind at the data plane's port: no crash, no credentials without the token, no growth, an end to each. */
import { readFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { fc } from "@fast-check/vitest"
import { describe, expect, it } from "vitest"
import { fetchCredentials, install, signIn } from "../support/daemon.ts"

const line = (text: string): fc.Arbitrary<string> => fc.constant(text)
const junk = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
  fc.string({ maxLength: 100 }),
)
const method = fc.oneof(
  fc.constantFrom("GET", "HEAD", "PUT", "POST", "OPTIONS", "TRACE", "CONNECT", "PRI", "get", ""),
  junk,
)
const target = fc.oneof(
  fc.constantFrom(
    "/credentials/dev",
    "/",
    "*",
    "http://127.0.0.1/credentials/dev",
    "//credentials/dev",
    "/credentials/../credentials/dev",
  ),
  fc.constantFrom(
    "/credentials/%64ev",
    "/credentials/dev?token=x",
    "/credentials/dev#",
    "/credentials/dev%00",
    "/lock",
    "/healthz",
  ),
  junk,
)
const version = fc.oneof(fc.constantFrom("HTTP/1.1", "HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/1.1 ", ""), junk)

/** Requests that are nearly right, several on one connection, with anything between and among their headers. */
const stream = (host: string): fc.Arbitrary<string> => {
  const header = fc.oneof(
    line(`Host: ${host}`),
    line("Host: evil.test"),
    line("Authorization: wrong"),
    line("Authorization: "),
    line("authorization:\twrong"),
    line("Content-Length: 5"),
    line("Content-Length: -1"),
    line("Transfer-Encoding: chunked"),
    line("Transfer-Encoding: identity, chunked"),
    line("X-Forwarded-For: 127.0.0.1"),
    line("Expect: 100-continue"),
    line("Upgrade: h2c"),
    line("Connection: close, upgrade"),
    line(" folded: yes"),
    line(`${"a".repeat(9_000)}: b`),
    junk,
  )
  const end = fc.constantFrom("\r\n", "\n", "\r", "\r\n\r\n", "")
  const request = fc
    .tuple(method, target, version, fc.array(header, { maxLength: 12 }), end, fc.oneof(fc.constant(""), junk))
    .map(([m, t, v, headers, e, rest]) => `${m} ${t} ${v}${e}${headers.join(e || "\r\n")}\r\n\r\n${rest}`)
  return fc.oneof(
    fc.array(request, { minLength: 1, maxLength: 4 }).map((all) => all.join("")),
    junk,
  )
}

async function send(port: number, bytes: string): Promise<string> {
  return await new Promise((resolve) => {
    let text = ""
    const socket = connect({ host: "127.0.0.1", port }, () => socket.write(Buffer.from(bytes, "latin1")))
    // Whatever is still open then, the daemon will close by itself: framing.test.ts waits for that.
    socket.setTimeout(30, () => socket.destroy())
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1")
    })
    socket.on("error", () => undefined)
    socket.once("close", () => resolve(text))
  })
}

function residentMiB(pid: number | undefined): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1_024
}

describe.runIf(process.platform === "linux")("any bytes at the port", () => {
  it("get no credentials, and leave a daemon that serves as before", async () => {
    const box = await install()
    const { pid } = await box.start()
    await signIn(box)
    const { body } = await fetchCredentials(box, "dev")
    const { endpoint } = JSON.parse(readFileSync(join(box.env["CREDD_HOME"] ?? "", "endpoint.json"), "utf8")) as {
      endpoint: string
    }
    const port = Number(new URL(endpoint).port)
    const batch = fc.array(stream(`127.0.0.1:${port}`), { minLength: 40, maxLength: 40 })
    const before = residentMiB(pid)

    await fc.assert(
      fc.asyncProperty(batch, async (streams) => {
        const answers = await Promise.all(streams.map(async (bytes) => await send(port, bytes)))
        for (const answer of answers) {
          expect(answer).not.toContain(body["SecretAccessKey"])
          expect(answer).not.toContain("AccessKeyId")
          // No answer speaks to another origin, whatever was asked.
          expect(answer).not.toMatch(/access-control-allow/i)
          for (const [, status] of answer.matchAll(/^HTTP\/1\.1 (\d{3}) /gm))
            expect(status).toMatch(/^(200|4\d\d|503)$/)
        }
      }),
      { numRuns: 60, endOnFailure: true },
    )

    expect((await fetchCredentials(box, "dev")).status).toBe(200)
    expect(JSON.parse((await box.ask("GET", "/status")).stdout)).toMatchObject({ daemon: { pid } })
    expect(box.log()).not.toMatch(/request_failed|Internal/)
    expect(residentMiB(pid) - before).toBeLessThan(64)
  }, 120_000)
})
