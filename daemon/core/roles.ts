/**
 * What is in use besides the MFA sessions themselves: one Refreshing for each profile that somebody has asked for, over
 * what lies below it; and one more for each lease that is given something of its own.
 */
import { wholeAccess, type Access } from "./access.ts"
import { isoSeconds, maskedKeyId, type AccessKey, type Credentials, type Provider } from "./credentials.ts"
import {
  CreddError,
  accessDenied,
  leaseEnded,
  isPassing,
  isUnexplained,
  mfaMaybeTooOld,
  mfaTooOld,
  sessionNotTaken,
  sessionRejected,
} from "./errors.ts"
import type { Outside } from "./outside.ts"
import { longestCallMs, narrowing } from "./narrowing.ts"
import type { Clock, Log, RoleRequest, Sts, StsTarget } from "./ports.ts"
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
/** A role session for a lease is asked for so much shorter than the lease lasts: AWS counts from when it answers. */
const roleMarginMs = 10_000
const shortestRoleSeconds = 900

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
  /** Of a role, or of a session profile for a lease that the session itself is too wide for. */
  credentials(profile: ServableProfile, access: Access, patienceMs?: number, leastMs?: number): Promise<Credentials>
  /** What of that is in memory. */
  atHand(profile: ServableProfile, access: Access, leastMs?: number): Credentials | undefined
  /** The same without counting as a use, and for as long as it takes. */
  held(profile: RoleProfile): Promise<Credentials>
  renew(profile: RoleProfile): Promise<Credentials>
  /** How a role stands; undefined where nobody has asked for it. */
  standing(name: string): Refreshing | undefined
  /** What was refused for want of a session may be asked for again at once. */
  retry(names: readonly string[]): void
  forget(sourceProfiles: ReadonlySet<string>): void
  /** Forgets what a lease was given. */
  forgetAccess(access: Access): void
  /** A login has put another session in the place of the one that some of this was made from. */
  sessionChanged(sourceProfile: string): void
  /** Renews what is in use and due, each at a moment of its own; forgets what is no longer a profile. */
  renewDue(isProfile: (name: string) => boolean): void
}

interface InUse {
  readonly refreshing: Refreshing
  readonly access: Access
  /** What it was made from: when the config file changes a role, the old credentials are not the new role's. */
  profile: ServableProfile
  lastUsedAt: number
}

export function createRoles({ clock, sts, sessions, outside, log, random }: RolesOptions): Roles {
  const inUse = new Map<string, InUse>()
  /** The sessions that a role was once assumed from: what it refuses later, it refuses for their age. */
  const takenBy = new WeakMap<Credentials, Set<string>>()

  function used(profile: ServableProfile, asked: Access = wholeAccess): InUse {
    const key = keyOf(profile, asked)
    const access = key === profile.name ? wholeAccess : asked
    const known = inUse.get(key)
    if (known !== undefined && isSameProfile(known, profile)) return known
    const about = { profile: profile.name, ...(access.key === "" ? {} : { lease: access.key }) }
    const made: InUse = {
      profile,
      access,
      lastUsedAt: clock.now(),
      refreshing: refreshing(given(profile, access), {
        clock,
        random,
        onRenewed({ accessKeyId, expiration }) {
          const facts = { keyId: maskedKeyId(accessKeyId), expiration: isoSeconds(expiration) }
          log.info("credentials_renewed", { ...about, ...facts })
          if (access.key === "") bringBackAbove(profile.name)
        },
        onRenewalFailure: (error) => log.warn("renewal_failed", { ...about, ...reason(error) }),
        ...(access.key === "" ? {} : { latestEnd: () => latestEnd(profile, access) }),
      }),
    }
    inUse.set(key, made)
    return made
  }

  /** What a profile gives, narrowed as the lease is. */
  function given(profile: ServableProfile, access: Access): Provider<Credentials> {
    const all =
      profile.kind === "role" ? assumed(profile, access) : async () => sessions.credentials(profile.sourceProfile)
    const narrowed = narrowing(all, profile.target, access, {
      clock,
      sts,
      onNotShortened: (error) => log.warn("lease_outlived", { profile: profile.name, ...reason(error) }),
    })
    return againAfterSleep(async () => {
      try {
        return await narrowed()
      } catch (error) {
        if (!(error instanceof CreddError) || error.code !== "AccessKeyRejected") throw error
        if (profile.kind === "role") throw accessDenied(`role ${profile.request.roleArn} for a lease`, error)
        const session = sessions.credentials(profile.sourceProfile)
        throw await whySessionRefused(profile, profile, session, `profile "${profile.name}" for a lease`, error)
      }
    })
  }

  /** Where the machine slept between two calls, AWS may have refused no more than what ended meanwhile. */
  function againAfterSleep<T>(ask: Provider<T>): Provider<T> {
    return async () => {
      const askedAt = clock.now()
      try {
        return await ask()
      } catch (error) {
        if (isPassing(error) || clock.now() - askedAt <= longestCallMs) throw error
        return await ask()
      }
    }
  }

  function latestEnd({ kind, sourceProfile }: ServableProfile, { end = Number.POSITIVE_INFINITY }: Access): number {
    if (kind === "role") return end
    return Math.min(end, sessions.get(sourceProfile)?.credentials.expiration ?? end)
  }

  /** What waits after a failure may have waited for this one. */
  function bringBackAbove(name: string): void {
    for (const { profile, refreshing: above } of inUse.values()) {
      if (profile.kind !== "role" || profile.above.kind !== "role" || profile.above.name !== name) continue
      if (!above.isWaiting()) continue
      above.retry()
      clock.after(random() * followMs, above.renewIfDue)
    }
  }

  async function below(profile: ServableProfile | OutsideProfile): Promise<AccessKey | Credentials> {
    if (profile.kind === "outside") return await outside(profile)
    if (profile.kind === "session") return sessions.credentials(profile.sourceProfile)
    return await used(profile).refreshing.get()
  }

  function assumed(
    { above, request: whole, namesSession, target }: RoleProfile,
    access: Access,
  ): Provider<Credentials> {
    return async () => {
      const request = leasedRequest(whole, namesSession, access)
      if (above.kind === "session") return await fromSession(request, target, above)
      const credentials = await below(above)
      try {
        return await roleSession(async () => credentials, { request, target }, sts)()
      } catch (error) {
        if (!(error instanceof CreddError) || error.code !== "AccessKeyRejected") throw error
        throw accessDenied(`role ${request.roleArn}: the credentials of profile "${above.name}"`, error)
      }
    }
  }

  /** The lease's name for the role session, its policies, and no more time than it has. */
  function leasedRequest(whole: RoleRequest, namesSession: boolean, access: Access): RoleRequest {
    if (access.key === "") return whole
    const { scope, end, roleSessionName } = access
    const leftMs = (end ?? Number.POSITIVE_INFINITY) - clock.now()
    if (end !== undefined && leftMs <= 0) throw leaseEnded(end)
    const seconds = Math.max(shortestRoleSeconds, Math.floor((leftMs - roleMarginMs) / 1_000))
    return {
      ...whole,
      durationSeconds: Math.min(whole.durationSeconds, seconds),
      ...(roleSessionName === undefined || namesSession ? {} : { roleSessionName }),
      ...(scope.kind === "policy-arns" ? { policyArns: scope.policyArns } : {}),
    }
  }

  async function fromSession(request: RoleRequest, target: StsTarget, above: SessionProfile): Promise<Credentials> {
    const session = sessions.credentials(above.sourceProfile)
    const taken = takenBy.get(session) ?? new Set()
    takenBy.set(session, taken)
    const { roleArn } = request
    try {
      const credentials = await roleSession(async () => session, { request, target }, sts)()
      taken.add(roleArn)
      return credentials
    } catch (error) {
      if (!(error instanceof CreddError)) throw error
      if (error.code === "AccessKeyRejected") {
        throw await whySessionRefused({ target }, above, session, `role ${roleArn}`, error)
      }
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
    { target }: { readonly target: StsTarget },
    { sourceProfile, target: home }: SessionProfile,
    session: Credentials,
    what: string,
    error: CreddError,
  ): Promise<CreddError> {
    try {
      await sts.getCallerIdentity(session, home)
    } catch (again) {
      if (isPassing(again) && again instanceof CreddError) return again
      sessions.reject(sourceProfile, session)
      return sessionRejected(sourceProfile)
    }
    return sessionNotTaken(what, target.region, error)
  }

  return {
    async credentials(profile, access, patienceMs, leastMs) {
      const asked = used(profile, access)
      asked.lastUsedAt = clock.now()
      return await asked.refreshing.get(patienceMs, leastMs)
    },
    atHand(profile, access, leastMs) {
      const known = inUse.get(keyOf(profile, access))
      if (known?.profile !== profile) return undefined
      known.lastUsedAt = clock.now()
      return known.refreshing.atHand(leastMs)
    },
    held: (profile) => used(profile).refreshing.get(),
    async renew(profile) {
      const role = used(profile)
      role.lastUsedAt = clock.now()
      return await role.refreshing.renew()
    },
    standing: (name) => inUse.get(name)?.refreshing,
    retry(names) {
      const changed = new Set(names)
      for (const { profile, refreshing: each } of inUse.values()) if (changed.has(profile.name)) each.retry()
    },
    forget(sourceProfiles) {
      for (const [key, { profile }] of inUse) if (sourceProfiles.has(profile.sourceProfile)) inUse.delete(key)
    },
    forgetAccess(access) {
      if (access.isShared) return
      for (const [key, { access: of }] of inUse) if (of === access) inUse.delete(key)
    },
    sessionChanged(sourceProfile) {
      for (const { profile, refreshing: each } of inUse.values()) {
        // Its failure is remembered and reported inside; what is held is served as long as it lasts.
        if (profile.kind === "session" && profile.sourceProfile === sourceProfile)
          each.renewAnew().catch(() => undefined)
      }
    },
    renewDue(isProfile) {
      for (const [key, { profile, access, lastUsedAt, refreshing: each }] of inUse) {
        const isIdle = clock.now() - lastUsedAt >= idleMs
        if (!isProfile(profile.name) || (isIdle && access.key !== "")) inUse.delete(key)
        else if (!isIdle) {
          const waitMs = each.dueInMs()
          if (waitMs <= spreadMs) clock.after(Math.max(waitMs, random() * spreadMs), each.renewIfDue)
        }
      }
    },
  }
}

/** Leases share what they need not have of their own: a role session that the profile names, and all that it may. */
function keyOf(profile: ServableProfile, { key, scope, end }: Access): string {
  const isOwn =
    key !== "" && (scope.kind !== "whole" || end !== undefined || (profile.kind === "role" && !profile.namesSession))
  return isOwn ? `${key}\0${profile.name}` : profile.name
}

/** The same object on the hot path; after the files were read again, the same in every part. */
function isSameProfile(known: InUse, profile: ServableProfile): boolean {
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
