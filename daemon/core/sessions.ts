/** The MFA sessions of all source profiles: in memory for serving, in the store for the next start. */
import type { SessionStatus } from "../api.ts"
import { isoSeconds, maskedKeyId, type Credentials, type MfaSession } from "./credentials.ts"
import { CreddError, keychainUnavailable, loginRequired, sessionExpired, sessionRejected } from "./errors.ts"
import type { Clock, Log, SecretStore } from "./ports.ts"

/** Served until this long before the end; after that a signed request may reach AWS too late. */
const lastMs = 60_000

export type StoreState = "ready" | "locked" | "unavailable"

export interface Sessions {
  /** Reads the store and writes what is due, or tries again after a failure; tells how the store is. */
  settle(): Promise<StoreState>
  storeState(): StoreState
  get(sourceProfile: string): MfaSession | undefined
  /** The session's own credentials; throws `LoginRequired`, `SessionExpired`, or why the store cannot tell. */
  credentials(sourceProfile: string): Credentials
  /** AWS refused these credentials: nobody asks with them again before the next login. */
  reject(sourceProfile: string, refused: Credentials): void
  /** Serves a session from now on and keeps it; answers with a warning where it could not be kept. */
  start(session: MfaSession): Promise<readonly string[]>
  /** Forgets sessions in memory at once and in the store as soon as it lets us. */
  end(sourceProfiles: readonly string[]): Promise<readonly string[]>
  /** The same with a change to the store that takes the sessions with it; throws what that throws. */
  endWith(sourceProfiles: readonly string[], change: () => Promise<void>): Promise<void>
  sourceProfiles(): readonly string[]
  held(): readonly SessionName[]
  alive(): readonly MfaSession[]
  /** Remembers that a person was told of the session's end. */
  markEndTold(session: MfaSession): Promise<void>
  status(sourceProfile: string): SessionStatus
}

/** A session as the record of a lock names it: no part of it is a secret. */
export type SessionName = Pick<MfaSession, "sourceProfile" | "startedAt">

/** What the store does not know yet: a session to keep, or one to remove. Each its own, told apart from a later one of its kind. */
interface Due {
  readonly what: "keep" | "remove"
}

export interface SessionsOptions {
  readonly store: SecretStore
  readonly clock: Clock
  readonly log: Log
  /** What a lock was to end before the daemon stopped: it is not served, and removed where it is still in the store. */
  readonly locked: readonly SessionName[]
}

export function createSessions({ store, clock, log, locked }: SessionsOptions): Sessions {
  const held = new Map<string, MfaSession>()
  const unsettled = new Map<string, Due>()
  const rejected = new WeakSet<Credentials>()
  let unread: unknown = keychainUnavailable("not asked yet")

  async function read(): Promise<void> {
    for (const session of await store.readSessions()) {
      // What happened since the start is newer than what the store held before.
      if (held.has(session.sourceProfile) || unsettled.has(session.sourceProfile)) continue
      if (wasLocked(session)) unsettled.set(session.sourceProfile, { what: "remove" })
      else held.set(session.sourceProfile, session)
    }
    unread = undefined
    log.info("sessions_read", { store: store.kind, sessions: held.size })
  }

  function wasLocked({ sourceProfile, startedAt }: MfaSession): boolean {
    return locked.some((each) => each.sourceProfile === sourceProfile && each.startedAt === startedAt)
  }

  async function settleOne(sourceProfile: string): Promise<void> {
    const due = unsettled.get(sourceProfile)
    if (due === undefined) return
    const session = held.get(sourceProfile)
    if (due.what === "keep" && session !== undefined) await store.writeSession(session)
    else await store.removeSessions([sourceProfile])
    settled(sourceProfile, due)
  }

  /** A login or logout may have come in between: that one's own call settles it. */
  function settled(sourceProfile: string, due: Due): void {
    if (unsettled.get(sourceProfile) === due) unsettled.delete(sourceProfile)
  }

  async function settle(): Promise<StoreState> {
    try {
      if (unread !== undefined) await read()
      for (const sourceProfile of unsettled.keys()) await settleOne(sourceProfile)
    } catch (error) {
      if (unread !== undefined) {
        if (codeOf(unread) !== codeOf(error)) log.warn("store_unreadable", { store: store.kind, code: codeOf(error) })
        unread = error
      }
      return stateAfter(error)
    }
    return "ready"
  }

  async function tryToSettle(sourceProfiles: readonly string[], consequence: string): Promise<readonly string[]> {
    const warnings: string[] = []
    for (const sourceProfile of sourceProfiles) {
      try {
        await settleOne(sourceProfile)
      } catch (error) {
        warnings.push(postponed(sourceProfile, consequence, error))
      }
    }
    return warnings
  }

  function postponed(sourceProfile: string, consequence: string, error: unknown): string {
    const why = error instanceof CreddError ? error.message : "the store failed"
    log.warn("store_change_postponed", { store: store.kind, profile: sourceProfile, code: codeOf(error) })
    return `the session for "${sourceProfile}" ${consequence}: ${why}; credd tries again by itself`
  }

  async function endWith(sourceProfiles: readonly string[], change: () => Promise<void>): Promise<void> {
    const due: Due = { what: "remove" }
    for (const sourceProfile of sourceProfiles) {
      held.delete(sourceProfile)
      unsettled.set(sourceProfile, due)
    }
    await change()
    for (const sourceProfile of sourceProfiles) settled(sourceProfile, due)
  }

  function isAlive({ credentials }: MfaSession): boolean {
    return credentials.expiration - clock.now() > lastMs && !rejected.has(credentials)
  }

  return {
    settle,
    storeState() {
      return unread === undefined ? "ready" : stateAfter(unread)
    },
    get: (sourceProfile) => held.get(sourceProfile),
    credentials(sourceProfile) {
      const session = held.get(sourceProfile)
      if (session === undefined) throw unread ?? loginRequired(sourceProfile, sourceProfile)
      const { expiration } = session.credentials
      if (rejected.has(session.credentials)) throw sessionRejected(sourceProfile)
      if (expiration - clock.now() <= lastMs) throw sessionExpired(sourceProfile, expiration)
      return session.credentials
    },
    reject(sourceProfile, refused) {
      rejected.add(refused)
      log.warn("session_rejected", { profile: sourceProfile, keyId: maskedKeyId(refused.accessKeyId) })
    },
    async start(session) {
      held.set(session.sourceProfile, session)
      unsettled.set(session.sourceProfile, { what: "keep" })
      return await tryToSettle([session.sourceProfile], "is served, but not kept for the next start")
    },
    async end(sourceProfiles) {
      try {
        await endWith(sourceProfiles, async () => await store.removeSessions(sourceProfiles))
        return []
      } catch (error) {
        return sourceProfiles.map((each) => postponed(each, "is no longer served, but is still in the store", error))
      }
    },
    endWith,
    sourceProfiles: () => [...held.keys()],
    held: () => [...held.values()].map(({ sourceProfile, startedAt }) => ({ sourceProfile, startedAt })),
    alive: () => [...held.values()].filter(isAlive),
    async markEndTold(session) {
      const { sourceProfile } = session
      // A login may have replaced it meanwhile.
      if (held.get(sourceProfile) !== session) return
      held.set(sourceProfile, { ...session, isEndTold: true })
      unsettled.set(sourceProfile, { what: "keep" })
      await tryToSettle([sourceProfile], "is served, but not kept for the next start")
    },
    status(sourceProfile) {
      const session = held.get(sourceProfile)
      if (session === undefined) return { sourceProfile, state: "signed-out" }
      return {
        sourceProfile,
        state: isAlive(session) ? "signed-in" : "expired",
        accountId: session.accountId,
        arn: session.arn,
        mfaSerial: session.mfaSerial,
        expiration: isoSeconds(session.credentials.expiration),
      }
    },
  }
}

function stateAfter(error: unknown): StoreState {
  return codeOf(error) === "KeychainLocked" ? "locked" : "unavailable"
}

function codeOf(error: unknown): string {
  return error instanceof CreddError ? error.code : "Internal"
}
