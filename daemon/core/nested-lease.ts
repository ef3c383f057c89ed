/**
 * A lease that is asked for from inside a scoped one: it gets no more than that one has. This keeps a script that calls
 * `credd exec` from widening itself by accident; a program that means to can leave the outer token out.
 */
import { profileNotAllowed, scopeRefused } from "./errors.ts"
import { mayRead, type Lease, type NewLease } from "./leases.ts"
import { scopeKey } from "./scope.ts"

export function nested(asked: NewLease, outer: Lease | undefined): NewLease {
  if (outer === undefined || outer.scope.kind === "whole") return asked
  for (const profile of asked.profiles) if (!mayRead(outer, profile)) throw profileNotAllowed(profile, outer.name)
  const { scope } = asked
  if (scope.kind !== "whole" && scopeKey(scope) !== scopeKey(outer.scope)) {
    throw scopeRefused(`lease "${outer.name}", inside which it is asked for, has another`, "ask outside of that lease")
  }
  const end = Math.min(asked.expiration ?? Number.POSITIVE_INFINITY, outer.expiration ?? Number.POSITIVE_INFINITY)
  return { ...asked, scope: outer.scope, ...(Number.isFinite(end) ? { expiration: end } : {}) }
}
