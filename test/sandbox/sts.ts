/** One request to STS or IAM, from its bytes to its answer. */
import { actions, type Action } from "./actions.ts"
import { iamActions } from "./iam.ts"
import { authenticated } from "./authentication.ts"
import { StsError, stsError } from "./errors.ts"
import { whyDenied } from "./policy.ts"
import type { Principal } from "./principal.ts"
import type { SignedRequest } from "./signature.ts"
import type { State } from "./state.ts"
import { errorDocument, resultDocument, type Answer } from "./wire.ts"

interface Service {
  readonly service: "sts" | "iam"
  readonly actions: ReadonlyMap<string, Action>
  readonly xmlns: string
}

/** Each service of the Query protocol is known by its version. */
const services = new Map<string, Service>([
  ["2011-06-15", { service: "sts", actions, xmlns: "https://sts.amazonaws.com/doc/2011-06-15/" }],
  ["2010-05-08", { service: "iam", actions: iamActions, xmlns: "https://iam.amazonaws.com/doc/2010-05-08/" }],
])

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
  if (action === "sts:GetCallerIdentity") return
  const why = whyDenied(limits, action, resource)
  if (why === undefined) return
  throw stsError("AccessDenied", `User: ${arn} is not authorized to perform: ${action} on resource: ${resource} ${why}`)
}

export function answerOf(state: State, request: StsRequest, now: number): Answered {
  const { action, parameters, requestId } = request
  const service = services.get(parameters.get("Version") ?? "")
  try {
    const known = service?.actions.get(action)
    if (service === undefined || known === undefined) {
      const asked = parameters.get("Version") ?? "NO_VERSION_SPECIFIED"
      throw stsError("InvalidAction", `Could not find operation ${action} for version ${asked}`)
    }
    const principal = authenticated(state, request, now, service.service)
    insistOnRight(principal, `${service.service}:${action}`, parameters.get("RoleArn") ?? "*")
    const result = known(state, principal, parameters, now)
    return { answer: resultDocument(action, result, requestId, service.xmlns), outcome: "ok" }
  } catch (error) {
    if (!(error instanceof StsError)) throw error
    return { answer: errorDocument(error, requestId, service?.xmlns), outcome: error.code }
  }
}
