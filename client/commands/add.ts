/** `credd add`: an access key from a person, from standard input, or from the console's download. */
import type { Command } from "../command.ts"
import type { Context } from "../context.ts"
import { usageWrong } from "../failure.ts"
import { note, warning } from "../output.ts"
import { word } from "../environment.ts"
import { unlocking } from "./unlock.ts"

interface Key {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

type AddFlags = {
  readonly csv?: string
  readonly "mfa-serial"?: string
}

export const add: Command<AddFlags, [profile: string]> = async (context, { csv, "mfa-serial": mfaSerial }, profile) => {
  const { stderr } = context.process
  const key = csv === undefined ? await keyFrom(context) : keyInCsv(textOf(context, csv))
  const { arn, accountId, durable } = await unlocking(context, () =>
    context.daemon("POST /access-keys", { profile, ...key, ...(mfaSerial === undefined ? {} : { mfaSerial }) }),
  )
  note(stderr, `kept the access key of ${arn} (account ${accountId}) as "${profile}"`)
  if (!durable) warning(stderr, "the memory store forgets it when the daemon stops")
  if (csv !== undefined) note(stderr, `delete ${csv} now: it holds the key in plain text`)
  note(stderr, `next: credd login ${word(profile)}`)
  return 0
}

async function keyFrom(context: Context): Promise<Key> {
  if (context.isInteractive) {
    const accessKeyId = (await context.ask({ message: "Access key ID", isSecret: true })).trim()
    const secretAccessKey = (await context.ask({ message: "Secret access key", isSecret: true })).trim()
    return { accessKeyId, secretAccessKey }
  }
  const [accessKeyId, secretAccessKey] = (await context.readLines(2)).map((line) => line.trim())
  if (!accessKeyId || !secretAccessKey) {
    throw usageWrong(
      "two lines are expected on standard input: the access key id and the secret",
      "run: credd add --help",
    )
  }
  return { accessKeyId, secretAccessKey }
}

/** "Access key ID,Secret access key" and one line below; spreadsheet programs add a BOM and quotes. */
export function keyInCsv(text: string): Key {
  const rows = text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .map((row) => row.split(",").map((cell) => cell.trim().replace(/^"(.*)"$/, "$1")))
  const [header = [], ...data] = rows
  const column = (name: string): number => header.findIndex((cell) => cell.toLowerCase() === name)
  const row = data.find((cells) => cells.length >= 2)
  const accessKeyId = row?.[column("access key id")]
  const secretAccessKey = row?.[column("secret access key")]
  if (!accessKeyId || !secretAccessKey) {
    throw usageWrong(
      'the file has no columns "Access key ID" and "Secret access key"',
      "download the .csv file from the IAM console again",
    )
  }
  return { accessKeyId, secretAccessKey }
}

function textOf({ files }: Context, file: string): string {
  const bytes = files.read(file)
  if (bytes === undefined) throw usageWrong(`there is no file ${file}`, "check the path given to --csv")
  return bytes.toString("utf8")
}
