/** The data plane: hands credentials to callers that bring a token. Reads; changes nothing. */
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response"
import { Hono, type Context } from "hono"
import type { ContentfulStatusCode } from "hono/utils/http-status"
import type { IncomingMessage, ServerResponse } from "node:http"
import { isoSeconds, maskedKeyId, type Credentials } from "../core/credentials.ts"
import {
  CreddError,
  methodNotAllowed,
  peerRejected,
  profileNotAllowed,
  requestMalformed,
  routeNotFound,
} from "../core/errors.ts"
import { mayRead, type Lease, type Leases } from "../core/leases.ts"
import type { Connection, Log, Peers } from "../core/ports.ts"
import { guardHeaders } from "./guards.ts"
import { problem } from "./problem.ts"

export interface CredentialsAppOptions {
  readonly hosts: ReadonlySet<string>
  readonly leases: Pick<Leases, "verify">
  readonly peers: Pick<Peers, "mayAsk">
  readonly credentialsFor: (profile: string) => Promise<Credentials>
  readonly log: Log
}

/** node-server hands the request through; `app.request()` in a test does not. */
interface Served {
  readonly Bindings: { readonly incoming?: IncomingMessage; readonly outgoing?: ServerResponse }
}

const prefix = "/credentials/"

/** No answer of this server is for a browser, a cache or another origin. */
export const answerHeaders = {
  // Go and Kotlin compare it for equality, so no charset.
  "content-type": "application/json",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
} as const

export function credentialsApp({ hosts, leases, peers, credentialsFor, log }: CredentialsAppOptions): Hono<Served> {
  const app = new Hono<Served>()

  // Before anything else, on every path: nothing is told to a caller that is not ours. (Not a middleware: the promises
  // that chain one cost a third of the request.)
  const guard = (c: Context<Served>): void => guardHeaders(headerOf(c), hosts)

  app.get("/healthz", (c) => {
    guard(c)
    return answer(c, 200, '{"status":"ok"}')
  })

  app.get(`${prefix}*`, async (c) => {
    guard(c)
    const profile = profileIn(c.req.url)
    const lease = leases.verify(headerOf(c)("authorization"))
    if (!mayRead(lease, profile)) throw profileNotAllowed(profile, lease.name)
    const credentials = await admitted(peers.mayAsk(connectionOf(c)), () => credentialsFor(profile))
    log.debug("credentials_served", () => facts(profile, lease, credentials))
    return send(c, 200, containerCredentials(credentials))
  })

  app.notFound((c) => {
    guard(c)
    throw c.req.method === "GET" || c.req.method === "HEAD" ? routeNotFound() : methodNotAllowed()
  })

  app.onError((error, c) => {
    const { status, body } = problem(error)
    const code = error instanceof CreddError ? error.code : "Internal"
    if (code === "Internal") log.error("request_failed", { error: error.name })
    else log.info("request_refused", { code, status })
    return answer(c, status, body)
  })

  return app
}

/** A new connection's user is looked up while the credentials are; the answer waits for both. */
async function admitted<T>(mayAsk: boolean | Promise<boolean>, provide: () => Promise<T>): Promise<T> {
  if (mayAsk === true) return await provide()
  if (mayAsk === false) throw peerRejected()
  const [isAllowed, provided] = await Promise.allSettled([mayAsk, provide()])
  if (isAllowed.status === "rejected" || !isAllowed.value) throw peerRejected()
  if (provided.status === "rejected") throw provided.reason
  return provided.value
}

function connectionOf(c: Context<Served>): Connection {
  return c.env?.incoming?.socket ?? nowhere
}

const nowhere: Connection = {}

function answer(c: Context<Served>, status: 200 | ReturnType<typeof problem>["status"], body: string): Response {
  return send(c, status, { body, headers: headersFor(body) })
}

/** Straight to node's own response where there is one: a web Response would be taken apart again at once. */
function send(c: Context<Served>, status: ContentfulStatusCode, { body, headers }: Answer): Response {
  const outgoing = c.env?.outgoing
  if (outgoing === undefined) return c.body(body, status, headers)
  outgoing.writeHead(status, headers)
  outgoing.end(body)
  return RESPONSE_ALREADY_SENT
}

function headersFor(body: string): Record<string, string> {
  return { ...answerHeaders, "content-length": String(Buffer.byteLength(body)) }
}

/** From node's own request where there is one: a Headers object for each request would cost more than all the rest. */
function headerOf(c: Context<Served>): (name: string) => string | undefined {
  const incoming = c.env?.incoming?.headers
  if (incoming === undefined) return (name) => c.req.header(name)
  return (name) => {
    const value = incoming[name]
    return typeof value === "string" ? value : value?.join(", ")
  }
}

/** Decoded once: a router that decodes twice would read `a%252Fb` as `a/b`. (The wildcard also matches without its slash.) */
function profileIn(url: string): string {
  const path = url.slice(url.indexOf("/", url.indexOf("://") + 3)).split("?", 1)[0] ?? ""
  if (!path.startsWith(prefix) || path === prefix) throw routeNotFound()
  try {
    return decodeURIComponent(path.slice(prefix.length))
  } catch {
    throw requestMalformed("the profile name is not percent-encoded UTF-8")
  }
}

interface Answer {
  readonly body: string
  readonly headers: Record<string, string>
}

const wire = new WeakMap<Credentials, Answer>()

/** The container credentials document, made once for each set of credentials: all strings, flat, under 10,000 bytes. */
function containerCredentials(credentials: Credentials): Answer {
  let made = wire.get(credentials)
  if (made === undefined) {
    const body = JSON.stringify({
      AccessKeyId: credentials.accessKeyId,
      SecretAccessKey: credentials.secretAccessKey.reveal(),
      Token: credentials.sessionToken.reveal(),
      Expiration: isoSeconds(credentials.expiration),
      ...(credentials.accountId === undefined ? {} : { AccountId: credentials.accountId }),
    })
    made = { body, headers: headersFor(body) }
    wire.set(credentials, made)
  }
  return made
}

function facts(profile: string, lease: Lease, credentials: Credentials): Record<string, string> {
  return {
    profile,
    lease: lease.name,
    keyId: maskedKeyId(credentials.accessKeyId),
    expiration: isoSeconds(credentials.expiration),
  }
}
