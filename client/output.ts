/**
 * The voice. Results go to stdout, for scripts; everything else goes to stderr. Errors are one line in lower case
 * without a full stop, and the hint after them is a command to run.
 */
import type { ErrorCode } from "../daemon/api.ts"
import { columnsOf, padded } from "./columns.ts"

export interface Stream {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

const exitStatuses = {
  LoginRequired: 10,
  SessionExpired: 10,
  ProfileRequired: 2,
  ProfileNotFound: 1,
  ProfileUnsupported: 1,
  ProfileNotAllowed: 1,
  MfaTooOld: 10,
  AccessDenied: 1,
  SourceFailed: 1,
  ScopeRefused: 1,
  LeaseNameWrong: 2,
  LeaseExists: 1,
  LeaseNotFound: 1,
  MfaSerialMissing: 1,
  MfaCodeMalformed: 2,
  MfaCodeRejected: 1,
  MfaCodeUsed: 1,
  AccessKeyQuota: 1,
  AccessKeyMissing: 1,
  AccessKeyRejected: 1,
  KeychainLocked: 13,
  KeychainUnavailable: 13,
  StoreDamaged: 1,
  StoreWriteFailed: 1,
  TokenMissing: 1,
  TokenRejected: 1,
  HostRejected: 1,
  OriginRejected: 1,
  PeerRejected: 1,
  RouteNotFound: 1,
  MethodNotAllowed: 1,
  RequestMalformed: 1,
  MessageRejected: 1,
  Unavailable: 1,
  UsageWrong: 2,
  SettingsInvalid: 1,
  ConfigMalformed: 1,
  PortTaken: 1,
  AlreadyRunning: 1,
  DaemonNotRunning: 3,
  SocketUnusable: 1,
  ServiceFailed: 1,
  Interrupted: 130,
  CommandNotFound: 127,
  CommandNotExecutable: 126,
  Internal: 1,
} as const satisfies Record<ErrorCode, number>

/** `1 line`, `2 lines`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`
}

export function exitStatusOf(code: ErrorCode): number {
  // A newer daemon may know codes that this client does not.
  return Object.hasOwn(exitStatuses, code) ? exitStatuses[code] : 1
}

export function note(stderr: Stream, text: string): void {
  stderr.write(`${text}\n`)
}

export function warning(stderr: Stream, text: string): void {
  stderr.write(`credd: warning: ${text}\n`)
}

export function errorWithHint(stderr: Stream, message: string, hint: string | undefined): void {
  stderr.write(`credd: error: ${message}\n`)
  if (hint !== undefined) stderr.write(`credd: hint: ${hint}\n`)
}

export interface Paint {
  bold(text: string): string
  dim(text: string): string
  green(text: string): string
  yellow(text: string): string
  red(text: string): string
}

interface PaintOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly isPlain: boolean
}

/** Colour only where a person looks at a terminal, and never with NO_COLOR. */
export function paint(stream: Stream, { env, isPlain }: PaintOptions): Paint {
  const isOn = stream.isTTY === true && !isPlain && !env["NO_COLOR"] && env["TERM"] !== "dumb"
  const style =
    (code: number, end: number) =>
    (text: string): string =>
      isOn ? `\u001b[${code}m${text}\u001b[${end}m` : text
  return { bold: style(1, 22), dim: style(2, 22), green: style(32, 39), yellow: style(33, 39), red: style(31, 39) }
}

/** `6h12m`, `43m`, `50s`. */
export function span(ms: number): string {
  // To the nearest minute above an hour: a session of 12 h reads 12h, not 11h59m, when it has just begun.
  const seconds = Math.max(0, Math.floor((ms >= 3_600_000 ? ms + 30_000 : ms) / 1_000))
  const hours = Math.floor(seconds / 3_600)
  const minutes = Math.floor((seconds % 3_600) / 60)
  if (hours > 0) return minutes === 0 ? `${hours}h` : `${hours}h${String(minutes).padStart(2, "0")}m`
  return minutes > 0 ? `${minutes}m` : `${seconds}s`
}

/** Columns as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>((most, row) => row.map((cell, i) => Math.max(columnsOf(cell), most[i] ?? 0)), [])
  return rows
    .map((row) =>
      row
        .map((cell, i) => padded(cell, widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n")
}
