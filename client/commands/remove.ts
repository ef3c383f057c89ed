/** `credd remove`: forgets an access key, and the session made with it. AWS still knows the key. */
import type { Command } from "../command.ts"
import { usageWrong } from "../failure.ts"
import { note, warning } from "../output.ts"
import { word } from "../environment.ts"

export const remove: Command<{ yes: boolean }, [profile: string]> = async (context, { yes }, profile) => {
  const { stderr } = context.process
  if (!yes) {
    if (!context.isInteractive)
      throw usageWrong("removing an access key needs a yes", `run: credd remove ${word(profile)} --yes`)
    const answer = await context.ask({
      message: `Forget the access key of "${profile}"? There is no other copy (y/N)`,
      isSecret: false,
    })
    if (!/^y(es)?$/i.test(answer.trim())) {
      note(stderr, "nothing was removed")
      return 1
    }
  }
  const { warnings } = await context.daemon("DELETE /access-keys", { profile })
  for (const each of warnings) warning(stderr, each)
  note(stderr, `forgot the access key of "${profile}"; it lives on at AWS until it is deleted in the IAM console`)
  return 0
}
