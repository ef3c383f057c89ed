/** What the control routes work with: the hall's parts, and what the hall does after a change. */
import type { Broker } from "../core/broker.ts"
import type { Leases } from "../core/leases.ts"
import type { SecretStore } from "../core/ports.ts"
import type { Imds } from "../imds.ts"

export interface ControlOptions {
  readonly broker: Broker
  readonly imds: Imds
  readonly leases: Leases
  readonly store: SecretStore
  readonly endpoint: string
  readonly tokenFile: string
  readonly startedAt: number
  readonly defaultProfile: string | undefined
  /** Ends every lease and makes a fresh `shell`. */
  readonly renewLeases: () => Promise<void>
  /** Runs after a change that `endpoint.json` may have to show. */
  readonly onProfilesChanged: () => Promise<void>
}
