/**
 * An Audit that keeps a flood of refusals small: whoever has no token could otherwise fill the record until its older
 * lines are rotated away. Of each kind the first few a minute get a line each, the rest a line together.
 */
import { isoSeconds } from "./credentials.ts"
import type { Audit, AuditFacts, Clock } from "./ports.ts"

const windowMs = 60_000
const linesAWindow = 20

export interface CalmAudit extends Audit {
  /** Writes down what is only counted yet, and counts no more. */
  close(): void
}

interface Window {
  readonly since: number
  readonly facts: AuditFacts
  readonly cancel: () => void
  lines: number
  more: number
}

export function calmRefusals(audit: Audit, clock: Clock): CalmAudit {
  const windows = new Map<string, Window>()

  function close(kind: string): void {
    const window = windows.get(kind)
    windows.delete(kind)
    if (window === undefined || window.more === 0) return
    const { outcome, via } = window.facts
    audit.record("refused", { outcome, via, more: window.more, since: isoSeconds(window.since) })
  }

  return {
    record(event, facts, connection) {
      // With a lease the caller has shown a token: each of those counts.
      if (event === "refused" && facts.lease === undefined) {
        const kind = `${String(facts["via"])} ${facts.outcome}`
        let window = windows.get(kind)
        if (window === undefined) {
          const cancel = clock.after(windowMs, () => close(kind))
          window = { since: clock.now(), facts, cancel, lines: 0, more: 0 }
          windows.set(kind, window)
        }
        if (window.lines >= linesAWindow) {
          window.more += 1
          return
        }
        window.lines += 1
      }
      audit.record(event, facts, connection)
    },
    close() {
      for (const [kind, { cancel }] of windows) {
        cancel()
        close(kind)
      }
    },
  }
}
