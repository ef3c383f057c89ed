import { createServer, type Server, type ServerResponse } from "node:http"
import { connect } from "node:net"
import { fc, test } from "@fast-check/vitest"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { listenOnPort } from "../../../daemon/adapters/listen.ts"
import { answer, type Answer } from "../../../daemon/http/answer.ts"
import { writeAnswer } from "../../../daemon/http/write-answer.ts"

const keepAliveTimeout = 5_000
let current = answer(200, "{}")
let says: string | undefined

function open(write: (response: ServerResponse) => void): { readonly server: Server; port: number } {
  const server = createServer({ keepAliveTimeout }, (_, response) => {
    if (says !== undefined) response.setHeader("connection", says)
    write(response)
  })
  return { server, port: 0 }
}

const ours = open((response) => writeAnswer(response, current, keepAliveTimeout / 1_000))
const nodes = open((response) => {
  response.writeHead(current.status, current.headers)
  response.end(current.body)
})

beforeAll(async () => {
  for (const each of [ours, nodes]) each.port = await listenOnPort(each.server, 0)
})
afterAll(() => {
  for (const { server } of [ours, nodes]) {
    server.closeAllConnections()
    server.close()
  }
})

/** Sends requests at once, and gives every byte that comes until the last is answered; the date is the clock's. */
async function bytesFrom(port: number, requests: readonly string[]): Promise<string> {
  return await new Promise((resolve, reject) => {
    let text = ""
    const last = "GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    const socket = connect({ host: "127.0.0.1", port }, () => socket.write([...requests, last].join("")))
    socket.on("data", (chunk) => (text += chunk.toString("latin1")))
    socket.once("error", reject)
    socket.once("close", () => resolve(text.replaceAll(/Date: [^\r]+ GMT/g, "Date: now")))
  })
}

async function dateOf(port: number): Promise<string | null> {
  const response = await fetch(`http://127.0.0.1:${port}/`)
  await response.text()
  return response.headers.get("date")
}

const request = (method: string, more = ""): string => `${method} / HTTP/1.1\r\nHost: x\r\n${more}\r\n`
const requests = fc.constantFrom(request("GET"), request("HEAD"), request("POST"), request("GET", "X-More: 1\r\n"))
const status = fc.constantFrom(200, 400, 401, 403, 404, 405, 503)
const body = fc.oneof(fc.string({ maxLength: 2_000 }), fc.string({ unit: "binary", maxLength: 200 }))

describe(writeAnswer.name, () => {
  test.prop([
    fc.array(requests, { maxLength: 5 }),
    status,
    body,
    fc.constantFrom(undefined, "close"),
    fc.constantFrom(undefined, "close"),
  ])("sends just what node would, byte for byte", async (sent, code, text, connection, said) => {
    const plain = answer(code, text)
    const made: Answer = connection === undefined ? plain : { ...plain, headers: { ...plain.headers, connection } }
    current = made
    says = said

    const [own, node] = [await bytesFrom(ours.port, sent), await bytesFrom(nodes.port, sent)]

    expect(own).toBe(node)
  })

  it("tells each second's time", async () => {
    says = undefined
    current = answer(200, "{}")
    vi.useFakeTimers({ toFake: ["Date"], now: Date.parse("2026-11-25T03:00:00Z") })

    const first = await dateOf(ours.port)
    vi.setSystemTime(Date.parse("2026-11-25T03:00:01.5Z"))
    const second = await dateOf(ours.port)
    vi.useRealTimers()

    expect([first, second]).toEqual(["Wed, 25 Nov 2026 03:00:00 GMT", "Wed, 25 Nov 2026 03:00:01 GMT"])
  })

  it("leaves it to a node that keeps its head elsewhere", () => {
    const written: string[] = []
    const elsewhere = {
      req: { method: "GET" },
      shouldKeepAlive: true,
      headersSent: false,
      hasHeader: () => false,
      writeHead: (code: number) => void written.push(`head ${code}`),
      end: (text: string) => void written.push(text),
    } as unknown as ServerResponse

    writeAnswer(elsewhere, answer(200, "whole"), 5)

    expect(written).toEqual(["head 200", "whole"])
  })
})
