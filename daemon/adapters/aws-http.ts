/**
 * How bytes reach AWS: the SDK's request handler on undici, with deadlines (the SDK has none), `HTTPS_PROXY` and
 * `NO_PROXY`, `AWS_CA_BUNDLE`, a bound on the answer's size, and an eye on AWS's `Date` header.
 */
import { readFile } from "node:fs/promises"
import type { HttpHandlerOptions, HttpRequest, HttpResponse } from "@smithy/types"
import methods from "undici/lib/api/index.js"
import Dispatcher from "undici/lib/dispatcher/dispatcher.js"
import EnvHttpProxyAgent from "undici/lib/dispatcher/env-http-proxy-agent.js"
import { CreddError, awsUnreachable } from "../core/errors.ts"
import type { AwsClock } from "./clock.ts"
import { errnoCode } from "./errno.ts"

// undici's index does this. Its own proxy agent counts on it, too.
Object.assign(Dispatcher.prototype, methods)

export interface AwsHttp {
  handle(request: HttpRequest, options?: HttpHandlerOptions): Promise<{ response: HttpResponse & { body: Uint8Array } }>
  destroy(): void
}

export interface AwsHttpOptions {
  readonly clock: AwsClock
  readonly env: Readonly<Record<string, string | undefined>>
}

const deadlines = { connectMs: 3_000, firstByteMs: 5_000, totalMs: 10_000 }
/** STS answers are a few KB. */
const maxBytes = 1_000_000

export async function openAwsHttp({ clock, env }: AwsHttpOptions): Promise<AwsHttp> {
  const ca = env["AWS_CA_BUNDLE"] ? await caBundle(env["AWS_CA_BUNDLE"]) : undefined
  // Said outright: NODE_TLS_REJECT_UNAUTHORIZED=0 in somebody's shell is not to open credd's calls to a false AWS.
  const tls = { rejectUnauthorized: true, timeout: deadlines.connectMs, ...(ca === undefined ? {} : { ca }) }
  const dispatcher = new EnvHttpProxyAgent({
    connect: tls,
    // AWS behind a proxy: what `connect` says is for the connections without one.
    requestTls: tls,
    proxyTls: tls,
    headersTimeout: deadlines.firstByteMs,
    bodyTimeout: deadlines.firstByteMs,
    keepAliveTimeout: 4_000,
    maxResponseSize: maxBytes,
  })
  return {
    async handle(request, { abortSignal } = {}) {
      const told = clock.timeCall()
      const deadline = AbortSignal.timeout(deadlines.totalMs)
      const signal = abortSignal instanceof AbortSignal ? AbortSignal.any([deadline, abortSignal]) : deadline
      try {
        const answer = await dispatcher.request({
          origin: `${request.protocol}//${request.hostname}${request.port ? `:${request.port}` : ""}`,
          path: target(request),
          method: request.method === "GET" ? "GET" : "POST",
          headers: request.headers,
          body: typeof request.body === "string" || request.body instanceof Uint8Array ? request.body : null,
          signal,
        })
        const body = new Uint8Array(await answer.body.arrayBuffer())
        const headers = plain(answer.headers)
        if (headers["date"] !== undefined) told(headers["date"])
        return { response: { statusCode: answer.statusCode, headers, body } }
      } catch (error) {
        throw awsUnreachable(request.hostname, networkReason(error), error)
      }
    },
    // The SDK's client calls this when it is done; the connections outlive it on purpose.
    destroy: () => undefined,
  }
}

async function caBundle(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8")
  } catch (error) {
    throw new CreddError("ConfigMalformed", `could not read AWS_CA_BUNDLE ${file}: ${errnoCode(error)}`, {
      hint: "point AWS_CA_BUNDLE at a PEM file that you can read",
      cause: error,
    })
  }
}

function target(request: HttpRequest): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(request.query ?? {})) {
    for (const each of [value].flat()) query.append(name, each ?? "")
  }
  return query.size === 0 ? request.path : `${request.path}?${query.toString()}`
}

function plain(headers: Dispatcher.ResponseData["headers"]): Record<string, string> {
  const single: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) single[name.toLowerCase()] = Array.isArray(value) ? value.join(", ") : value
  }
  return single
}

const reasons: Readonly<Record<string, string>> = {
  ENOTFOUND: "its name could not be resolved",
  EAI_AGAIN: "its name could not be resolved",
  ECONNREFUSED: "connection refused",
  ECONNRESET: "the connection was reset",
  EHOSTUNREACH: "no route to it",
  ENETUNREACH: "the network is down",
  UND_ERR_SOCKET: "the connection was closed",
  UND_ERR_CONNECT_TIMEOUT: "connect timed out",
  UND_ERR_HEADERS_TIMEOUT: "it did not answer in time",
  UND_ERR_BODY_TIMEOUT: "it did not answer in time",
  UND_ERR_RES_EXCEEDED_MAX_SIZE: "the answer is too large",
  UND_ERR_ABORTED: "the proxy refused the connection",
}

function networkReason(error: unknown): string {
  if (error instanceof Error && error.name === "TimeoutError") return "it did not answer in time"
  const code = errnoCode(error) || (error instanceof Error ? errnoCode(error.cause) : "")
  return (
    reasons[code] ??
    (/CERT|TLS|SSL/.test(code) ? "its certificate is not trusted (AWS_CA_BUNDLE?)" : code || "the call failed")
  )
}
