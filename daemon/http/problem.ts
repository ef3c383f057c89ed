/** From an error to what a caller sees: status and body, in this one place. */
import type { ErrorCode } from "../api.ts"
import { CreddError } from "../core/errors.ts"

/**
 * SDKs ask again on 5xx (up to six times) and Java drops the text of a 404, so all that a person must act on is 403;
 * 503 is for what may pass by itself.
 */
const statuses = {
  LoginRequired: 403,
  SessionExpired: 403,
  ProfileRequired: 403,
  ProfileNotFound: 403,
  ProfileUnsupported: 403,
  ProfileNotAllowed: 403,
  MfaTooOld: 403,
  AccessDenied: 403,
  SourceFailed: 403,
  ScopeRefused: 403,
  LeaseNameWrong: 400,
  LeaseExists: 403,
  LeaseNotFound: 403,
  MfaSerialMissing: 403,
  MfaCodeMalformed: 400,
  MfaCodeRejected: 403,
  MfaCodeUsed: 403,
  AccessKeyQuota: 403,
  AccessKeyMissing: 403,
  AccessKeyRejected: 403,
  KeychainLocked: 403,
  KeychainUnavailable: 403,
  StoreDamaged: 403,
  StoreWriteFailed: 500,
  TokenMissing: 401,
  TokenRejected: 401,
  HostRejected: 403,
  OriginRejected: 403,
  PeerRejected: 403,
  RouteNotFound: 404,
  MethodNotAllowed: 405,
  RequestMalformed: 400,
  MessageRejected: 400,
  Unavailable: 503,
  UsageWrong: 400,
  SettingsInvalid: 403,
  ConfigMalformed: 403,
  PortTaken: 500,
  AlreadyRunning: 500,
  DaemonNotRunning: 503,
  SocketUnusable: 500,
  ServiceFailed: 500,
  Interrupted: 500,
  CommandNotFound: 500,
  CommandNotExecutable: 500,
  Internal: 500,
} as const satisfies Record<ErrorCode, number>

export type ProblemStatus = (typeof statuses)[ErrorCode]

export function statusOf(error: unknown): ProblemStatus {
  return error instanceof CreddError ? statuses[error.code] : 500
}

export interface Problem {
  readonly status: ProblemStatus
  readonly body: string
}

/** Kotlin reads the first pair of keys, Java the second, Go whichever comes last: equal texts. */
export function problem(error: unknown): Problem {
  const { code, text } =
    error instanceof CreddError
      ? { code: error.code, text: line(error.message, error.hint) }
      : { code: "Internal", text: "credd met an error of its own; see its log" }
  return {
    status: statusOf(error),
    body: JSON.stringify({ Code: code, Message: text, code, message: text }),
  }
}

const longest = 199

/** One line of ASCII that ends with the command to run, however long the message is. */
function line(message: string, hint: string | undefined): string {
  const end = hint === undefined ? "" : `; ${ascii(hint)}`
  const room = Math.max(0, longest - end.length)
  const start = ascii(message)
  return `${start.length > room ? `${start.slice(0, Math.max(0, room - 3))}...` : start}${end}`.slice(0, longest)
}

function ascii(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]+/g, "?")
}
