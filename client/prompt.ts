/**
 * Asks a person at a terminal: a line of input below the question, hidden where it is a secret, with the seconds that an
 * MFA code has left. On node:readline's keys alone: the prompt libraries neither count down nor take a paste of two lines.
 */
// An access key may be typed here.
import "../daemon/no-inspector.ts"
import { emitKeypressEvents, type Key } from "node:readline"
import type { Question } from "./context.ts"
import { interrupted } from "./failure.ts"

/** A code lasts from one full half-minute to the next: https://www.rfc-editor.org/rfc/rfc6238 */
const stepMs = 30_000
const pasteMode = { on: "\u001b[?2004h", off: "\u001b[?2004l" }
const signals = { SIGHUP: 129, SIGTERM: 143 } as const

/** What was pasted beyond the end of a line: for the next question. */
let ahead = ""

export async function ask(question: Question): Promise<string> {
  // On stderr: stdout is for what a script would read.
  const { stdin, stderr: output } = process
  const isDumb = process.env["TERM"] === "dumb"
  let line = takeAhead()
  let pasted: string | undefined
  let isOver = false

  output.write(`${question.message}\n`)
  emitKeypressEvents(stdin)
  raw(true)
  // The half-minutes of the clock on the wall; a device's own may be off by a few seconds.
  const ticking = question.isMfaCode === true && !isDumb ? setInterval(draw, 1_000) : undefined
  draw()
  try {
    return await new Promise<string>((resolve, reject) => {
      const finish = (end: () => void): void => {
        isOver = true
        // What came in the same breath as Enter is for the next question.
        setImmediate(() => {
          stdin.off("keypress", onKey)
          end()
        })
      }
      const onKey = (text: string | undefined, key: Key): void => {
        if (isOver) {
          ahead += key.name === "return" || key.name === "enter" ? "\n" : printable(text)
          return
        }
        if (key.name === "paste-start") pasted = ""
        else if (key.name === "paste-end") {
          const [first = "", ...more] = (pasted ?? "").trim().split(/\r\n|\r|\n/)
          pasted = undefined
          line += printable(first)
          ahead = more.join("\n")
          if (more.length > 0) finish(() => resolve(line))
        } else if (pasted !== undefined) pasted += text ?? ""
        else if (key.ctrl === true && (key.name === "c" || (key.name === "d" && line === ""))) {
          ahead = ""
          finish(() => reject(interrupted()))
        } else if (key.name === "return" || key.name === "enter") finish(() => resolve(line))
        else if (key.ctrl === true && key.name === "z") suspend()
        else line = edited(line, text, key)
        draw()
      }
      stdin.on("keypress", onKey)
    })
  } finally {
    clearInterval(ticking)
    draw()
    output.write("\n")
    raw(false)
  }

  function draw(): void {
    if (isDumb) return
    const width = Math.max(10, (output.columns || 80) - 14)
    const shown = (question.isSecret ? "*".repeat(line.length) : line).slice(-width)
    const leftMs = stepMs - (Date.now() % stepMs)
    const count = ticking === undefined || isOver ? "" : `   (${String(Math.ceil(leftMs / 1_000)).padStart(2)} s)`
    output.write(`\r\u001b[K> ${shown}${count}\r\u001b[${shown.length + 2}C`)
  }

  function raw(isOn: boolean): void {
    for (const signal of ["SIGHUP", "SIGTERM"] as const) process[isOn ? "on" : "off"](signal, endBySignal)
    if (stdin.isTTY) stdin.setRawMode(isOn)
    if (!isDumb) output.write(isOn ? pasteMode.on : pasteMode.off)
    if (isOn) stdin.resume()
    else stdin.pause()
  }

  function endBySignal(signal: NodeJS.Signals): void {
    raw(false)
    process.exit(signal === "SIGHUP" ? signals.SIGHUP : signals.SIGTERM)
  }

  function suspend(): void {
    raw(false)
    process.once("SIGCONT", () => {
      raw(true)
      draw()
    })
    process.kill(0, "SIGTSTP")
  }
}

function edited(line: string, text: string | undefined, { name, ctrl, meta }: Key): string {
  if (name === "backspace" || (ctrl === true && name === "h")) return line.replace(/.$/u, "")
  if (ctrl === true && name === "u") return ""
  if (ctrl === true && name === "w") return line.replace(/\S*\s*$/, "")
  return ctrl === true || meta === true ? line : line + printable(text)
}

/** Without what would move the cursor: arrow keys, a stray escape. */
function printable(text: string | undefined): string {
  // eslint-disable-next-line no-control-regex -- these are what is meant
  return text === undefined || text.startsWith("\u001b") ? "" : text.replaceAll(/[\u0000-\u001f\u007f]/g, "")
}

function takeAhead(): string {
  const [first = "", ...more] = ahead.split("\n")
  ahead = more.join("\n")
  return first
}
