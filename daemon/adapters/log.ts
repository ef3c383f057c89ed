/** The Log on pino: one JSON line an event, on stderr. Redaction here is the second line of defence; `Secret` is the first. */
import { destination, pino } from "pino"
import type { Log } from "../core/ports.ts"

const secretNames = ["secretAccessKey", "sessionToken", "token", "authorization", "mfaCode", "passphrase"]

export function pinoLog(level: string): Log {
  const redact = secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`])
  const logger = pino(
    { level, base: { pid: process.pid }, redact, timestamp: pino.stdTimeFunctions.isoTime },
    destination(2),
  )
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
  }
}
