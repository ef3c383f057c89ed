/**
 * The instance metadata service, version 2, for tools that know nothing else: one port a profile, since SDKs drop a path.
 * Its clients bring no secret, so it answers only processes of the daemon's own user. Bodies of errors are empty: the CRT
 * takes the body of any answer for a role name.
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
 */
import { createHmac, timingSafeEqual } from "node:crypto"
import { Hono, type Context } from "hono"
import { getPath } from "hono/utils/url"
import type { IncomingMessage } from "node:http"
import { isoSeconds, maskedKeyId, type Credentials } from "../core/credentials.ts"
import { codeOf } from "../core/errors.ts"
import type { Audit, Clock, Log } from "../core/ports.ts"
import { answerHeaders } from "./answer.ts"
import { statusOf } from "./problem.ts"

/** Where the instance would stand. */
export interface ImdsPlace {
  readonly region: string
  readonly accountId?: string | undefined
}

export interface ImdsAppOptions {
  readonly profile: string
  /** The same after a restart of the daemon: the Rust SDK keeps its token for six hours, whatever is said of it. */
  readonly tokenKey: string
  /** Undefined where the profile cannot be served. */
  readonly place: () => ImdsPlace | undefined
  readonly credentials: () => Promise<Credentials>
  readonly clock: Clock
  readonly audit: Audit
  readonly log: Log
}

/** node-server hands the request through; `app.request()` in a test does not. */
interface Served {
  readonly Bindings: { readonly incoming?: IncomingMessage }
}

export const ttlHeader = "x-aws-ec2-metadata-token-ttl-seconds"
export const tokenHeader = "x-aws-ec2-metadata-token"
const longestTtl = 21_600

const base = "/latest/meta-data"
/** What newer SDKs ask first: https://docs.aws.amazon.com/sdkref/latest/guide/feature-imds-credentials.html */
const lists = [`${base}/iam/security-credentials-extended`, `${base}/iam/security-credentials`]

export function imdsApp({ profile, tokenKey, place, credentials, clock, audit, log }: ImdsAppOptions): Hono<Served> {
  // Some put a path that begins with a slash behind an address that ends with one.
  const app = new Hono<Served>({ getPath: (request) => getPath(request).replace(/^\/{2}/, "/") })
  const tokens = createTokens(clock, tokenKey)
  const role = roleName(profile)

  app.use(async (c, next) => {
    // Before the path is looked at: without a token nobody learns what there is.
    const isRead = c.req.method === "GET" || c.req.method === "HEAD"
    if (isRead && !tokens.isGood(c.req.header(tokenHeader))) return nothing(401)
    return await next()
  })

  app.put("/latest/api/token", (c) => {
    const ttl = c.req.header(ttlHeader) ?? ""
    const seconds = /^\d{1,5}$/.test(ttl) ? Number(ttl) : 0
    if (seconds < 1 || seconds > longestTtl) return nothing(400)
    // Go, Ruby, Rust and Kotlin take no token without it.
    return text(tokens.mint(seconds), { [ttlHeader]: String(seconds) })
  })

  const get = (path: string, answer: (c: Context<Served>) => Response | Promise<Response>): void => {
    app.get(path, answer)
  }

  for (const list of lists) {
    // Without a newline: the CRT and object_store take it for a part of the name.
    for (const path of [list, `${list}/`]) get(path, () => text(role))
    get(`${list}/${role}`, async (c) => {
      const held = await credentials()
      if (c.req.method === "GET") {
        const facts = { keyId: held.accessKeyId, expiration: isoSeconds(held.expiration) }
        audit.record("served", { outcome: "ok", via, profile, ...facts }, c.env?.incoming?.socket)
      }
      log.debug("credentials_served", () => ({ profile, by: "imds", keyId: maskedKeyId(held.accessKeyId) }))
      return text(document(held, clock))
    })
  }
  const placed = (path: string, show: (at: ImdsPlace) => string): void =>
    get(path, () => {
      const at = place()
      return at === undefined ? nothing(404) : text(show(at))
    })
  for (const end of ["", "/"]) {
    placed(`${base}/placement/region${end}`, ({ region }) => region)
    placed(`${base}/placement/availability-zone${end}`, ({ region }) => zoneOf(region))
  }
  placed("/latest/dynamic/instance-identity/document", ({ region, accountId }) =>
    JSON.stringify({ version: "2017-09-30", region, availabilityZone: zoneOf(region), accountId }),
  )

  app.notFound((c) => nothing(["GET", "HEAD", "PUT"].includes(c.req.method) ? 404 : 405))

  app.onError((error, c) => {
    const code = codeOf(error)
    audit.record("refused", { outcome: code, via, profile }, c.env?.incoming?.socket)
    if (code === "Internal") log.error("request_failed", { by: "imds", error: error.name })
    else log.info("request_refused", { by: "imds", profile, code })
    // 401 where a person must act. After a 403, JavaScript v2 gives tokens up for as long as it lives, a login or no; on
    // the 404 of an instance without a role, Java and PHP look for another path first. Nobody shows more than the number.
    const status = statusOf(error)
    return nothing(status === 403 ? 401 : status)
  })

  return app
}

const via = "imds"

/** A URL is made of it, by SDKs that encode it and by others that do not. */
function roleName(profile: string): string {
  return `credd-${profile.replaceAll(/[^\w.-]+/g, "-")}`
}

function zoneOf(region: string): string {
  return `${region}a`
}

function document(
  { accessKeyId, secretAccessKey, sessionToken, expiration, accountId }: Credentials,
  clock: Clock,
): string {
  return JSON.stringify({
    Code: "Success",
    LastUpdated: isoSeconds(clock.now()),
    Type: "AWS-HMAC",
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey.reveal(),
    Token: sessionToken.reveal(),
    Expiration: isoSeconds(expiration),
    ...(accountId === undefined ? {} : { AccountId: accountId }),
  })
}

interface Tokens {
  mint(ttlSeconds: number): string
  isGood(token: string | undefined): boolean
}

/** Tokens that are not remembered but recognised, however many are asked for. */
function createTokens(clock: Clock, key: string): Tokens {
  const sealed = (end: string): string => `${end}.${createHmac("sha256", key).update(end).digest("base64url")}`
  return {
    mint: (ttlSeconds) => sealed(String(Math.floor(clock.now() / 1_000) + ttlSeconds)),
    isGood(token = "") {
      const end = /^\d{1,12}(?=\.)/.exec(token)?.[0]
      if (end === undefined) return false
      const [given, right] = [Buffer.from(token), Buffer.from(sealed(end))]
      return given.length === right.length && timingSafeEqual(given, right) && Number(end) * 1_000 > clock.now()
    },
  }
}

/** As the real service has it. */
const headers = { ...answerHeaders, "content-type": "text/plain" }

function text(body: string, more: Readonly<Record<string, string>> = {}): Response {
  return new Response(body, { headers: { ...headers, ...more, "content-length": String(Buffer.byteLength(body)) } })
}

function nothing(status: number): Response {
  return new Response(null, { status, headers: { ...headers, "content-length": "0" } })
}
