/** The client's error: what the daemon answered with, or what went wrong before it could. */
import type { ErrorBody, ErrorCode } from "../daemon/api.ts"

export class Failure extends Error {
  readonly code: ErrorCode
  readonly hint: string | undefined

  constructor({ code, message, hint }: ErrorBody) {
    super(message)
    this.name = "Failure"
    this.code = code
    this.hint = hint
  }
}

export function usageWrong(message: string, hint: string): Failure {
  return new Failure({ code: "UsageWrong", message, hint })
}

export function interrupted(): Failure {
  return new Failure({ code: "Interrupted", message: "interrupted" })
}
