/** Temporary credentials as STS makes them up, and what they stand for. */
import { randomBytes } from "node:crypto"
import type { Principal } from "./principal.ts"
import { uniqueId } from "./unique-id.ts"

export interface IssuedCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string
  readonly expiration: number
  readonly principal: Principal
}

export function issueCredentials(principal: Principal, expiration: number): IssuedCredentials {
  return {
    accessKeyId: uniqueId("ASIA", randomBytes(16)),
    secretAccessKey: randomBytes(30).toString("base64"),
    // Real ones have several hundred characters, "/", "+" and "=" among them.
    sessionToken: `FwoGZXIvYXdzEXAMPLE${randomBytes(241).toString("base64")}`,
    // STS speaks in whole seconds.
    expiration: Math.floor(expiration / 1_000) * 1_000,
    principal: { ...principal, expiration: Math.floor(expiration / 1_000) * 1_000 },
  }
}
