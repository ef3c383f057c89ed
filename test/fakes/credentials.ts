/** Credentials that are obviously nobody's. */
import type { Credentials, KeptAccessKey, MfaSession } from "../../daemon/core/credentials.ts"
import { Secret } from "../../daemon/core/secret.ts"

let made = 0

export function someCredentials(expiration: number): Credentials {
  made += 1
  const number = String(made).padStart(8, "0")
  return {
    accessKeyId: `ASIAEXAMPLE0${number}`,
    secretAccessKey: new Secret(`EXAMPLE-secret-${number}`),
    sessionToken: new Secret(`EXAMPLE-token-${number}`),
    expiration,
  }
}

export const someAccessKey: KeptAccessKey = {
  accessKeyId: "AKIAEXAMPLEALICE0001",
  secretAccessKey: new Secret("EXAMPLEsecretOfAliceNotARealOne000000001"),
  accountId: "123456789012",
  arn: "arn:aws:iam::123456789012:user/alice",
  addedAt: 0,
}

export function someSession(sourceProfile: string, expiration: number): MfaSession {
  return {
    sourceProfile,
    credentials: someCredentials(expiration),
    mfaSerial: "arn:aws:iam::123456789012:mfa/alice",
    accountId: "123456789012",
    arn: "arn:aws:iam::123456789012:user/alice",
    startedAt: 0,
  }
}
