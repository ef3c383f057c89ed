/** As whom each candidate acts: GetCallerIdentity with the very keys that the walk ended at, and through the daemon for credd. */
import type { Identity } from "../../daemon/api.ts"
import { sourceKey, type Visit } from "./finding.ts"
import { profileIn } from "./shell.ts"
import type { Source, Winner } from "./winner.ts"

/** Who it is, or why nobody can tell. */
export type Known = { readonly arn: string; readonly accountId: string } | { readonly unknown: string }

export type Identities = ReadonlyMap<string, Known>

export function candidateKey(winner: Winner): string | undefined {
  if (winner.kind === "credd") return `credd ${winner.profile}`
  return winner.kind === "other" ? sourceKey(winner.source) : undefined
}

export async function identitiesOf(visit: Visit): Promise<Identities> {
  const asked = new Map<string, Promise<Known>>()
  const ask = (winner: Winner): void => {
    const key = candidateKey(winner)
    if (key !== undefined && !asked.has(key)) asked.set(key, told(identify(visit, winner)))
  }
  for (const { winner } of visit.verdicts) ask(winner)
  return new Map(await Promise.all([...asked].map(async ([key, known]) => [key, await known] as const)))
}

async function told(asking: Promise<Identity | undefined>): Promise<Known> {
  try {
    const identity = await asking
    return identity ?? { unknown: "not asked: it would start something of its own" }
  } catch (error) {
    return { unknown: error instanceof Error ? error.message : "the call failed" }
  }
}

async function identify(visit: Visit, winner: Winner): Promise<Identity | undefined> {
  if (winner.kind === "credd") return await visit.context.daemon("GET /whoami", { profile: winner.profile })
  const key = winner.kind === "other" ? keyOf(visit, winner.source) : undefined
  return key === undefined ? undefined : await visit.machine.identityOf(key, visit.shell.env)
}

/** The only place that reads a secret out of the environment or a file, and only to ask AWS whose it is. */
function keyOf(
  { shell }: Visit,
  { kind, profile }: Source,
): { accessKeyId: string; secretAccessKey: string; sessionToken?: string | undefined } | undefined {
  const keys =
    kind === "environment"
      ? {
          aws_access_key_id: shell.env["AWS_ACCESS_KEY_ID"],
          aws_secret_access_key: shell.env["AWS_SECRET_ACCESS_KEY"],
          aws_session_token: shell.env["AWS_SESSION_TOKEN"] || shell.env["AWS_SECURITY_TOKEN"],
        }
      : kind === "keys-credentials"
        ? profileIn(shell, profile ?? "")?.credentials
        : kind === "keys-config"
          ? profileIn(shell, profile ?? "")?.config
          : undefined
  const {
    aws_access_key_id: accessKeyId,
    aws_secret_access_key: secretAccessKey,
    aws_session_token: sessionToken,
  } = keys ?? {}
  return accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey, sessionToken } : undefined
}
