/** What writes the log's lines: pino, one JSON line an event, on stderr. Redaction here is the second line of defence; `Secret` is the first. */
import { destination, pino, type DestinationStream } from "pino"

const secretNames = ["secretAccessKey", "sessionToken", "token", "authorization", "mfaCode", "passphrase"]

export interface Line {
  readonly severity: "debug" | "info" | "warn" | "error"
  readonly event: string
  readonly facts: Readonly<Record<string, unknown>> | undefined
  /** In milliseconds since 1970. */
  readonly time: number
}

export interface Writer {
  write(line: Line): void
  setLevel(level: string): void
}

export function pinoWriter(level: string, { toJournal }: { readonly toJournal: boolean }): Writer {
  const redact = secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`])
  // A line's time is that of its event, and not that at which it was written.
  let at = 0
  const timestamp = (): string => `,"time":"${new Date(at).toISOString()}"`
  const options = { level, base: { pid: process.pid }, redact, timestamp }
  const logger = pino(options, toJournal ? withPriority(destination(2)) : destination(2))
  return {
    write({ severity, event, facts, time }) {
      at = time
      logger[severity]({ event, ...facts })
    },
    setLevel(next) {
      logger.level = next
    },
  }
}

/** `<3>` before a line tells the journal its priority (sd-daemon(3)); pino's levels are 10 to 60. */
function priorityOf(level: number): number {
  return level >= 60 ? 2 : level >= 50 ? 3 : level >= 40 ? 4 : level >= 30 ? 6 : 7
}

/** pino tells a stream that asks for it the level of each line before it writes the line. */
function withPriority(to: DestinationStream): DestinationStream {
  const stream = {
    lastLevel: 30,
    write: (line: string): void => to.write(`<${priorityOf(stream.lastLevel)}>${line}`),
    [Symbol.for("pino.metadata")]: true,
  }
  return stream
}
