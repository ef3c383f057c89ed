/**
 * Narrows what a profile gives to what a lease may have, at AWS: `GetScopedCredentials`. Where a scope is asked for there
 * is no way past that call. A lease that only has an end is given credentials that end with it, where AWS knows the call.
 */
import { narrowedTo, type Access } from "./access.ts"
import type { Credentials, Provider } from "./credentials.ts"
import { isPassing, leaseEnded, scopeNotConfirmed, serviceUnavailable } from "./errors.ts"
import type { Clock, ScopedRequest, Sts, StsTarget } from "./ports.ts"
import { inlinePolicy, type NarrowScope } from "./scope.ts"

/** What was handed out outlives the end of its lease by this at most. */
const longestMs = 3_600_000
/** STS reckons in whole seconds. */
const slackMs = 2_000
/** None is waited for so long: by the clock it took longer because the machine slept, or because AWS told the time. */
export const longestCallMs = 15_000

export interface NarrowingOptions {
  readonly clock: Clock
  readonly sts: Pick<Sts, "getScopedCredentials">
  /** Hears of credentials that last longer than their lease, because AWS would not shorten them. */
  readonly onNotShortened: (error: unknown) => void
}

export function narrowing(
  from: Provider<Credentials>,
  target: StsTarget,
  access: Access,
  { clock, sts, onNotShortened }: NarrowingOptions,
): Provider<Credentials> {
  const { scope, end, description } = access

  function latestEnd(): number {
    const now = clock.now()
    if (end !== undefined && end <= now) throw leaseEnded(end)
    return Math.min(now + longestMs, end ?? Number.POSITIVE_INFINITY)
  }

  async function ask(given: Credentials, policy: string | undefined): Promise<Credentials> {
    // What was asked for before a sleep and given after it lasts longer than it may.
    const credentials = (await askOnce(given, policy)) ?? (await askOnce(given, policy))
    if (credentials === undefined) throw serviceUnavailable("STS", target.region, "the clock jumped while it was asked")
    return given.accountId === undefined ? credentials : { ...credentials, accountId: given.accountId }
  }

  /** Undefined where the clock jumped meanwhile. */
  async function askOnce(given: Credentials, policy: string | undefined): Promise<Credentials | undefined> {
    const [latest, askedAt] = [latestEnd(), clock.now()]
    const isShorter = given.expiration > latest
    const request: ScopedRequest = {
      description,
      ...(policy === undefined ? {} : { policy }),
      // Left out, it is the session's own end: what is asked for can then not be too much.
      ...(isShorter ? { durationSeconds: Math.max(1, Math.floor((latest - askedAt) / 1_000)) } : {}),
    }
    const { credentials, policies } = await sts.getScopedCredentials(given, request, target)
    // Whatever answers without narrowing (an emulator, a proxy) is not to pass for AWS.
    if (policy !== undefined && policies < 1) throw scopeNotConfirmed("the answer tells of no policy")
    if (credentials.accessKeyId === given.accessKeyId) throw scopeNotConfirmed("the answer is the session itself")
    const tookMs = clock.now() - askedAt
    if (tookMs > longestCallMs) return undefined
    // AWS counts from the moment that the call reaches it.
    if (credentials.expiration > Math.min(latest + Math.max(0, tookMs), given.expiration) + slackMs) {
      throw scopeNotConfirmed("the answer lasts longer than was asked for")
    }
    return credentials
  }

  /** Ends with the lease where AWS lets it: an end is no scope, and the caller's token ends in any case. */
  async function shortened(): Promise<Credentials> {
    const latest = latestEnd()
    const given = await from()
    if (given.expiration <= latest + slackMs) return given
    try {
      const credentials = await ask(given, undefined)
      return given.scopedTo === undefined ? credentials : { ...credentials, scopedTo: given.scopedTo }
    } catch (error) {
      if (isPassing(error)) throw error
      onNotShortened(error)
      return given
    }
  }

  async function narrowed(to: NarrowScope, policy: string): Promise<Credentials> {
    // A lease that has ended asks nobody for anything.
    latestEnd()
    return narrowedTo(to, await ask(await from(), policy))
  }

  /** AssumeRole has applied the policies already; whatever is made of that session keeps them. */
  async function assumedWithPolicies(): Promise<Credentials> {
    const credentials = await shortened()
    if (credentials.scopedTo === undefined) throw scopeNotConfirmed("the role was assumed without the policies")
    return credentials
  }

  if (scope.kind === "whole") return end === undefined ? from : shortened
  const policy = inlinePolicy(scope)
  return policy === undefined ? assumedWithPolicies : () => narrowed(scope, policy)
}
