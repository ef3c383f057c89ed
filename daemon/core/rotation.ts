/**
 * Replaces an access key at AWS, one step a call. Each step is written down in the store before the next begins, so that
 * whatever interrupts it, the next call goes on, forward or back. The old key is kept until AWS has deleted it.
 */
import type { RotationStep } from "../api.ts"
import { maskedKeyId, type AccessKey, type Credentials, type KeptAccessKey, type Rotation } from "./credentials.ts"
import {
  CreddError,
  accessKeyMissing,
  accessKeyOfAnother,
  accessKeyQuota,
  mayNotRotate,
  oldKeyLeft,
  rotationNotThere,
  rotationOfRoot,
  rotationUncertain,
  rotationWouldBeLost,
} from "./errors.ts"
import type { Clock, Iam, IamAccessKey, IamTarget, Log, SecretStore, Sts, StsTarget } from "./ports.ts"

/** How long after our asking AWS may have made the key that we never heard of. */
const orphanMs = 60_000

export interface RotationOptions {
  readonly store: SecretStore
  readonly sts: Sts
  readonly iam: Iam
  readonly clock: Clock
  readonly log: Log
  /** The MFA session of a source profile while it lives: a policy may want MFA for a key's own user, too. */
  readonly session: (sourceProfile: string) => Credentials | undefined
  readonly targets: (sourceProfile: string) => { readonly sts: StsTarget; readonly iam: IamTarget }
}

export interface RotationState {
  readonly step: RotationStep
  readonly userName: string
  readonly oldKeyId: string
  readonly newKeyId?: string
}

export interface RotationSteps {
  /** One step on, up to `deactivated`, or with `isDeleting` to `deleted`. `waiting`: AWS does not know the new key yet. */
  forward(profile: string, isDeleting: boolean): Promise<RotationState>
  /** One step back, up to `undone`. */
  back(profile: string): Promise<RotationState>
  /** Whether one was begun and is not over. */
  isUnderWay(profile: string): Promise<boolean>
}

export function createRotation({ store, sts, iam, clock, log, session, targets }: RotationOptions): RotationSteps {
  /** What is written down, unless another key has been added by hand since. */
  async function read(profile: string): Promise<{ readonly current: KeptAccessKey; readonly rotation?: Rotation }> {
    const current = await store.readAccessKey(profile)
    if (current === undefined) throw accessKeyMissing(profile)
    const rotation = await store.readRotation(profile)
    if (rotation === undefined) return { current }
    const { oldKey, at } = rotation
    const expected = [oldKey.accessKeyId, at.step === "asked" ? undefined : at.newKey.accessKeyId]
    if (expected.includes(current.accessKeyId)) return { current, rotation }
    log.warn("rotation_forgotten", { profile, keyId: maskedKeyId(current.accessKeyId) })
    await store.removeRotation(profile)
    return { current }
  }

  async function write(rotation: Rotation, step: RotationStep): Promise<RotationState> {
    await store.writeRotation(rotation)
    return told(rotation, step)
  }

  function told({ profile, oldKey, at }: Rotation, step: RotationStep): RotationState {
    const newKeyId = at.step === "asked" ? undefined : maskedKeyId(at.newKey.accessKeyId)
    const oldKeyId = maskedKeyId(oldKey.accessKeyId)
    const state = { step, userName: userNameOf(oldKey), oldKeyId, ...(newKeyId === undefined ? {} : { newKeyId }) }
    log.info("rotation", { profile, ...state })
    return state
  }

  /** Signs with the MFA session where there is one, else with the first key that AWS takes. */
  async function asUser<T>(
    { profile, oldKey }: Pick<Rotation, "profile" | "oldKey">,
    keys: readonly AccessKey[],
    run: (as: AccessKey | Credentials, userName: string, target: IamTarget) => Promise<T>,
  ): Promise<T> {
    const alive = session(profile)
    const userName = userNameOf(oldKey)
    let refusal: unknown
    for (const as of [...(alive === undefined ? [] : [alive]), ...keys]) {
      try {
        return await run(as, userName, targets(profile).iam)
      } catch (error) {
        const code = error instanceof CreddError ? error.code : undefined
        if (code === "AccessDenied") throw mayNotRotate(profile, userName, alive !== undefined, error)
        if (code !== "AccessKeyRejected") throw error
        refusal = error
      }
    }
    throw refusal
  }

  async function begin(profile: string, oldKey: KeptAccessKey): Promise<RotationState> {
    // A new key that a restart forgets, and the old one off: nothing would be left.
    if (store.kind === "memory") throw rotationWouldBeLost()
    if (oldKey.arn.endsWith(":root")) throw rotationOfRoot(profile)
    const keys = await asUser({ profile, oldKey }, [oldKey], iam.listAccessKeys)
    const other = keys.find(({ accessKeyId }) => accessKeyId !== oldKey.accessKeyId)
    if (other !== undefined && keys.length > 1) throw accessKeyQuota(userNameOf(oldKey), other.accessKeyId)
    const keyIdsBefore = keys.map(({ accessKeyId }) => accessKeyId)
    return await create({ profile, oldKey, askedAt: clock.now(), keyIdsBefore, at: { step: "asked" } })
  }

  /** The old key as AWS has it; it may have been deleted by hand. */
  async function oldKeyAtAws(rotation: Rotation, newKey: AccessKey): Promise<IamAccessKey | undefined> {
    const keys = await asUser(rotation, [newKey], iam.listAccessKeys)
    return keys.find(({ accessKeyId }) => accessKeyId === rotation.oldKey.accessKeyId)
  }

  async function create(rotation: Rotation): Promise<RotationState> {
    await store.writeRotation({ ...rotation, askedAt: clock.now() })
    const newKey = await asUser(rotation, [rotation.oldKey], iam.createAccessKey)
    // At once: until the store has it, its secret is nowhere but here.
    return await write({ ...rotation, at: { step: "created", newKey } }, "created")
  }

  /** A key that AWS made for us and whose secret never arrived is of no use to anybody. */
  async function removeOrphan(rotation: Rotation): Promise<void> {
    const { oldKey, keyIdsBefore, askedAt } = rotation
    const keys = await asUser(rotation, [oldKey], iam.listAccessKeys)
    for (const key of keys.filter(({ accessKeyId }) => !keyIdsBefore.includes(accessKeyId))) {
      const isOurs = Math.abs(key.createdAt - askedAt) <= orphanMs && (await isNeverUsed(rotation, key))
      if (!isOurs) throw rotationUncertain(userNameOf(oldKey), key.accessKeyId)
      log.warn("rotation_orphan_deleted", { profile: rotation.profile, keyId: maskedKeyId(key.accessKeyId) })
      await remove(rotation, key.accessKeyId, [oldKey])
    }
  }

  async function isNeverUsed(rotation: Rotation, { accessKeyId }: IamAccessKey): Promise<boolean> {
    try {
      return await asUser(rotation, [rotation.oldKey], (as, _, target) => iam.isNeverUsed(as, accessKeyId, target))
    } catch (error) {
      if (error instanceof CreddError && error.code === "AccessDenied") return false
      throw error
    }
  }

  async function remove(rotation: Rotation, accessKeyId: string, keys: readonly AccessKey[]): Promise<void> {
    await asUser(rotation, keys, (as, userName, target) => iam.deleteAccessKey(as, userName, accessKeyId, target))
  }

  async function setActive(rotation: Rotation, isActive: boolean, keys: readonly AccessKey[]): Promise<void> {
    const { accessKeyId } = rotation.oldKey
    await asUser(rotation, keys, (as, userName, target) => iam.setActive(as, userName, accessKeyId, isActive, target))
  }

  /** False while AWS does not know the key: it takes some seconds to be known everywhere. */
  async function isProven({ profile, oldKey }: Rotation, newKey: AccessKey): Promise<boolean> {
    const identity = await sts.getCallerIdentity(newKey, targets(profile).sts).catch((error: unknown) => {
      if (error instanceof CreddError && error.code === "AccessKeyRejected") return undefined
      throw error
    })
    if (identity !== undefined && identity.arn !== oldKey.arn) throw accessKeyOfAnother(profile, identity.arn)
    return identity !== undefined
  }

  /** In every profile that has the key: the copies would die with the old one. */
  async function replace(from: AccessKey, to: AccessKey): Promise<void> {
    for (const profile of await store.accessKeyProfiles()) {
      const kept = await store.readAccessKey(profile)
      if (kept?.accessKeyId !== from.accessKeyId) continue
      const { accessKeyId, secretAccessKey } = to
      await store.writeAccessKey(profile, { ...kept, accessKeyId, secretAccessKey, addedAt: clock.now() })
    }
  }

  return {
    async forward(profile, isDeleting) {
      const { current, rotation } = await read(profile)
      if (rotation === undefined) return await begin(profile, current)
      const { oldKey, at } = rotation
      if (at.step === "asked") {
        await removeOrphan(rotation)
        return await create(rotation)
      }
      if (at.step === "leaving") {
        await remove(rotation, at.newKey.accessKeyId, [oldKey, at.newKey])
        return await create({ ...rotation, at: { step: "asked" } })
      }
      if (at.step === "created") {
        if (!(await isProven(rotation, at.newKey))) return told(rotation, "waiting")
        await replace(oldKey, at.newKey)
        return await write({ ...rotation, at: { ...at, step: "stored" } }, "stored")
      }
      if (at.step === "deactivated" && isDeleting) {
        await remove(rotation, oldKey.accessKeyId, [at.newKey])
        await store.removeRotation(profile)
        return told(rotation, "deleted")
      }
      if (at.step === "deactivated") {
        // The last rotation is done but for this key.
        const left = await oldKeyAtAws(rotation, at.newKey)
        if (left?.isActive === false) throw oldKeyLeft(profile, maskedKeyId(oldKey.accessKeyId))
        if (left === undefined) {
          await store.removeRotation(profile)
          return await begin(profile, current)
        }
      }
      // Somebody may have added the old key again.
      await replace(oldKey, at.newKey)
      await setActive(rotation, false, [at.newKey, oldKey])
      return await write({ ...rotation, at: { ...at, step: "deactivated" } }, "deactivated")
    },
    async back(profile) {
      const { rotation } = await read(profile)
      if (rotation === undefined) throw rotationNotThere(profile)
      const { oldKey, at } = rotation
      // What was written down last may be one behind what was done: each step back undoes the next one forward, too.
      if (at.step === "stored" || at.step === "deactivated") {
        await setActive(rotation, true, [at.newKey, oldKey])
        return await write({ ...rotation, at: { ...at, step: "created" } }, "reactivated")
      }
      if (at.step === "created") {
        await replace(at.newKey, oldKey)
        return await write({ ...rotation, at: { ...at, step: "leaving" } }, "restored")
      }
      if (at.step === "asked") await removeOrphan(rotation)
      else await remove(rotation, at.newKey.accessKeyId, [oldKey, at.newKey])
      await store.removeRotation(profile)
      return told(rotation, "undone")
    },
    isUnderWay: async (profile) => (await store.readRotation(profile)) !== undefined,
  }
}

/** The path is no part of the name. */
function userNameOf({ arn }: KeptAccessKey): string {
  return arn.split("/").at(-1) ?? ""
}
