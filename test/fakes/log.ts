/** A log that remembers its lines, for tests that look for an event or for a secret. */
import type { Log } from "../../daemon/core/ports.ts"

export function fakeLog(): Log & { readonly lines: string[] } {
  const lines: string[] = []
  const write =
    (level: string) =>
    (event: string, facts = {}): number =>
      lines.push(`${level} ${event} ${JSON.stringify(facts)}`)
  return {
    lines,
    debug: (event, facts) => write("debug")(event, facts()),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
  }
}
