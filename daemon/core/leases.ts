/** Named access to credentials: a token each, kept only as its hash. The raw token leaves once, when it is made. */
import { hash as digest, randomBytes } from "node:crypto"
import type { LeaseStatus } from "../api.ts"
import { isoSeconds } from "./credentials.ts"
import {
  leaseEnded,
  leaseExists,
  leaseNameWrong,
  leaseNotFound,
  leaseWrong,
  tokenMissing,
  tokenRejected,
} from "./errors.ts"
import type { Clock, Log } from "./ports.ts"
import { scopeStatus, type Scope } from "./scope.ts"
import { Secret } from "./secret.ts"
import { similarName } from "./similar-name.ts"

/** A lease as it is kept. */
export interface Lease {
  readonly id: string
  readonly name: string
  /** What it may read; `*` is every profile. */
  readonly profiles: readonly string[]
  readonly scope: Scope
  readonly createdAt: number
  /** Absent where it has no end of its own. */
  readonly expiration?: number
  readonly description?: string
  /** Whose end is its own: the `credd exec` that holds it. */
  readonly pid?: number
  /** SHA-256 of the token, hex. */
  readonly tokenHash: string
}

export type NewLease = Omit<Lease, "id" | "createdAt" | "tokenHash">

export interface MintedLease {
  readonly lease: Lease
  readonly token: Secret
}

/** Leases at rest. */
export interface LeaseRecords {
  /** Whole or not at all. `durable`: also when the power fails the moment after. */
  write(leases: readonly Lease[], durable: boolean): Promise<void>
}

export interface Leases {
  /** A lease that is nobody's yet: its token opens nothing before `add`. Throws where the name cannot be had. */
  draft(lease: NewLease, replace?: boolean): MintedLease
  /** From here on the token is good; kept before the promise is. The old lease of that name has ended. */
  add(lease: Lease, replace?: boolean): Promise<void>
  /** The lease that an Authorization header proves; throws `TokenMissing` or `TokenRejected`. */
  verify(authorization: string | undefined): Lease
  /** Whether it is still good: it may have ended while its caller waited. */
  isGood(lease: Lease): boolean
  find(name: string): Lease | undefined
  /** Whose token this is, without counting as a use. */
  owner(token: string | undefined): Lease | undefined
  /** Refused from the next request on; kept before the promise is. */
  revoke(name: string): Promise<Lease>
  revokeAll(): Promise<readonly Lease[]>
  /** Ends a lease that has no more holder. */
  release(lease: Lease): void
  /** Whoever listens hears of every lease that is no more, once. */
  onEnd(listener: (lease: Lease) => void): void
  /** Forgets what has ended by itself, and writes what could not be written before. */
  tidy(): Promise<void>
  all(): readonly Lease[]
  status(): readonly LeaseStatus[]
  statusOf(lease: Lease): LeaseStatus
}

export interface LeasesOptions {
  readonly clock: Clock
  readonly records: LeaseRecords
  readonly log: Log
}

/** The lease of `credd env`: every profile, all that they may, no end. */
export const shellName = "shell"

const tokenBytes = 32
/** `credd-NAME` is a role session name: STS's alphabet, and 64 characters. */
const longestName = 58

interface Entry {
  readonly lease: Lease
  lastUsedAt: number | undefined
}

export function createLeases(kept: readonly Lease[], { clock, records, log }: LeasesOptions): Leases {
  const byName = new Map<string, Entry>()
  /** SHA-256 spreads tokens over the map so that its timing tells nothing about another token. */
  const byHash = new Map<string, Entry>()
  const listeners: ((lease: Lease) => void)[] = []
  /** What the records do not show yet, and whether a power cut must not undo it. */
  const due = new Set<"write" | "flush">()
  let writing: Promise<void> = Promise.resolve()
  for (const lease of kept) put(lease)

  function put(lease: Lease): void {
    const entry = { lease, lastUsedAt: undefined }
    byName.set(lease.name, entry)
    byHash.set(lease.tokenHash, entry)
  }

  function drop(lease: Lease): void {
    if (byHash.delete(lease.tokenHash) && byName.get(lease.name)?.lease === lease) byName.delete(lease.name)
    ended(lease)
  }

  function ended(lease: Lease): void {
    for (const listener of listeners) listener(lease)
  }

  /** One write at a time, of how things are when it begins; those who ask meanwhile share the next. */
  async function write(durable: boolean): Promise<void> {
    due.add("write")
    if (durable) due.add("flush")
    const turn = writeAfter(writing)
    writing = turn.catch(() => undefined)
    await turn
  }

  async function writeAfter(before: Promise<void>): Promise<void> {
    await before
    if (due.size === 0) return
    const now = [...due]
    due.clear()
    try {
      await records.write(all(), now.includes("flush"))
    } catch (error) {
      for (const each of now) due.add(each)
      throw error
    }
  }

  function isOver({ expiration }: Lease): boolean {
    return expiration !== undefined && clock.now() >= expiration
  }

  function living(name: string): Lease | undefined {
    const lease = byName.get(name)?.lease
    return lease === undefined || isOver(lease) ? undefined : lease
  }

  function insistOnName(name: string, replace: boolean): void {
    if (living(name) !== undefined && !replace) throw leaseExists(name)
  }

  function all(): readonly Lease[] {
    return [...byName.values()].map(({ lease }) => lease)
  }

  function statusOf(lease: Lease): LeaseStatus {
    const { id, name, profiles, scope, createdAt, expiration, description, pid } = lease
    return {
      id,
      name,
      profiles,
      scope: scopeStatus(scope),
      createdAt: isoSeconds(createdAt),
      expiration: time(expiration),
      lastUsedAt: time(byName.get(name)?.lastUsedAt),
      ...(description === undefined ? {} : { description }),
      ...(pid === undefined ? {} : { pid }),
    }
  }

  return {
    draft(asked, replace = false) {
      insistOnName(asked.name, replace)
      const token = randomBytes(tokenBytes).toString("base64url")
      const lease = {
        ...asked,
        id: randomBytes(8).toString("hex"),
        createdAt: clock.now(),
        tokenHash: sha256(token),
      }
      return { lease, token: new Secret(token) }
    },
    async add(lease, replace = false) {
      // While it was proven, another of its name may have come.
      insistOnName(lease.name, replace)
      const before = byName.get(lease.name)?.lease
      if (before !== undefined) byHash.delete(before.tokenHash)
      put(lease)
      try {
        await write(lease.pid === undefined)
      } catch (error) {
        drop(lease)
        if (before !== undefined && !isOver(before)) put(before)
        throw error
      }
      if (before !== undefined) ended(before)
      log.info("lease_made", { lease: lease.name, id: lease.id, profiles: lease.profiles, scope: lease.scope.kind })
    },
    verify(authorization) {
      if (authorization === undefined || authorization === "") throw tokenMissing()
      const entry = byHash.get(sha256(bareToken(authorization)))
      if (entry === undefined) throw tokenRejected()
      const now = clock.now()
      const { lease } = entry
      if (lease.expiration !== undefined && now >= lease.expiration) throw leaseEnded(lease.expiration, lease.name)
      entry.lastUsedAt = now
      return lease
    },
    isGood: (lease) => byHash.has(lease.tokenHash) && !isOver(lease),
    find: living,
    owner(token) {
      const lease = token === undefined ? undefined : byHash.get(sha256(token))?.lease
      return lease === undefined || isOver(lease) ? undefined : lease
    },
    async revoke(name) {
      const lease = living(name)
      if (lease === undefined) throw leaseNotFound(name, similarName(name, byName.keys()))
      drop(lease)
      log.info("lease_revoked", { lease: name, id: lease.id })
      await write(true)
      return lease
    },
    async revokeAll() {
      const revoked = all()
      for (const lease of revoked) drop(lease)
      log.info("leases_revoked", { leases: revoked.length })
      await write(true)
      return revoked
    },
    release(lease) {
      if (byName.get(lease.name)?.lease !== lease) return
      drop(lease)
      log.info("lease_released", { lease: lease.name, id: lease.id })
      // Nobody waits for it, and nothing is lost with it: what has no holder is ended at the next start.
      write(false).catch(() => log.warn("leases_not_written"))
    },
    onEnd: (listener) => void listeners.push(listener),
    async tidy() {
      // A clock that is in doubt may have gone too far: what it calls over may not be.
      const over = clock.isDoubtful() ? [] : all().filter(isOver)
      for (const lease of over) {
        drop(lease)
        log.info("lease_ended", { lease: lease.name, id: lease.id })
      }
      if (over.length > 0 || due.size > 0) await write(due.has("flush"))
    },
    all,
    status: () => [...byName.values()].filter(({ lease }) => !isOver(lease)).map(({ lease }) => statusOf(lease)),
    statusOf,
  }
}

/** Throws `LeaseNameWrong`. */
export function checkLeaseName(name: string): void {
  if (name === shellName) throw leaseNameWrong(name, `it is credd's own, for credd env`)
  if (name.length > longestName) throw leaseNameWrong(name.slice(0, longestName), `it is longer than ${longestName}`)
  if (!/^[\w+=,.@-]+$/.test(name)) throw leaseNameWrong(name, "letters, digits and +=,.@_- are what AWS takes")
}

/** Between a second (AWS's own least) and 30 days. Throws `UsageWrong`. */
export function checkLeaseTtl(seconds: number): void {
  if (!(seconds >= 1 && seconds <= 30 * 86_400)) throw leaseWrong("a lease lasts 1 second to 30 days")
}

/** `terraform-4711`: what a lease is called that ends with a process. */
export function execLeaseName(command: string, pid: number): string {
  const label = (command.split("/").at(-1) ?? "").replaceAll(/[^\w+=,.@-]+/gu, "-").slice(0, 40)
  return `${/^-*$/.test(label) ? "exec" : label}-${pid}`
}

export function mayRead(lease: Lease, profile: string): boolean {
  return lease.profiles.includes("*") || lease.profiles.includes(profile)
}

/** Some clients put `Bearer ` before the token by themselves. */
function bareToken(authorization: string): string {
  return authorization.startsWith("Bearer ") ? authorization.slice("Bearer ".length) : authorization
}

function sha256(text: string): string {
  return digest("sha256", text, "hex")
}

function time(epochMs: number | undefined): string | null {
  return epochMs === undefined ? null : isoSeconds(epochMs)
}
