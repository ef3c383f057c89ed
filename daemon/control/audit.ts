/** Writes down what the commands change, and tells where the record stands. */
import type { ControlRoute, ControlRoutes, LeaseStatus } from "../api.ts"
import { codeOf } from "../core/errors.ts"
import type { AuditEvent, AuditFacts } from "../core/ports.ts"
import type { ControlHandlers } from "../http/control-app.ts"
import type { ControlOptions } from "./options.ts"

export function auditRoutes({ audit }: ControlOptions): Pick<ControlHandlers, "GET /audit"> {
  return {
    "GET /audit": async () => {
      const head = await audit.head()
      const problem = audit.problem()
      return { ...head, ...(problem === undefined ? {} : { problem }) }
    },
  }
}

export function leaseFacts({ id, name, profiles, scope, expiration }: LeaseStatus): Omit<AuditFacts, "outcome"> {
  return { lease: name, leaseId: id, profiles, scope: scope?.kind, expiration: expiration ?? undefined }
}

/** Routes that only ask, whatever their method says: nothing is another way after them. */
type Asking = `GET ${string}` | "POST /decode" | "POST /refresh"

/** The same handlers; each that changes something leaves a line, with names and times of what was sent and answered. */
export function recorded(handlers: ControlHandlers, { audit }: Pick<ControlOptions, "audit">): ControlHandlers {
  type Handler<R extends ControlRoute> = (body: ControlRoutes[R]["body"]) => Promise<ControlRoutes[R]["answer"]>

  function keep<R extends ControlRoute>(
    route: R,
    event: AuditEvent,
    facts: (body: ControlRoutes[R]["body"], answer?: ControlRoutes[R]["answer"]) => Omit<AuditFacts, "outcome">,
  ): Handler<R> {
    const handle: Handler<R> = handlers[route]
    return async (body) => {
      try {
        const answer = await handle(body)
        audit.record(event, { outcome: "ok", ...facts(body, answer) })
        return answer
      } catch (error) {
        audit.record(event, { outcome: codeOf(error), ...facts(body) })
        throw error
      }
    }
  }

  const changing: Pick<ControlHandlers, Exclude<ControlRoute, Asking>> = {
    "POST /leases": keep("POST /leases", "lease-new", ({ name, profiles }, answer) =>
      answer === undefined ? { lease: name, profiles } : leaseFacts(answer.lease),
    ),
    "DELETE /leases": keep("DELETE /leases", "lease-revoke", ({ name, all }, answer) => ({
      lease: name,
      all,
      revoked: answer?.revoked,
    })),
    "POST /console": keep("POST /console", "console", ({ profile }) => ({ profile })),
    "POST /login": keep("POST /login", "login", ({ profile }, answer) => ({
      profile,
      sourceProfile: answer?.session.sourceProfile,
      expiration: answer?.session.expiration,
    })),
    "POST /logout": keep("POST /logout", "logout", ({ profiles, all }, answer) => ({
      profiles,
      all,
      sourceProfiles: answer?.sourceProfiles,
    })),
    "POST /lock": keep("POST /lock", "lock", (_, answer) => ({ sessions: answer?.sessions })),
    "POST /unlock": keep("POST /unlock", "unlock", () => ({})),
    "POST /access-keys": keep("POST /access-keys", "access-key-add", ({ profile, accessKeyId }) => ({
      profile,
      keyId: accessKeyId,
    })),
    "DELETE /access-keys": keep("DELETE /access-keys", "access-key-remove", ({ profile }) => ({ profile })),
    // Each step of one: what it says is where it stands after that.
    "POST /rotate": keep("POST /rotate", "access-key-rotate", ({ profile }, answer) => ({
      profile,
      sourceProfile: answer?.profile,
      step: answer?.step,
      oldKeyId: answer?.oldKeyId,
      newKeyId: answer?.newKeyId,
    })),
    "POST /imds": keep("POST /imds", "imds-enable", ({ profile }, answer) => ({ profile, endpoint: answer?.endpoint })),
    "DELETE /imds": keep("DELETE /imds", "imds-disable", ({ profile }) => ({ profile })),
  }
  return { ...handlers, ...changing }
}
