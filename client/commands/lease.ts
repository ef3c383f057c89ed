/** `credd lease`: named access for one caller, made, looked at, and ended. */
import type { LeaseScope, LeaseStatus } from "../../daemon/api.ts"
import type { Command } from "../command.ts"
import type { Context } from "../context.ts"
import { secondsOf } from "../duration.ts"
import { environmentFor, shellFrom, shellLines, word } from "../environment.ts"
import { Failure, usageWrong } from "../failure.ts"
import { scopeAsked, type ScopeFlags } from "../lease-scope.ts"
import { note, span, table, warning } from "../output.ts"
import { surrounding } from "../profile.ts"

type NewFlags = ScopeFlags & {
  readonly profile: readonly string[]
  readonly ttl: string
  readonly description?: string
  readonly replace: boolean
  readonly shell?: string
  readonly json: boolean
}

export const make: Command<NewFlags, [name: string]> = async (context, flags, name) => {
  const { stdout, stderr } = context.process
  const shell = shellFrom(flags.shell, context.env)
  const { ttl, description, replace } = flags
  const { lease, token, profiles, warnings } = await context.daemon("POST /leases", {
    name,
    profiles: flags.profile,
    scope: scopeAsked(context, flags),
    ttlSeconds: secondsOf(ttl, "run: credd lease new NAME --profile PROFILE --ttl 1h"),
    replace,
    ...surrounding(context),
    ...(description === undefined ? {} : { description }),
  })
  const [first, ...others] = profiles
  if (first === undefined) throw new Failure({ code: "Internal", message: "the daemon made a lease of nothing" })
  const env = environmentFor({ ...first, region: first.region, token: { inline: token } }, context.env)
  if (flags.json) {
    const { id, expiration } = lease
    stdout.write(`${JSON.stringify({ id, name, expiration, env: Object.fromEntries(env), profiles }, null, 2)}\n`)
  } else stdout.write(shellLines(env, shell))
  for (const each of warnings) warning(stderr, each)
  note(
    stderr,
    `lease "${name}": ${scopeText(lease.scope)}, ${endText(context, lease)}; to end it: credd lease revoke ${word(name)}`,
  )
  if (others.length > 0) {
    note(stderr, `these lines are for profile "${first.profile}"; for another, set AWS_CONTAINER_CREDENTIALS_FULL_URI:`)
    note(stderr, table(others.map(({ profile, fullUri }) => [`  ${profile}`, fullUri])))
  }
  return 0
}

export const list: Command<{ json: boolean }> = async (context, { json }) => {
  const { stdout } = context.process
  const { leases } = await context.daemon("GET /leases", {})
  if (json) stdout.write(`${JSON.stringify(leases, null, 2)}\n`)
  else {
    const rows = leases.map((lease) => [
      lease.name,
      profilesText(lease),
      scopeText(lease.scope),
      endText(context, lease),
      usedText(context, lease),
    ])
    stdout.write(`${table([["NAME", "PROFILES", "SCOPE", "END", "USED"], ...rows])}\n`)
  }
  return 0
}

export const show: Command<{ json: boolean }, [name: string]> = async (context, { json }, name) => {
  const { stdout } = context.process
  const { leases } = await context.daemon("GET /leases", {})
  const lease = leases.find((each) => each.name === name)
  if (lease === undefined) {
    throw new Failure({ code: "LeaseNotFound", message: `there is no lease "${name}"`, hint: "run: credd lease list" })
  }
  if (json) stdout.write(`${JSON.stringify(lease, null, 2)}\n`)
  else stdout.write(`${table(about(context, lease))}\n`)
  return 0
}

export const revoke: Command<{ all: boolean }, [name?: string]> = async (context, { all }, name) => {
  if (all === (name !== undefined)) {
    throw usageWrong("name the lease to revoke, or --all", "run: credd lease revoke NAME")
  }
  const { stderr } = context.process
  const { revoked } = await context.daemon("DELETE /leases", { all, ...(name === undefined ? {} : { name }) })
  note(stderr, `revoked: ${revoked.join(", ")}; what was handed out ends by itself, within an hour where AWS allows it`)
  if (all || name === "shell") note(stderr, 'open shells need a new token; run: eval "$(credd env)"')
  return 0
}

function about(context: Context, lease: LeaseStatus): readonly (readonly string[])[] {
  const { id, name, scope, createdAt, description, pid } = lease
  return [
    ["name", name],
    ["id", id],
    ["profiles", profilesText(lease)],
    ["scope", scopeText(scope)],
    ...(scope?.kind === "policy" ? [["policy", scope.policy]] : []),
    ...(description === undefined ? [] : [["description", description]]),
    ["made", createdAt],
    ["end", endText(context, lease)],
    ["used", usedText(context, lease)],
    ...(pid === undefined ? [] : [["process", String(pid)]]),
  ]
}

function profilesText({ profiles }: LeaseStatus): string {
  return profiles.includes("*") ? "all" : profiles.join(", ")
}

function scopeText(scope: LeaseScope | null): string {
  switch (scope?.kind) {
    case undefined:
      return "all that the profile may"
    case "policy-arns":
      return scope.policyArns.join(", ")
    case "read-only":
      return "read-only"
    default:
      return "a policy"
  }
}

function endText({ now }: Pick<Context, "now">, { expiration, pid }: LeaseStatus): string {
  if (expiration !== null) return `in ${nearly(Date.parse(expiration) - now())}`
  return pid === undefined ? "none" : `with process ${pid}`
}

/** To the nearest minute: an hour that has just begun is one. */
function nearly(ms: number): string {
  return span(ms > 120_000 && ms < 3_600_000 ? ms + 30_000 : ms + 500)
}

function usedText({ now }: Pick<Context, "now">, { lastUsedAt }: LeaseStatus): string {
  return lastUsedAt === null ? "never" : `${span(Math.max(0, now() - Date.parse(lastUsedAt)))} ago`
}
