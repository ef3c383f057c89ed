/** What the credentials that a lease is given depend on: its scope, its end, and how AWS is to know it. */
import type { Credentials } from "./credentials.ts"
import { scopeLost } from "./errors.ts"
import { shellName, type Lease } from "./leases.ts"
import { scopeKey, whole, type NarrowScope, type Scope } from "./scope.ts"

export interface Access {
  /** Credentials are kept under it: equal for leases that share them, and empty for those that nothing sets apart. */
  readonly key: string
  /** Other leases may live on what this one was given. */
  readonly isShared: boolean
  readonly scope: Scope
  /** Of the scope; undefined where it is whole. */
  readonly scopeKey: string | undefined
  /** Epoch milliseconds: no credentials are to last longer. */
  readonly end: number | undefined
  /** For a role whose profile names no session of its own. */
  readonly roleSessionName: string | undefined
  /** CloudTrail shows it with a scoped session. */
  readonly description: string
}

/** The lease `shell`'s, and everything's that asks without a lease. */
export const wholeAccess: Access = {
  key: "",
  isShared: true,
  scope: whole,
  scopeKey: undefined,
  end: undefined,
  roleSessionName: undefined,
  description: "credd",
}

const longestDescription = 256
const known = new WeakMap<Lease, Access>()

export function accessOf(lease: Lease): Access {
  if (lease.name === shellName) return wholeAccess
  const made = known.get(lease) ?? makeAccess(lease)
  known.set(lease, made)
  return made
}

function makeAccess(lease: Lease): Access {
  const { id, name, pid, scope, expiration, description } = lease
  const label = pid === undefined ? name : name.slice(0, -`-${pid}`.length)
  const isShared = pid !== undefined && scope.kind === "whole"
  const text = `credd lease ${name}${description === undefined ? "" : `: ${description}`}`
  return {
    // A thousand runs of one command have one role session, not a thousand.
    key: isShared ? `exec ${label}` : id,
    isShared,
    scope,
    scopeKey: scope.kind === "whole" ? undefined : scopeKey(scope),
    end: expiration,
    roleSessionName: `credd-${label}`,
    description: text.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, longestDescription),
  }
}

declare const checked: unique symbol

/** Credentials that may leave: their scope was held against the lease's. Nothing else makes them, nothing else is sent. */
export type Served = Credentials & { readonly [checked]: true }

/** The last door. A scoped lease gets what AWS narrowed to just this scope, or an error. */
export function served(credentials: Credentials, access: Access): Served {
  if (!isFor(credentials, access)) throw scopeLost()
  return credentials
}

function isFor(credentials: Credentials, access: Access): credentials is Served {
  return credentials.scopedTo === access.scopeKey
}

/** AWS has narrowed these credentials to the scope. */
export function narrowedTo(scope: NarrowScope, credentials: Credentials): Credentials {
  return { ...credentials, scopedTo: scopeKey(scope) }
}
