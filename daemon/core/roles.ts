/** The role sessions in use: one Refreshing for each profile that somebody has asked for, over what lies below it. */
import { isoSeconds, maskedKeyId, type AccessKey, type Credentials, type Provider } from "./credentials.ts"
import {
  CreddError,
  accessDenied,
  isPassing,
  isUnexplained,
  mfaMaybeTooOld,
  mfaTooOld,
  sessionNotTaken,
  sessionRejected,
} from "./errors.ts"
import type { Outside } from "./outside.ts"
import type { Clock, Log, Sts } from "./ports.ts"
import type { OutsideProfile, RoleProfile, ServableProfile, SessionProfile } from "./profiles.ts"
import { refreshing, type Refreshing } from "./refreshing.ts"
import { roleSession } from "./role-session.ts"
import type { Sessions } from "./sessions.ts"

const minutes = 60_000
/** A role that nobody has asked for in this long is not renewed; its next caller pays one STS call. */
const idleMs = 90 * minutes
/** From the pulse on, renewals begin within this: after a night's sleep, 500 profiles do not ask at once. */
const spreadMs = 20_000
/** The roles above one that came back after trouble follow it within this. */
const followMs = 4_000
/** A trust policy that limits the age of the MFA hardly asks for less. */
const youngMs = 15 * minutes

export interface RolesOptions {
  readonly clock: Clock
  readonly sts: Sts
  readonly sessions: Sessions
  readonly outside: Outside
  readonly log: Log
  /** 0 to 1, for jitter. */
  readonly random: () => number
}

export interface Roles {
  credentials(profile: RoleProfile, patienceMs: number, leastMs?: number): Promise<Credentials>
  /** The same without counting as a use, and for as long as it takes. */
  held(profile: RoleProfile): Promise<Credentials>
  renew(profile: RoleProfile): Promise<Credentials>
  /** How a role stands; undefined where nobody has asked for it. */
  standing(name: string): Refreshing | undefined
  /** What was refused for want of a session may be asked for again at once. */
  retry(names: readonly string[]): void
  forget(sourceProfiles: ReadonlySet<string>): void
  /** Renews what is in use and due, each at a moment of its own; forgets what is no longer a profile. */
  renewDue(isProfile: (name: string) => boolean): void
}

interface RoleInUse {
  readonly refreshing: Refreshing
  /** What it was made from: when the config file changes a role, the old credentials are not the new role's. */
  profile: RoleProfile
  lastUsedAt: number
}

export function createRoles({ clock, sts, sessions, outside, log, random }: RolesOptions): Roles {
  const inUse = new Map<string, RoleInUse>()
  /** The sessions that a role was once assumed from: what it refuses later, it refuses for their age. */
  const takenBy = new WeakMap<Credentials, Set<string>>()

  function roleInUse(profile: RoleProfile): RoleInUse {
    const known = inUse.get(profile.name)
    if (known !== undefined && isSameRole(known, profile)) return known
    const made: RoleInUse = {
      profile,
      lastUsedAt: clock.now(),
      refreshing: refreshing(assumed(profile), {
        clock,
        random,
        onRenewed({ accessKeyId, expiration }) {
          const facts = { keyId: maskedKeyId(accessKeyId), expiration: isoSeconds(expiration) }
          log.info("credentials_renewed", { profile: profile.name, ...facts })
          bringBackAbove(profile.name)
        },
        onRenewalFailure: (error) => log.warn("renewal_failed", { profile: profile.name, ...reason(error) }),
      }),
    }
    inUse.set(profile.name, made)
    return made
  }

  /** What waits after a failure may have waited for this one. */
  function bringBackAbove(name: string): void {
    for (const { profile, refreshing: above } of inUse.values()) {
      if (profile.above.kind !== "role" || profile.above.name !== name || !above.isWaiting()) continue
      above.retry()
      clock.after(random() * followMs, above.renewIfDue)
    }
  }

  async function below(profile: ServableProfile | OutsideProfile): Promise<AccessKey | Credentials> {
    if (profile.kind === "outside") return await outside(profile)
    if (profile.kind === "session") return sessions.credentials(profile.sourceProfile)
    return await roleInUse(profile).refreshing.get()
  }

  function assumed(profile: RoleProfile): Provider<Credentials> {
    const { above, request } = profile
    return async () => {
      if (above.kind === "session") return await fromSession(profile, above)
      const credentials = await below(above)
      try {
        return await roleSession(async () => credentials, profile, sts)()
      } catch (error) {
        if (!(error instanceof CreddError) || error.code !== "AccessKeyRejected") throw error
        throw accessDenied(`role ${request.roleArn}: the credentials of profile "${above.name}"`, error)
      }
    }
  }

  async function fromSession(profile: RoleProfile, above: SessionProfile): Promise<Credentials> {
    const session = sessions.credentials(above.sourceProfile)
    const taken = takenBy.get(session) ?? new Set()
    takenBy.set(session, taken)
    const { roleArn } = profile.request
    try {
      const credentials = await roleSession(async () => session, profile, sts)()
      taken.add(roleArn)
      return credentials
    } catch (error) {
      if (!(error instanceof CreddError)) throw error
      if (error.code === "AccessKeyRejected") throw await whySessionRefused(profile, above, session, error)
      if (!isUnexplained(error)) throw error
      // AWS does not say that a trust policy wants a fresher MFA (aws:MultiFactorAuthAge), so this is found out by time.
      if (taken.has(roleArn)) throw mfaTooOld(roleArn, above.sourceProfile, error)
      const ageMs = clock.now() - (sessions.get(above.sourceProfile)?.startedAt ?? clock.now())
      throw ageMs < youngMs ? error : mfaMaybeTooOld(roleArn, above.sourceProfile, ageMs, error)
    }
  }

  /**
   * A session that AWS calls dead is dead for all profiles, so that is asked again where the session came from: a region
   * that does not take the global endpoint's tokens says the same of a session that lives.
   */
  async function whySessionRefused(
    { request, target }: RoleProfile,
    { sourceProfile, target: home }: SessionProfile,
    session: Credentials,
    error: CreddError,
  ): Promise<CreddError> {
    try {
      await sts.getCallerIdentity(session, home)
    } catch (again) {
      if (isPassing(again) && again instanceof CreddError) return again
      sessions.reject(sourceProfile, session)
      return sessionRejected(sourceProfile)
    }
    return sessionNotTaken(request.roleArn, target.region, error)
  }

  return {
    async credentials(profile, patienceMs, leastMs) {
      const role = roleInUse(profile)
      role.lastUsedAt = clock.now()
      return await role.refreshing.get(patienceMs, leastMs)
    },
    held: (profile) => roleInUse(profile).refreshing.get(),
    async renew(profile) {
      const role = roleInUse(profile)
      role.lastUsedAt = clock.now()
      return await role.refreshing.renew()
    },
    standing: (name) => inUse.get(name)?.refreshing,
    retry(names) {
      for (const name of names) inUse.get(name)?.refreshing.retry()
    },
    forget(sourceProfiles) {
      for (const [name, { profile }] of inUse) if (sourceProfiles.has(profile.sourceProfile)) inUse.delete(name)
    },
    renewDue(isProfile) {
      for (const [name, role] of inUse) {
        if (!isProfile(name)) inUse.delete(name)
        else if (clock.now() - role.lastUsedAt < idleMs) {
          const waitMs = role.refreshing.dueInMs()
          if (waitMs <= spreadMs) clock.after(Math.max(waitMs, random() * spreadMs), role.refreshing.renewIfDue)
        }
      }
    },
  }
}

/** The same object on the hot path; after the files were read again, the same in every part. */
function isSameRole(known: RoleInUse, profile: RoleProfile): boolean {
  if (known.profile === profile) return true
  if (JSON.stringify(known.profile) !== JSON.stringify(profile)) return false
  known.profile = profile
  return true
}

function reason(error: unknown): { readonly code: string; readonly message: string } {
  return error instanceof CreddError
    ? { code: error.code, message: error.message }
    : { code: "Internal", message: error instanceof Error ? error.name : "unknown" }
}
