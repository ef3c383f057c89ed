/**
 * From a profile to credentials, and every command that changes what is served. Holds one Refreshing for each role in
 * use; the MFA sessions beneath them are in `sessions.ts`.
 */
import type { Identity, LoginPlan, SessionStatus } from "../api.ts"
import {
  isoSeconds,
  maskedKeyId,
  type AccessKey,
  type Credentials,
  type KeptAccessKey,
  type Provider,
} from "./credentials.ts"
import {
  CreddError,
  accessDenied,
  accessKeyMissing,
  durationOutOfRange,
  loginUnanswered,
  mfaCodeMalformed,
  mfaCodeRejected,
  mfaSerialMissing,
  profileNotFound,
  profileUnsupported,
  sessionRejected,
} from "./errors.ts"
import { createMfaCodes } from "./mfa-codes.ts"
import type { Clock, Log, ProfileSource, SecretStore, Sts } from "./ports.ts"
import { profileStatus, type ServedStatus } from "./profile-status.ts"
import {
  profilesOf,
  resolveProfiles,
  similarName,
  type Profile,
  type ProfileDefaults,
  type RoleProfile,
  type ServableProfile,
} from "./profiles.ts"
import { refreshing, type Refreshing } from "./refreshing.ts"
import { roleSession } from "./role-session.ts"
import { createSessions, type StoreState } from "./sessions.ts"

const minutes = 60_000

/** SDKs give up on a container endpoint after 1 s; a caller is answered well before that. */
const patienceMs = 700
/** A role that nobody has asked for in this long is not renewed; its next caller pays one STS call. */
const idleMs = 90 * minutes
const sessionSeconds = { least: 900, most: 129_600 }

export interface BrokerOptions {
  readonly clock: Clock
  readonly sts: Sts
  readonly store: SecretStore
  readonly source: ProfileSource
  readonly defaults: ProfileDefaults
  readonly log: Log
  /** 0 to 1, for jitter. */
  readonly random: () => number
}

export interface NewAccessKey extends AccessKey {
  readonly mfaSerial?: string
}

export interface Broker {
  /** Reads what the store and the AWS files hold, or tries again; tells how the store is. */
  settle(): Promise<StoreState>
  profiles(): ReadonlyMap<string, Profile>
  /** Whole, unexpired credentials within the SDKs' patience, or a CreddError. */
  credentialsFor(profile: string): Promise<Credentials>
  loginPlan(profile: string): Promise<LoginPlan>
  login(profile: string, mfaCode: string, durationSeconds: number): Promise<LoginOutcome>
  /** Forgets the sessions behind these profiles and all that was made from them. */
  logout(profiles: readonly string[]): Promise<LogoutOutcome>
  logoutAll(): Promise<LogoutOutcome>
  refresh(profile: string): Promise<Credentials>
  whoami(profile: string): Promise<{ readonly identity: Identity; readonly expiration: number }>
  addAccessKey(profile: string, key: NewAccessKey): Promise<Identity>
  removeAccessKey(profile: string): Promise<readonly string[]>
  /** Renews what is in use and due. Called by the heartbeat. */
  renewDue(): void
  status(): BrokerStatus
}

export interface LoginOutcome {
  readonly session: SessionStatus
  readonly profiles: readonly string[]
  readonly warnings: readonly string[]
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

interface RoleInUse {
  readonly refreshing: Refreshing
  /** What it was made from: when the config file changes a role, the old credentials are not the new role's. */
  profile: RoleProfile
  lastUsedAt: number
}

export function createBroker(options: BrokerOptions): Broker {
  const { clock, sts, store, source, defaults, log, random } = options
  const sessions = createSessions(store, clock, log)
  const roles = new Map<string, RoleInUse>()
  const mfaCodes = createMfaCodes(clock)
  /** One change to a source profile at a time: two logins at once must not race for the same code. */
  const turns = new Map<string, Promise<unknown>>()
  let accessKeyProfiles: readonly string[] = []
  let resolved:
    | { readonly from: unknown; readonly keys: unknown; readonly profiles: ReadonlyMap<string, Profile> }
    | undefined

  function profiles(): ReadonlyMap<string, Profile> {
    const files = source.current()
    if (resolved === undefined || resolved.from !== files || resolved.keys !== accessKeyProfiles) {
      resolved = {
        from: files,
        keys: accessKeyProfiles,
        profiles: resolveProfiles(files.sections, accessKeyProfiles, defaults),
      }
    }
    return resolved.profiles
  }

  function servable(name: string): ServableProfile {
    const profile = profiles().get(name)
    if (profile === undefined) throw profileNotFound(name, similarName(name, profiles().keys()))
    if (profile.kind === "unsupported") throw profileUnsupported(name, profile.reason)
    return profile
  }

  function roleInUse(profile: RoleProfile): RoleInUse {
    const known = roles.get(profile.name)
    if (known !== undefined && isSameRole(known, profile)) return known
    const made: RoleInUse = {
      profile,
      lastUsedAt: clock.now(),
      refreshing: refreshing(assumed(profile), {
        clock,
        random,
        onRenewed: ({ accessKeyId, expiration }) =>
          log.info("credentials_renewed", {
            profile: profile.name,
            keyId: maskedKeyId(accessKeyId),
            expiration: isoSeconds(expiration),
          }),
        onRenewalFailure: (error) => log.warn("renewal_failed", { profile: profile.name, ...reason(error) }),
      }),
    }
    roles.set(profile.name, made)
    return made
  }

  /** The credentials that a role above is assumed with. Waits as long as it takes: no caller waits here. */
  async function below(profile: ServableProfile): Promise<Credentials> {
    if (profile.kind === "session") return sessions.credentials(profile.sourceProfile)
    return await roleInUse(profile).refreshing.get()
  }

  /** AssumeRole, and what its outcome means for the session below: one that AWS calls dead is dead for all. */
  function assumed(profile: RoleProfile): Provider<Credentials> {
    return async () => {
      const credentials = await below(profile.above)
      try {
        return await roleSession(async () => credentials, profile, sts)()
      } catch (error) {
        if (!(error instanceof CreddError) || error.code !== "AccessKeyRejected") throw error
        if (profile.above.kind === "role")
          throw accessDenied(`the credentials of profile "${profile.above.name}"`, error)
        sessions.reject(profile.sourceProfile, credentials)
        throw sessionRejected(profile.sourceProfile)
      }
    }
  }

  async function inTurn<T>(sourceProfile: string, work: () => Promise<T>): Promise<T> {
    const turn = (turns.get(sourceProfile) ?? Promise.resolve()).then(work, work)
    turns.set(sourceProfile, turn)
    try {
      return await turn
    } finally {
      if (turns.get(sourceProfile) === turn) turns.delete(sourceProfile)
    }
  }

  async function keyAndSerial(profile: ServableProfile): Promise<{ key: KeptAccessKey; mfaSerial: string }> {
    const key = await store.readAccessKey(profile.sourceProfile)
    if (key === undefined) throw accessKeyMissing(profile.sourceProfile)
    const mfaSerial = profile.mfaSerial ?? key.mfaSerial
    if (mfaSerial === undefined) throw mfaSerialMissing(profile.sourceProfile)
    return { key, mfaSerial }
  }

  async function login(name: string, mfaCode: string, durationSeconds: number): Promise<LoginOutcome> {
    if (!/^\d{6}$/.test(mfaCode)) throw mfaCodeMalformed()
    if (!(durationSeconds >= sessionSeconds.least && durationSeconds <= sessionSeconds.most)) throw durationOutOfRange()
    const profile = servable(name)
    const { sourceProfile } = profile
    return await inTurn(sourceProfile, async () => {
      const { key, mfaSerial } = await keyAndSerial(profile)
      const { target } = baseOf(profile)
      // Proves the key and learns AWS's time, so that the code is not spent on a dead key, a wrong clock or no network.
      const { accountId, arn } = await sts.getCallerIdentity(key, target)
      mfaCodes.spend(sourceProfile, mfaSerial, mfaCode)
      const startedAt = clock.now()
      const credentials = await sts
        .getSessionToken(key, { mfaSerial, mfaCode, durationSeconds }, target)
        .catch((error: unknown) => {
          if (!(error instanceof CreddError)) throw error
          if (error.code === "MfaCodeRejected") throw mfaCodeRejected(sourceProfile, error)
          throw error.code === "Unavailable" ? loginUnanswered(sourceProfile, error) : error
        })
      const warnings = await sessions.start({
        sourceProfile,
        credentials: { ...credentials, accountId },
        mfaSerial,
        accountId,
        arn,
        startedAt,
      })
      const served = profilesOf(sourceProfile, profiles())
      // What was refused for want of a session may be asked for again at once.
      for (const { name: servedName } of served) roles.get(servedName)?.refreshing.retry()
      log.info("login", { profile: sourceProfile, expiration: isoSeconds(credentials.expiration) })
      return { session: sessions.status(sourceProfile), profiles: served.map((each) => each.name), warnings }
    })
  }

  async function end(sourceProfiles: readonly string[]): Promise<LogoutOutcome> {
    const gone = new Set(sourceProfiles)
    for (const [name, role] of roles) if (gone.has(role.profile.sourceProfile)) roles.delete(name)
    const warnings = await sessions.end(sourceProfiles)
    log.info("logout", { profiles: sourceProfiles })
    return { sourceProfiles, warnings }
  }

  return {
    async settle() {
      try {
        await source.reload()
        accessKeyProfiles = await store.accessKeyProfiles()
      } catch (error) {
        log.debug("store_unreadable", () => reason(error))
      }
      return await sessions.settle()
    },
    profiles,
    async credentialsFor(name) {
      const profile = servable(name)
      if (profile.kind === "session") return sessions.credentials(profile.sourceProfile)
      const role = roleInUse(profile)
      role.lastUsedAt = clock.now()
      return await role.refreshing.get(patienceMs)
    },
    async loginPlan(name) {
      const profile = servable(name)
      const { mfaSerial } = await keyAndSerial(profile)
      return {
        profile: name,
        sourceProfile: profile.sourceProfile,
        mfaSerial,
        ...(profile.mfaProcess === undefined ? {} : { mfaProcess: profile.mfaProcess }),
      }
    },
    login,
    async logout(names) {
      return await end([...new Set(names.map((name) => servable(name).sourceProfile))])
    },
    async logoutAll() {
      const known = [...sessions.sourceProfiles(), ...accessKeyProfiles]
      return await end([...new Set(known)])
    },
    async refresh(name) {
      const profile = servable(name)
      if (profile.kind === "session") return sessions.credentials(profile.sourceProfile)
      const role = roleInUse(profile)
      role.lastUsedAt = clock.now()
      return await role.refreshing.renew()
    },
    async whoami(name) {
      const profile = servable(name)
      const credentials = await below(profile)
      return { identity: await sts.getCallerIdentity(credentials, profile.target), expiration: credentials.expiration }
    },
    async addAccessKey(name, { accessKeyId, secretAccessKey, mfaSerial }) {
      return await inTurn(name, async () => {
        const known = profiles().get(name)
        const target = known === undefined || known.kind === "unsupported" ? fallbackTarget() : baseOf(known).target
        const identity = await sts.getCallerIdentity({ accessKeyId, secretAccessKey }, target)
        const kept = {
          accessKeyId,
          secretAccessKey,
          accountId: identity.accountId,
          arn: identity.arn,
          addedAt: clock.now(),
          ...(mfaSerial === undefined ? {} : { mfaSerial }),
        }
        await store.writeAccessKey(name, kept)
        accessKeyProfiles = [...new Set([...accessKeyProfiles, name])]
        log.info("access_key_added", { profile: name, keyId: maskedKeyId(accessKeyId) })
        return identity
      })
    },
    async removeAccessKey(name) {
      return await inTurn(name, async () => {
        if (!(await store.accessKeyProfiles()).includes(name)) throw accessKeyMissing(name)
        const { warnings } = await end([name])
        await store.removeAccessKey(name)
        accessKeyProfiles = accessKeyProfiles.filter((each) => each !== name)
        log.info("access_key_removed", { profile: name })
        return warnings
      })
    },
    renewDue() {
      for (const role of roles.values()) {
        if (clock.now() - role.lastUsedAt < idleMs) role.refreshing.renewIfDue()
      }
    },
    status() {
      const all = [...profiles().values()]
      const sources = all.flatMap((profile) => (profile.kind === "unsupported" ? [] : [profile.sourceProfile]))
      const { problem } = source.current()
      return {
        storeState: sessions.storeState(),
        sessions: [...new Set([...sources, ...sessions.sourceProfiles()])].map((name) => sessions.status(name)),
        profiles: all.map((profile) => profileStatus(profile, sessions.status, roles.get(profile.name)?.refreshing)),
        warnings: problem === undefined ? [] : [problem],
      }
    },
  }

  function fallbackTarget(): ServableProfile["target"] {
    const { region = "us-east-1", endpoint } = defaults
    return endpoint === undefined ? { region } : { region, endpoint }
  }
}

/** The same object on the hot path; after the files were read again, the same in every part. */
function isSameRole(known: RoleInUse, profile: RoleProfile): boolean {
  if (known.profile === profile) return true
  if (JSON.stringify(known.profile) !== JSON.stringify(profile)) return false
  known.profile = profile
  return true
}

/** The profile at the bottom of the chain: the one with the access key. */
function baseOf(profile: ServableProfile): ServableProfile {
  return profile.kind === "role" ? baseOf(profile.above) : profile
}

function reason(error: unknown): { readonly code: string; readonly message: string } {
  return error instanceof CreddError
    ? { code: error.code, message: error.message }
    : { code: "Internal", message: error instanceof Error ? error.name : "unknown" }
}
