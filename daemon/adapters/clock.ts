/** The machine's clock, mended by AWS's: expirations are reckoned in AWS's time, so a skewed clock serves nothing dead. */
import { setImmediate } from "node:timers/promises"
import type { Clock } from "../core/ports.ts"

/** Lets whoever waits have a turn: for long work, between its slices. */
export async function breathe(): Promise<void> {
  await setImmediate()
}

export interface AwsClock extends Clock {
  /** At the start of a call to AWS; what comes back takes the `Date` header of its answer. */
  timeCall(): (awsDate: string) => void
  /** How far AWS's clock is ahead of this machine's, in milliseconds. */
  offsetMs(): number
}

/** `Date` has whole seconds and travels for a while: smaller differences are noise. */
const noiseMs = 2_000

export interface MachineTime {
  /** Epoch milliseconds, which a person or NTP can set. */
  readonly wall: () => number
  /** Milliseconds that only go forward, and stand still while the machine sleeps. */
  readonly steady: () => number
}

const machineTime: MachineTime = { wall: Date.now, steady: () => performance.now() }

export function systemClock({ wall, steady }: MachineTime = machineTime): AwsClock {
  let offset = 0
  let between = wall() - steady()
  let isDoubtful = true
  let jumps = 0
  /** A request asks for the time again and again: within a millisecond nothing can have jumped unseen. */
  let seen = Number.NaN

  /** Notices a jump of the wall clock: a sleep forward, or somebody who set it. */
  function look(): number {
    const now = wall()
    if (now === seen) return now
    seen = now
    const jump = now - steady() - between
    if (Math.abs(jump) > noiseMs) {
      between += jump
      jumps += 1
      isDoubtful = true
      // Time never goes back, so a clock that does was set; one that went forward may have slept, and is believed.
      if (jump < 0) offset -= jump
    }
    return now
  }

  return {
    now: () => look() + offset,
    isDoubtful() {
      look()
      return isDoubtful
    },
    offsetMs() {
      look()
      return offset
    },
    after(ms, callback) {
      const timer = setTimeout(callback, ms)
      return () => clearTimeout(timer)
    },
    timeCall() {
      look()
      const [startedAt, jumpsBefore] = [steady(), jumps]
      return (awsDate) => {
        const aws = Date.parse(awsDate)
        const now = look()
        // An answer that lay waiting while the machine slept tells a time that is long past: all would seem alive again.
        if (Number.isNaN(aws) || jumps !== jumpsBefore) return
        const tookMs = steady() - startedAt
        const difference = aws + 500 + tookMs / 2 - now
        offset = Math.abs(difference) < noiseMs + tookMs ? 0 : difference
        isDoubtful = false
      }
    },
  }
}
