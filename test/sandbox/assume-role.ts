/** AssumeRole: the role's trust policy, its longest session, and the hour that role chaining is held to. */
import { stsError } from "./errors.ts"
import { issueCredentials } from "./issued.ts"
import { mfaLimits, mfaOfCall } from "./mfa.ts"
import { managedPolicies, parsePolicy, tokenBytes, unlimited, type Limits } from "./policy.ts"
import { accountOf, rolePrincipal, type Principal } from "./principal.ts"
import type { State } from "./state.ts"
import { validate } from "./validation.ts"
import { credentialsContent, type Children } from "./wire.ts"
import type { SandboxRole } from "./world.ts"

const chainedMaxSeconds = 3_600

export function assumeRole(state: State, principal: Principal, parameters: URLSearchParams, now: number): Children {
  validate(parameters, {
    RoleArn: { required: true, minLength: 20, maxLength: 2_048 },
    RoleSessionName: { required: true, minLength: 2, maxLength: 64, pattern: "[\\w+=,.@-]*" },
    DurationSeconds: { min: 900, max: 43_200 },
    Policy: { minLength: 1, maxLength: 2_048 },
    ExternalId: { minLength: 2, maxLength: 1_224, pattern: "[\\w+=,.@:\\/-]*" },
    ...mfaLimits,
  })
  if (principal.kind === "federated") {
    throw stsError("AccessDenied", "Cannot call AssumeRole with federated user credentials")
  }
  const arn = parameters.get("RoleArn") ?? ""
  const seconds = Number(parameters.get("DurationSeconds") ?? 3_600)
  const mfaAt = mfaOfCall(state, principal, parameters, now) ?? mfaOfSession(principal)
  const role = state.world.roles.find((each) => each.arn === arn)
  // AWS does not tell a role that is not there from one that does not trust the caller.
  if (role === undefined || !trusts(role, { principal, externalId: parameters.get("ExternalId"), mfaAt, now })) {
    throw stsError(
      "AccessDenied",
      `User: ${principal.arn} is not authorized to perform: sts:AssumeRole on resource: ${arn}`,
    )
  }
  // GetSessionToken's credentials count as well: https://github.com/99designs/aws-vault/issues/263
  if (principal.kind !== "user" && seconds > chainedMaxSeconds) {
    throw stsError(
      "ValidationError",
      "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
    )
  }
  if (seconds > (role.maxSessionDurationSeconds ?? 3_600)) {
    throw stsError("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
  }

  const limits = limitsAsked(parameters)
  const bytes = tokenBytes(limits)
  const sessionName = parameters.get("RoleSessionName") ?? ""
  const assumed = rolePrincipal(role, { sessionName, assumedBy: principal, limits })
  const issued = issueCredentials(assumed, now + seconds * 1_000)
  state.issued.set(issued.accessKeyId, issued)
  return {
    AssumedRoleUser: { AssumedRoleId: assumed.userId, Arn: assumed.arn },
    Credentials: credentialsContent(issued),
    ...(limits.layers.length === 0 ? {} : { PackedPolicySize: String(Math.round((bytes * 100) / 4_096)) }),
  }
}

/** Session policies, inline and managed, add up; together they are one limit. */
function limitsAsked(parameters: URLSearchParams): Limits {
  const inline = parameters.get("Policy")
  const arns = [...parameters].flatMap(([name, value]) => (/^PolicyArns\.member\.\d+\.arn$/.test(name) ? [value] : []))
  if (arns.length > 10) throw stsError("ValidationError", "A maximum of 10 managed session policies is allowed.")
  const managed = arns.map((arn) => {
    const policy = managedPolicies.get(arn)
    if (policy === undefined) throw stsError("ValidationError", `Policy ${arn} does not exist or is not attachable.`)
    return policy
  })
  const layer = [...(inline === null ? [] : [parsePolicy(inline)]), ...managed]
  return layer.length === 0 ? unlimited : { layers: [layer], scopedLayers: 0 }
}

/** A role session carries no MFA: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_configure-api-require.html */
function mfaOfSession(principal: Principal): number | undefined {
  return principal.kind === "session" ? principal.mfaAt : undefined
}

interface Request {
  readonly principal: Principal
  readonly externalId: string | null
  readonly mfaAt: number | undefined
  readonly now: number
}

function trusts({ arn, trust = {} }: SandboxRole, { principal, externalId, mfaAt, now }: Request): boolean {
  const isNamed = trust.principals?.includes(principal.principalArn) ?? accountOf(arn) === principal.accountId
  const hasMfa = trust.requireMfa !== true || mfaAt !== undefined
  const isFresh =
    trust.maxMfaAgeSeconds === undefined || (mfaAt !== undefined && now - mfaAt <= trust.maxMfaAgeSeconds * 1_000)
  return isNamed && hasMfa && isFresh && (trust.externalId === undefined || trust.externalId === externalId)
}
