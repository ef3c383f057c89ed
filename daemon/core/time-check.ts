/**
 * Asks AWS what time it is when the machine's clock is in doubt. Any signed call tells it, a refused one too; the clock
 * takes it from the answer.
 */
import type { Clock, Sts, StsTarget } from "./ports.ts"
import type { Sessions } from "./sessions.ts"

export interface TimeCheckOptions {
  readonly clock: Clock
  readonly sts: Sts
  readonly sessions: Sessions
  readonly targetOf: (sourceProfile: string) => StsTarget
}

export interface TimeCheck {
  /** Resolves when AWS has told the time or could not be asked; nobody asks where no session depends on it. */
  sure(): Promise<void>
  /** Whether the time was in doubt and is sure now; waits so long at most. */
  sureWithin(patienceMs: number): Promise<boolean>
}

export function createTimeCheck({ clock, sts, sessions, targetOf }: TimeCheckOptions): TimeCheck {
  let asking: Promise<void> | undefined

  async function ask(): Promise<void> {
    const [sourceProfile] = sessions.sourceProfiles()
    const session = sourceProfile === undefined ? undefined : sessions.get(sourceProfile)
    if (session === undefined) return
    try {
      await sts.getCallerIdentity(session.credentials, targetOf(session.sourceProfile))
    } catch {
      // Refused or unreachable: whether the time is known now, the clock says.
    }
  }

  async function sure(): Promise<void> {
    if (!clock.isDoubtful()) return
    asking ??= ask().finally(() => {
      asking = undefined
    })
    await asking
  }

  return {
    sure,
    async sureWithin(patienceMs) {
      if (!clock.isDoubtful()) return false
      let cancel: (() => void) | undefined
      const patience = new Promise<void>((resolve) => {
        cancel = clock.after(patienceMs, resolve)
      })
      await Promise.race([sure(), patience])
      cancel?.()
      return !clock.isDoubtful()
    },
  }
}
