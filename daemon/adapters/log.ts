/** The Log on pino: one JSON line an event, on stderr. Redaction here is the second line of defence; `Secret` is the first. */
import { fstatSync } from "node:fs"
import { destination, pino, type DestinationStream } from "pino"
import type { Log } from "../core/ports.ts"

const secretNames = ["secretAccessKey", "sessionToken", "token", "authorization", "mfaCode", "passphrase"]

export interface DaemonLog extends Log {
  setLevel(level: string): void
}

export function pinoLog(level: string, env: Readonly<Record<string, string | undefined>> = {}): DaemonLog {
  const redact = secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`])
  const options = { level, base: { pid: process.pid }, redact, timestamp: pino.stdTimeFunctions.isoTime }
  const logger = pino(options, isJournal(2, env) ? withPriority(destination(2)) : destination(2))
  const write =
    (at: "info" | "warn" | "error") =>
    (event: string, facts: Readonly<Record<string, unknown>> = {}): void =>
      logger[at]({ event, ...facts })
  return {
    debug(event, facts) {
      if (logger.isLevelEnabled("debug")) logger.debug({ event, ...facts() })
    },
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    setLevel(next) {
      logger.level = next
    },
  }
}

/** Whether a descriptor leads to the journal: systemd names its device and inode. A redirected one leads elsewhere. */
export function isJournal(fd: number, env: Readonly<Record<string, string | undefined>>): boolean {
  const { dev, ino } = fstatSync(fd)
  return env["JOURNAL_STREAM"] === `${dev}:${ino}`
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
