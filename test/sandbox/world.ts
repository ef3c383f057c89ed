/** The sandbox's AWS: accounts' users, their access keys and MFA devices, roles and who may assume them; all of it obviously fake. */
export interface SandboxAccessKey {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** AWS no longer knows a key that was made inactive. Default true. */
  readonly active?: boolean
}

export interface SandboxUser {
  readonly accountId: string
  readonly userName: string
  /** `AIDA…`; made from the name when absent. */
  readonly userId?: string
  readonly accessKeys: readonly SandboxAccessKey[]
  /** `totpSecret` is in base32, as on the page with the QR code. */
  readonly mfa?: { readonly serial: string; readonly totpSecret: string }
  /** Has `sts:DecodeAuthorizationMessage`. */
  readonly mayDecode?: boolean
  /** May list, make, change and delete its own access keys: always, or by a session with MFA only. */
  readonly mayRotate?: boolean | "with-mfa"
  /** How long AWS takes until a new access key is known to it. */
  readonly newKeyDelayMs?: number
}

export interface SandboxRole {
  readonly arn: string
  readonly trust?: {
    /** User or role ARNs; anyone in the role's account when absent. */
    readonly principals?: readonly string[]
    /** `aws:MultiFactorAuthPresent`. */
    readonly requireMfa?: boolean
    /** `aws:MultiFactorAuthAge`. */
    readonly maxMfaAgeSeconds?: number
    readonly externalId?: string
  }
  /** Default 3600. */
  readonly maxSessionDurationSeconds?: number
  /** Has `sts:DecodeAuthorizationMessage`. */
  readonly mayDecode?: boolean
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
      mayRotate: true,
    },
  ],
  roles: [
    { arn: "arn:aws:iam::123456789012:role/developer", trust: { requireMfa: true } },
    {
      // No `requireMfa`: a role session carries no MFA, so the developer role could never get here.
      arn: "arn:aws:iam::210987654321:role/auditor",
      trust: {
        principals: ["arn:aws:iam::123456789012:user/alice", "arn:aws:iam::123456789012:role/developer"],
        externalId: "unique-id",
      },
    },
  ],
}
