/**
 * The instance metadata service, version 2, for tools that know nothing else: one port a profile, since SDKs drop a path.
 * Its clients bring no secret, so it answers only processes of the daemon's own user. Bodies of errors are empty: the CRT
 * takes the body of any answer for a role name.
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto"
import { Hono, type Context } from "hono"
import { isoSeconds, maskedKeyId, type Credentials } from "../core/credentials.ts"
import { CreddError } from "../core/errors.ts"
import type { Clock, Log } from "../core/ports.ts"
import { guardHeaders } from "./guards.ts"
import { statusOf } from "./problem.ts"

export interface ImdsAppOptions {
  readonly hosts: ReadonlySet<string>
  readonly profile: string
  readonly region: () => string
  readonly credentials: () => Promise<Credentials>
  readonly clock: Clock
  readonly log: Log
}

const ttlHeader = "x-aws-ec2-metadata-token-ttl-seconds"
const tokenHeader = "x-aws-ec2-metadata-token"
const longestTtl = 21_600

const base = "/latest/meta-data"
const lists = [`${base}/iam/security-credentials`, `${base}/iam/security-credentials-extended`]

export function imdsApp({ hosts, profile, region, credentials, clock, log }: ImdsAppOptions): Hono {
  const app = new Hono()
  const tokens = createTokens(clock)
  const role = roleName(profile)

  app.use(async (c, next) => {
    guardHeaders((name) => c.req.header(name), hosts)
    await next()
  })

  app.put("/latest/api/token", (c) => {
    const ttl = c.req.header(ttlHeader) ?? ""
    const seconds = /^\d{1,5}$/.test(ttl) ? Number(ttl) : 0
    if (seconds < 1 || seconds > longestTtl) return nothing(400)
    return text(tokens.mint(seconds), { [ttlHeader]: String(seconds) })
  })

  const get = (path: string, answer: (c: Context) => Response | Promise<Response>): void => {
    app.get(path, async (c) => {
      if (!tokens.isGood(c.req.header(tokenHeader))) return nothing(401)
      return await answer(c)
    })
  }

  for (const list of lists) {
    // Without a newline: the CRT and object_store take it for a part of the name.
    for (const path of [list, `${list}/`]) get(path, () => text(role))
    get(`${list}/${role}`, async () => {
      const held = await credentials()
      log.debug("credentials_served", () => ({ profile, by: "imds", keyId: maskedKeyId(held.accessKeyId) }))
      return text(document(held, clock))
    })
  }
  for (const path of [`${base}/placement/region`, `${base}/placement/region/`]) get(path, () => text(region()))
  for (const path of [`${base}/placement/availability-zone`, `${base}/placement/availability-zone/`]) {
    get(path, () => text(`${region()}a`))
  }
  get("/latest/dynamic/instance-identity/document", () =>
    text(JSON.stringify({ region: region(), availabilityZone: `${region()}a`, version: "2017-09-30" })),
  )

  app.notFound((c) => nothing(["GET", "HEAD", "PUT"].includes(c.req.method) ? 404 : 405))

  app.onError((error) => {
    const code = error instanceof CreddError ? error.code : "Internal"
    if (code === "Internal") log.error("request_failed", { by: "imds", error: error.name })
    else log.info("request_refused", { by: "imds", profile, code })
    // SDKs ask again after 5xx; a 404 is what an instance without a role answers.
    return nothing(error instanceof CreddError && statusOf(error) === 403 && !guards.has(code) ? 404 : statusOf(error))
  })

  return app
}

/** Refused before anything was looked at: the caller is not one that may ask. */
const guards: ReadonlySet<string> = new Set(["HostRejected", "OriginRejected"])

/** Its URL is made of it, by SDKs that do not encode it. */
function roleName(profile: string): string {
  return `credd-${profile.replaceAll(/[^\w+=,.@-]+/g, "-")}`
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

/** Tokens that are not remembered but recognised, however many are asked for. They end with the daemon, too. */
function createTokens(clock: Clock): Tokens {
  const key = randomBytes(32)
  const seal = (end: string): Buffer => createHmac("sha256", key).update(end).digest()
  return {
    mint(ttlSeconds) {
      const end = String(Math.floor(clock.now() / 1_000) + ttlSeconds)
      return `${end}.${seal(end).toString("base64url")}`
    },
    isGood(token = "") {
      const [end = "", sealed = ""] = token.split(".", 2)
      if (!/^\d{1,12}$/.test(end)) return false
      const [given, right] = [Buffer.from(sealed, "base64url"), seal(end)]
      return given.length === right.length && timingSafeEqual(given, right) && Number(end) * 1_000 > clock.now()
    },
  }
}

const headers = { "content-type": "text/plain", "cache-control": "no-store", "x-content-type-options": "nosniff" }

function text(body: string, more: Readonly<Record<string, string>> = {}): Response {
  return new Response(body, { headers: { ...headers, ...more, "content-length": String(Buffer.byteLength(body)) } })
}

function nothing(status: number): Response {
  return new Response(null, { status, headers: { ...headers, "content-length": "0" } })
}
