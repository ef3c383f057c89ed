/** The values that travel through the house: access keys come in, temporary credentials go out. */
import type { Secret } from "./secret.ts"

/** A function that gives a T, now or later: from memory, from a store, or from AWS. */
export type Provider<T> = () => Promise<T>

/** A long-lived IAM access key. It leaves the store only to start a session or to be proven. */
export interface AccessKey {
  readonly accessKeyId: string
  readonly secretAccessKey: Secret
}

/** Temporary credentials, from GetSessionToken or AssumeRole. */
export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: Secret
  readonly sessionToken: Secret
  /** When they end, in epoch milliseconds by AWS's clock. */
  readonly expiration: number
  readonly accountId?: string
  /** The scope that AWS narrowed them to (`scopeKey`); absent: all that the profile may. */
  readonly scopedTo?: string
}

/** An access key as it is kept: proven once, with whom it belongs to. */
export interface KeptAccessKey extends AccessKey {
  readonly accountId: string
  readonly arn: string
  /** Given at `credd add --mfa-serial`; `mfa_serial` in the AWS config wins over it. */
  readonly mfaSerial?: string
  readonly addedAt: number
}

/** An MFA session: what GetSessionToken gave for one source profile. */
export interface MfaSession {
  readonly sourceProfile: string
  readonly credentials: Credentials
  readonly mfaSerial: string
  readonly accountId: string
  readonly arn: string
  readonly startedAt: number
  /** Whether a person was told that it ends soon. */
  readonly isEndTold?: boolean
}

/** A rotation under way, as the store keeps it: a step names what was done last. */
export interface Rotation {
  readonly profile: string
  /** When AWS was asked for the new key. */
  readonly askedAt: number
  readonly oldKey: KeptAccessKey
  /** What the user had before. A key beyond these is one that we asked for, and whose secret was lost on the way. */
  readonly keyIdsBefore: readonly string[]
  readonly at:
    | { readonly step: "asked" }
    /** `leaving`: on the way back, the new key is being deleted. */
    | { readonly step: "created" | "stored" | "deactivated" | "leaving"; readonly newKey: AccessKey }
}

/** The last four characters, as AWS's own tools mask a key id. */
export function maskedKeyId(accessKeyId: string): string {
  return `****${accessKeyId.slice(-4)}`
}

/** `2026-11-23T22:10:00Z`: no milliseconds, always Z (botocore and Swift parse nothing else). */
export function isoSeconds(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19)}Z`
}
