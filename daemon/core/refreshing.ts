/**
 * Keeps one set of credentials fresh: answers from memory, renews ahead of expiration, asks once however many callers
 * wait, and leaves what still works in place when a renewal fails.
 */
import type { Credentials, Provider } from "./credentials.ts"
import { CreddError, alreadyEnded, isFoundHere, isPassing, stillAsking } from "./errors.ts"
import type { Clock } from "./ports.ts"

const seconds = 1_000
const minutes = 60_000

export interface RefreshPolicy {
  /** Renew behind the caller's back once less than this is left. SDKs start asking again at 15 minutes. */
  readonly aheadMs: number
  /** Up to so much earlier than that, each renewal by its own lot: what began together does not stay together. */
  readonly aheadSpreadMs: number
  /**
   * A caller's question starts the renewal that the pulse should have begun: so long after `aheadMs`, not at once, or
   * callers that ask together would be a crowd at AWS. Where callers want more left than `aheadMs`, the pulse begins so
   * long before that, and they need not wait for AWS.
   */
  readonly pulseMs: number
  /** Make the caller wait for a renewal below this: inside 15 minutes botocore asks before every signed request. */
  readonly floorMs: number
  /** When renewal is impossible, what is held is served until this long before its end. */
  readonly lastMs: number
  /** A final refusal is remembered for this long, and not asked again by every caller. */
  readonly refusalMs: number
  /** After a passing failure: the longest wait before the next try, doubled from `backoffFirstMs` to `backoffMaxMs`. */
  readonly backoffFirstMs: number
  readonly backoffMaxMs: number
}

/** A renewal that would gain no more than this is none. */
const latestSlackMs = 30 * seconds

const refreshPolicy: RefreshPolicy = {
  aheadMs: 25 * minutes,
  aheadSpreadMs: 3.5 * minutes,
  pulseMs: 1 * minutes,
  floorMs: 15 * minutes,
  lastMs: 60 * seconds,
  refusalMs: 60 * seconds,
  backoffFirstMs: 1 * seconds,
  backoffMaxMs: 20 * seconds,
}

export interface RefreshingOptions {
  readonly clock: Clock
  /** 0 to 1: spreads the tries, so that many profiles do not come back at once. */
  readonly random: () => number
  /** Hears of every renewal that AWS failed, the ones that no caller sees too. */
  readonly onRenewalFailure: (error: unknown) => void
  readonly onRenewed?: (credentials: Credentials) => void
  /** When the newest that can be had would end (with its lease): what lasts as long is not renewed, however little is left. */
  readonly latestEnd?: () => number
  readonly policy?: RefreshPolicy
}

export interface Refreshing {
  /** What `get` would answer without waiting: most callers are served without a promise. Renews behind, as `get` does. */
  atHand(leastMs?: number): Credentials | undefined
  /**
   * Credentials that are whole and alive. Waits for AWS at most `patienceMs`, and throws `Unavailable` (or what AWS
   * refused with) when nothing is left to serve. With `leastMs`, what has less left counts as nothing while AWS can be
   * asked for more.
   */
  get(patienceMs?: number, leastMs?: number): Promise<Credentials>
  /** Asks AWS now, or joins the call that is under way. */
  renew(): Promise<Credentials>
  /** Asks AWS for what has changed below: a call that is under way began with what was there before, and is waited for. */
  renewAnew(): Promise<Credentials>
  /** Renews in the background when it is time and nothing forbids it. */
  renewIfDue(this: void): void
  /** How long until it may and should be renewed; Infinity where nothing is held. */
  dueInMs(): number
  /** What is held and unexpired, for `status`. */
  held(): Credentials | undefined
  /** Whether AWS could not be asked a moment ago, and will be again. */
  isWaiting(): boolean
  /** Why AWS refused, while that is remembered. */
  refusal(): CreddError | undefined
  /** Forgets a refusal: the reason for it may be gone (a new login). */
  retry(): void
}

interface Held {
  readonly credentials: Credentials
  readonly lifeMs: number
  /** How much earlier this renewal begins than others. */
  readonly lotMs: number
  /** Short-lived credentials have narrower windows, or they would be renewed without end. */
  readonly aheadMs: number
  readonly behindMs: number
  readonly floorMs: number
}

interface Failure {
  readonly error: unknown
  readonly until: number
  readonly count: number
}

export function refreshing(fetch: Provider<Credentials>, options: RefreshingOptions): Refreshing {
  const { clock, random, onRenewed, onRenewalFailure, latestEnd, policy = refreshPolicy } = options
  let held: Held | undefined
  /** The most that a caller has wanted left. */
  let wantedMs = 0
  let failure: Failure | undefined
  let pending: Promise<Credentials> | undefined

  async function fetchAndHold(): Promise<Credentials> {
    try {
      const credentials = await fetch()
      const lifeMs = credentials.expiration - clock.now()
      // AWS's answer is already over: a clock is wrong somewhere, and serving it would only fail at AWS.
      if (lifeMs <= (isLatest(credentials) ? 0 : policy.lastMs)) throw alreadyEnded()
      const lotMs = policy.aheadSpreadMs * (1 - random())
      held = {
        credentials,
        lifeMs,
        lotMs,
        aheadMs: Math.min(policy.aheadMs + lotMs, lifeMs * 0.6),
        behindMs: Math.min(policy.aheadMs - policy.pulseMs, lifeMs * 0.6),
        floorMs: Math.min(policy.floorMs, lifeMs * 0.5),
      }
      failure = undefined
      onRenewed?.(credentials)
      return credentials
    } catch (error) {
      if (!isFoundHere(error)) {
        failure = remember(error)
        onRenewalFailure(error)
      }
      throw error
    } finally {
      pending = undefined
    }
  }

  function remember(error: unknown): Failure {
    const count = (failure?.count ?? 0) + 1
    if (!isPassing(error)) return { error, count, until: clock.now() + policy.refusalMs }
    const ceilingMs = Math.min(policy.backoffMaxMs, policy.backoffFirstMs * 2 ** (count - 1))
    const askedMs = error instanceof CreddError ? (error.retryAfterMs ?? 0) : 0
    return { error, count, until: clock.now() + Math.max(askedMs, ceilingMs * (0.5 + random() / 2)) }
  }

  function renew(): Promise<Credentials> {
    pending ??= fetchAndHold()
    return pending
  }

  async function renewAnew(): Promise<Credentials> {
    await pending?.catch(() => undefined)
    return await renew()
  }

  function mayAsk(): boolean {
    if (failure === undefined) return true
    const waitMs = failure.until - clock.now()
    // A wait longer than any that is ever set means that the clock went back: ask.
    return waitMs <= 0 || waitMs > 10 * minutes
  }

  function isLatest({ expiration }: Credentials): boolean {
    return latestEnd !== undefined && expiration >= latestEnd() - latestSlackMs
  }

  function leftMs(): number {
    return held === undefined ? 0 : held.credentials.expiration - clock.now()
  }

  function aheadMs({ aheadMs: usual, lotMs, lifeMs }: Held): number {
    return Math.max(usual, early(wantedMs, policy.pulseMs + lotMs, lifeMs))
  }

  function renewBehind(): void {
    // The failure is remembered and reported inside; the caller is served from memory.
    if (mayAsk()) renew().catch(() => undefined)
  }

  /** What may still be handed out after a renewal did not help. */
  function remains(error: unknown, leastMs: number): Credentials | undefined {
    const last = isPassing(error) ? 0 : Math.max(policy.lastMs, leastMs)
    return held !== undefined && leftMs() > last ? held.credentials : undefined
  }

  function atHand(leastMs = 0): Credentials | undefined {
    wantedMs = Math.max(wantedMs, leastMs)
    if (held === undefined) return undefined
    const left = leftMs()
    if (left > Math.max(held.behindMs, early(leastMs, policy.pulseMs / 2, held.lifeMs))) return held.credentials
    if (left > 0 && isLatest(held.credentials)) return held.credentials
    if (left <= Math.max(held.floorMs, leastMs)) return undefined
    renewBehind()
    return held.credentials
  }

  async function get(patienceMs?: number, leastMs?: number): Promise<Credentials> {
    const ready = atHand(leastMs)
    if (ready !== undefined) return ready
    try {
      if (pending === undefined && !mayAsk()) throw failure?.error
      return await within(patienceMs, renew())
    } catch (error) {
      const credentials = remains(error, leastMs ?? 0)
      if (credentials === undefined) throw error
      return credentials
    }
  }

  async function within(patienceMs: number | undefined, renewal: Promise<Credentials>): Promise<Credentials> {
    if (patienceMs === undefined) return await renewal
    // The renewal goes on without us when patience ends; its failure is remembered inside.
    renewal.catch(() => undefined)
    let cancel: (() => void) | undefined
    const patience = new Promise<never>((_, reject) => {
      cancel = clock.after(patienceMs, () => reject(stillAsking()))
    })
    try {
      return await Promise.race([renewal, patience])
    } finally {
      cancel?.()
    }
  }

  return {
    atHand,
    get,
    renew,
    renewAnew,
    renewIfDue() {
      if (held !== undefined && leftMs() <= aheadMs(held) && !isLatest(held.credentials)) renewBehind()
    },
    dueInMs() {
      if (held === undefined || isLatest(held.credentials)) return Number.POSITIVE_INFINITY
      return Math.max(0, leftMs() - aheadMs(held), mayAsk() ? 0 : (failure?.until ?? 0) - clock.now())
    },
    held() {
      return leftMs() > 0 ? held?.credentials : undefined
    },
    isWaiting: () => failure !== undefined && isPassing(failure.error),
    refusal() {
      return failure !== undefined && !isPassing(failure.error) && failure.error instanceof CreddError && !mayAsk()
        ? failure.error
        : undefined
    },
    retry() {
      failure = undefined
    },
  }
}

/** So long before `leastMs`, but not before half of what lies above it is over. */
function early(leastMs: number, byMs: number, lifeMs: number): number {
  return leastMs === 0 ? 0 : Math.min(leastMs + byMs, (leastMs + lifeMs) / 2)
}
