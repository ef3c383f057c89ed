/**
 * For how long the machine gave us no processor: the daemon's time in the run queue (as Linux counts it) and our own
 * lateness, since AWS's stand-in lives here. On a busy machine a slow answer is then told from a slow daemon.
 */
import { readFileSync } from "node:fs"

export interface Starvation {
  /** Milliseconds, of a stretch that has been looked at. */
  during(from: number, to: number): number
  /** The last moment that has been looked at. */
  seenTo(): number
  stop(): void
}

const everyMs = 50
const keptMs = 120_000

export function watchStarvation(daemonPid: () => number | undefined): Starvation {
  let looks: { readonly at: number; readonly total: number }[] = [{ at: performance.now(), total: 0 }]
  let before: { readonly pid: number | undefined; readonly queuedMs: number } = { pid: undefined, queuedMs: 0 }
  let total = 0

  function look(): void {
    const at = performance.now()
    const lateMs = Math.max(0, at - (looks.at(-1)?.at ?? at) - everyMs)
    const pid = daemonPid()
    const queuedMs = queuedOf(pid)
    // A new process counts from nothing.
    total += lateMs + Math.max(0, queuedMs - (pid === before.pid ? before.queuedMs : 0))
    before = { pid, queuedMs }
    looks.push({ at, total })
    if (looks.length > (2 * keptMs) / everyMs) looks = looks.slice(looks.length / 2)
  }

  const timer = setInterval(look, everyMs)
  return {
    during(from, to) {
      const first = looks.findLast(({ at }) => at <= from) ?? looks[0]
      const last = looks.find(({ at }) => at >= to) ?? looks.at(-1)
      return (last?.total ?? 0) - (first?.total ?? 0)
    },
    seenTo: () => looks.at(-1)?.at ?? 0,
    stop: () => clearInterval(timer),
  }
}

/** The second number of `schedstat`: nanoseconds that the main thread was ready to run and did not. */
function queuedOf(pid: number | undefined): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[1]) / 1_000_000
  } catch {
    return 0
  }
}
