/** What a command is made of: its words for `--help` and the manual, its parameters, and the file it is loaded from. */
import { buildCommand, type Command as StricliCommand, type TypedCommandParameters } from "@stricli/core"
import type { Context } from "./context.ts"
import { guarded } from "./failure.ts"
import { helpText, keepManual, usualExits, type Exits } from "./manual.ts"

type Flags = Readonly<Record<string, unknown>>
type Names = readonly (string | undefined)[]

/** A command: what it was given, in; its exit status, out. */
export type Command<F extends Flags = Record<string, never>, A extends Names = []> = (
  context: Context,
  flags: F,
  ...names: A
) => Promise<number>

interface Entry<F extends Flags, A extends Names> {
  readonly brief: string
  /** What else a person should know, a paragraph each: part of `--help` and of the man page. */
  readonly about?: readonly string[]
  /** Command lines that show how it is used. */
  readonly examples: readonly string[]
  /** What follows the command's name, where its parameters alone would not say it. */
  readonly usage?: string
  /** Exit statuses and their meaning, where they are not the usual ones. */
  readonly exits?: Exits
  readonly parameters: TypedCommandParameters<F, A, Context>
  readonly load: () => Promise<Command<F, A>>
}

/** Runs a command and turns what it throws into words and an exit status, here and nowhere else. */
export function command<F extends Flags, A extends Names>(entry: Entry<F, A>): StricliCommand<Context> {
  const { brief, about = [], examples, usage, exits = usualExits, parameters, load } = entry
  const manual = { brief, about, examples, exits }
  const built = buildCommand<F, A, Context>({
    docs: { brief, fullDescription: helpText(manual), ...(usage === undefined ? {} : { customUsage: [usage] }) },
    parameters,
    loader: async () => {
      const execute = await load()
      return async function (this: Context, flags: F, ...names: A): Promise<void> {
        this.process.exitCode = await guarded(this, () => execute(this, flags, ...names))
      }
    },
  })
  keepManual(built, manual)
  return built
}
