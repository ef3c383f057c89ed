/** Asks the daemon over its Unix socket. On node:net alone: node:http would cost each command 8 to 34 ms of start-up. */
import { connect } from "node:net"
import type { ControlRoute, ControlRoutes, ErrorBody } from "../daemon/api.ts"
import { Failure } from "./failure.ts"

export type CallDaemon = <R extends ControlRoute>(
  route: R,
  body: ControlRoutes[R]["body"],
) => Promise<ControlRoutes[R]["answer"]>

const deadlineMs = 30_000
const maxAnswerBytes = 16 * 1_048_576

export function daemonClient(socket: string): CallDaemon {
  return async <R extends ControlRoute>(route: R, body: ControlRoutes[R]["body"]) => {
    const [method = "", path = ""] = route.split(" ")
    const { status, text } = parse(await exchange(socket, requestText(method, path, body)))
    if (status !== 200) throw refusal(status, JSON.parse(text))
    // Both ends are typed by ControlRoutes and come in one package.
    const answer: ControlRoutes[R]["answer"] = JSON.parse(text)
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

async function exchange(socket: string, request: string): Promise<Buffer> {
  return await new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const connection = connect({ path: socket }, () => connection.write(request))
    connection.setTimeout(deadlineMs, () => connection.destroy(unanswered("it did not answer within 30 s")))
    connection.on("data", (chunk) => {
      chunks.push(chunk)
      size += chunk.length
      if (size > maxAnswerBytes) connection.destroy(unanswered("its answer is too large"))
    })
    connection.once("end", () => resolve(Buffer.concat(chunks)))
    connection.once("error", (error) => reject(error instanceof Failure ? error : notRunning(socket, error)))
  })
}

function parse(answer: Buffer): { readonly status: number; readonly text: string } {
  const end = answer.indexOf("\r\n\r\n")
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer.toString("latin1", 0, 16))?.[1])
  if (end === -1 || Number.isNaN(status)) throw unanswered("it broke off")
  return { status, text: answer.toString("utf8", end + 4) }
}

function notRunning(socket: string, error: Error): Failure {
  const code = "code" in error ? error.code : undefined
  if (code === "EACCES")
    return new Failure({
      code: "SocketUnusable",
      message: `may not open the socket ${socket}`,
      hint: "run credd as the user who runs the daemon",
    })
  return new Failure({
    code: "DaemonNotRunning",
    message: "the credd daemon is not running",
    hint: "run: credd daemon",
  })
}

function unanswered(why: string): Failure {
  return new Failure({
    code: "Unavailable",
    message: `could not get an answer from the daemon: ${why}`,
    hint: "run: credd status",
  })
}

function refusal(status: number, body: unknown): Failure {
  return new Failure(isErrorBody(body) ? body : { code: "Internal", message: `the daemon answered ${status}` })
}

function isErrorBody(value: unknown): value is ErrorBody {
  return typeof value === "object" && value !== null && "code" in value && "message" in value
}
