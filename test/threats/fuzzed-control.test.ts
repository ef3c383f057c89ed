/** A program that has got at the control socket and sends it anything: nothing crashes, nothing leaks, nothing is believed. */
import { connect } from "node:net"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fc } from "@fast-check/vitest"
import { describe, expect, it } from "vitest"
import { install, signIn, type Installation } from "../support/daemon.ts"

/** Sends bytes and reads until the daemon closes or has answered once. */
async function send(socket: string, bytes: string | Uint8Array, isWhole = true): Promise<string> {
  return await new Promise((resolve) => {
    let text = ""
    const connection = connect({ path: socket }, () => connection.write(bytes))
    connection.setTimeout(isWhole ? 10_000 : 50, () => connection.destroy())
    connection.on("data", (chunk) => {
      text += chunk.toString("latin1")
      // A lease for a command stays open for as long as its holder does.
      if (/transfer-encoding: chunked\r\n[^]*\r\n\r\n./i.test(text)) connection.destroy()
    })
    connection.on("error", () => undefined)
    connection.once("close", () => resolve(text))
  })
}

function request(method: string, path: string, body: string): string {
  return `${method} ${path} HTTP/1.1\r\nHost: credd\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}

// What changes nothing here when it is believed: the rest of the world is the test's to keep.
const routes = [
  "GET /status",
  "GET /environment",
  "GET /whoami",
  "GET /session",
  "GET /login-plan",
  "GET /imds",
  "GET /audit",
  "GET /leases",
  "POST /login",
  "POST /logout",
  "POST /refresh",
  "POST /decode",
  "POST /console",
  "POST /access-keys",
  "POST /leases",
  "POST /exec",
  "POST /imds",
  "POST /unlock",
  "DELETE /access-keys",
  "DELETE /leases",
  "DELETE /imds",
] as const

const names =
  "profile profiles name all mfaCode durationSeconds accessKeyId secretAccessKey mfaSerial scope ttlSeconds replace description command pid token passphrase message policyArns".split(
    " ",
  )
const values = fc.oneof(
  fc.constantFrom(
    "dev",
    "",
    "*",
    "../../etc/passwd",
    "__proto__",
    "\u0000",
    "x".repeat(5_000),
    "\u202e",
    "-",
    "123456",
  ),
  fc.jsonValue(),
)
/** Near to what is expected, so that it comes further than the door: half of it is what a route wants. */
const body = fc.oneof(
  fc.dictionary(fc.constantFrom(...names, "__proto__", "constructor"), values).map((each) => JSON.stringify(each)),
  fc.json(),
  fc.string({ maxLength: 300 }),
)

async function setup(): Promise<{ box: Installation; socket: string; pid: number | undefined; secrets: string[] }> {
  const box = await install()
  const { pid } = await box.start()
  await signIn(box)
  expect((await box.run(["whoami", "dev"])).status).toBe(0)
  const state = box.env["CREDD_HOME"] ?? ""
  const token = readFileSync(join(state, "tokens", "shell"), "utf8")
  return { box, socket: join(state, "credd.sock"), pid, secrets: [token, "EXAMPLEsecretOfAlice"] }
}

describe("the control socket under a fuzzer", () => {
  it("answers every request with a status of its own, and tells no secret", async () => {
    const { box, socket, pid, secrets } = await setup()

    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...routes), body, async (route, text) => {
        const [method = "", path = ""] = route.split(" ")
        const answer = await send(socket, request(method, path, text))

        expect(answer).toMatch(/^HTTP\/1\.1 (200|4\d\d|500|503) /)
        expect(answer, route).not.toMatch(/"code":"Internal"/)
        expect(answer).not.toContain("SecretAccessKey")
        for (const secret of secrets) expect(answer).not.toContain(secret)
      }),
      { numRuns: 400, endOnFailure: true },
    )

    const { stdout } = await box.run(["status", "--json"])
    expect(JSON.parse(stdout)).toMatchObject({ daemon: { pid } })
    expect(box.log()).not.toContain("command_failed")
    for (const secret of secrets) expect(box.log()).not.toContain(secret)
  }, 60_000)

  it("survives any bytes, whole or cut off", async () => {
    const { box, socket, pid } = await setup()
    const whole = request("POST", "/login", '{"profile":"dev","mfaCode":"123456","durationSeconds":900}')
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      fc.nat(whole.length).map((length) => Buffer.from(whole.slice(0, length))),
      fc
        .tuple(fc.nat(whole.length), fc.uint8Array({ minLength: 1, maxLength: 5 }))
        .map(([at, put]) => Buffer.concat([Buffer.from(whole.slice(0, at)), put, Buffer.from(whole.slice(at))])),
    )

    await fc.assert(
      fc.asyncProperty(bytes, async (sent) => {
        expect(await send(socket, sent, false)).toMatch(/^$|^HTTP\/1\.1 (200|4\d\d|503) /)
      }),
      { numRuns: 300, endOnFailure: true },
    )

    const { stdout } = await box.run(["status", "--json"])
    expect(JSON.parse(stdout)).toMatchObject({ daemon: { pid } })
  }, 120_000)

  it("takes no body of a gigabyte, by its length or in pieces", async () => {
    const { box, socket } = await setup()
    const head = "POST /login HTTP/1.1\r\nHost: credd\r\nContent-Type: application/json\r\n"

    expect(await send(socket, `${head}Content-Length: 1073741824\r\n\r\n{`)).toMatch(/^HTTP\/1\.1 400 /)
    expect(await send(socket, `${head}Transfer-Encoding: chunked\r\n\r\n40000000\r\n{`)).toMatch(/^HTTP\/1\.1 400 /)
    expect((await box.run(["status"])).status).toBe(0)
  })
})
