/** From the sections of the AWS files to what each profile is: whose MFA session it needs, which roles lie above, or why not. */
import type { ProfileSection, StsTarget } from "./ports.ts"

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

/** A role that is assumed from another profile's credentials: an MFA session's, or another role's. */
export interface RoleProfile {
  readonly kind: "role"
  readonly name: string
  readonly sourceProfile: string
  readonly region?: string
  readonly target: StsTarget
  readonly mfaSerial?: string
  readonly mfaProcess?: string
  readonly roleArn: string
  readonly roleSessionName: string
  readonly externalId?: string
  readonly durationSeconds: number
  readonly above: SessionProfile | RoleProfile
}

export interface UnsupportedProfile {
  readonly kind: "unsupported"
  readonly name: string
  readonly region?: string
  readonly reason: string
}

export type ServableProfile = SessionProfile | RoleProfile
export type Profile = ServableProfile | UnsupportedProfile

/** What holds for every profile: the daemon's own environment. */
export interface ProfileDefaults {
  /** `AWS_REGION`, else `AWS_DEFAULT_REGION`. */
  readonly region?: string | undefined
  /** `AWS_ENDPOINT_URL_STS`, else `AWS_ENDPOINT_URL`. Wins over the config file, as in the SDKs. */
  readonly endpoint?: string | undefined
}

/** STS lets nobody have more for a role assumed from a session ("role chaining"), whatever the role itself allows. */
const chainedRoleSeconds = 3_600
const shortestRoleSeconds = 900

/**
 * Every profile that the files name or that has an access key of its own, in the files' order. Each is resolved by
 * itself: a broken one never hides another.
 */
export function resolveProfiles(
  sections: ReadonlyMap<string, ProfileSection>,
  accessKeyProfiles: readonly string[],
  defaults: ProfileDefaults,
): ReadonlyMap<string, Profile> {
  const keyed = new Set(accessKeyProfiles)
  const names = new Set([...sections.keys(), ...accessKeyProfiles])
  return new Map([...names].map((name) => [name, resolve(name, [])]))

  function resolve(name: string, walked: readonly string[]): Profile {
    const section = sections.get(name)
    const keys = section?.keys ?? {}
    const region = keys["region"]
    const unsupported = (reason: string): UnsupportedProfile => ({
      kind: "unsupported",
      name,
      reason,
      ...some({ region }),
    })

    if (keys["role_arn"] === undefined || walked.at(-1) === name) return resolveBase(name, keys, section, unsupported)
    const source = keys["source_profile"]
    if (source === undefined) return unsupported(roleWithoutSource(keys))
    // A role may take its own section's access key; any other way back to a profile already walked has no end.
    if (source !== name && walked.includes(source)) {
      return unsupported(`its source profiles go round in a circle: ${[...walked, name, source].join(" -> ")}`)
    }
    if (!names.has(source)) return unsupported(`its source_profile "${source}" is not in the AWS config file`)
    const above = resolve(source, [...walked, name])
    if (above.kind === "unsupported") {
      return unsupported(
        above.reason.startsWith("its source") ? above.reason : `its source_profile "${source}": ${above.reason}`,
      )
    }
    const asked = Number(keys["duration_seconds"] ?? chainedRoleSeconds)
    if (!Number.isInteger(asked) || asked < shortestRoleSeconds) {
      return unsupported(`its duration_seconds "${keys["duration_seconds"]}" is not a number of 900 or more`)
    }
    return {
      kind: "role",
      name,
      sourceProfile: above.sourceProfile,
      roleArn: keys["role_arn"],
      roleSessionName: keys["role_session_name"] ?? "credd",
      durationSeconds: Math.min(asked, chainedRoleSeconds),
      above,
      target: targetFor(region ?? above.target.region, keys),
      ...some({
        region,
        externalId: keys["external_id"],
        mfaSerial: above.mfaSerial ?? keys["mfa_serial"],
        mfaProcess: above.mfaProcess ?? keys["mfa_process"],
      }),
    }
  }

  function resolveBase(
    name: string,
    keys: Readonly<Record<string, string>>,
    section: ProfileSection | undefined,
    unsupported: (reason: string) => UnsupportedProfile,
  ): Profile {
    const region = keys["region"]
    const hasKey = keyed.has(name) || section?.hasStaticKey === true
    if (!hasKey) {
      const reason = otherSource(keys)
      if (reason !== undefined) return unsupported(reason)
      if (keys["mfa_serial"] === undefined) return unsupported("it has no access key and no role_arn")
    }
    return {
      kind: "session",
      name,
      sourceProfile: name,
      target: targetFor(region, keys),
      ...some({ region, mfaSerial: keys["mfa_serial"], mfaProcess: keys["mfa_process"] }),
    }
  }

  function targetFor(region: string | undefined, keys: Readonly<Record<string, string>>): StsTarget {
    return {
      region: region ?? defaults.region ?? "us-east-1",
      ...some({ endpoint: defaults.endpoint ?? keys["endpoint_url"] }),
    }
  }
}

/** Every profile that one login serves. */
export function profilesOf(sourceProfile: string, profiles: ReadonlyMap<string, Profile>): readonly ServableProfile[] {
  return [...profiles.values()].filter(
    (profile): profile is ServableProfile => profile.kind !== "unsupported" && profile.sourceProfile === sourceProfile,
  )
}

/** The known name nearest to a mistyped one, if any is near. */
export function similarName(name: string, names: Iterable<string>): string | undefined {
  let best: { readonly name: string; readonly distance: number } | undefined
  for (const candidate of names) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance < (best?.distance ?? Number.POSITIVE_INFINITY)) best = { name: candidate, distance }
  }
  return best !== undefined && best.distance <= Math.max(2, Math.floor(name.length / 3)) && best.distance < name.length
    ? best.name
    : undefined
}

function otherSource(keys: Readonly<Record<string, string>>): string | undefined {
  if (keys["sso_session"] !== undefined || keys["sso_start_url"] !== undefined) return "SSO profiles are not served yet"
  if (keys["login_session"] !== undefined) return '"aws login" profiles are not served yet'
  if (keys["web_identity_token_file"] !== undefined) return "web identity profiles are not served yet"
  if (keys["credential_process"] !== undefined) return "credential_process profiles are not served yet"
  return undefined
}

function roleWithoutSource(keys: Readonly<Record<string, string>>): string {
  if (keys["web_identity_token_file"] !== undefined) return "web identity profiles are not served yet"
  if (keys["credential_source"] !== undefined) return "credential_source is not served yet"
  return "it has a role_arn but no source_profile"
}

/** Leaves out what is absent, so that optional properties stay truly absent. */
function some<K extends string>(values: Readonly<Record<K, string | undefined>>): { readonly [P in K]?: string } {
  const present: { [P in K]?: string } = {}
  for (const key in values) if (values[key] !== undefined) present[key] = values[key]
  return present
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, change))
    }
    row = next
  }
  return row[b.length] ?? 0
}
