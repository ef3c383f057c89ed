/** An audit trail in memory, for tests that look for a line or for a secret. */
import type { Audit, AuditEvent, AuditFacts, Connection } from "../../daemon/core/ports.ts"

export interface FakeAudit extends Audit {
  readonly lines: { readonly event: AuditEvent; readonly facts: AuditFacts; readonly connection?: Connection }[]
}

export function fakeAudit(): FakeAudit {
  const lines: FakeAudit["lines"][number][] = []
  return {
    lines,
    record: (event, facts, connection) =>
      lines.push({ event, facts, ...(connection === undefined ? {} : { connection }) }),
  }
}
