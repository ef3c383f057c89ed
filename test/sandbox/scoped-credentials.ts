/** GetScopedCredentials: the same session with less to it. https://docs.aws.amazon.com/STS/latest/APIReference/API_GetScopedCredentials.html */
import { stsError } from "./errors.ts"
import { issueCredentials } from "./issued.ts"
import { parsePolicy, tokenBytes } from "./policy.ts"
import type { Principal } from "./principal.ts"
import type { State } from "./state.ts"
import { validate } from "./validation.ts"
import { credentialsContent, type Children } from "./wire.ts"

const mostLayers = 3

export function getScopedCredentials(
  state: State,
  principal: Principal,
  parameters: URLSearchParams,
  now: number,
): Children {
  const { arn, userId, expiration, limits } = principal
  if (expiration === undefined) {
    throw stsError("AccessDenied", "Cannot call GetScopedCredentials with IAM user credentials")
  }
  validate(parameters, {
    Policy: { minLength: 1, maxLength: 2_048, pattern: "[\\t\\n\\r\\u0020-\\u00FF]+" },
    DurationSeconds: { min: 1, max: 129_600 },
    MinimumSessionTokenSize: { min: 0, max: 4_096 },
    ScopedSessionDescription: { maxLength: 256 },
  })
  const policy = parameters.get("Policy")
  const seconds = parameters.get("DurationSeconds")
  if (policy === null && seconds === null) {
    throw stsError("ValidationError", "At least one of Policy or DurationSeconds must be provided.")
  }
  const end = seconds === null ? expiration : now + Number(seconds) * 1_000
  if (end > expiration) throw stsError("InsufficientSessionLifetime")
  const scopedLayers = limits.scopedLayers + (policy === null ? 0 : 1)
  if (scopedLayers > mostLayers) {
    throw stsError("AccessDenied", `A session cannot have more than ${mostLayers} scope down policies.`)
  }
  const narrowed = {
    layers: policy === null ? limits.layers : [...limits.layers, [parsePolicy(policy)]],
    scopedLayers,
  }
  const size = tokenBytes(narrowed)
  const issued = issueCredentials({ ...principal, limits: narrowed }, end)
  state.issued.set(issued.accessKeyId, issued)
  return {
    Credentials: credentialsContent(issued),
    SessionInfo: { ScopedSessionId: userId, Arn: arn },
    SessionTokenSize: String(size),
    SessionTokenUtilization: String(Math.round((size * 100) / 4_096)),
    ScopedPoliciesCount: String(scopedLayers),
  }
}
