/** Time that moves only when a test says so. */
import type { Clock } from "../../daemon/core/ports.ts"

export interface FakeClock extends Clock {
  /** Moves time and runs what falls due on the way, in order. */
  advance(ms: number): void
  /** Sets the wall clock without running anything: a suspend, or a person at the date settings. */
  jump(ms: number): void
  /** Puts the time in doubt, by so much, until `tell`: as a wrong clock is until AWS answers. */
  doubt(wrongByMs: number): void
  /** What an answer of AWS's does. */
  tell(): void
}

export const seconds = 1_000
export const minutes = 60 * seconds
export const hours = 60 * minutes

export function fakeClock(start = Date.parse("2026-11-23T10:00:00Z")): FakeClock {
  let now = start
  let wrongByMs = 0
  let isDoubtful = false
  let timers: { at: number; run: () => void }[] = []
  return {
    now: () => now + wrongByMs,
    isDoubtful: () => isDoubtful,
    after(ms, run) {
      const timer = { at: now + ms, run }
      timers.push(timer)
      return () => {
        timers = timers.filter((each) => each !== timer)
      }
    },
    advance(ms) {
      const end = now + ms
      for (;;) {
        const next = timers.filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0]
        if (next === undefined) break
        timers = timers.filter((each) => each !== next)
        now = Math.max(now, next.at)
        next.run()
      }
      now = end
    },
    jump(ms) {
      now += ms
    },
    doubt(ms) {
      wrongByMs = ms
      isDoubtful = true
    },
    tell() {
      wrongByMs = 0
      isDoubtful = false
    },
  }
}
