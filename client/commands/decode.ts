/** `credd decode`: what an "Encoded authorization failure message" says, the verdict first. */
import type { DecodedMessage, DecodedStatement } from "../../daemon/api.ts"
import type { Command } from "../command.ts"
import type { Context } from "../context.ts"
import { encodedMessageIn } from "../encoded-message.ts"
import { usageWrong } from "../failure.ts"
import { paint, table } from "../output.ts"
import { profileFor } from "../profile.ts"
import { unlocking } from "./unlock.ts"

type DecodeFlags = { readonly json: boolean; readonly profile?: string }

/** AWS takes no longer one. */
const mostCharacters = 10_240
const mostLines = 10_000

export const decode: Command<DecodeFlags, [message?: string]> = async (context, { json, profile: named }, given) => {
  const { stdout } = context.process
  const message = encodedMessageIn(await textFrom(context, given))
  if (message === undefined) {
    throw usageWrong(
      "there is no encoded authorization message in that text",
      'paste the whole error, or what comes after "Encoded authorization failure message:"',
    )
  }
  if (message.length > mostCharacters) {
    throw usageWrong(`a message has ${mostCharacters} characters at most`, "paste only the message")
  }
  const profile = await profileFor(context, named)
  const decoded = await unlocking(context, () => context.daemon("POST /decode", { profile, message }))
  const document = JSON.stringify(decoded.document, null, 2)
  stdout.write(json ? `${document}\n` : `${summary(context, decoded)}\n\n${document}\n`)
  return 0
}

async function textFrom({ readLines, isInteractive }: Context, given: string | undefined): Promise<string> {
  if (given !== undefined && given !== "-") return given
  if (given === undefined && isInteractive) {
    throw usageWrong("a message is expected", "run: credd decode -   (paste the error, then press Ctrl-D)")
  }
  return (await readLines(mostLines)).join("\n")
}

function summary(context: Context, decoded: DecodedMessage): string {
  const { principal = "?", action = "?", resource = "?", statements } = decoded
  return table([
    ["who", principal],
    ["action", action],
    ["resource", resource],
    ["verdict", verdict(decoded, paint(context.process.stdout, context))],
    ...statements.map((each) => ["statement", oneLine(each)]),
  ])
}

function verdict(
  { isAllowed, isExplicitlyDenied, statements }: DecodedMessage,
  { green, red }: ReturnType<typeof paint>,
): string {
  if (isAllowed) return green("allowed")
  if (!isExplicitlyDenied) return `${red("denied")}: no policy allows it`
  return `${red("explicitly denied")}: ${statements.length === 0 ? "a policy forbids it" : "by the statements below"}`
}

function oneLine({ id, effect, actions, resources }: DecodedStatement): string {
  const on = resources.length === 0 ? "" : ` on ${resources.join(", ")}`
  return `${id === undefined ? "" : `${id}: `}${effect.toLowerCase()} ${actions.join(", ") || "*"}${on}`
}
