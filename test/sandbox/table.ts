/**
 * A service besides STS, so that tests see what credentials may do: DynamoDB on the wire, with every table there and
 * empty. Everybody may do everything, less what the session's policies forbid.
 */
import { authenticated } from "./authentication.ts"
import { StsError } from "./errors.ts"
import { whyDenied } from "./policy.ts"
import { claimIn, headerOf, type SignedRequest } from "./signature.ts"
import type { State } from "./state.ts"
import type { Answered } from "./sts.ts"
import type { Answer } from "./wire.ts"

const answers: Readonly<Record<string, object>> = {
  DeleteItem: {},
  GetItem: { Item: { id: { S: "1" } } },
  ListTables: { TableNames: ["things"] },
  PutItem: {},
  Query: { Items: [], Count: 0, ScannedCount: 0 },
  Scan: { Items: [], Count: 0, ScannedCount: 0 },
}

/** `GetItem`; undefined where the request is none of ours. */
export function tableActionOf(request: SignedRequest): string | undefined {
  return /^DynamoDB_20120810\.(\w+)$/.exec(headerOf(request, "x-amz-target"))?.[1]
}

export function tableAnswerOf(state: State, request: SignedRequest, action: string, now: number): Answered {
  try {
    const { arn, accountId, limits } = authenticated(state, request, now, "dynamodb")
    const resource = `arn:aws:dynamodb:${claimIn(request)?.region}:${accountId}:table/${tableIn(request)}`
    const why = whyDenied(limits, `dynamodb:${action}`, resource)
    if (why !== undefined) {
      const what = `User: ${arn} is not authorized to perform: dynamodb:${action} on resource: ${resource} ${why}`
      return refused("AccessDeniedException", what)
    }
    const found = answers[action]
    return found === undefined ? refused("UnknownOperationException", "") : { answer: json(200, found), outcome: "ok" }
  } catch (error) {
    if (!(error instanceof StsError)) throw error
    return refused(error.code === "InvalidClientTokenId" ? "UnrecognizedClientException" : error.code, error.message)
  }
}

function tableIn(request: SignedRequest): string {
  const body = JSON.parse(Buffer.from(request.body).toString("utf8")) as { readonly TableName?: string }
  return body.TableName ?? "*"
}

function refused(code: string, message: string): Answered {
  const answer = json(400, { __type: `com.amazon.coral.service#${code}`, Message: message, message })
  return { answer, outcome: code }
}

function json(status: number, document: object): Answer {
  return { status, body: JSON.stringify(document), headers: { "content-type": "application/x-amz-json-1.0" } }
}
