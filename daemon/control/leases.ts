/** Leases: made, shown, revoked. */
import { accessOf } from "../core/access.ts"
import { checkLeaseName, checkLeaseTtl, shellName, type Lease } from "../core/leases.ts"
import { leaseWrong } from "../core/errors.ts"
import { nested } from "../core/nested-lease.ts"
import { scopeFrom } from "../core/scope.ts"
import type { ControlHandlers } from "../http/control-app.ts"
import { leasedProfile } from "./environment.ts"
import type { ControlOptions } from "./options.ts"

type Routes = Pick<ControlHandlers, "GET /leases" | "POST /leases" | "DELETE /leases">

/** SDKs ask again when 15 minutes are left, and credentials are renewed when 25 are. */
const shortTtlSeconds = 45 * 60

export function leaseRoutes(options: ControlOptions): Routes {
  const { broker, leases, clock, renewLeases, renewShell } = options
  return {
    "GET /leases": async () => ({ leases: leases.status() }),
    "POST /leases": async ({ name, profiles: named, scope, ttlSeconds, description, replace, within }) => {
      checkLeaseName(name)
      checkLeaseTtl(ttlSeconds)
      const profiles = [...new Set(named)]
      const places = profiles.map((each) => leasedProfile(options, each))
      const asked = {
        name,
        profiles,
        scope: scopeFrom(scope),
        expiration: clock.now() + ttlSeconds * 1_000,
        ...(description === undefined ? {} : { description }),
      }
      const { lease, token } = leases.draft(nested(asked, leases.owner(within)), replace)
      for (const each of profiles) broker.checkScope(each, lease.scope)
      const warnings = [...(await proven(options, lease)), ...shortLived(ttlSeconds), ...outlived(options, lease)]
      await leases.add(lease, replace)
      return { lease: leases.statusOf(lease), token: token.reveal(), profiles: places, warnings }
    },
    "DELETE /leases": async ({ name, all }) => {
      if (all) return { revoked: (await renewLeases()).map((lease) => lease.name) }
      if (name === undefined) throw leaseWrong("name the lease to revoke, or --all")
      await leases.revoke(name)
      // `credd env` has need of one.
      if (name === shellName) await renewShell()
      return { revoked: [name] }
    },
  }
}

/** What AWS will not enforce is known before there is a lease. Without a session or a network that is found out later. */
async function proven({ broker }: Pick<ControlOptions, "broker">, lease: Lease): Promise<readonly string[]> {
  const access = accessOf(lease)
  if (lease.scope.kind === "whole") return []
  try {
    const outcomes = await Promise.all(
      lease.profiles.map(async (each) => ({ each, open: await broker.prove(each, access) })),
    )
    return outcomes.flatMap(({ each, open }) =>
      open === undefined
        ? []
        : [`AWS has not been asked yet whether it enforces the scope on profile "${each}": ${open.message}`],
    )
  } catch (error) {
    broker.forgetAccess(access)
    throw error
  }
}

function shortLived(ttlSeconds: number): readonly string[] {
  return ttlSeconds < shortTtlSeconds
    ? [
        "SDKs ask for credentials again when 15 minutes are left: with a --ttl under 45m that is often, at the end always",
      ]
    : []
}

/** Without GetScopedCredentials an MFA session cannot be given a shorter life. */
function outlived({ broker }: Pick<ControlOptions, "broker">, { profiles, scope }: Lease): readonly string[] {
  if (scope.kind !== "whole") return []
  return profiles.flatMap((name) => {
    const profile = broker.profiles().get(name)
    const isSo = profile?.kind === "session" && profile.target.isGlobal === true
    return isSo
      ? [`profile "${name}" uses STS's global endpoint: what it hands out lives as long as the MFA session`]
      : []
  })
}
