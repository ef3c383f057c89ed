import { createServer as createTcpServer } from "node:net"
import { linkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it, onTestFinished } from "vitest"
import { daemonClient } from "../../client/daemon-client.ts"
import { controlServer, rawControlServer, temporaryHome } from "./control-server.ts"

const limits = { deadlineMs: 30_000, maxAnswerBytes: 1_000_000 }

let closeLast: () => void

/** A server that says exactly these bytes and hangs up. */
async function saying(...bytes: string[]): Promise<string> {
  const socket = join(await temporaryHome(), "credd.sock")
  const server = createTcpServer((connection) => {
    connection.on("error", () => undefined)
    connection.once("data", () => {
      for (const each of bytes) connection.write(each)
      connection.end()
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(socket, resolve)
  })
  closeLast = () => void server.close()
  onTestFinished(closeLast)
  return socket
}

describe("daemonClient", () => {
  it("sends bodies as JSON and gives the answer back", async () => {
    const seen: unknown[] = []
    const { socket } = await controlServer((route, body) => {
      seen.push([route, body])
      return { body: { warnings: ["ünïcode ✓"] } }
    })

    const answer = await daemonClient(socket)("POST /unlock", { passphrase: "pass phrase ✓ für uns" })

    expect(answer).toEqual({ warnings: ["ünïcode ✓"] })
    expect(seen).toEqual([["POST /unlock", { passphrase: "pass phrase ✓ für uns" }]])
  })

  it("sends GET bodies as the query string", async () => {
    const { socket } = await controlServer((_, body) => ({ body }))

    expect(await daemonClient(socket)("GET /whoami", { profile: "a b/ü&c=d?" })).toEqual({ profile: "a b/ü&c=d?" })
  })

  it("names itself in Host, and neither Origin nor keep-alive", async () => {
    const { socket } = await rawControlServer((request, response) => {
      const text = JSON.stringify(request.headers)
      response.writeHead(200, { "Content-Length": text.length }).end(text)
    })

    expect(await daemonClient(socket)("GET /status", {})).toEqual({ host: "credd", connection: "close" })
  })

  it("passes the daemon's error on as it is", async () => {
    const body = { code: "LoginRequired", message: 'profile "dev" has no MFA session', hint: "run: credd login acme" }
    const { socket } = await controlServer(() => ({ status: 403, body }))

    await expect(daemonClient(socket)("GET /whoami", { profile: "dev" })).rejects.toMatchObject(body)
  })

  it("takes a large answer that comes in pieces", async () => {
    const profiles = Array.from({ length: 5_000 }, (_, i) => ({ name: `profile-${i}` }))
    const { socket } = await controlServer(() => ({ body: { profiles } }))

    expect((await daemonClient(socket)("GET /status", {})).profiles).toHaveLength(5_000)
  })

  it.each([
    ["no socket", async () => join(await temporaryHome(), "credd.sock")],
    ["a folder that is not there", async () => join(await temporaryHome(), "no", "credd.sock")],
    [
      "a socket that nobody listens on",
      async () => {
        const socket = await saying()
        // Node takes the socket away with the server; what a killed daemon leaves stays.
        linkSync(socket, `${socket}.left`)
        closeLast()
        return `${socket}.left`
      },
    ],
  ])("says that the daemon is not running: %s", async (_, socket) => {
    await expect(daemonClient(await socket())("GET /status", {})).rejects.toMatchObject({
      code: "DaemonNotRunning",
      message: "the credd daemon is not running",
      hint: expect.stringContaining("run: credd service install"),
    })
  })

  it("does not call a file in the socket's place a daemon", async () => {
    const socket = join(await temporaryHome(), "credd.sock")
    writeFileSync(socket, "")

    await expect(daemonClient(socket)("GET /status", {})).rejects.toMatchObject({
      code: expect.stringMatching(/^(SocketUnusable|DaemonNotRunning)$/),
    })
  })

  it("names the limit when the socket's path is too long", async () => {
    await expect(daemonClient(`/tmp/${"x".repeat(120)}`)("GET /status", {})).rejects.toMatchObject({
      code: "SocketUnusable",
      message: expect.stringMatching(/longer than 10[37] bytes/),
    })
  })

  it.each([
    ["nothing", []],
    ["half a head", ["HTTP/1.1 200 OK\r\nContent-Le"]],
    ["half a body", ["HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n", '{"warnings":']],
    ["more than it said", ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}{}"]],
    ["no length", ["HTTP/1.1 200 OK\r\n\r\n{}"]],
    ["another protocol", ["220 mail ready\r\n\r\n"]],
    ["no JSON", ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{]"]],
  ])("takes no broken answer for an answer: %s", async (_, bytes) => {
    await expect(daemonClient(await saying(...bytes))("GET /status", {})).rejects.toMatchObject({
      code: "Unavailable",
      message: expect.stringMatching(/^could not get an answer from the daemon: /),
    })
  })

  it("reports an error status without an error body", async () => {
    const socket = await saying("HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops")

    await expect(daemonClient(socket)("GET /status", {})).rejects.toMatchObject({
      code: "Internal",
      message: "the daemon answered with status 500",
    })
  })

  it("gives up on a daemon that does not answer", async () => {
    const { socket } = await rawControlServer(() => undefined)

    const answer = daemonClient(socket, { ...limits, deadlineMs: 20 })("GET /status", {})

    await expect(answer).rejects.toMatchObject({
      code: "Unavailable",
      message: expect.stringContaining("did not answer"),
    })
  })

  it("gives up on an answer without end", async () => {
    const socket = await saying("HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", "x".repeat(50_000))

    const answer = daemonClient(socket, { ...limits, maxAnswerBytes: 10_000 })("GET /status", {})

    await expect(answer).rejects.toMatchObject({ message: expect.stringContaining("too large") })
  })
})
