/**
 * Tells a person that something takes its time: a spinner on stderr, or one sentence for who does not watch (`--plain`).
 * Nothing is shown where stderr is no terminal, and nothing stays behind. Loaded only once there is something to wait for.
 */
import type { ControlRoute } from "../daemon/api.ts"
import type { Stream } from "./output.ts"

export interface ProgressOptions {
  readonly stderr: Stream
  readonly env: Readonly<Record<string, string | undefined>>
  readonly isPlain: boolean
}

const frameMs = 100
const dots = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"]
const lines = ["|", "/", "-", "\\"]

/** Shows it, and gives what takes it away again. */
export function showProgress(what: string, { stderr, env, isPlain }: ProgressOptions): () => void {
  if (stderr.isTTY !== true) return () => undefined
  if (isPlain || env["TERM"] === "dumb") {
    stderr.write(`${what}, please wait\n`)
    return () => undefined
  }
  const isUtf8 = /utf-?8/i.test(env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || "")
  const frames = isUtf8 ? dots : lines
  let at = 0
  function draw(): void {
    const text = `${frames[at % frames.length]} ${what}`
    // A line that wrapped could not be drawn over. No colour: it is for light and dark alike.
    stderr.write(`\r${text.slice(0, Math.max(1, (stderr.columns ?? 80) - 1))}\u001b[K`)
    at += 1
  }
  draw()
  const timer = setInterval(draw, frameMs)
  function hide(): void {
    clearInterval(timer)
    process.off("SIGINT", endClean)
    stderr.write("\r\u001b[K")
  }
  // Ctrl-C ends the process as it would have without us, on a clean line.
  function endClean(): void {
    hide()
    process.kill(process.pid, "SIGINT")
  }
  process.once("SIGINT", endClean)
  return hide
}

const words: Partial<Readonly<Record<ControlRoute, string>>> = {
  "GET /whoami": "asking AWS who this is",
  "POST /login": "asking AWS for a session",
  "POST /refresh": "asking AWS for new credentials",
  "POST /access-keys": "proving the access key with AWS",
  "POST /console": "asking AWS to sign in",
  "POST /decode": "asking AWS what the message says",
}

/** What a command waits for while the daemon has not answered; undefined where a person had better not be disturbed. */
export function waitingFor(route: ControlRoute): string | undefined {
  // In a shell's prompt.
  if (route === "GET /session") return undefined
  return words[route] ?? "waiting for the daemon"
}
