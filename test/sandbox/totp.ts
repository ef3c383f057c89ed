/** Time-based one-time passwords (RFC 6238), and the rule that AWS takes each code once. */
import { Secret as TotpSecret, TOTP } from "otpauth"

export const stepMs = 30_000

/** What the MFA device shows at this time. */
export function currentCode(totpSecret: string, nowMs: number): string {
  return new TOTP({ secret: TotpSecret.fromBase32(totpSecret) }).generate({ timestamp: nowMs })
}

export interface UnusedCode {
  readonly code: string
  /** How long until AWS takes it: it takes codes up to one step ahead of its clock. */
  readonly waitMs: number
}

/** The first code, from now on, of a step that `isTaken` does not name. */
export function nextUnusedCode(totpSecret: string, nowMs: number, isTaken: (step: number) => boolean): UnusedCode {
  let step = stepAt(nowMs)
  while (isTaken(step)) step += 1
  return {
    code: currentCode(totpSecret, step * stepMs),
    waitMs: Math.max(0, (step - 1) * stepMs - nowMs),
  }
}

export interface CodeBook {
  /** Whether the code is this device's, now or one step around, and has not been taken before. */
  take(serial: string, totpSecret: string, code: string, nowMs: number): boolean
  isTaken(serial: string, step: number): boolean
}

export function codeBook(): CodeBook {
  const taken = new Set<string>()
  const isTaken = (serial: string, step: number): boolean => taken.has(`${serial} ${step}`)
  return {
    isTaken,
    take(serial, totpSecret, code, nowMs) {
      const step = [0, -1, 1]
        .map((around) => stepAt(nowMs) + around)
        .find((each) => currentCode(totpSecret, each * stepMs) === code)
      if (step === undefined || isTaken(serial, step)) return false
      taken.add(`${serial} ${step}`)
      return true
    },
  }
}

function stepAt(nowMs: number): number {
  return Math.floor(nowMs / stepMs)
}
