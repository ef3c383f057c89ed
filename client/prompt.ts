/** Asks a person at a terminal. Loaded only when there is something to ask. */
import { isCancel, password, text } from "@clack/prompts"
import type { Question } from "./context.ts"
import { interrupted } from "./failure.ts"

export async function ask({ message, isSecret }: Question): Promise<string> {
  // On stderr: stdout is for what a script would read.
  const output = process.stderr
  const answer = isSecret
    ? await password({ message, output, withGuide: false })
    : await text({ message, output, withGuide: false })
  if (isCancel(answer)) throw interrupted()
  // Untrimmed: a passphrase may begin or end with a space.
  return answer ?? ""
}
