/** Trouble on command: each fault waits for its calls, and does one thing that AWS or the network is known to do. */
export type Misbehaviour =
  | { readonly kind: "latency"; readonly ms: number }
  /** The connection breaks before the call is looked at, or after it took effect. */
  | { readonly kind: "drop"; readonly when: "before" | "after" }
  /** No answer, ever. */
  | { readonly kind: "hang" }
  /** Status and message are AWS's for this code when absent. */
  | {
      readonly kind: "error"
      readonly code: string
      readonly status?: number
      readonly message?: string
      readonly retryAfterSeconds?: number
    }
  /** XML that breaks off. */
  | { readonly kind: "malformed" }
  /** A captive portal: a page, with status 200. */
  | { readonly kind: "html" }
  /** An answer of 2 MB. */
  | { readonly kind: "huge" }
  /** The right answer, a byte at a time. */
  | { readonly kind: "drip"; readonly everyMs: number }

export type Fault = Misbehaviour & {
  /** Only this action; any when absent. */
  readonly action?: string
  /** How many calls it hits; all until `clear` when absent. */
  readonly times?: number
  /** Ends by itself at this time of the sandbox's clock. */
  readonly until?: number
  /** Ends by itself so long after it was added. */
  readonly forSeconds?: number
}

export interface Faults {
  add(fault: Fault): void
  clear(): void
}

export interface PendingFaults extends Faults {
  /** Counts down and gives what hits this call: every delay, and the oldest of the rest. */
  next(action: string): { readonly latencyMs: number; readonly fault: Fault | undefined }
}

export const throttling: Fault = { kind: "error", code: "Throttling" }

/** Nobody there: every connection is closed. */
export function outage(forSeconds: number): Fault {
  return { kind: "drop", when: "before", forSeconds }
}

export function createFaults(now: () => number): PendingFaults {
  let pending: { readonly fault: Fault; readonly until: number; left: number }[] = []
  return {
    add(fault) {
      const { times = Number.POSITIVE_INFINITY, forSeconds = Number.POSITIVE_INFINITY } = fault
      const until = Math.min(fault.until ?? Number.POSITIVE_INFINITY, now() + forSeconds * 1_000)
      pending.push({ fault, until, left: times })
    },
    clear() {
      pending = []
    },
    next(action) {
      pending = pending.filter(({ left, until }) => left > 0 && now() < until)
      const meant = pending.filter(({ fault }) => fault.action === undefined || fault.action === action)
      const hit = meant.find(({ fault }) => fault.kind !== "latency")
      let latencyMs = 0
      for (const each of meant) {
        if (each.fault.kind === "latency") latencyMs += each.fault.ms
        if (each.fault.kind === "latency" || each === hit) each.left -= 1
      }
      return { latencyMs, fault: hit?.fault }
    },
  }
}
