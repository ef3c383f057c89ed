/** Callers that send slowly, much, without end, or nothing at all: nobody else is kept waiting, and all of it passes. */
import { spawn, type ChildProcess } from "node:child_process"
import { readFileSync, readdirSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import { fetchCredentials, install, signIn, type Installation } from "../../support/daemon.ts"
import { asOtherUser, needsOtherUser } from "../../support/other-user.ts"

/** Opens so many connections, says what it was told to on each, and opens a new one for each that is closed. */
const flooder = `
  import { connect } from "node:net"
  const [port, count, bytes, again] = process.argv.slice(1)
  let open = 0, opened = 0
  const one = () => {
    const socket = connect({ host: "127.0.0.1", port: Number(port) }, () => {
      open += 1
      opened += 1
      if (bytes !== "") socket.write(Buffer.from(bytes, "base64"))
      if (opened === Number(count)) console.log("flooding")
    })
    socket.on("error", () => undefined)
    let wasOpen = false
    socket.once("connect", () => { wasOpen = true })
    socket.once("close", () => {
      if (wasOpen) open -= 1
      if (again === "again") setTimeout(one, 20)
    })
    socket.resume()
  }
  let started = 0
  const timer = setInterval(() => {
    for (let i = 0; i < 100 && started < Number(count); i += 1, started += 1) one()
    if (started === Number(count)) clearInterval(timer)
  }, 5)`

function told(child: ChildProcess, what: string): Promise<void> {
  return new Promise((resolve) => {
    let text = ""
    child.stdout?.on("data", (chunk: Buffer) => {
      text += chunk.toString()
      if (text.includes(what)) resolve()
    })
  })
}

function flood(port: number, count: number, bytes: string, again = ""): ChildProcess {
  const args = [
    "--input-type=module",
    "-e",
    flooder,
    String(port),
    String(count),
    Buffer.from(bytes).toString("base64"),
    again,
  ]
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] })
  onTestFinished(() => void child.kill("SIGKILL"))
  return child
}

async function setup(hasInetDiag = false) {
  const box = await install({}, undefined, {}, { hasInetDiag })
  const daemon = await box.start()
  await signIn(box)
  expect((await fetchCredentials(box, "dev")).status).toBe(200)
  const { endpoint } = JSON.parse(readFileSync(join(box.env["CREDD_HOME"] ?? "", "endpoint.json"), "utf8")) as {
    endpoint: string
  }
  return { box, pid: daemon.pid ?? 0, port: Number(new URL(endpoint).port) }
}

const descriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length
const residentMiB = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1_024

/** A caller of the user's own on new connections, as SDKs make them. Gives how many were served at their first try. */
async function served(box: Installation, port: number, tries: number): Promise<number> {
  const token = readFileSync(join(box.env["CREDD_HOME"] ?? "", "tokens", "shell"), "utf8")
  const lines = [
    "GET /credentials/dev HTTP/1.1",
    `Host: 127.0.0.1:${port}`,
    `Authorization: ${token}`,
    "Connection: close",
  ]
  let count = 0
  for (let i = 0; i < tries; i += 1) {
    if ((await sent(port, `${lines.join("\r\n")}\r\n\r\n`)).startsWith("HTTP/1.1 200 OK")) count += 1
  }
  return count
}

async function sent(port: number, bytes: string | Buffer): Promise<string> {
  return await new Promise((resolve) => {
    let text = ""
    const socket = connect({ host: "127.0.0.1", port }, () => socket.write(bytes))
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1")
    })
    socket.on("error", () => undefined)
    socket.once("close", () => resolve(text))
  })
}

describe("a flood", () => {
  it("of 900 requests that are never finished: others are served meanwhile, and all of it is closed", async () => {
    const { box, port, pid } = await setup()
    const slow = flood(port, 900, `GET /credentials/dev HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nX-slow`)
    await told(slow, "flooding")

    expect(await served(box, port, 20)).toBe(20)

    await vi.waitFor(() => expect(descriptors(pid)).toBeLessThan(60), { timeout: 30_000 })
    expect((await box.run(["status"])).status).toBe(0)
  })

  it("of 10,000 connections that say nothing: the socket answers, and the port does again when they are gone", async () => {
    const { box, port, pid } = await setup()
    const idle = flood(port, 10_000, "")
    await told(idle, "flooding")

    expect((await box.run(["status"])).status).toBe(0)
    idle.kill("SIGKILL")

    await vi.waitFor(async () => expect((await fetchCredentials(box, "dev")).status).toBe(200), { timeout: 5_000 })
    await vi.waitFor(() => expect(descriptors(pid)).toBeLessThan(60), { timeout: 15_000 })
    expect(residentMiB(pid)).toBeLessThan(250)
  })

  it.for([
    ["the table shows", false],
    ["the kernel tells", true],
  ] as const)(
    "of another user's, as %s, who opens a new connection for each that is closed: ours are served all the while",
    async ([, hasInetDiag], context) => {
      needsOtherUser(context)
      const { box, port } = await setup(hasInetDiag)
      const idle = asOtherUser(flooder, [String(port), "3000", "", "again"])
      await told(idle, "flooding")

      expect(await served(box, port, 40)).toBeGreaterThanOrEqual(36)
    },
  )

  it("of garbage, pipelined without end on one connection: it is cut off at the first piece", async () => {
    const { box, port } = await setup()
    const valid = `GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`

    const answer = await sent(port, Buffer.concat([Buffer.from(valid.repeat(3)), Buffer.alloc(2_000_000, 0xfe)]))

    expect(answer.match(/HTTP\/1\.1 200 OK/g)?.length ?? 0).toBeLessThanOrEqual(3)
    expect(answer).toContain("HTTP/1.1 400 Bad Request")
    expect((await fetchCredentials(box, "dev")).status).toBe(200)
  })

  it.each([
    ["one header of 10 MB", "X: ", "a".repeat(10_000_000)],
    ["a million headers", "", "a:b\r\n".repeat(1_000_000)],
  ])("of header bytes: %s are refused at 8 KB", async (_, start, bomb) => {
    const { box, port, pid } = await setup()
    const before = residentMiB(pid)

    const answer = await sent(port, `GET /credentials/dev HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${start}${bomb}`)

    expect(answer).toMatch(/^HTTP\/1\.1 400 |^$/)
    expect(residentMiB(pid) - before).toBeLessThan(60)
    expect((await fetchCredentials(box, "dev")).status).toBe(200)
  })

  it.each(["Content-Length: 1073741824", "Transfer-Encoding: chunked"])(
    "of a body of a gigabyte (%s): it is refused at its announcement, and nothing of it is kept",
    async (header) => {
      const { box, port, pid } = await setup()
      const before = residentMiB(pid)
      const piece = Buffer.alloc(1_048_576, 0x61)
      let answer = ""
      let pushed = 0
      await new Promise<void>((resolve) => {
        const socket = connect({ host: "127.0.0.1", port }, () => {
          socket.write(`GET /credentials/dev HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${header}\r\n\r\n`)
          push()
        })
        const push = (): void => {
          while (pushed < 1_024 && !socket.destroyed) {
            pushed += 1
            if (!socket.write(piece)) {
              socket.once("drain", push)
              return
            }
          }
        }
        socket.on("data", (chunk) => {
          answer += chunk.toString("latin1")
        })
        socket.on("error", () => undefined)
        socket.once("close", () => resolve())
      })

      expect(answer).toMatch(/^HTTP\/1\.1 400 |^$/)
      expect(pushed).toBeLessThan(1_024)
      expect(residentMiB(pid) - before).toBeLessThan(60)
      expect((await fetchCredentials(box, "dev")).status).toBe(200)
    },
  )
})
