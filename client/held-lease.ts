/**
 * A lease that lives as long as this process: the daemon's answer stays open, and when the connection breaks, for whatever
 * reason, so does the lease. A daemon that is started again is found again; a lease that it does not know any more is over.
 */
import { connect, type Socket } from "node:net"
import type { HeldRoutes, MadeLease } from "../daemon/api.ts"
import type { HeldLease } from "./context.ts"
import { refusal, requestText, unreachable } from "./daemon-client.ts"
import { Failure, unanswered } from "./failure.ts"

type Asked = HeldRoutes["POST /exec"]["body"]

const deadlineMs = 30_000
const retryMs = 1_000
const maxAnswerBytes = 1_048_576

export async function holdLease(socket: string, asked: Asked): Promise<HeldLease> {
  // Node would open a debugger on it, to every user of this machine: not in a process that holds a token.
  process.on("SIGUSR1", () => undefined)
  let isClosed = false
  let connection = await opened(socket, asked)
  const { made } = connection
  watch()

  function watch(): void {
    connection.wire.once("close", () => {
      if (!isClosed) setTimeout(() => void again(), retryMs).unref()
    })
  }

  async function again(): Promise<void> {
    if (isClosed) return
    try {
      connection = await opened(socket, { ...asked, token: made.token })
      if (isClosed) connection.wire.destroy()
      else watch()
    } catch (error) {
      // Not there yet: it may be about to start. Whatever else it says, this lease is no more.
      const isAway = error instanceof Failure && ["DaemonNotRunning", "Unavailable"].includes(error.code)
      if (isAway && !isClosed) setTimeout(() => void again(), retryMs).unref()
    }
  }

  return {
    made,
    close() {
      isClosed = true
      connection.wire.destroy()
    },
  }
}

interface Opened {
  readonly wire: Socket
  readonly made: MadeLease
}

/** Reads the answer's head and its first chunk, which is the whole JSON, and leaves the rest of it open. */
async function opened(socket: string, asked: Asked): Promise<Opened> {
  return await new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0)
    const wire = connect({ path: socket }, () => wire.write(requestText("POST", "/exec", asked)))
    const timer = setTimeout(() => fail(unanswered("it did not answer within 30 s")), deadlineMs)
    function fail(error: Error): void {
      clearTimeout(timer)
      wire.destroy()
      reject(error)
    }
    wire.on("data", (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      if (bytes.length > maxAnswerBytes) fail(unanswered("its answer is too large"))
      const answer = parsed(bytes)
      if (answer === undefined) return
      const { status, body } = answer
      if (status !== 200) {
        fail(refusal(status, body))
        return
      }
      clearTimeout(timer)
      wire.removeAllListeners("data").resume()
      try {
        // Both ends are typed by HeldRoutes and come in one package.
        const made: MadeLease = JSON.parse(body)
        resolve({ wire, made })
      } catch {
        fail(unanswered("its answer is not JSON"))
      }
    })
    wire.once("error", (error) => fail(unreachable(socket, error)))
    wire.once("close", () => fail(unanswered("it broke off")))
  })
}

/** The head and as much body as it announces: by its length, or by that of its first chunk. Undefined until it is there. */
function parsed(bytes: Buffer): { readonly status: number; readonly body: string } | undefined {
  const end = bytes.indexOf("\r\n\r\n")
  if (end < 0) return undefined
  const head = bytes.toString("latin1", 0, end)
  const status = Number(/^HTTP\/1\.1 (\d{3})\b/.exec(head)?.[1])
  const length = /\r\ncontent-length:[ \t]*(\d+)/i.exec(head)?.[1]
  const chunk = /^([0-9a-f]+)\r\n/i.exec(bytes.toString("latin1", end + 4, end + 24))
  if (length === undefined && chunk === null) return undefined
  const start = end + 4 + (length === undefined ? (chunk?.[0].length ?? 0) : 0)
  const size = length === undefined ? Number.parseInt(chunk?.[1] ?? "", 16) : Number(length)
  return bytes.length < start + size ? undefined : { status, body: bytes.toString("utf8", start, start + size) }
}
