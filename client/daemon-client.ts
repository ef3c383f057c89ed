/** Asks the daemon over its Unix socket. On node:net alone: node:http would cost each command 8 to 34 ms of start-up. */
import { connect } from "node:net"
import type { ControlRoute, ControlRoutes, ErrorBody } from "../daemon/api.ts"
import { socketPathLimit } from "../daemon/paths.ts"
import type { CallDaemon } from "./context.ts"
import { Failure } from "./failure.ts"
import { errnoCode } from "./files.ts"

export interface Limits {
  readonly deadlineMs: number
  readonly maxAnswerBytes: number
}

const defaults: Limits = { deadlineMs: 30_000, maxAnswerBytes: 16 * 1_048_576 }

export function daemonClient(socket: string, limits: Limits = defaults): CallDaemon {
  return async <R extends ControlRoute>(route: R, body: ControlRoutes[R]["body"]) => {
    const [method = "", path = ""] = route.split(" ")
    const { status, text } = parse(await exchange(socket, requestText(method, path, body), limits))
    if (status !== 200) throw refusal(status, text)
    let answer: ControlRoutes[R]["answer"]
    try {
      // Both ends are typed by ControlRoutes and come in one package.
      answer = JSON.parse(text)
    } catch {
      throw unanswered("its answer is not JSON")
    }
    return answer
  }
}

function requestText(method: string, path: string, body: Readonly<Record<string, unknown>>): string {
  const head = (target: string, ...more: string[]): string =>
    [`${method} ${target} HTTP/1.1`, "Host: credd", "Connection: close", ...more, "", ""].join("\r\n")
  if (method === "GET") {
    const query = Object.entries(body).map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`)
    return head(query.length === 0 ? path : `${path}?${query.join("&")}`)
  }
  const text = JSON.stringify(body)
  return head(path, "Content-Type: application/json", `Content-Length: ${Buffer.byteLength(text)}`) + text
}

async function exchange(socket: string, request: string, { deadlineMs, maxAnswerBytes }: Limits): Promise<Buffer> {
  const limit = socketPathLimit()
  if (Buffer.byteLength(socket) > limit) {
    throw new Failure({
      code: "SocketUnusable",
      message: `the socket's path is longer than ${limit} bytes: ${socket}`,
      hint: "set CREDD_HOME or XDG_RUNTIME_DIR to a shorter path",
    })
  }
  return await new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const connection = connect({ path: socket }, () => connection.write(request))
    const seconds = Math.round(deadlineMs / 1_000)
    const timer = setTimeout(() => connection.destroy(unanswered(`it did not answer within ${seconds} s`)), deadlineMs)
    connection.on("data", (chunk) => {
      chunks.push(chunk)
      size += chunk.length
      if (size > maxAnswerBytes) connection.destroy(unanswered("its answer is too large"))
    })
    connection.once("end", () => resolve(Buffer.concat(chunks)))
    connection.once("error", (error) => reject(error instanceof Failure ? error : unreachable(socket, error)))
    connection.once("close", () => clearTimeout(timer))
  })
}

/** One whole answer with its length said, or none: half an answer is never taken for one. */
function parse(answer: Buffer): { readonly status: number; readonly text: string } {
  const end = answer.indexOf("\r\n\r\n")
  const head = answer.toString("latin1", 0, Math.max(end, 0))
  const status = /^HTTP\/1\.1 (\d{3})\b/.exec(head)?.[1]
  const length = /\r\ncontent-length:[ \t]*(\d+)[ \t]*(?:\r\n|$)/i.exec(head)?.[1]
  const body = answer.subarray(end + 4)
  if (status === undefined || length === undefined || body.length !== Number(length)) throw unanswered("it broke off")
  return { status: Number(status), text: body.toString("utf8") }
}

function unreachable(socket: string, error: Error): Failure {
  const code = errnoCode(error)
  if (["ECONNREFUSED", "ENOENT", "ENOTDIR"].includes(code)) {
    return new Failure({
      code: "DaemonNotRunning",
      message: "the credd daemon is not running",
      hint: "run: credd daemon   (or as a service: see the README)",
    })
  }
  if (["EACCES", "EPERM", "ENOTSOCK"].includes(code)) {
    return new Failure({
      code: "SocketUnusable",
      message: `cannot use the socket ${socket}: ${code === "ENOTSOCK" ? "it is no socket" : "permission denied"}`,
      hint: "run credd as the user who runs the daemon",
    })
  }
  return unanswered("it broke off")
}

function unanswered(why: string): Failure {
  return new Failure({
    code: "Unavailable",
    message: `could not get an answer from the daemon: ${why}`,
    hint: "run: credd status",
  })
}

function refusal(status: number, text: string): Failure {
  const unknown: ErrorBody = {
    code: "Internal",
    message: `the daemon answered with status ${status}`,
    hint: "see the daemon's log",
  }
  try {
    const body: unknown = JSON.parse(text)
    return new Failure(isErrorBody(body) ? body : unknown)
  } catch {
    return new Failure(unknown)
  }
}

function isErrorBody(value: unknown): value is ErrorBody {
  return (
    typeof value === "object" &&
    value !== null &&
    "code" in value &&
    typeof value.code === "string" &&
    "message" in value &&
    typeof value.message === "string" &&
    (!("hint" in value) || typeof value.hint === "string")
  )
}
