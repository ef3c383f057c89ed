/** What each STS action does with a caller and its parameters: AWS's limits, AWS's refusals, AWS's words. */
import { assumeRole } from "./assume-role.ts"
import { stsError } from "./errors.ts"
import { issueCredentials } from "./issued.ts"
import { mfaLimits, mfaOfCall } from "./mfa.ts"
import { federatedPrincipal, sessionPrincipal, type Principal } from "./principal.ts"
import { getScopedCredentials } from "./scoped-credentials.ts"
import type { State } from "./state.ts"
import { validate } from "./validation.ts"
import { credentialsContent, type Children } from "./wire.ts"

export type Action = (state: State, principal: Principal, parameters: URLSearchParams, now: number) => Children

export const actions: ReadonlyMap<string, Action> = new Map<string, Action>([
  ["AssumeRole", assumeRole],
  ["DecodeAuthorizationMessage", decodeAuthorizationMessage],
  ["GetCallerIdentity", getCallerIdentity],
  ["GetFederationToken", getFederationToken],
  ["GetScopedCredentials", getScopedCredentials],
  ["GetSessionToken", getSessionToken],
])

function getCallerIdentity(_: State, { arn, userId, accountId }: Principal): Children {
  return { Arn: arn, UserId: userId, Account: accountId }
}

function getSessionToken(state: State, principal: Principal, parameters: URLSearchParams, now: number): Children {
  if (principal.kind !== "user") {
    throw stsError("AccessDenied", "Cannot call GetSessionToken with session credentials")
  }
  validate(parameters, { DurationSeconds: { min: 900, max: 129_600 }, ...mfaLimits })
  const seconds = Number(parameters.get("DurationSeconds") ?? 43_200)
  const session = sessionPrincipal(principal.user, mfaOfCall(state, principal, parameters, now))
  const issued = issueCredentials(session, now + seconds * 1_000)
  state.issued.set(issued.accessKeyId, issued)
  return { Credentials: credentialsContent(issued) }
}

function getFederationToken(state: State, principal: Principal, parameters: URLSearchParams, now: number): Children {
  if (principal.kind !== "user") {
    throw stsError("AccessDenied", "Cannot call GetFederationToken with session credentials")
  }
  validate(parameters, {
    Name: { required: true, minLength: 2, maxLength: 32, pattern: "[\\w+=,.@-]*" },
    DurationSeconds: { min: 900, max: 129_600 },
    "PolicyArns.member.1.arn": { minLength: 20, maxLength: 2_048 },
  })
  const seconds = Number(parameters.get("DurationSeconds") ?? 43_200)
  const federated = federatedPrincipal(principal.user, parameters.get("Name") ?? "")
  const issued = issueCredentials(federated, now + seconds * 1_000)
  state.issued.set(issued.accessKeyId, issued)
  return {
    Credentials: credentialsContent(issued),
    FederatedUser: { FederatedUserId: federated.userId, Arn: federated.arn },
    PackedPolicySize: "1",
  }
}

function decodeAuthorizationMessage(state: State, principal: Principal, parameters: URLSearchParams): Children {
  if (!mayDecode(principal)) {
    throw stsError(
      "AccessDenied",
      `User: ${principal.arn} is not authorized to perform: sts:DecodeAuthorizationMessage because no identity-based policy allows the sts:DecodeAuthorizationMessage action`,
    )
  }
  validate(parameters, { EncodedMessage: { required: true, minLength: 1, maxLength: 10_240 } })
  const decoded = state.messages.get(parameters.get("EncodedMessage") ?? "")
  if (decoded === undefined) throw stsError("InvalidAuthorizationMessageException")
  return { DecodedMessage: decoded }
}

/** GetSessionToken's credentials call AssumeRole and GetCallerIdentity, and nothing else of STS. */
function mayDecode(principal: Principal): boolean {
  switch (principal.kind) {
    case "user":
      return principal.user.mayDecode === true
    case "role":
      return principal.role.mayDecode === true
    default:
      return false
  }
}
