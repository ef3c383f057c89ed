/** The daemon's pulse: renews what is due, reads again what could not be read, notices changed files. Timers are short, so sleep and clock changes need no code of their own. */
import type { Clock } from "./ports.ts"

const seconds = 1_000

export interface HeartbeatOptions {
  readonly clock: Clock
  readonly random: () => number
  /** Tells whether the next beat has time; while a keychain is locked, the heart beats faster. */
  readonly beat: () => Promise<{ readonly isCalm: boolean }>
}

/** Between two beats: enough to renew ahead, and with jitter so that no two daemons beat together. */
const calmMs = 30 * seconds
/** A keychain that was unlocked is noticed within 5 s, its helper's own time included. */
const anxiousMs = 2 * seconds

/** Beats until the returned function is called. */
export function heartbeat({ clock, random, beat }: HeartbeatOptions): () => void {
  let stopped = false
  let cancel: (() => void) | undefined

  function schedule(isCalm: boolean): void {
    if (stopped) return
    cancel = clock.after(isCalm ? calmMs * (0.8 + random() * 0.2) : anxiousMs, () => {
      beat().then(
        ({ isCalm: hasTime }) => schedule(hasTime),
        () => schedule(true),
      )
    })
  }

  schedule(false)
  return () => {
    stopped = true
    cancel?.()
  }
}
