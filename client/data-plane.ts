/** Asks the daemon's port for credentials, as an SDK does. */
import type { Answer } from "./context.ts"
import { exchange } from "./exchange.ts"
import { Failure, notRunning, unanswered } from "./failure.ts"
import { errnoCode } from "./files.ts"

/** It answers within 900 ms; a machine that swaps may need longer. */
const limits = { deadlineMs: 10_000, maxAnswerBytes: 65_536 }

export async function readCredentials(uri: string, token: string): Promise<Answer> {
  const { hostname, port, pathname } = new URL(uri)
  const request = [
    `GET ${pathname} HTTP/1.1`,
    `Host: ${hostname}:${port}`,
    `Authorization: ${token}`,
    "Connection: close",
    "",
    "",
  ].join("\r\n")
  try {
    return await exchange({ host: hostname, port: Number(port) }, request, limits)
  } catch (error) {
    if (error instanceof Failure) throw error
    throw errnoCode(error) === "ECONNREFUSED" ? notRunning() : unanswered("it broke off")
  }
}
