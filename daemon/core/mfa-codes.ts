/** Which MFA codes went out. AWS takes a code once, and a second try with it can only do harm: it is refused here. */
import { mfaCodeUsed } from "./errors.ts"
import type { Clock } from "./ports.ts"

/** AWS takes a code during its own 30 s step and, for drift, a step or two around it. */
const memoryMs = 180_000

export interface MfaCodes {
  /** Called before a code is sent, whatever then comes of it. Throws `MfaCodeUsed` for one that was spent before. */
  spend(sourceProfile: string, mfaSerial: string, mfaCode: string): void
}

export function createMfaCodes(clock: Clock): MfaCodes {
  const spentAt = new Map<string, number>()
  return {
    spend(sourceProfile, mfaSerial, mfaCode) {
      const now = clock.now()
      for (const [code, at] of spentAt) if (Math.abs(now - at) > memoryMs) spentAt.delete(code)
      const spent = `${mfaSerial} ${mfaCode}`
      if (spentAt.has(spent)) throw mfaCodeUsed(sourceProfile)
      spentAt.set(spent, now)
    },
  }
}
