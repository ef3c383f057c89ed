/**
 * From a profile to credentials. What there is stands in `catalog.ts`, the MFA sessions in `sessions.ts`,
 * the role sessions above them in `roles.ts`; what changes them in `login.ts` and `access-keys.ts`.
 */
import type { DecodedMessage, Identity, LoginPlan, SessionStatus } from "../api.ts"
import { createAccessKeys, type NewAccessKey, type RotationOutcome } from "./access-keys.ts"
import { served, wholeAccess, type Access, type Served } from "./access.ts"
import { createCatalog } from "./catalog.ts"
import { isoSeconds, type AccessKey, type Credentials } from "./credentials.ts"
import { CreddError, loginCommand, imdsRoleTooShort, tooShortForImds, scopeRefused } from "./errors.ts"
import { consoleUrl, type ConsoleRequest, type ConsoleUrl } from "./console.ts"
import { createLogin, type LoginOutcome } from "./login.ts"
import { outside } from "./outside.ts"
import type { Clock, Iam, Log, Notify, OutsideCredentials, ProfileSource, SecretStore, SignIn, Sts } from "./ports.ts"
import { profileStatus, type ServedStatus } from "./profile-status.ts"
import { baseOf, type Profile, type ProfileDefaults, type ServableProfile } from "./profiles.ts"
import { createRoles } from "./roles.ts"
import { endingIn, endingText, warnOfEnds } from "./session-warning.ts"
import type { Scope } from "./scope.ts"
import { createSessions, type SessionName, type StoreState } from "./sessions.ts"
import { createTimeCheck } from "./time-check.ts"
import { createTurns } from "./turns.ts"

/** SDKs give up on a container endpoint after 1 s; a caller is answered well before that. */
const patienceMs = 700
/** botocore stretches by up to 25 minutes what has less than 15 left: https://github.com/boto/botocore (InstanceMetadataFetcher). */
const imdsLeastMs = 25 * 60_000
/** Roles that hardly last longer would be renewed without end. */
const imdsShortestSeconds = 1_800

export interface BrokerOptions {
  readonly clock: Clock
  readonly sts: Sts
  readonly iam: Iam
  readonly signIn: SignIn
  /** `AWS_ENDPOINT_URL_SIGNIN`. */
  readonly signInEndpoint?: string | undefined
  readonly store: SecretStore
  readonly source: ProfileSource
  readonly outside: OutsideCredentials
  readonly notify: Notify
  readonly defaults: ProfileDefaults
  readonly log: Log
  /** Lets others run between two slices of long work. */
  readonly breathe: () => Promise<void>
  /** 0 to 1, for jitter. */
  readonly random: () => number
  /** Sessions that a lock was to end before the daemon stopped. */
  readonly locked?: readonly SessionName[]
}

export interface Broker {
  /** Reads what the store and the AWS files hold, or tries again; tells how the store is. */
  settle(): Promise<StoreState>
  /** Looks whether the AWS files have changed. */
  reread(): Promise<void>
  profiles(): ReadonlyMap<string, Profile>
  /** Whole, unexpired credentials within the SDKs' patience, narrowed as the lease is, or a CreddError. */
  credentialsFor(profile: string, access?: Access): Served | Promise<Served>
  /** The same for instance metadata, whose clients stretch what is near its end. */
  credentialsForImds(profile: string): Promise<Credentials>
  /** Throws `ScopeRefused` where it is known without AWS that it will not enforce the scope on this profile. */
  checkScope(profile: string, scope: Scope): void
  /** Asks AWS once for what a lease is to have; answers why that is not known yet, where no session or no AWS is there. */
  prove(profile: string, access: Access): Promise<CreddError | undefined>
  /** Forgets what a lease was given. */
  forgetAccess(access: Access): void
  /** Throws unless the profile can be served as instance metadata. */
  checkImds(profile: string): void
  /** Where a profile's programs are to think they run; undefined where it is not served. */
  place(profile: string): { readonly region: string; readonly accountId?: string | undefined } | undefined
  /** The MFA session that a profile hangs on. */
  session(profile: string): SessionStatus
  loginPlan(profile: string): Promise<LoginPlan>
  login(profile: string, mfaCode: string, durationSeconds: number): Promise<LoginOutcome>
  /** Forgets the sessions behind these profiles and all that was made from them. */
  logout(profiles: readonly string[]): Promise<LogoutOutcome>
  logoutAll(): Promise<LogoutOutcome>
  /** What `logoutAll` will forget of what is held. */
  heldSessions(): readonly SessionName[]
  refresh(profile: string): Promise<Credentials>
  whoami(profile: string): Promise<{ readonly identity: Identity; readonly expiration: number }>
  /** Has AWS decode an authorization message, with the rights of the profile. */
  decode(profile: string, message: string): Promise<DecodedMessage>
  /** A URL that signs in to the console as the profile. */
  console(profile: string, request: ConsoleRequest): Promise<ConsoleUrl>
  addAccessKey(profile: string, key: NewAccessKey): Promise<Identity>
  removeAccessKey(profile: string): Promise<readonly string[]>
  /** One step of a rotation of the access key behind a profile. */
  rotate(profile: string, how: { readonly isUndoing: boolean; readonly isDeleting: boolean }): Promise<RotationOutcome>
  /** One pulse: asks AWS for the time where it is in doubt, renews what is due, tells of sessions that end soon. */
  beat(): Promise<void>
  status(): BrokerStatus
}

export interface LogoutOutcome {
  readonly sourceProfiles: readonly string[]
  readonly warnings: readonly string[]
}

export interface BrokerStatus {
  readonly storeState: StoreState
  readonly sessions: readonly SessionStatus[]
  readonly profiles: readonly ServedStatus[]
  readonly warnings: readonly string[]
}

export function createBroker(options: BrokerOptions): Broker {
  const { clock, sts, store, notify, log, random } = options
  const catalog = createCatalog(options)
  const sessions = createSessions({ store, clock, log, locked: options.locked ?? [] })
  const roles = createRoles({ clock, sts, sessions, log, random, outside: outside(options.outside, clock) })
  const timeCheck = createTimeCheck({ clock, sts, sessions, targetOf: catalog.sessionTarget })
  const inTurn = createTurns()
  const accessKeys = createAccessKeys({ ...options, catalog, sessions, roles, inTurn })
  const login = createLogin({ clock, sts, catalog, accessKeys, sessions, roles, inTurn, log })
  const { servable } = catalog

  async function held(profile: ServableProfile, access: Access, leastMs = 0): Promise<Credentials> {
    const isNarrower = access.scope.kind !== "whole" || access.end !== undefined
    if (profile.kind === "role" || isNarrower) return await roles.credentials(profile, access, patienceMs, leastMs)
    const credentials = sessions.credentials(profile.sourceProfile)
    if (credentials.expiration - clock.now() <= leastMs) throw tooShortForImds(profile.name, leastMs)
    return credentials
  }

  function credentialsFor(name: string, access: Access, leastMs?: number): Served | Promise<Served> {
    const profile = catalog.all().get(name)
    const atHand = profile?.kind === "role" ? roles.atHand(profile, access, leastMs) : undefined
    return atHand === undefined ? fetched(name, access, leastMs) : served(atHand, access)
  }

  async function fetched(name: string, access: Access, leastMs?: number): Promise<Served> {
    // Somebody who has just written a profile down need not wait for the next pulse.
    if (!catalog.all().has(name)) await catalog.reread()
    const profile = servable(name)
    try {
      return served(await held(profile, access, leastMs), access)
    } catch (error) {
      // A clock that was set forward makes every session look ended: AWS is asked before that is said.
      if (!isOver(error) || !(await timeCheck.sureWithin(patienceMs))) throw error
      return served(await held(profile, access, leastMs), access)
    }
  }

  /** The whole way down, since one call on it to another endpoint is enough. */
  function checkScope(name: string, scope: Scope): void {
    const profile = servable(name)
    if (scope.kind === "whole") return
    if (scope.kind === "policy-arns") {
      if (profile.kind === "role") return
      throw scopeRefused(
        `profile "${name}" is an MFA session, which AWS narrows by an inline policy only`,
        "use --policy FILE or --read-only, or a role profile",
      )
    }
    if (profile.target.isGlobal === true) {
      throw scopeRefused(
        `profile "${name}" uses STS's global endpoint, which has no GetScopedCredentials`,
        "set sts_regional_endpoints = regional for the profile in the AWS config file",
      )
    }
  }

  async function prove(name: string, access: Access): Promise<CreddError | undefined> {
    try {
      served(await roles.credentials(servable(name), access), access)
      return undefined
    } catch (error) {
      if (error instanceof CreddError && notYet.has(error.code)) return error
      throw error
    }
  }

  function checkImds(name: string): void {
    const profile = servable(name)
    if (profile.kind === "role" && profile.request.durationSeconds <= imdsShortestSeconds) {
      throw imdsRoleTooShort(name, profile.request.durationSeconds, imdsShortestSeconds)
    }
  }

  /** What signs a call that an MFA session may not make: STS lets it assume roles and say who it is, and nothing else. */
  async function signer(profile: ServableProfile): Promise<AccessKey | Credentials> {
    return profile.kind === "role" ? await roles.held(profile) : await accessKeys.of(profile.sourceProfile)
  }

  async function end(sourceProfiles: readonly string[]): Promise<LogoutOutcome> {
    roles.forget(new Set(sourceProfiles))
    const warnings = await sessions.end(sourceProfiles)
    log.info("logout", { profiles: sourceProfiles })
    return { sourceProfiles, warnings }
  }

  return {
    async settle() {
      // The store takes its time, and the files are read meanwhile.
      const settled = sessions.settle()
      const reread = catalog.reread()
      const keyed = await store.accessKeyProfiles().catch((error: unknown) => {
        log.debug("store_unreadable", () => reason(error))
        return catalog.keyed()
      })
      await reread
      await catalog.setKeyed(keyed)
      return await settled
    },
    reread: catalog.reread,
    profiles: catalog.all,
    credentialsFor: (name, access = wholeAccess) => credentialsFor(name, access),
    async credentialsForImds(name) {
      checkImds(name)
      return await credentialsFor(name, wholeAccess, imdsLeastMs)
    },
    checkScope,
    prove,
    forgetAccess: (access) => roles.forgetAccess(access),
    checkImds,
    place(name) {
      const profile = catalog.all().get(name)
      if (profile === undefined || profile.kind === "unsupported") return undefined
      const accountId =
        profile.kind === "role" ? accountOf(profile.request.roleArn) : sessions.get(profile.sourceProfile)?.accountId
      return { region: profile.region ?? profile.target.region, accountId }
    },
    session(name) {
      const profile = servable(name)
      const { sourceProfile } = profile
      // Credentials from elsewhere need no session: nothing ends, and nobody needs to log in.
      return baseOf(profile).kind === "outside" ? { sourceProfile, state: "signed-in" } : sessions.status(sourceProfile)
    },
    loginPlan: login.plan,
    login: login.start,
    async logout(names) {
      return await end([...new Set(names.map((name) => servable(name).sourceProfile))])
    },
    async logoutAll() {
      const known = [...sessions.sourceProfiles(), ...catalog.keyed()]
      return await end([...new Set(known)])
    },
    heldSessions: sessions.held,
    async refresh(name) {
      const profile = servable(name)
      await timeCheck.sure()
      return profile.kind === "session" ? sessions.credentials(profile.sourceProfile) : await roles.renew(profile)
    },
    async whoami(name) {
      const profile = servable(name)
      const credentials = profile.kind === "session" ? sessions.credentials(name) : await roles.held(profile)
      return { identity: await sts.getCallerIdentity(credentials, profile.target), expiration: credentials.expiration }
    },
    async decode(name, message) {
      const profile = servable(name)
      return await sts.decodeAuthorizationMessage(await signer(profile), message, name, profile.target)
    },
    async console(name, request) {
      const profile = servable(name)
      const { signIn, signInEndpoint: endpoint } = options
      // A role's console session ends with its credentials: a whole hour of them, rather than what is left of it.
      const url = await consoleUrl(profile, request, {
        sts,
        signIn,
        endpoint,
        accessKeyOf: accessKeys.of,
        fresh: roles.renew,
      })
      log.info("console_opened", { profile: name, expiration: isoSeconds(url.expiration) })
      return url
    },
    addAccessKey: accessKeys.add,
    removeAccessKey: accessKeys.remove,
    rotate: accessKeys.rotate,
    async beat() {
      await timeCheck.sure()
      roles.renewDue((name) => catalog.all().has(name))
      await warnOfEnds({ sessions, clock, notify, log })
    },
    status() {
      const all = [...catalog.all().values()]
      const sources = all.flatMap((profile) =>
        profile.kind !== "unsupported" && baseOf(profile).kind === "session" ? [profile.sourceProfile] : [],
      )
      const problem = catalog.problem()
      const ending = sessions.alive().flatMap((session) => {
        const leftMs = endingIn(session, clock.now())
        return leftMs === undefined
          ? []
          : [`${endingText(session, leftMs)}; run: ${loginCommand(session.sourceProfile)}`]
      })
      return {
        storeState: sessions.storeState(),
        sessions: [...new Set([...sources, ...sessions.sourceProfiles()])].map((name) => sessions.status(name)),
        profiles: all.map((profile) => profileStatus(profile, sessions.status, roles.standing(profile.name))),
        warnings: [...(problem === undefined ? [] : [problem]), ...ending],
      }
    },
  }
}

/** `arn:aws:iam::123456789012:role/…` */
function accountOf(arn: string): string | undefined {
  return arn.split(":")[4]
}

/** What a login, an open keychain or the network will mend. */
const notYet: ReadonlySet<string> = new Set([
  "LoginRequired",
  "SessionExpired",
  "KeychainLocked",
  "KeychainUnavailable",
  "Unavailable",
])

function isOver(error: unknown): boolean {
  return error instanceof CreddError && error.code === "SessionExpired"
}

function reason(error: unknown): { readonly code: string; readonly message: string } {
  return error instanceof CreddError
    ? { code: error.code, message: error.message }
    : { code: "Internal", message: error instanceof Error ? error.name : "unknown" }
}
