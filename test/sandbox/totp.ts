/** Time-based one-time passwords (RFC 6238), and the rule that AWS takes each code once. */
import { Secret as TotpSecret, TOTP } from "otpauth"

const stepMs = 30_000

export function codeAt(totpSecret: string, atMs: number): string {
  return new TOTP({ secret: TotpSecret.fromBase32(totpSecret) }).generate({ timestamp: atMs })
}

export interface CodeBook {
  /** Whether the code is this device's, now or one step around, and has not been taken before. */
  take(serial: string, totpSecret: string, code: string, nowMs: number): boolean
}

export function codeBook(): CodeBook {
  const taken = new Set<string>()
  return {
    take(serial, totpSecret, code, nowMs) {
      const step = [0, -1, 1].find((around) => codeAt(totpSecret, nowMs + around * stepMs) === code)
      if (step === undefined) return false
      const key = `${serial} ${Math.floor(nowMs / stepMs) + step}`
      if (taken.has(key)) return false
      taken.add(key)
      return true
    },
  }
}
