/** Trouble on command: each fault waits for its calls, and does one thing that AWS or the network is known to do. */
export type FaultKind =
  | { readonly kind: "latency"; readonly ms: number }
  /** The connection breaks before the call is looked at, or after it took effect. */
  | { readonly kind: "drop"; readonly when: "before" | "after" }
  | { readonly kind: "hang" }
  | {
      readonly kind: "error"
      readonly status: number
      readonly code: string
      readonly message?: string
      readonly retryAfterSeconds?: number
    }
  | { readonly kind: "malformed" }
  /** A captive portal: a page, with status 200. */
  | { readonly kind: "html" }
  | { readonly kind: "huge" }

export type Fault = FaultKind & {
  /** Only this action; any when absent. */
  readonly action?: string
  /** How many calls it hits; all until `clear` when absent. */
  readonly times?: number
  /** Ends by itself at this time of the sandbox's clock. */
  readonly until?: number
}

export interface Faults {
  add(fault: Fault): void
  clear(): void
  /** The fault that hits this call, if any; counts it down. */
  next(action: string, now: number): Fault | undefined
}

export function createFaults(): Faults {
  let faults: { readonly fault: Fault; left: number }[] = []
  return {
    add(fault) {
      faults.push({ fault, left: fault.times ?? Number.POSITIVE_INFINITY })
    },
    clear() {
      faults = []
    },
    next(action, now) {
      faults = faults.filter(({ fault, left }) => left > 0 && (fault.until === undefined || now < fault.until))
      const hit = faults.find(({ fault }) => fault.action === undefined || fault.action === action)
      if (hit !== undefined) hit.left -= 1
      return hit?.fault
    },
  }
}

export const throttling: Fault = { kind: "error", status: 400, code: "Throttling", message: "Rate exceeded" }

export function outage(seconds: number, now: number): Fault {
  return { kind: "drop", when: "before", until: now + seconds * 1_000 }
}
