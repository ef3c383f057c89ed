/** The MFA parameters of GetSessionToken and AssumeRole. */
import { stsError } from "./errors.ts"
import type { Principal } from "./principal.ts"
import type { State } from "./state.ts"
import type { Limits } from "./validation.ts"

export const mfaLimits: Limits = {
  SerialNumber: { minLength: 9, maxLength: 256, pattern: "[\\w+=/:,.@-]*" },
  TokenCode: { minLength: 6, maxLength: 6, pattern: "[\\d]*" },
}

/** When the MFA device was used, if this call brings a code; a code is spent here. */
export function mfaOfCall(
  { codes }: State,
  principal: Principal,
  parameters: URLSearchParams,
  now: number,
): number | undefined {
  const serial = parameters.get("SerialNumber")
  const code = parameters.get("TokenCode")
  if (serial === null && code === null) return undefined
  if (serial === null || code === null) {
    throw stsError(
      "AccessDenied",
      "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.",
    )
  }
  // Only long-term keys bring a code: a session has its MFA already, and a role has no device.
  const mfa = principal.kind === "user" ? principal.user.mfa : undefined
  if (mfa === undefined || mfa.serial !== serial) {
    throw stsError(
      "AccessDenied",
      "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.",
    )
  }
  if (!codes.take(serial, mfa.totpSecret, code, now)) {
    throw stsError("AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code. ")
  }
  return now
}
