/** Asks a person without drawing: one line of words, which a screen reader says once. Loaded only for `--plain`. */
import { createInterface } from "node:readline"
import { Writable } from "node:stream"
import type { Question } from "./context.ts"
import { interrupted } from "./failure.ts"

export async function askPlainly({ message, isSecret }: Question): Promise<string> {
  process.stderr.write(`${message}${isSecret ? " (what you type is not shown)" : ""} `)
  // With a terminal of its own, readline echoes what is typed; into nothing, if it is a secret.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({
    input: process.stdin,
    output: isSecret ? nowhere : process.stderr,
    terminal: isSecret,
  })
  try {
    return await new Promise((resolve, reject) => {
      lines.once("line", resolve)
      lines.once("SIGINT", () => reject(interrupted()))
      lines.once("close", () => reject(interrupted()))
    })
  } finally {
    lines.close()
    if (isSecret) process.stderr.write("\n")
  }
}
