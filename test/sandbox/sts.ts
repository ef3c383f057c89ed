/** One request to STS, from its bytes to its answer. */
import { actions } from "./actions.ts"
import { authenticated } from "./authentication.ts"
import { StsError, stsError } from "./errors.ts"
import { whyDenied } from "./policy.ts"
import type { Principal } from "./principal.ts"
import type { SignedRequest } from "./signature.ts"
import type { State } from "./state.ts"
import { errorDocument, resultDocument, type Answer } from "./wire.ts"

const version = "2011-06-15"

export interface StsRequest extends SignedRequest {
  readonly requestId: string
  readonly parameters: URLSearchParams
  readonly action: string
}

export interface Answered {
  readonly answer: Answer
  /** `ok` or AWS's error code. */
  readonly outcome: string
}

/** Parameters come in the query too: AWS takes a GET as well as a POST. */
export function stsRequest(request: SignedRequest, requestId: string): StsRequest {
  const query = request.target.split("?", 2)[1]
  const parameters = new URLSearchParams([
    ...new URLSearchParams(query),
    ...new URLSearchParams(Buffer.from(request.body).toString("utf8")),
  ])
  return { ...request, requestId, parameters, action: parameters.get("Action") ?? "" }
}

/** Who one is may be asked with any credentials; the rest is the session's policies' to allow. */
function insistOnRight({ arn, limits }: Principal, action: string, resource: string): void {
  if (action === "GetCallerIdentity") return
  const why = whyDenied(limits, `sts:${action}`, resource)
  if (why === undefined) return
  throw stsError(
    "AccessDenied",
    `User: ${arn} is not authorized to perform: sts:${action} on resource: ${resource} ${why}`,
  )
}

export function answerOf(state: State, request: StsRequest, now: number): Answered {
  const { action, parameters, requestId } = request
  try {
    const run = parameters.get("Version") === version ? actions.get(action) : undefined
    if (run === undefined) {
      const asked = parameters.get("Version") ?? "NO_VERSION_SPECIFIED"
      throw stsError("InvalidAction", `Could not find operation ${action} for version ${asked}`)
    }
    const principal = authenticated(state, request, now)
    insistOnRight(principal, action, parameters.get("RoleArn") ?? "*")
    const result = run(state, principal, parameters, now)
    return { answer: resultDocument(action, result, requestId), outcome: "ok" }
  } catch (error) {
    if (!(error instanceof StsError)) throw error
    return { answer: errorDocument(error, requestId), outcome: error.code }
  }
}
