/** The access keys in the store, and every change to one: added, removed, rotated. */
import type { Identity } from "../api.ts"
import type { Catalog } from "./catalog.ts"
import { maskedKeyId, type AccessKey, type KeptAccessKey } from "./credentials.ts"
import { accessKeyMissing, loginNotNeeded } from "./errors.ts"
import type { Clock, Iam, Log, SecretStore, Sts } from "./ports.ts"
import { baseOf } from "./profiles.ts"
import type { Roles } from "./roles.ts"
import { createRotation, type RotationState } from "./rotation.ts"
import type { Sessions } from "./sessions.ts"
import type { InTurn } from "./turns.ts"

export interface AccessKeysOptions {
  readonly clock: Clock
  readonly sts: Sts
  readonly iam: Iam
  readonly store: SecretStore
  readonly catalog: Catalog
  readonly sessions: Sessions
  readonly roles: Pick<Roles, "forget">
  readonly inTurn: InTurn
  readonly log: Log
}

export interface NewAccessKey extends AccessKey {
  readonly mfaSerial?: string
}

export interface RotationOutcome extends RotationState {
  readonly sourceProfile: string
  /** The MFA session that was made with the old key. AWS goes on with it when the key is off. */
  readonly sessionExpiration?: string
}

export interface AccessKeys {
  /** Throws `AccessKeyMissing`. */
  of(sourceProfile: string): Promise<KeptAccessKey>
  /** Proven with AWS before it is kept. */
  add(profile: string, key: NewAccessKey): Promise<Identity>
  /** With the session that was made from it. Answers with warnings. */
  remove(profile: string): Promise<readonly string[]>
  /** One step of a rotation of the access key behind a profile. */
  rotate(profile: string, how: { readonly isUndoing: boolean; readonly isDeleting: boolean }): Promise<RotationOutcome>
}

export function createAccessKeys(options: AccessKeysOptions): AccessKeys {
  const { clock, sts, iam, store, catalog, sessions, roles, inTurn, log } = options
  const rotation = createRotation({
    store,
    sts,
    iam,
    clock,
    log,
    session: (name) => sessions.alive().find(({ sourceProfile }) => sourceProfile === name)?.credentials,
    targets: (name) => ({ sts: catalog.sessionTarget(name), iam: catalog.iamTarget(name) }),
  })

  return {
    async of(sourceProfile) {
      const key = await store.readAccessKey(sourceProfile)
      if (key === undefined) throw accessKeyMissing(sourceProfile)
      return key
    },
    async add(name, { accessKeyId, secretAccessKey, mfaSerial }) {
      return await inTurn(name, async () => {
        const identity = await sts.getCallerIdentity({ accessKeyId, secretAccessKey }, catalog.sessionTarget(name))
        const kept = {
          accessKeyId,
          secretAccessKey,
          accountId: identity.accountId,
          arn: identity.arn,
          addedAt: clock.now(),
          ...(mfaSerial === undefined ? {} : { mfaSerial }),
        }
        await store.writeAccessKey(name, kept)
        await catalog.setKeyed([...new Set([...catalog.keyed(), name])])
        log.info("access_key_added", { profile: name, keyId: maskedKeyId(accessKeyId) })
        return identity
      })
    },
    async remove(name) {
      return await inTurn(name, async () => {
        if (!(await store.accessKeyProfiles()).includes(name)) throw accessKeyMissing(name)
        const wasRotating = await rotation.isUnderWay(name)
        roles.forget(new Set([name]))
        // One change of the store: after a crash all of it is gone, or nothing is.
        await sessions.endWith([name], async () => await store.removeAccessKey(name))
        await catalog.setKeyed(catalog.keyed().filter((each) => each !== name))
        log.info("access_key_removed", { profile: name })
        const left = `a rotation of "${name}" was not finished; see in the IAM console which of its keys is left`
        return wasRotating ? [left] : []
      })
    },
    async rotate(name, { isUndoing, isDeleting }) {
      const profile = catalog.servable(name)
      const { sourceProfile } = profile
      if (baseOf(profile).kind === "outside") throw loginNotNeeded(name)
      return await inTurn(sourceProfile, async () => {
        const state = isUndoing ? await rotation.back(sourceProfile) : await rotation.forward(sourceProfile, isDeleting)
        const { expiration } = sessions.status(sourceProfile)
        return { sourceProfile, ...state, ...(expiration === undefined ? {} : { sessionExpiration: expiration }) }
      })
    },
  }
}
