/** Whoever signs a request: a user, a user's session, or a role session. */
import { createHash } from "node:crypto"
import { unlimited, type Limits } from "./policy.ts"
import { uniqueId } from "./unique-id.ts"
import type { SandboxRole, SandboxUser } from "./world.ts"

interface Identity {
  readonly accountId: string
  readonly arn: string
  readonly userId: string
  /** The user or role that trust policies name. */
  readonly principalArn: string
  /** When its credentials end; absent for an access key. */
  readonly expiration?: number
  /** What its session's policies leave of its rights. */
  readonly limits: Limits
}

export type Principal = Identity &
  (
    | { readonly kind: "user"; readonly user: SandboxUser }
    | { readonly kind: "session"; readonly user: SandboxUser; readonly mfaAt: number | undefined }
    | { readonly kind: "role"; readonly role: SandboxRole; readonly assumedBy: Principal }
    | { readonly kind: "federated" }
  )

export function userPrincipal(user: SandboxUser): Principal {
  return { kind: "user", user, ...identityOf(user) }
}

/** What GetSessionToken gives: the same user, and the MFA if there was any. */
export function sessionPrincipal(user: SandboxUser, mfaAt: number | undefined): Principal {
  return { kind: "session", user, mfaAt, ...identityOf(user) }
}

/** What GetFederationToken gives: a name of the user's choice, and what the policies leave of the user's rights. */
export function federatedPrincipal({ accountId }: SandboxUser, name: string): Principal {
  const arn = `arn:aws:sts::${accountId}:federated-user/${name}`
  return { kind: "federated", accountId, arn, principalArn: arn, userId: `${accountId}:${name}`, limits: unlimited }
}

export interface Assumption {
  readonly sessionName: string
  readonly assumedBy: Principal
  readonly limits?: Limits
}

export function rolePrincipal(
  role: SandboxRole,
  { sessionName, assumedBy, limits = unlimited }: Assumption,
): Principal {
  const accountId = accountOf(role.arn)
  // A role's path is in its own ARN and not in that of its sessions.
  const roleName = role.arn.split("/").at(-1) ?? ""
  return {
    kind: "role",
    role,
    assumedBy,
    accountId,
    arn: `arn:aws:sts::${accountId}:assumed-role/${roleName}/${sessionName}`,
    userId: `${uniqueId("AROA", digest(role.arn))}:${sessionName}`,
    principalArn: role.arn,
    limits,
  }
}

export function accountOf(arn: string): string {
  return arn.split(":")[4] ?? ""
}

function identityOf({ accountId, userName, userId }: SandboxUser): Identity {
  const arn = `arn:aws:iam::${accountId}:user/${userName}`
  return { accountId, arn, principalArn: arn, limits: unlimited, userId: userId ?? uniqueId("AIDA", digest(arn)) }
}

/** IAM's own ids are random; these are the same at each start, so that a transcript can be compared. */
function digest(arn: string): Buffer {
  return createHash("sha256").update(arn).digest().subarray(0, 17)
}
