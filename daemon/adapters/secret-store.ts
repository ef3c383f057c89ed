/** The core's SecretStore on any ItemStore: access keys and MFA sessions as versioned records, checked when they are read. */
import * as v from "valibot"
import type { AccessKey, Credentials, KeptAccessKey, MfaSession } from "../core/credentials.ts"
import { CreddError, storeDamaged, storeNewer, storeWriteFailed } from "../core/errors.ts"
import type { SecretStore } from "../core/ports.ts"
import { Secret } from "../core/secret.ts"
import type { ItemStore } from "./item-store.ts"

const version = 1
const keyPrefix = "access-key/"
const sessionPrefix = "session/"
const rotationPrefix = "rotation/"

const accessKeyRecord = v.object({
  version: v.literal(version),
  accessKeyId: v.string(),
  secretAccessKey: v.string(),
  accountId: v.string(),
  arn: v.string(),
  mfaSerial: v.exactOptional(v.string()),
  addedAt: v.number(),
})

const newKey = v.object({ accessKeyId: v.string(), secretAccessKey: v.string() })

const rotationRecord = v.object({
  version: v.literal(version),
  profile: v.string(),
  askedAt: v.number(),
  oldKey: v.omit(accessKeyRecord, ["version"]),
  keyIdsBefore: v.array(v.string()),
  at: v.variant("step", [
    v.object({ step: v.literal("asked") }),
    v.object({ step: v.picklist(["created", "stored", "deactivated", "leaving"]), newKey }),
  ]),
})

const sessionRecord = v.object({
  version: v.literal(version),
  sourceProfile: v.string(),
  accessKeyId: v.string(),
  secretAccessKey: v.string(),
  sessionToken: v.string(),
  expiration: v.number(),
  mfaSerial: v.string(),
  accountId: v.string(),
  arn: v.string(),
  startedAt: v.number(),
  isEndTold: v.exactOptional(v.boolean()),
})

const newerRecord = v.pipe(v.string(), v.parseJson(), v.object({ version: v.pipe(v.number(), v.gtValue(version)) }))

export interface SecretStoreOptions {
  /** Hears of a session that could not be read; the others are served all the same. */
  readonly onDamaged: (error: CreddError) => void
}

export function secretStore(items: ItemStore, { onDamaged }: SecretStoreOptions): SecretStore {
  async function profilesWith(prefix: string): Promise<readonly string[]> {
    return (await items.names()).filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length))
  }

  async function readAccessKey(profile: string): Promise<KeptAccessKey | undefined> {
    const name = keyPrefix + profile
    const item = (await items.read([name])).get(name)
    if (item === undefined) return undefined
    const { version: _, secretAccessKey, ...rest } = parsed(accessKeyRecord, item, name)
    return { ...rest, secretAccessKey: new Secret(secretAccessKey) }
  }

  return {
    kind: items.kind,
    accessKeyProfiles: () => profilesWith(keyPrefix),
    readAccessKey,
    async writeAccessKey(profile, key) {
      const name = keyPrefix + profile
      const record = JSON.stringify({ version, ...key, secretAccessKey: key.secretAccessKey.reveal() })
      await items.write(name, new Secret(record))
      // `import` removes the key from its file next: believe only what can be read back, and understood.
      const kept = (await items.read([name])).get(name)
      if (kept?.reveal() !== record) {
        throw storeWriteFailed(`the access key for "${profile}"`, "the store gave back something else")
      }
      parsed(accessKeyRecord, kept, name)
    },
    removeAccessKey: (profile) =>
      items.remove([sessionPrefix, rotationPrefix, keyPrefix].map((each) => each + profile)),
    async readRotation(profile) {
      const name = rotationPrefix + profile
      const item = (await items.read([name])).get(name)
      if (item === undefined) return undefined
      const { version: _, oldKey, at, ...rest } = parsed(rotationRecord, item, name)
      return { ...rest, oldKey: hidden(oldKey), at: at.step === "asked" ? at : { ...at, newKey: hidden(at.newKey) } }
    },
    async writeRotation({ oldKey, at, ...rest }) {
      const record: v.InferOutput<typeof rotationRecord> = {
        version,
        ...rest,
        keyIdsBefore: rest.keyIdsBefore.slice(),
        oldKey: shown(oldKey),
        at: at.step === "asked" ? at : { ...at, newKey: shown(at.newKey) },
      }
      await items.write(rotationPrefix + rest.profile, new Secret(JSON.stringify(record)))
    },
    removeRotation: (profile) => items.remove([rotationPrefix + profile]),
    async readSessions() {
      const names = (await profilesWith(sessionPrefix)).map((profile) => sessionPrefix + profile)
      const sessions: MfaSession[] = []
      for (const [name, item] of await items.read(names)) {
        try {
          sessions.push(sessionFrom(parsed(sessionRecord, item, name)))
        } catch (error) {
          if (!(error instanceof CreddError)) throw error
          onDamaged(error)
        }
      }
      return sessions
    },
    async writeSession({ credentials, ...about }) {
      const { accessKeyId, secretAccessKey, sessionToken, expiration } = credentials
      const record: v.InferOutput<typeof sessionRecord> = {
        version,
        ...about,
        accessKeyId,
        secretAccessKey: secretAccessKey.reveal(),
        sessionToken: sessionToken.reveal(),
        expiration,
      }
      await items.write(sessionPrefix + about.sourceProfile, new Secret(JSON.stringify(record)))
    },
    removeSessions: (profiles) => items.remove(profiles.map((profile) => sessionPrefix + profile)),
    unlock: (passphrase) => items.unlock(passphrase),
  }
}

function hidden<T extends { readonly secretAccessKey: string }>({ secretAccessKey, ...rest }: T) {
  return { ...rest, secretAccessKey: new Secret(secretAccessKey) }
}

function shown<T extends AccessKey>({ secretAccessKey, ...rest }: T) {
  return { ...rest, secretAccessKey: secretAccessKey.reveal() }
}

function sessionFrom(record: v.InferOutput<typeof sessionRecord>): MfaSession {
  const {
    accessKeyId,
    secretAccessKey,
    sessionToken,
    expiration,
    sourceProfile,
    mfaSerial,
    accountId,
    arn,
    startedAt,
    isEndTold,
  } = record
  const credentials: Credentials = {
    accessKeyId,
    secretAccessKey: new Secret(secretAccessKey),
    sessionToken: new Secret(sessionToken),
    expiration,
    accountId,
  }
  const told = isEndTold === undefined ? {} : { isEndTold }
  return { sourceProfile, credentials, mfaSerial, accountId, arn, startedAt, ...told }
}

function parsed<T extends v.GenericSchema>(schema: T, item: Secret, name: string): v.InferOutput<T> {
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), item.reveal())
  if (result.success) return result.output
  // No cause: valibot's issues quote the values.
  throw v.is(newerRecord, item.reveal()) ? storeNewer(`"${name}" in the store`) : storeDamaged(`"${name}" in the store`)
}
