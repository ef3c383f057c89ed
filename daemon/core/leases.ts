/** Named access to credentials: a token each, kept only as its hash. The raw token leaves once, at `mint`. */
import { hash as digest, randomBytes, timingSafeEqual } from "node:crypto"
import type { LeaseStatus } from "../api.ts"
import { isoSeconds } from "./credentials.ts"
import { tokenMissing, tokenRejected } from "./errors.ts"
import type { Clock } from "./ports.ts"
import { Secret } from "./secret.ts"

/** A lease as it is kept. `profiles` names what it may read; `*` is every profile. */
export interface Lease {
  readonly id: string
  readonly name: string
  readonly profiles: readonly string[]
  readonly createdAt: number
  /** SHA-256 of the token, hex. */
  readonly tokenHash: string
}

export interface Leases {
  /** A new lease in the place of any of the same name: the old token ends at once. */
  mint(name: string, profiles: readonly string[]): { readonly lease: Lease; readonly token: Secret }
  /** The lease that an Authorization header proves; throws `TokenMissing` or `TokenRejected`. */
  verify(authorization: string | undefined): Lease
  find(name: string): Lease | undefined
  revokeAll(): void
  all(): readonly Lease[]
  status(): readonly LeaseStatus[]
}

const tokenBytes = 32

export function createLeases(kept: readonly Lease[], clock: Clock): Leases {
  const leases = new Map<string, { readonly lease: Lease; readonly hash: Buffer }>(
    kept.map((lease) => [lease.name, { lease, hash: Buffer.from(lease.tokenHash, "hex") }]),
  )
  const lastUsed = new Map<string, number>()

  return {
    mint(name, profiles) {
      const token = randomBytes(tokenBytes).toString("base64url")
      const hash = sha256(token)
      const lease = {
        id: randomBytes(8).toString("hex"),
        name,
        profiles,
        createdAt: clock.now(),
        tokenHash: hash.toString("hex"),
      }
      leases.set(name, { lease, hash })
      return { lease, token: new Secret(token) }
    },
    verify(authorization) {
      if (authorization === undefined || authorization === "") throw tokenMissing()
      const hash = sha256(bareToken(authorization))
      for (const entry of leases.values()) {
        if (entry.hash.length === hash.length && timingSafeEqual(entry.hash, hash)) {
          lastUsed.set(entry.lease.id, clock.now())
          return entry.lease
        }
      }
      throw tokenRejected()
    },
    find: (name) => leases.get(name)?.lease,
    revokeAll() {
      leases.clear()
    },
    all: () => [...leases.values()].map(({ lease }) => lease),
    status: () =>
      [...leases.values()].map(({ lease }) => ({
        id: lease.id,
        name: lease.name,
        profiles: lease.profiles,
        scope: null,
        createdAt: isoSeconds(lease.createdAt),
        expiration: null,
        lastUsedAt: time(lastUsed.get(lease.id)),
      })),
  }
}

export function mayRead(lease: Lease, profile: string): boolean {
  return lease.profiles.includes("*") || lease.profiles.includes(profile)
}

/** Some clients put `Bearer ` before the token by themselves. */
function bareToken(authorization: string): string {
  return authorization.startsWith("Bearer ") ? authorization.slice("Bearer ".length) : authorization
}

function sha256(text: string): Buffer {
  return digest("sha256", text, "buffer")
}

function time(epochMs: number | undefined): string | null {
  return epochMs === undefined ? null : isoSeconds(epochMs)
}
