/** The leases of `credd exec`: each is held by an open connection, and ends with it. */
import type { HeldRoutes, MadeLease } from "../api.ts"
import { accessOf } from "../core/access.ts"
import { tokenRejected } from "../core/errors.ts"
import { execLeaseName, type Lease } from "../core/leases.ts"
import { nested } from "../core/nested-lease.ts"
import { scopeFrom } from "../core/scope.ts"
import type { HeldAnswer, HeldConnection, HeldHandlers } from "../http/control-app.ts"
import { leaseFacts } from "./audit.ts"
import { defaultProfile, leasedProfile } from "./environment.ts"
import type { ControlOptions } from "./options.ts"

export interface Holds {
  readonly handlers: HeldHandlers
  /** The lease has ended: its holder is told by the end of the connection. */
  ended(lease: Lease): void
  /** After a start, holders come back within moments; those who do not are gone. */
  endUnheld(): void
  /** The daemon stops: that is no end of anybody's lease. */
  close(): void
}

type Asked = HeldRoutes["POST /exec"]["body"]
type Options = Pick<ControlOptions, "broker" | "leases" | "audit" | "endpoint" | "defaultProfile">

export function createHolds(options: Options): Holds {
  const { broker, leases, audit } = options
  const held = new Map<string, HeldConnection>()
  let isStopping = false

  function hold(lease: Lease): (connection: HeldConnection) => void {
    return (connection) => {
      held.set(lease.id, connection)
      connection.onGone(() => {
        if (held.get(lease.id) !== connection) return
        held.delete(lease.id)
        if (!isStopping) leases.release(lease)
      })
    }
  }

  /** A holder that was there before the daemon was started again. A lease that was revoked is not brought back by it. */
  function again(token: string): HeldAnswer<MadeLease> {
    const lease = leases.verify(token)
    if (lease.pid === undefined) throw tokenRejected()
    const profiles = lease.profiles.map((each) => leasedProfile(options, each))
    return { answer: { lease: leases.statusOf(lease), token, profiles, warnings: [] }, hold: hold(lease) }
  }

  async function make({ command, pid, profile: named, scope, within }: Asked): Promise<HeldAnswer<MadeLease>> {
    const profile = named ?? defaultProfile(options)
    const place = leasedProfile(options, profile)
    const asked = { name: freeName(command, pid), profiles: [profile], scope: scopeFrom(scope), pid }
    const { lease, token } = leases.draft(nested(asked, leases.owner(within)), true)
    broker.checkScope(profile, lease.scope)
    await insist(profile, lease)
    await leases.add(lease, true)
    audit.record("lease-new", { outcome: "ok", ...leaseFacts(leases.statusOf(lease)) })
    const answer = { lease: leases.statusOf(lease), token: token.reveal(), profiles: [place], warnings: [] }
    return { answer, hold: hold(lease) }
  }

  /** A command that is about to start is told now what it would be told at its first request. */
  async function insist(profile: string, lease: Lease): Promise<void> {
    const access = accessOf(lease)
    if (lease.scope.kind === "whole") {
      if (broker.session(profile).state !== "signed-in") await broker.credentialsFor(profile, access)
      return
    }
    try {
      const open = await broker.prove(profile, access)
      if (open !== undefined) throw open
    } catch (error) {
      broker.forgetAccess(access)
      throw error
    }
  }

  /** Two containers may have a process of the same number. */
  function freeName(command: string, pid: number): string {
    for (let i = 1; ; i += 1) {
      const name = execLeaseName(i === 1 ? command : `${command}.${i}`, pid)
      const taken = leases.find(name)
      if (taken === undefined || !held.has(taken.id)) return name
    }
  }

  return {
    handlers: {
      "POST /exec": async (asked) => (asked.token === undefined ? await make(asked) : again(asked.token)),
    },
    ended({ id }) {
      const connection = held.get(id)
      held.delete(id)
      connection?.close()
    },
    endUnheld() {
      for (const lease of leases.all()) if (lease.pid !== undefined && !held.has(lease.id)) leases.release(lease)
    },
    close() {
      isStopping = true
      for (const connection of held.values()) connection.close()
    },
  }
}
