/** What wins over credd in this shell, or stops an SDK before it gets there: a finding for each cause, told from the walk. */
import { evaluation, word } from "../../environment.ts"
import { maskedId, sdksOf, sourceKey, type Check, type Finding, type Verdict, type Visit } from "../finding.ts"
import { servedBy, type ErrorCause, type Source } from "../winner.ts"

export const shadows: Check = (visit) => {
  const others = grouped(visit.verdicts, ({ winner }) =>
    winner.kind === "other" ? sourceKey(winner.source) : undefined,
  )
  const errors = grouped(visit.verdicts, ({ winner }) => (winner.kind === "error" ? winner.why : undefined))
  return [...others.flatMap((group) => shadow(visit, group)), ...errors.map((group) => failure(visit, group))]
}

function grouped(verdicts: readonly Verdict[], keyOf: (verdict: Verdict) => string | undefined): readonly Verdict[][] {
  const groups = new Map<string, Verdict[]>()
  for (const verdict of verdicts) {
    const key = keyOf(verdict)
    if (key !== undefined) groups.set(key, [...(groups.get(key) ?? []), verdict])
  }
  return [...groups.values()]
}

function shadow(visit: Visit, group: readonly Verdict[]): readonly Finding[] {
  const [first] = group
  if (first?.winner.kind !== "other") return []
  const { source } = first.winner
  // Last of all, and only where nothing else was set: said by the check for a shell that does not ask credd.
  if (source.kind === "instance") return []
  const danger = dangerOf(visit, source)
  return [
    {
      id: ids[source.kind],
      level: "problem",
      what: `${described(source)} comes before credd in ${sdksOf(group)}`,
      why: danger ?? whys[source.kind],
      fix: fixOf(visit, source),
      families: group.map(({ family }) => family.id),
      ...(danger === undefined ? {} : { isDanger: true }),
      ...mendOf(source),
    },
  ]
}

const ids: Readonly<Record<Source["kind"], string>> = {
  environment: "environment-keys",
  "web-identity": "web-identity",
  role: "profile-role",
  sso: "profile-sso",
  login: "profile-login",
  process: "profile-process",
  "keys-credentials": "profile-keys",
  "keys-config": "profile-keys",
  boto: "boto-keys",
  container: "container-elsewhere",
  instance: "instance",
}

const inProfile =
  "the container credentials, which are credd's, come after every profile that has credentials of its own"
const whys: Readonly<Record<Source["kind"], string>> = {
  environment: "keys in the environment come first: credd is never asked, and nothing says so",
  "web-identity": "a web identity token comes before the container credentials, which are credd's",
  role: inProfile,
  sso: `${inProfile}; when its sign-in has ended, the SDK stops there`,
  login: `${inProfile}; when its sign-in has ended, the SDK stops there`,
  process: inProfile,
  "keys-credentials": inProfile,
  "keys-config": inProfile,
  boto: "botocore still reads this file of an older tool, before the container credentials, which are credd's",
  container: "the container credentials that this shell asks for are not this credd's",
  instance: "",
}

/** A role with few rights is in place, and something that was forgotten gives this shell more. */
function dangerOf({ shell, isIdentified }: Visit, { kind, accessKeyId }: Source): string | undefined {
  if (!["environment", "keys-credentials", "keys-config", "boto"].includes(kind)) return undefined
  const { AWS_CONTAINER_CREDENTIALS_FULL_URI: full, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: relative } = shell.env
  const role = full || relative ? "a role" : shell.isInstance ? "an instance role" : undefined
  if (role === undefined) return undefined
  const whose = accessKeyId === undefined ? "that key" : `the key ${maskedId(accessKeyId)}`
  return `danger: this shell was given ${role}, with the few rights of its task, yet all that runs here acts as the owner of ${whose}, an administrator perhaps${isIdentified ? "" : "; to see who that is: credd doctor --identity"}`
}

function described({ kind, where, accessKeyId, roleArn }: Source): string {
  if (accessKeyId !== undefined) {
    const life = accessKeyId.startsWith("ASIA") ? "temporary" : "long-lived"
    return kind === "environment"
      ? `${where} (${life} key ${maskedId(accessKeyId)})`
      : `the ${life} key ${maskedId(accessKeyId)} of ${where}`
  }
  return roleArn === undefined ? where : `${where} (${roleArn})`
}

function fixOf({ shell, context }: Visit, { kind, where, profile }: Source): string {
  switch (kind) {
    case "environment":
      return where.startsWith("-D")
        ? `take -Daws.accessKeyId and -Daws.secretKey out of ${where.split(" ").at(-1)}`
        : `unset ${set(shell.env, ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"])}`
    case "web-identity":
      return `unset ${set(shell.env, ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME"])}`
    case "keys-credentials":
      return shell.env["AWS_PROFILE"] || shell.env["AWS_DEFAULT_PROFILE"]
        ? `unset ${set(shell.env, ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])}   (and run: credd import ${word(profile ?? "")})`
        : `credd import ${word(profile ?? "default")}`
    case "boto":
      return where.startsWith("AWS_CREDENTIAL_FILE")
        ? "unset AWS_CREDENTIAL_FILE"
        : `take aws_access_key_id out of ${where}`
    case "container":
      return where.startsWith("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
        ? "unset AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
        : evaluation(profileOf(shell), context.env)
    default:
      return shell.env["AWS_PROFILE"] || shell.env["AWS_DEFAULT_PROFILE"]
        ? `unset ${set(shell.env, ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])}`
        : `give the profile another name than "${profile ?? "default"}": edit ${shell.files.config}`
  }
}

/** Those of the variables that are there: nobody should unset what is not. */
function set(env: Visit["shell"]["env"], candidates: readonly string[]): string {
  return candidates.filter((name) => env[name] !== undefined).join(" ")
}

/** An SDK that stops with an error before it asks credd. */
function failure({ shell, context }: Visit, group: readonly Verdict[]): Finding {
  const [first] = group
  const { why, cause } = first?.winner.kind === "error" ? first.winner : { why: "", cause: "token" as const }
  return {
    id: cause,
    // One family, and known before: the variable is the default because the oldest SDKs read nothing else.
    level: cause === "token-file-only" ? "note" : "problem",
    what: `${why}: an error in ${sdksOf(group)}`,
    why: stops[cause],
    fix: cures[cause](shell, evaluation(profileOf(shell), context.env)),
    families: group.map(({ family }) => family.id),
  }
}

const stops: Readonly<Record<ErrorCause, string>> = {
  "missing-profile": "these SDKs stop there; the others go on as if no profile were named",
  "half-key": "these SDKs stop there; the others go on as if nothing were set",
  "half-key-in-profile": "these SDKs stop there; the others go on as if nothing were there",
  "empty-relative-uri": "these SDKs then ask the address of an ECS task, and not credd",
  token: "without a good token the daemon answers nobody",
  "token-file-only": "it would go on to instance metadata, and on a cloud machine silently take that role",
  proxy: "the proxy sees the token, and cannot reach this machine's loopback",
}

const cures: Readonly<Record<ErrorCause, (shell: Visit["shell"], again: string) => string>> = {
  "missing-profile": ({ env }) => `unset ${set(env, ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])}`,
  "half-key": () => "unset AWS_ACCESS_KEY_ID",
  "half-key-in-profile": ({ files }) => `mend the profile in ${files.credentials}`,
  "empty-relative-uri": () => "unset AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
  token: (_, again) => again,
  "token-file-only": (shell) => `eval "$(credd env ${word(profileOf(shell))} --token-file)"`,
  proxy: (_, again) => `${again}   (it sets NO_PROXY)`,
}

/** The profile that this shell asks for, else the one that it most likely means. */
export function profileOf(shell: Visit["shell"]): string {
  const { endpoint, env } = shell
  const asked = servedBy(env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] ?? "", shell)
  return asked ?? endpoint?.defaultProfile ?? Object.keys(endpoint?.profiles ?? {})[0] ?? "PROFILE"
}

function mendOf({ kind, profile }: Source): Pick<Finding, "mend"> | Record<string, never> {
  if (kind !== "keys-credentials" || profile === undefined) return {}
  return {
    mend: {
      question: `move the access key of "${profile}" into credd's store (it is proven first)?`,
      how: ["import", profile],
    },
  }
}
