/** What goes over the wire: an answer as the servers on loopback write it, and the one that an error becomes. */
import { problem, statusOf } from "./problem.ts"

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** No answer of these servers is for a browser, a cache or another origin. */
export const answerHeaders = {
  // Go and Kotlin compare it for equality, so no charset.
  "content-type": "application/json",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
} as const

export function answer(status: number, body: string): Answer {
  return { status, headers: { ...answerHeaders, "content-length": String(Buffer.byteLength(body)) }, body }
}

export function refusal(error: unknown): Answer {
  const { status, body } = problem(error)
  const { headers } = answer(status, body)
  // What follows a malformed request on the same connection may be a part of it.
  return { status, body, headers: status === 400 ? { ...headers, connection: "close" } : headers }
}

/** Without a body, for clients that would take it for an answer. */
export function silentRefusal(error: unknown): Answer {
  const headers = { ...answerHeaders, "content-type": "text/plain", "content-length": "0", connection: "close" }
  return { status: statusOf(error), headers, body: "" }
}
