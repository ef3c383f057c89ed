/** The sandbox's AWS: accounts' users, their access keys and MFA devices, roles and who may assume them; all of it obviously fake. */
import { randomBytes } from "node:crypto"

export interface SandboxUser {
  readonly accountId: string
  readonly userName: string
  readonly accessKeys: readonly { readonly accessKeyId: string; readonly secretAccessKey: string }[]
  readonly mfa?: { readonly serial: string; readonly totpSecret: string }
  /** Has `sts:DecodeAuthorizationMessage`. */
  readonly mayDecode?: boolean
}

export interface SandboxRole {
  readonly arn: string
  readonly trust?: {
    /** User or role ARNs; anyone in the account when absent. */
    readonly principals?: readonly string[]
    readonly requireMfa?: boolean
    readonly maxMfaAgeSeconds?: number
    readonly externalId?: string
  }
  readonly maxSessionDurationSeconds?: number
}

export interface World {
  readonly users: readonly SandboxUser[]
  readonly roles: readonly SandboxRole[]
}

/** One person, one MFA device, two roles: what the demo and most tests need. */
export const exampleWorld: World = {
  users: [
    {
      accountId: "123456789012",
      userName: "alice",
      accessKeys: [
        { accessKeyId: "AKIAEXAMPLEALICE0001", secretAccessKey: "EXAMPLEsecretOfAliceNotARealOne000000001" },
      ],
      mfa: { serial: "arn:aws:iam::123456789012:mfa/alice", totpSecret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP" },
      mayDecode: true,
    },
  ],
  roles: [
    { arn: "arn:aws:iam::123456789012:role/developer", trust: { requireMfa: true } },
    {
      arn: "arn:aws:iam::210987654321:role/auditor",
      trust: {
        principals: ["arn:aws:iam::123456789012:user/alice", "arn:aws:iam::123456789012:role/developer"],
        requireMfa: true,
        externalId: "unique-id",
      },
    },
  ],
}

/** Whoever signs a request. */
export interface Principal {
  readonly kind: "user" | "session" | "role"
  readonly accountId: string
  readonly arn: string
  readonly userId: string
  /** The user or role that trust policies name. */
  readonly principalArn: string
  readonly user?: SandboxUser
  readonly mfaAt?: number
}

export interface IssuedCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string
  readonly expiration: number
  readonly principal: Principal
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

export function issueCredentials(principal: Principal, expiration: number): IssuedCredentials {
  return {
    accessKeyId: `ASIA${[...randomBytes(16)].map((byte) => alphabet[byte % alphabet.length]).join("")}`,
    secretAccessKey: randomBytes(30).toString("base64"),
    // Real ones have several hundred characters, "/", "+" and "=" among them.
    sessionToken: `FwoGZXIvYXdzEXAMPLE${randomBytes(240).toString("base64")}`,
    expiration,
    principal,
  }
}

export function userPrincipal(user: SandboxUser): Principal {
  const arn = `arn:aws:iam::${user.accountId}:user/${user.userName}`
  return {
    kind: "user",
    accountId: user.accountId,
    arn,
    principalArn: arn,
    userId: `AIDAEXAMPLE${user.userName.toUpperCase()}`,
    user,
  }
}
