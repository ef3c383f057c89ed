/** From an access key and a code to an MFA session that is kept. */
import type { LoginPlan, SessionStatus } from "../api.ts"
import type { AccessKeys } from "./access-keys.ts"
import type { Catalog } from "./catalog.ts"
import { isoSeconds, type KeptAccessKey } from "./credentials.ts"
import {
  CreddError,
  durationOutOfRange,
  loginNotNeeded,
  loginUnanswered,
  mfaCodeMalformed,
  mfaCodeRejected,
  mfaSerialMissing,
} from "./errors.ts"
import { createMfaCodes } from "./mfa-codes.ts"
import type { Clock, Log, Sts } from "./ports.ts"
import { baseOf, profilesOf, type ServableProfile } from "./profiles.ts"
import type { Roles } from "./roles.ts"
import type { Sessions } from "./sessions.ts"
import type { InTurn } from "./turns.ts"

const sessionSeconds = { least: 900, most: 129_600 }

export interface LoginOptions {
  readonly clock: Clock
  readonly sts: Pick<Sts, "getCallerIdentity" | "getSessionToken">
  readonly catalog: Catalog
  readonly accessKeys: Pick<AccessKeys, "of">
  readonly sessions: Pick<Sessions, "start" | "status">
  readonly roles: Pick<Roles, "retry" | "sessionChanged">
  readonly inTurn: InTurn
  readonly log: Log
}

export interface LoginOutcome {
  readonly session: SessionStatus
  readonly profiles: readonly string[]
  readonly warnings: readonly string[]
}

export interface Login {
  /** What a login will need. Throws `LoginNotNeeded`, `AccessKeyMissing` or `MfaSerialMissing`. */
  plan(profile: string): Promise<LoginPlan>
  start(profile: string, mfaCode: string, durationSeconds: number): Promise<LoginOutcome>
}

export function createLogin(options: LoginOptions): Login {
  const { clock, sts, catalog, accessKeys, sessions, roles, inTurn, log } = options
  const mfaCodes = createMfaCodes(clock)

  async function keyAndSerial(profile: ServableProfile): Promise<{ key: KeptAccessKey; mfaSerial: string }> {
    if (baseOf(profile).kind === "outside") throw loginNotNeeded(profile.name)
    const key = await accessKeys.of(profile.sourceProfile)
    const mfaSerial = profile.mfaSerial ?? key.mfaSerial
    if (mfaSerial === undefined) throw mfaSerialMissing(profile.sourceProfile)
    return { key, mfaSerial }
  }

  return {
    async plan(name) {
      const profile = catalog.servable(name)
      const { mfaSerial } = await keyAndSerial(profile)
      return {
        profile: name,
        sourceProfile: profile.sourceProfile,
        mfaSerial,
        ...(profile.mfaProcess === undefined ? {} : { mfaProcess: profile.mfaProcess }),
      }
    },
    async start(name, mfaCode, durationSeconds) {
      if (!/^\d{6}$/.test(mfaCode)) throw mfaCodeMalformed()
      if (!(durationSeconds >= sessionSeconds.least && durationSeconds <= sessionSeconds.most))
        throw durationOutOfRange()
      const profile = catalog.servable(name)
      const { sourceProfile } = profile
      return await inTurn(sourceProfile, async () => {
        const { key, mfaSerial } = await keyAndSerial(profile)
        const target = catalog.sessionTarget(sourceProfile)
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
        const above = profilesOf(sourceProfile, catalog.all()).map((each) => each.name)
        roles.retry(above)
        roles.sessionChanged(sourceProfile)
        log.info("login", { profile: sourceProfile, expiration: isoSeconds(credentials.expiration) })
        return { session: sessions.status(sourceProfile), profiles: above, warnings }
      })
    },
  }
}
