/** The client's error, what the daemon answered with or what went wrong before it could; and the one place that catches it. */
import type { ErrorBody, ErrorCode } from "../daemon/api.ts"
import type { Context } from "./context.ts"
import { errorWithHint, exitStatusOf } from "./output.ts"

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

export function unanswered(why: string): Failure {
  return new Failure({
    code: "Unavailable",
    message: `could not get an answer from the daemon: ${why}`,
    hint: "run: credd status",
  })
}

export function notRunning(): Failure {
  return new Failure({
    code: "DaemonNotRunning",
    message: "the credd daemon is not running",
    hint: "run: credd service install   (or, in the foreground: credd daemon)",
  })
}

export function interrupted(): Failure {
  return new Failure({ code: "Interrupted", message: "interrupted" })
}

/** Runs a command and turns what it throws into words and an exit status, here and nowhere else. */
export async function guarded({ process: { stderr }, env }: Context, execute: () => Promise<number>): Promise<number> {
  try {
    return await execute()
  } catch (error) {
    // By shape as well: `credd daemon` and `credd config` run the daemon's code, whose errors are its own.
    if (error instanceof Failure || isCoded(error)) {
      errorWithHint(stderr, error.message, error.hint)
      return exitStatusOf(error.code)
    }
    errorWithHint(stderr, "credd met an error of its own", "run it again with CREDD_DEBUG=1, and report what it prints")
    if (env["CREDD_DEBUG"]) stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
    return 1
  }
}

function isCoded(error: unknown): error is Failure {
  return error instanceof Error && error.name === "CreddError"
}
