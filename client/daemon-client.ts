/** Asks the daemon over its Unix socket. */
import type { ControlRoute, ControlRoutes, ErrorBody } from "../daemon/api.ts"
import { socketPathLimit } from "../daemon/paths.ts"
import type { Answer, CallDaemon } from "./context.ts"
import { exchange, type Limits } from "./exchange.ts"
import { Failure, notRunning, unanswered } from "./failure.ts"
import { errnoCode } from "./files.ts"

const defaults: Limits = { deadlineMs: 30_000, maxAnswerBytes: 16 * 1_048_576 }

export function daemonClient(socket: string, limits: Limits = defaults): CallDaemon {
  return async <R extends ControlRoute>(route: R, body: ControlRoutes[R]["body"]) => {
    const [method = "", path = ""] = route.split(" ")
    const { status, text } = await send(socket, requestText(method, path, body), limits)
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

export function requestText(method: string, path: string, body: Readonly<Record<string, unknown>>): string {
  const head = (target: string, ...more: string[]): string =>
    [`${method} ${target} HTTP/1.1`, "Host: credd", "Connection: close", ...more, "", ""].join("\r\n")
  if (method === "GET") {
    const query = Object.entries(body).map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`)
    return head(query.length === 0 ? path : `${path}?${query.join("&")}`)
  }
  const text = JSON.stringify(body)
  return head(path, "Content-Type: application/json", `Content-Length: ${Buffer.byteLength(text)}`) + text
}

async function send(socket: string, request: string, limits: Limits): Promise<Answer> {
  const limit = socketPathLimit()
  if (Buffer.byteLength(socket) > limit) {
    throw new Failure({
      code: "SocketUnusable",
      message: `the socket's path is longer than ${limit} bytes: ${socket}`,
      hint: "set CREDD_HOME or XDG_RUNTIME_DIR to a shorter path",
    })
  }
  try {
    return await exchange({ path: socket }, request, limits)
  } catch (error) {
    throw error instanceof Failure ? error : unreachable(socket, error)
  }
}

export function unreachable(socket: string, error: unknown): Failure {
  const code = errnoCode(error)
  if (["ECONNREFUSED", "ENOENT", "ENOTDIR"].includes(code)) {
    return notRunning()
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

export function refusal(status: number, text: string): Failure {
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
