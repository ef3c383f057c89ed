/**
 * Access keys out of aws-vault, by aws-vault itself: whatever it keeps them in (a keychain, `pass`, encrypted files), and
 * whatever it asks a person for on the way.
 */
import type { Context } from "./context.ts"
import type { FoundKey, UnclearKey } from "./credentials-file.ts"
import { word } from "./environment.ts"
import { Failure } from "./failure.ts"

// Without a config file a profile is its access key and nothing more: no role is assumed, no MFA code asked for.
const plain = "unset AWS_VAULT; AWS_CONFIG_FILE=/dev/null exec aws-vault"

export async function keysInAwsVault(
  { runShell }: Context,
  named: readonly string[],
): Promise<{ readonly keys: readonly FoundKey[]; readonly unclear: readonly UnclearKey[] }> {
  const listed = (await runShell(`${plain} list --credentials`, failed)).split(/\r?\n/).map((line) => line.trim())
  const names = listed.filter((name) => name !== "" && (named.length === 0 || named.includes(name)))
  const keys: FoundKey[] = []
  const unclear: UnclearKey[] = []
  for (const profile of names) {
    const output = await runShell(`${plain} export --no-session --format=json -- ${word(profile)}`, failed)
    const key = keyIn(output)
    if (key === undefined) unclear.push({ profile, why: "aws-vault gives no long-lived access key for it" })
    else keys.push({ profile, ...key })
  }
  return { keys, unclear }
}

/** The `credential_process` format, which has a session token for all that is temporary. Its text is never quoted. */
function keyIn(json: string): Omit<FoundKey, "profile"> | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(json)
  } catch {
    return undefined
  }
  if (typeof parsed !== "object" || parsed === null || ("SessionToken" in parsed && parsed.SessionToken))
    return undefined
  const accessKeyId = "AccessKeyId" in parsed ? parsed.AccessKeyId : undefined
  const secretAccessKey = "SecretAccessKey" in parsed ? parsed.SecretAccessKey : undefined
  return typeof accessKeyId === "string" && typeof secretAccessKey === "string"
    ? { accessKeyId, secretAccessKey }
    : undefined
}

function failed(how: string): Failure {
  return new Failure({
    code: "SourceFailed",
    message: how === "status 127" ? "there is no program aws-vault here" : `aws-vault ended with ${how}`,
    hint: how === "status 127" ? "install it, or run: credd add PROFILE" : "run: aws-vault list",
  })
}
