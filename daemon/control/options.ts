/** What the control routes work with: the hall's parts, and what the hall does after a change. */
import type { AuditTrail } from "../adapters/audit.ts"
import type { Broker } from "../core/broker.ts"
import type { Lease, Leases } from "../core/leases.ts"
import type { Clock, SecretStore } from "../core/ports.ts"
import type { Imds } from "../imds.ts"

export interface ControlOptions {
  readonly broker: Broker
  readonly imds: Imds
  readonly leases: Leases
  readonly store: SecretStore
  readonly clock: Clock
  readonly audit: Pick<AuditTrail, "record" | "problem" | "head">
  readonly endpoint: string
  readonly tokenFile: string
  readonly startedAt: number
  /** How far AWS's clock is ahead of this machine's, where AWS has told. */
  readonly clockOffsetMs: () => number | undefined
  readonly defaultProfile: string | undefined
  /** What a person should know about the daemon itself, a sentence each. */
  readonly notices: () => readonly string[]
  /** Makes a lock that is about to begin outlive a crash amid it. */
  readonly rememberLock: () => Promise<void>
  /** Ends every lease and makes a fresh `shell`; answers with what has ended. */
  readonly renewLeases: () => Promise<readonly Lease[]>
  /** A fresh `shell` in the place of the old. */
  readonly renewShell: () => Promise<void>
  /** Runs after a change that `endpoint.json` may have to show. */
  readonly onProfilesChanged: () => Promise<void>
}
