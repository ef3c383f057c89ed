/** The data plane: hands credentials to callers that bring a token. Reads; changes nothing. */
import { Hono, type Context } from "hono"
import { isoSeconds, maskedKeyId, type Credentials } from "../core/credentials.ts"
import { CreddError, methodNotAllowed, profileNotAllowed, requestMalformed, routeNotFound } from "../core/errors.ts"
import { mayRead, type Lease, type Leases } from "../core/leases.ts"
import type { Log } from "../core/ports.ts"
import { guardHeaders } from "./guards.ts"
import { problem } from "./problem.ts"

export interface CredentialsAppOptions {
  readonly hosts: ReadonlySet<string>
  readonly leases: Pick<Leases, "verify">
  readonly credentialsFor: (profile: string) => Promise<Credentials>
  readonly log: Log
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

export function credentialsApp({ hosts, leases, credentialsFor, log }: CredentialsAppOptions): Hono {
  const app = new Hono()

  // In this order: who is asking, then how, then for what. Nothing is told to a caller that fails the first.
  app.use(async (c, next) => {
    guardHeaders((name) => c.req.header(name), hosts)
    if (c.req.method !== "GET" && c.req.method !== "HEAD") throw methodNotAllowed()
    await next()
  })

  app.get("/healthz", (c) => answer(c, 200, '{"status":"ok"}'))

  app.get(`${prefix}*`, async (c) => {
    const profile = profileIn(c.req.url)
    const lease = leases.verify(c.req.header("authorization"))
    if (!mayRead(lease, profile)) throw profileNotAllowed(profile, lease.name)
    const credentials = await credentialsFor(profile)
    log.debug("credentials_served", facts(profile, lease, credentials))
    return answer(c, 200, containerCredentials(credentials))
  })

  app.notFound(() => {
    throw routeNotFound()
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

function answer(c: Context, status: 200 | ReturnType<typeof problem>["status"], body: string): Response {
  return c.body(body, status, { ...answerHeaders, "content-length": String(Buffer.byteLength(body)) })
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

const wire = new WeakMap<Credentials, string>()

/** The container credentials document, made once for each set of credentials: all strings, flat, under 10,000 bytes. */
function containerCredentials(credentials: Credentials): string {
  let text = wire.get(credentials)
  if (text === undefined) {
    text = JSON.stringify({
      AccessKeyId: credentials.accessKeyId,
      SecretAccessKey: credentials.secretAccessKey.reveal(),
      Token: credentials.sessionToken.reveal(),
      Expiration: isoSeconds(credentials.expiration),
      ...(credentials.accountId === undefined ? {} : { AccountId: credentials.accountId }),
    })
    wire.set(credentials, text)
  }
  return text
}

function facts(profile: string, lease: Lease, credentials: Credentials): Record<string, string> {
  return {
    profile,
    lease: lease.name,
    keyId: maskedKeyId(credentials.accessKeyId),
    expiration: isoSeconds(credentials.expiration),
  }
}
