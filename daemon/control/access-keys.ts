/** Access keys come in, proven with AWS first, are replaced, and go. */
import { isoSeconds, maskedKeyId } from "../core/credentials.ts"
import { accessKeyMalformed } from "../core/errors.ts"
import { Secret } from "../core/secret.ts"
import type { ControlHandlers } from "../http/control-app.ts"
import type { ControlOptions } from "./options.ts"

type Routes = Pick<ControlHandlers, "GET /access-keys" | "POST /access-keys" | "POST /rotate" | "DELETE /access-keys">

export function accessKeyRoutes({ broker, store, onProfilesChanged }: ControlOptions): Routes {
  return {
    "GET /access-keys": async () => {
      const profiles = await store.accessKeyProfiles()
      const kept = await Promise.all(
        profiles.map(async (profile) => ({ profile, key: await store.readAccessKey(profile) })),
      )
      return {
        keys: kept.flatMap(({ profile, key }) =>
          key === undefined
            ? []
            : {
                profile,
                accessKeyId: maskedKeyId(key.accessKeyId),
                arn: key.arn,
                addedAt: isoSeconds(key.addedAt),
              },
        ),
      }
    },
    "POST /access-keys": async ({ profile, accessKeyId, secretAccessKey, mfaSerial }) => {
      if (
        !/^[A-Z0-9]{16,128}$/.test(accessKeyId) ||
        accessKeyId.startsWith("ASIA") ||
        !/^\S{16,128}$/.test(secretAccessKey)
      ) {
        throw accessKeyMalformed()
      }
      const serial = mfaSerial === undefined ? {} : { mfaSerial }
      const key = { accessKeyId, secretAccessKey: new Secret(secretAccessKey), ...serial }
      const identity = await broker.addAccessKey(profile, key)
      await onProfilesChanged()
      return { profile, ...identity, durable: store.kind !== "memory", ...serial }
    },
    "POST /rotate": async ({ profile, ...how }) => {
      const { sourceProfile, ...state } = await broker.rotate(profile, how)
      return { profile: sourceProfile, ...state }
    },
    "DELETE /access-keys": async ({ profile }) => {
      const warnings = await broker.removeAccessKey(profile)
      await onProfilesChanged()
      return { profile, warnings }
    },
  }
}
