/** One HTTP request to the sandbox: its own paths first, then faults, then STS. */
import { randomUUID } from "node:crypto"
import type { IncomingMessage, ServerResponse } from "node:http"
import { buffer } from "node:stream/consumers"
import type { Call, CallLog } from "./calls.ts"
import { controlAnswer } from "./control.ts"
import { federationAnswer } from "./federation.ts"
import type { PendingFaults } from "./faults.ts"
import { answerInstead, drip } from "./misbehave.ts"
import { claimIn } from "./signature.ts"
import type { State } from "./state.ts"
import { tableActionOf, tableAnswerOf } from "./table.ts"
import { answerOf, stsRequest, type StsRequest } from "./sts.ts"
import type { Answer } from "./wire.ts"

export interface HandlerOptions {
  /** Asked at each request: a reset replaces it. */
  readonly state: () => State
  readonly faults: PendingFaults
  readonly log: CallLog
  readonly clock: () => number
  readonly wait: (ms: number) => Promise<unknown>
  readonly mint: (document: object) => string
  readonly reset: () => void
}

export function requestHandler(options: HandlerOptions): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    // Whatever goes wrong here is the sandbox's own; its caller sees a connection that breaks.
    respond(options, request, response).catch((error: unknown) => response.destroy(asError(error)))
  }
}

async function respond(options: HandlerOptions, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const { state, faults, log, clock, wait } = options
  const { method = "", url: target = "/" } = incoming
  const [path = "/"] = target.split("?", 1)
  const body = await buffer(incoming)
  const requestId = randomUUID()
  const head = { requestId, now: clock() }

  const control =
    controlAnswer(options, method, path, body.toString("utf8")) ?? federationAnswer(state(), target, clock())
  if (control !== undefined) {
    sendHead(response, control, head)
    response.end(control.body)
    return
  }

  const sts = stsRequest({ method, target, headers: incoming.headersDistinct, body }, requestId)
  const table = tableActionOf(sts)
  const request = table === undefined ? sts : { ...sts, action: `dynamodb:${table}` }
  const { latencyMs, fault } = faults.next(request.action)
  const { accessKeyId, region } = claimIn(request) ?? {}
  const kind = fault?.kind ?? (latencyMs > 0 ? "latency" : undefined)
  const call = log.begin({ ...asked(request), at: clock(), accessKeyId, region, path, fault: kind })
  response.once("close", () => call.ended())

  if (latencyMs > 0) await wait(latencyMs)
  const instead = fault === undefined ? undefined : answerInstead(fault, requestId)
  const { answer, outcome } =
    instead === undefined
      ? table === undefined
        ? answerOf(state(), request, clock())
        : tableAnswerOf(state(), request, table, clock())
      : { answer: instead, outcome: fault?.kind === "error" ? fault.code : (kind ?? "") }
  call.decided(outcome)

  if (answer === "silence") return
  if (answer === "closed" || fault?.kind === "drop") {
    response.destroy()
    return
  }
  sendHead(response, answer, { requestId, now: clock() })
  if (fault?.kind === "drip") await drip(response, answer.body, async () => await wait(fault.everyMs))
  else response.end(answer.body)
}

/** What a record may hold: no code and no message. */
const told =
  /^(RoleArn|RoleSessionName|ExternalId|DurationSeconds|SerialNumber|SourceIdentity|Policy|PolicyArns\.member\.\d+\.arn|ScopedSessionDescription|Tags\.member\..+|TransitiveTagKeys\.member\.\d+)$/

function asked({ action, parameters }: StsRequest): Pick<Call, "action" | "parameters"> {
  return { action, parameters: Object.fromEntries([...parameters].filter(([name]) => told.test(name))) }
}

interface Head {
  readonly requestId: string
  readonly now: number
}

function sendHead(response: ServerResponse, { status, body, headers = {} }: Answer, { requestId, now }: Head): void {
  response.writeHead(status, {
    "x-amzn-requestid": requestId,
    "content-type": "text/xml",
    "content-length": Buffer.byteLength(body),
    date: new Date(now).toUTCString(),
    ...headers,
  })
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
