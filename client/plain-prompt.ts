/** Asks a person without drawing: one line of words, which a screen reader says once. Loaded only for `--plain`. */
import { createInterface } from "node:readline"
import { Writable } from "node:stream"
import type { Question } from "./context.ts"
import { interrupted } from "./failure.ts"

/** What was pasted beyond the end of a line: for the next question. */
const ahead: string[] = []

export async function askPlainly({ message, isSecret }: Question): Promise<string> {
  process.stderr.write(`${message.replace(/:$/, "")}${isSecret ? " (what you type is not shown)" : ""}: `)
  const pasted = ahead.shift()
  if (pasted !== undefined) {
    process.stderr.write("\n")
    return pasted
  }
  // With a terminal of its own, readline echoes what is typed; into nothing, if it is a secret.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({
    input: process.stdin,
    output: isSecret ? nowhere : process.stderr,
    terminal: isSecret,
  })
  try {
    return await new Promise((resolve, reject) => {
      lines.once("line", (line) => {
        lines.on("line", (next) => ahead.push(next))
        // What came in the same breath is read by then.
        setImmediate(() => resolve(line))
      })
      lines.once("SIGINT", () => reject(interrupted()))
      lines.once("close", () => reject(interrupted()))
    })
  } finally {
    lines.close()
    if (isSecret) process.stderr.write("\n")
  }
}
