/**
 * From the sections of the AWS files to what each profile is: whose MFA session it needs, which roles lie above, or why
 * it cannot be served. The order in which a profile's keys count is botocore's (`AssumeRoleProvider` and
 * `ProfileProviderBuilder` in its `credentials.py`): what `aws` would do is what users expect of us.
 */
import type { PlainKey, ProfileFiles, ProfileSection, RoleRequest, StsTarget } from "./ports.ts"
import { roleRequest } from "./role-request.ts"
import { stsTarget, type TargetDefaults } from "./sts-target.ts"

/** A profile that is served with its own MFA session. */
export interface SessionProfile {
  readonly kind: "session"
  readonly name: string
  readonly sourceProfile: string
  readonly region?: string
  readonly target: StsTarget
  readonly mfaSerial?: string
  readonly mfaProcess?: string
}

/** Credentials from elsewhere, to assume roles with. Nothing that credd signs in to, and never handed out. */
export interface OutsideProfile {
  readonly kind: "outside"
  readonly name: string
  /** The profile's `credential_process`; the daemon's own environment when absent. */
  readonly process?: string
}

/** A role that is assumed from an MFA session, from another role, or from credentials from elsewhere. */
export interface RoleProfile {
  readonly kind: "role"
  readonly name: string
  /** The profile at the bottom of the chain. */
  readonly sourceProfile: string
  readonly region?: string
  readonly target: StsTarget
  readonly mfaSerial?: string
  readonly mfaProcess?: string
  readonly request: RoleRequest
  /** The profile has a role_session_name: no lease puts its own in its place. */
  readonly namesSession: boolean
  readonly above: SessionProfile | OutsideProfile | RoleProfile
  /** What the config file asks for and STS would not give. */
  readonly notes: readonly string[]
}

export interface UnsupportedProfile {
  readonly kind: "unsupported"
  readonly name: string
  readonly region?: string
  readonly reason: string
}

export type ServableProfile = SessionProfile | RoleProfile
export type Profile = ServableProfile | UnsupportedProfile
type Source = Profile | OutsideProfile
type Keys = Readonly<Record<string, string>>

export interface ProfileDefaults extends TargetDefaults {
  /** Whether the daemon's environment holds an access key, for `credential_source = Environment`. */
  readonly hasEnvironmentKey?: boolean
}

/** A few milliseconds' worth. */
const sliceSize = 250

/**
 * Every profile that the files name or that has an access key of its own, in the files' order. Each is resolved by
 * itself: a broken one never hides another.
 */
export async function resolveProfiles(
  files: Pick<ProfileFiles, "sections" | "services">,
  accessKeyProfiles: readonly string[],
  defaults: ProfileDefaults,
  /** Lets others run: a config of thousands of profiles must not hold up those who are served. */
  breathe: () => Promise<void>,
): Promise<ReadonlyMap<string, Profile>> {
  const { sections, services } = files
  const keyed = new Set(accessKeyProfiles)
  const names = new Set([...sections.keys(), ...accessKeyProfiles])
  /** Shared by all that stand above them: thousands of profiles have few sources. */
  const roles = new Map<string, Profile>()
  const bases = new Map<string, Source>()
  const resolved = new Map<string, Profile>()
  for (const name of names) {
    resolved.set(name, resolve(name))
    if (resolved.size % sliceSize === 0) await breathe()
  }
  return resolved

  /** Walks down to what the chain stands on, then builds it from there up. */
  function resolve(name: string): Profile {
    const walked: string[] = []
    let at = name
    // A profile that others stand on is a role only where it has no access key of its own.
    while (isRole(keysOf(at)) && (walked.length === 0 || !hasOwnKey(at))) {
      const problem = sourceProblem(keysOf(at))
      if (problem !== undefined) return above(walked, unsupported(at, problem))
      walked.push(at)
      const source = keysOf(at)["source_profile"]
      if (source === undefined) return above(walked, { kind: "outside", name: at })
      // A role may take its own section's access key; any other way back has no end.
      if (walked.includes(source) && !(source === at && hasOwnKey(at))) {
        return unsupported(name, `its source profiles go round in a circle: ${[...walked, source].join(" -> ")}`)
      }
      at = source
    }
    return above(walked, base(at))
  }

  /** Puts the walked roles on what they stand on, the lowest first. A profile that others stand on is always the same. */
  function above(walked: readonly string[], lowest: Source): Profile {
    const top = walked.toReversed().reduce<Source>((below, name) => {
      const known = roles.get(name)
      if (known !== undefined) return known
      const made = role(name, below)
      roles.set(name, made)
      return made
    }, lowest)
    return top.kind === "outside" ? unsupported(top.name, "its credential_process is run by the SDKs themselves") : top
  }

  function sourceProblem(keys: Keys): string | undefined {
    const { source_profile: source, credential_source: outside } = keys
    if (source !== undefined && outside !== undefined) return "it has both a source_profile and a credential_source"
    if (source !== undefined) {
      return names.has(source) ? undefined : `its source_profile "${source}" is not in the AWS config file`
    }
    if (outside === undefined) return "it has a role_arn but no source_profile"
    if (outside !== "Environment") return `credential_source ${outside} is not served`
    return defaults.hasEnvironmentKey === true
      ? undefined
      : "its credential_source is Environment, and the daemon's environment holds no access key"
  }

  function role(name: string, below: Source): Profile {
    if (below.kind === "unsupported") {
      const isSaid = below.reason.startsWith("its source")
      return unsupported(name, isSaid ? below.reason : `its source_profile "${below.name}": ${below.reason}`)
    }
    const keys = keysOf(name)
    const read = roleRequest(keys["role_arn"] ?? "", keys)
    if ("problem" in read) return unsupported(name, read.problem)
    if (below.kind === "outside" && keys["mfa_serial"] !== undefined) {
      return unsupported(name, `its mfa_serial needs an access key; run: credd add ${below.name}`)
    }
    const hasTarget = below.kind !== "outside"
    const target = stsTarget({ keys, services, defaults, regionBelow: hasTarget ? below.target.region : undefined })
    if ("problem" in target) return unsupported(name, target.problem)
    return {
      kind: "role",
      name,
      sourceProfile: below.kind === "outside" ? below.name : below.sourceProfile,
      ...read,
      above: below,
      target,
      ...some({
        region: keys["region"],
        mfaSerial: keys["mfa_serial"] ?? (hasTarget ? below.mfaSerial : undefined),
        mfaProcess: keys["mfa_process"] ?? (hasTarget ? below.mfaProcess : undefined),
      }),
    }
  }

  function base(name: string): Source {
    const known = bases.get(name)
    if (known !== undefined) return known
    const made = makeBase(name, keysOf(name))
    bases.set(name, made)
    return made
  }

  function makeBase(name: string, keys: Keys): Source {
    if (!keyed.has(name)) {
      const command = keys["credential_process"]
      const outside = withoutKey(keys, sections.get(name))
      if (outside === "process" && command !== undefined) {
        return isOurOwn(command)
          ? unsupported(name, "its credential_process is credd itself")
          : { kind: "outside", name, process: command }
      }
      if (outside !== undefined) return unsupported(name, outside)
    }
    const target = stsTarget({ keys, services, defaults })
    if ("problem" in target) return unsupported(name, target.problem)
    return {
      kind: "session",
      name,
      sourceProfile: name,
      target,
      ...some({ region: keys["region"], mfaSerial: keys["mfa_serial"], mfaProcess: keys["mfa_process"] }),
    }
  }

  function hasOwnKey(name: string): boolean {
    const section = sections.get(name)
    return keyed.has(name) || (section !== undefined && plainKeys(section).some((key) => key !== "none"))
  }

  function keysOf(name: string): Keys {
    return sections.get(name)?.keys ?? {}
  }

  function unsupported(name: string, reason: string): UnsupportedProfile {
    return { kind: "unsupported", name, reason, ...some({ region: keysOf(name)["region"] }) }
  }
}

/** The profile at the bottom of the chain. */
export function baseOf(profile: ServableProfile): SessionProfile | OutsideProfile {
  let at: SessionProfile | OutsideProfile | RoleProfile = profile
  while (at.kind === "role") at = at.above
  return at
}

/** Every profile that one login serves. */
export function profilesOf(sourceProfile: string, profiles: ReadonlyMap<string, Profile>): readonly ServableProfile[] {
  return [...profiles.values()].filter(
    (profile): profile is ServableProfile =>
      profile.kind !== "unsupported" && profile.sourceProfile === sourceProfile && baseOf(profile).kind === "session",
  )
}

function isRole(keys: Keys): boolean {
  return keys["role_arn"] !== undefined && keys["web_identity_token_file"] === undefined
}

function plainKeys({ credentialsKey, configKey }: ProfileSection): readonly PlainKey[] {
  return [credentialsKey, configKey]
}

/**
 * What a profile without a key in the store gives, in botocore's order: undefined for an access key (or the wish for
 * one), `process`, or why it gives nothing that credd can serve.
 */
function withoutKey(keys: Keys, section: ProfileSection | undefined): string | undefined {
  if (keys["web_identity_token_file"] !== undefined) return "web identity profiles are not served yet"
  if (keys["sso_account_id"] !== undefined || keys["sso_role_name"] !== undefined)
    return "SSO profiles are not served yet"
  const { credentialsKey = "none", configKey = "none" } = section ?? {}
  if (isKey(credentialsKey)) return plainKeyProblem(credentialsKey)
  if (keys["login_session"] !== undefined) return '"aws login" profiles are not served yet'
  if (keys["credential_process"] !== undefined) return "process"
  if (isKey(configKey)) return plainKeyProblem(configKey)
  if (credentialsKey !== "none" || configKey !== "none") return "it has only half an access key"
  if (keys["sso_session"] !== undefined || keys["sso_start_url"] !== undefined) return "SSO profiles are not served yet"
  return keys["mfa_serial"] === undefined ? "it has no access key and no role_arn" : undefined
}

/** A secret without its id is none to botocore, but keeps a profile from being a role below another. */
function isKey(key: PlainKey): boolean {
  return key !== "none" && key !== "secret-only"
}

function plainKeyProblem(key: PlainKey): string | undefined {
  if (key === "whole") return undefined
  return key === "half"
    ? "it has only half an access key"
    : "it holds pasted temporary credentials (aws_session_token); remove them, and credd serves it afresh"
}

/** `credd process X`, as `credd process --setup` writes it: to run it would be to ask ourselves. */
function isOurOwn(command: string): boolean {
  return /(^|[/\\"'\s])(credd|client\/main\.js)["']?\s+process\s/.test(`${command} `)
}

/** Leaves out what is absent, so that optional properties stay truly absent. */
function some<K extends string>(values: Readonly<Record<K, string | undefined>>): { readonly [P in K]?: string } {
  const present: { [P in K]?: string } = {}
  for (const key in values) if (values[key] !== undefined) present[key] = values[key]
  return present
}
