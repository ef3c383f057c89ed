import { createServer, type Server } from "node:http"
import { connect } from "node:net"
import { fc, test } from "@fast-check/vitest"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { listenOnPort } from "../../../daemon/adapters/listen.ts"
import { answer, refusal, type Answer } from "../../../daemon/http/answer.ts"
import { write } from "../../../daemon/http/bounds.ts"
import { loopbackServer } from "../../../daemon/http/loopback-server.ts"
import { wholeAnswer } from "../../../daemon/http/whole-answer.ts"

const keepAliveTimeout = 5_000
let current = answer(200, "{}")
let isLate = false
let plain = 0
const given = (): Answer | Promise<Answer> =>
  isLate ? new Promise((resolve) => setImmediate(resolve, current)) : current

const ours = loopbackServer({
  word: refusal,
  onRefused: () => undefined,
  handle: (_, response) => void Promise.resolve(given()).then((each) => write(response, each)),
  plain() {
    plain += 1
    return given()
  },
})
const nodes = createServer({ keepAliveTimeout, requireHostHeader: false }, (_, response) => {
  void Promise.resolve(given()).then(({ status, headers, body }) => response.writeHead(status, headers).end(body))
})
const ports = new Map<Server, number>()

beforeAll(async () => {
  for (const each of [ours, nodes]) ports.set(each, await listenOnPort(each, 0))
})
afterAll(() => {
  for (const server of [ours, nodes]) {
    server.closeAllConnections()
    server.close()
  }
})

interface Said {
  /** The date is the clock's. */
  readonly text: string
  /** Who sends to a connection that is closed may lose what came before. */
  readonly isReset: boolean
}

/** Sends pieces one after another, and gives every byte that comes until the last is answered. */
async function bytesFrom(server: Server, pieces: readonly string[]): Promise<Said> {
  return await new Promise((resolve) => {
    let text = ""
    let isReset = false
    const left = [...pieces, "GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"]
    const sendNext = (): void => {
      const piece = left.shift()
      // A turn of the event loop each, so that no two are read at once (often enough).
      if (piece !== undefined && !socket.destroyed) socket.write(piece, () => setTimeout(sendNext, 0))
    }
    const socket = connect({ host: "127.0.0.1", port: ports.get(server) ?? 0, noDelay: true }, sendNext)
    socket.on("data", (chunk) => (text += chunk.toString("latin1")))
    socket.on("error", () => {
      isReset = true
    })
    socket.once("close", () => resolve({ text: text.replaceAll(/Date: [^\r]+ GMT/g, "Date: now"), isReset }))
  })
}

const request = (method: string, more = ""): string => `${method} / HTTP/1.1\r\nHost: x\r\n${more}\r\n`
const requests = fc.oneof(
  { weight: 3, arbitrary: fc.constant(request("GET")) },
  fc.constantFrom(
    request("GET", "X-More: 1\r\n"),
    request("GET", "Connection: keep-alive\r\n"),
    request("HEAD"),
    request("GET", "X-Padded: 1 \r\n"),
    request("GET").repeat(2),
  ),
)
const status = fc.constantFrom(200, 401, 403, 404, 405, 503)
const body = fc.oneof(fc.string({ maxLength: 2_000 }), fc.string({ unit: "binary", maxLength: 200 }))
/** A stream of requests, cut somewhere. */
const pieces = fc
  .record({ sent: fc.array(requests, { maxLength: 5 }), cuts: fc.array(fc.nat(400), { maxLength: 2 }) })
  .map(({ sent, cuts }) =>
    sent.flatMap((text, i) => {
      const cut = cuts[i]
      return cut === undefined || cut === 0 || cut >= text.length ? [text] : [text.slice(0, cut), text.slice(cut)]
    }),
  )

describe(wholeAnswer.name, () => {
  test.prop([pieces, status, body, fc.constantFrom(undefined, "close"), fc.boolean()])(
    "is just what node would send, byte for byte, in whatever pieces requests come",
    async (sent, code, text, connection, late) => {
      const made = answer(code, text)
      current = connection === undefined ? made : { ...made, headers: { ...made.headers, connection } }
      isLate = late

      const [own, node] = [await bytesFrom(ours, sent), await bytesFrom(nodes, sent)]

      fc.pre(!own.isReset && !node.isReset)
      expect(own.text).toBe(node.text)
    },
  )

  it("was sent to plain requests, and not by node", () => {
    expect(plain).toBeGreaterThan(100)
  })

  it("tells each second's time", () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.parse("2026-11-25T03:00:00Z") })
    const made = answer(200, "{}")

    const first = wholeAnswer(made, keepAliveTimeout)
    vi.setSystemTime(Date.parse("2026-11-25T03:00:01.5Z"))
    const second = wholeAnswer(made, keepAliveTimeout)
    vi.useRealTimers()

    expect(first).toContain("\r\nDate: Wed, 25 Nov 2026 03:00:00 GMT\r\n")
    expect(second).toContain("\r\nDate: Wed, 25 Nov 2026 03:00:01 GMT\r\n")
  })
})
