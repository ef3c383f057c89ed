/** When a person is told that an MFA session is about to end, and in which words. */
import type { MfaSession } from "./credentials.ts"
import { clockTime, loginCommand } from "./errors.ts"
import type { Clock, Log, Notify } from "./ports.ts"
import type { Sessions } from "./sessions.ts"

const minutes = 60_000
/** Newer SDKs stay silent for 5 to 10 minutes after a failed refresh, so it is said long before any can fail. */
const aheadMs = 60 * minutes
const shortSession = { lifeMs: 90 * minutes, aheadMs: 15 * minutes }

/** Milliseconds left where that is few enough to say so. */
export function endingIn({ credentials, startedAt }: MfaSession, now: number): number | undefined {
  const leftMs = credentials.expiration - now
  // Expirations are whole seconds: a session of 90 minutes is one of 90 minutes.
  const lifeMs = Math.round((credentials.expiration - startedAt) / minutes) * minutes
  const isSoon = leftMs <= (lifeMs < shortSession.lifeMs ? shortSession.aheadMs : aheadMs)
  return isSoon && leftMs > 0 ? leftMs : undefined
}

export function endingText({ sourceProfile, credentials }: MfaSession, leftMs: number): string {
  const ends = `ends at ${clockTime(credentials.expiration)}, in ${Math.max(1, Math.round(leftMs / minutes))} min`
  return `the MFA session for profile "${sourceProfile}" ${ends}`
}

export interface SessionWarningsOptions {
  readonly sessions: Sessions
  readonly clock: Clock
  readonly notify: Notify
  readonly log: Log
}

/** Tells once of each session that is about to end, across restarts too. */
export async function warnOfEnds({ sessions, clock, notify, log }: SessionWarningsOptions): Promise<void> {
  for (const session of sessions.alive()) {
    const leftMs = endingIn(session, clock.now())
    if (leftMs === undefined || session.isEndTold === true) continue
    notify(endingText(session, leftMs), `Run: ${loginCommand(session.sourceProfile)}`)
    log.info("session_ends_soon", { profile: session.sourceProfile, leftMinutes: Math.round(leftMs / minutes) })
    await sessions.markEndTold(session)
  }
}
