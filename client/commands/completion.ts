/** `credd completion`: the script that makes a shell ask credd at TAB; and the answer to what it asks. */
import type { Command } from "../command.ts"
import { answerTo, completionScript } from "../completion-scripts.ts"
import type { Context } from "../context.ts"
import { usageWrong } from "../failure.ts"
import { completionShells } from "../proposals.ts"

export const completion: Command<Record<string, never>, [shell?: string]> = async ({ env, process }, _, named) => {
  const shell = named ?? env["SHELL"]?.split("/").at(-1) ?? ""
  const known = completionShells.find((each) => each === shell)
  if (known === undefined) {
    throw usageWrong(
      shell === "" ? "name the shell: bash, zsh or fish" : `there is no completion for the shell "${shell}"`,
      "run: credd completion bash",
    )
  }
  process.stdout.write(completionScript(known))
  return 0
}

/** `credd __complete SHELL …`: run by the scripts, never by a person. */
export async function answer(context: Context, [shell, ...rest]: readonly string[]): Promise<number> {
  context.process.stdout.write(await answerTo(shell ?? "", rest, context))
  return 0
}
