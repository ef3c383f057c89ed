/** The machine's clock, mended by AWS's: expirations are reckoned in AWS's time, so a skewed clock serves nothing dead. */
import type { Clock } from "../core/ports.ts"

export interface AwsClock extends Clock {
  /** Takes the `Date` header of an answer that took `tookMs` to come. */
  observe(awsDate: string, tookMs: number): void
  /** How far AWS's clock is ahead of this machine's, in milliseconds. */
  offsetMs(): number
}

/** `Date` has whole seconds and travels for a while: smaller differences are noise. */
const noiseMs = 2_000

export function systemClock(): AwsClock {
  let offset = 0
  return {
    now: () => Date.now() + offset,
    offsetMs: () => offset,
    after(ms, callback) {
      const timer = setTimeout(callback, ms)
      return () => clearTimeout(timer)
    },
    observe(awsDate, tookMs) {
      const aws = Date.parse(awsDate)
      if (Number.isNaN(aws)) return
      const difference = aws + 500 + tookMs / 2 - Date.now()
      offset = Math.abs(difference) < noiseMs + tookMs ? 0 : difference
    },
  }
}
