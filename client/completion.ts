/** Completes a command line from the command table itself, for the scripts that `credd completion` prints. */
import { proposeCompletions } from "@stricli/core"
import { application } from "./app.ts"
import type { Context } from "./context.ts"
import { fileMark } from "./proposals.ts"

export interface Proposal {
  readonly word: string
  readonly brief: string
}

/** Words, or what the shell itself is to complete: a file, or another program's command line from word `command` on. */
export type Proposals = { readonly words: readonly Proposal[] } | "file" | { readonly command: number }

/** The words after `credd` as far as they are typed; the last one is the one at the cursor, maybe empty. */
export async function complete(words: readonly string[], context: Context): Promise<Proposals> {
  const before = words.slice(0, -1)
  const partial = words.at(-1) ?? ""
  const escape = before.indexOf("--")
  if (before[0] === "exec" && escape !== -1) return { command: escape + 1 }

  const isHelp = before[0] === "help"
  const line = isHelp ? words.slice(1) : words
  const found = await proposeCompletions(application(), line, { process: context.process, forCommand: () => context })
  if (found.some(({ completion }) => completion.endsWith(fileMark))) return "file"
  const proposals = found
    .filter(({ completion }) => completion !== "--")
    .filter(({ kind }) => !isHelp || kind.startsWith("routing"))
    .map(({ completion: word, brief }) => ({ word, brief }))
  if (partial !== "" && "--plain".startsWith(partial))
    proposals.push({ word: "--plain", brief: "words, for screen readers" })
  const isTop = before.length === 0 && "help".startsWith(partial)
  if (isTop) proposals.push({ word: "help", brief: "explain a command" })
  // Who has not typed a dash wants a name; flags are shown where there is none.
  const names = proposals.filter(({ word }) => !word.startsWith("-"))
  return { words: partial === "" && names.length > 0 ? names : proposals }
}
