/** A place for named secrets: what the keychain, the encrypted file and memory have in common. */
import type { StoreKind } from "../api.ts"
import type { Secret } from "../core/secret.ts"

/** Each operation is whole or not at all. Throws `KeychainLocked`, `KeychainUnavailable`, `StoreDamaged` or `StoreWriteFailed`. */
export interface ItemStore {
  readonly kind: StoreKind
  names(): Promise<readonly string[]>
  /** One trip for all; a name that is not kept is absent from the answer. */
  read(names: readonly string[]): Promise<ReadonlyMap<string, Secret>>
  write(name: string, value: Secret): Promise<void>
  remove(names: readonly string[]): Promise<void>
  unlock(passphrase: string): Promise<void>
}
