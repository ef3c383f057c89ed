/** What TAB proposes for a word of the command line, by the word's placeholder in the command table (or, for a lease's name, by what it is). */
import { setTimeout } from "node:timers/promises"
import type { Context } from "./context.ts"
import { shells } from "./environment.ts"
import { readEndpoint } from "./profile.ts"

/** Nobody waits longer for TAB; whoever asked ends with the answer (`main.ts`). */
const leaseMs = 500
const nothing = { leases: [] }

type Propose = (this: Context, partial: string) => readonly string[] | Promise<readonly string[]>

/** Ends a proposal that is not a word but a wish: the shell is to complete a file there. */
export const fileMark = "\u0001"

export const completionShells = ["bash", "zsh", "fish"] as const

const byPlaceholder: Readonly<Record<string, Propose>> = {
  // From the small file that the daemon keeps for shells: no call, and no daemon needed.
  profile(this: Context) {
    return Object.keys(readEndpoint(this)?.profiles ?? {})
  },
  // The daemon alone knows them; without it there are none to name.
  async lease(this: Context) {
    const asked = this.daemon("GET /leases", {}).catch(() => nothing)
    const { leases } = await Promise.race([asked, setTimeout(leaseMs, nothing)])
    return leases.map(({ name }) => name)
  },
  file: (partial) => [`${partial}${fileMark}`],
  shell: () => shells,
  "completion-shell": () => completionShells,
  source: () => ["credentials-file", "aws-mfa", "aws-vault"],
  time: () => ["15m", "1h", "4h", "8h", "12h", "36h"],
}

/** For the table: `{ placeholder, ...proposing(placeholder) }`. */
export function proposing(placeholder: string): { readonly proposeCompletions?: Propose } {
  const propose = byPlaceholder[placeholder]
  return propose === undefined ? {} : { proposeCompletions: propose }
}
