/**
 * The Log. Its first lines wait for pino, which is read behind the daemon's first answers: to read it is an eighth of a
 * start, and nobody reads a log so soon.
 */
import { fstatSync, writeSync } from "node:fs"
import type { Log } from "../core/ports.ts"
import type { Line, Writer } from "./pino-log.ts"

export interface DaemonLog extends Log {
  setLevel(level: string): void
  /** When all lines so far are out: before an end. */
  written(): Promise<void>
}

const patienceMs = 100

export function openLog(level: string, env: Readonly<Record<string, string | undefined>> = {}): DaemonLog {
  const waiting: Line[] = []
  let current = level
  let writer: Writer | undefined
  let reading: Promise<void> | undefined

  async function read(): Promise<void> {
    const toJournal = isJournal(2, env)
    writer = await import("./pino-log.ts").then(
      ({ pinoWriter }) => pinoWriter(current, { toJournal }),
      () => bareWriter,
    )
    for (const line of waiting.splice(0)) writer.write(line)
  }
  const written = async (): Promise<void> => await (reading ??= read())

  const write =
    (severity: Line["severity"]) =>
    (event: string, facts?: Line["facts"]): void => {
      const line = { severity, event, facts, time: Date.now() }
      if (writer !== undefined) writer.write(line)
      else if (waiting.push(line) === 1) setTimeout(() => void written(), patienceMs)
    }
  const debug = write("debug")
  return {
    debug(event, facts) {
      if (current === "debug") debug(event, facts())
    },
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    setLevel(next) {
      current = next
      writer?.setLevel(next)
    },
    written,
  }
}

/** An upgrade has taken pino away in the first moments. Facts are left out, since nothing hides those that must not be seen. */
const bareWriter: Writer = {
  write({ severity, event, time }) {
    writeSync(2, `${JSON.stringify({ severity, time: new Date(time).toISOString(), pid: process.pid, event })}\n`)
  },
  setLevel: () => undefined,
}

/** Whether a descriptor leads to the journal: systemd names its device and inode. A redirected one leads elsewhere. */
export function isJournal(fd: number, env: Readonly<Record<string, string | undefined>>): boolean {
  const { dev, ino } = fstatSync(fd)
  return env["JOURNAL_STREAM"] === `${dev}:${ino}`
}
