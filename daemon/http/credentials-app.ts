/**
 * The data plane: hands credentials to callers that bring a token. Reads; changes nothing. A function from what a
 * request says to an answer, and no framework between: SDKs mostly ask once a connection, and a router with web Requests and
 * Responses cost as much again as the whole rest (docs/performance.md).
 */
import type { IncomingMessage } from "node:http"
import type { Served } from "../core/access.ts"
import { isoSeconds, maskedKeyId } from "../core/credentials.ts"
import {
  codeOf,
  methodNotAllowed,
  peerRejected,
  profileNotAllowed,
  requestMalformed,
  routeNotFound,
  tokenRejected,
} from "../core/errors.ts"
import { mayRead, type Lease, type Leases } from "../core/leases.ts"
import type { Audit, AuditFacts, Connection, Log, Peers } from "../core/ports.ts"
import { answer, refusal, type Answer } from "./answer.ts"
import { guard, type RequestHead } from "./guards.ts"

export interface CredentialsAppOptions {
  readonly hosts: ReadonlySet<string>
  readonly leases: Pick<Leases, "verify" | "isGood">
  readonly peers: Pick<Peers, "mayAsk">
  readonly isProfile: (name: string) => boolean
  /** At once what is at hand. */
  readonly credentialsFor: (profile: string, lease: Lease) => Served | Promise<Served>
  readonly audit: Audit
  readonly log: Log
}

export type Request = RequestHead & Pick<IncomingMessage, "method"> & { readonly from: Connection }

/** Never throws, never rejects. */
export type CredentialsApp = (request: Request) => Answer | Promise<Answer>

/** What a caller with a token has asked for. */
interface Asked {
  readonly profile: string
  readonly lease: string
  readonly leaseId: string
}

const prefix = "/credentials/"
const via = "endpoint"

export function credentialsApp({
  hosts,
  leases,
  peers,
  isProfile,
  credentialsFor,
  audit,
  log,
}: CredentialsAppOptions): CredentialsApp {
  function refused(error: unknown, from: Connection, asked?: Asked): Answer {
    const answered = refusal(error)
    const code = codeOf(error)
    audit.record("refused", { outcome: code, via, ...asked }, from)
    if (code === "Internal") log.error("request_failed", { error: error instanceof Error ? error.name : "unknown" })
    else log.info("request_refused", { code, status: answered.status })
    return answered
  }

  /** Without a promise where all is at hand: most answers are, and a chain of promises costs a third of one. */
  function credentials(profile: string, request: Request, authorization?: string): Answer | Promise<Answer> {
    const { from } = request
    let asked: Asked | undefined
    try {
      const lease = leases.verify(authorization)
      asked = { profile, lease: lease.name, leaseId: lease.id }
      if (!mayRead(lease, profile)) throw profileNotAllowed(profile, lease.name)
      const held = admitted(peers.mayAsk(from), () => credentialsFor(profile, lease))
      return held instanceof Promise ? afterwards(held, request, lease, asked) : handOut(held, request, lease, asked)
    } catch (error) {
      return refused(error, from, asked)
    }
  }

  async function afterwards(pending: Promise<Served>, request: Request, lease: Lease, asked: Asked): Promise<Answer> {
    try {
      const held = await pending
      // A lease that was revoked while AWS was asked gets nothing any more.
      if (!leases.isGood(lease)) throw tokenRejected()
      return handOut(held, request, lease, asked)
    } catch (error) {
      return refused(error, request.from, asked)
    }
  }

  function handOut(held: Served, { method, from }: Request, lease: Lease, asked: Asked): Answer {
    const { answered, audited } = handedOut(held, lease, asked)
    if (method === "GET") audit.record("served", audited, from)
    log.debug("credentials_served", () => facts(asked.profile, lease, held))
    return answered
  }

  return (request) => {
    try {
      // Before anything else, on every path: nothing is told to a caller that is not ours.
      const authorization = guard(request, hosts)
      const { method } = request
      if (method !== "GET" && method !== "HEAD") throw methodNotAllowed()
      const path = request.url?.split("?", 1)[0] ?? ""
      if (path === "/healthz") return healthy
      return credentials(profileIn(path, isProfile), request, authorization)
    } catch (error) {
      return refused(error, request.from)
    }
  }
}

/** A new connection's user is looked up while the credentials are; the answer waits for both. */
function admitted<T>(mayAsk: boolean | Promise<boolean>, provide: () => T | Promise<T>): T | Promise<T> {
  if (mayAsk === true) return provide()
  if (mayAsk === false) throw peerRejected()
  return admittedLater(mayAsk, provide)
}

async function admittedLater<T>(mayAsk: Promise<boolean>, provide: () => T | Promise<T>): Promise<T> {
  const [isAllowed, provided] = await Promise.allSettled([mayAsk, (async () => await provide())()])
  if (isAllowed.status === "rejected" || !isAllowed.value) throw peerRejected()
  if (provided.status === "rejected") throw provided.reason
  return provided.value
}

const healthy = answer(200, '{"status":"ok"}')

/**
 * Decoded once: to decode twice would read `a%252Fb` as `a/b`. But the SDK for C++ (pyarrow, DuckDB) escapes the path of
 * the variable again, and goes on unsigned when it is refused: it is understood where no profile has the name as it came.
 */
function profileIn(path: string, isProfile: (name: string) => boolean): string {
  if (!path.startsWith(prefix) || path === prefix) throw routeNotFound()
  const name = decoded(path.slice(prefix.length))
  if (name === undefined) throw requestMalformed("the profile name is not percent-encoded UTF-8")
  if (!name.includes("%") || isProfile(name)) return name
  const again = decoded(name)
  return again !== undefined && isProfile(again) ? again : name
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

interface HandedOut {
  readonly answered: Answer
  readonly audited: AuditFacts
  readonly lease: Lease
}

const handOuts = new WeakMap<Served, HandedOut>()

/** Answer and record, made once for each set of credentials and whom they go to. */
function handedOut(held: Served, lease: Lease, asked: Asked): HandedOut {
  const known = handOuts.get(held)
  if (known?.lease === lease && known.audited.profile === asked.profile) return known
  const { accessKeyId, expiration } = held
  const scope = lease.scope.kind === "whole" ? {} : { scope: lease.scope.kind }
  const made: HandedOut = {
    answered: known?.answered ?? containerCredentials(held),
    audited: { outcome: "ok", via, ...asked, ...scope, keyId: accessKeyId, expiration: isoSeconds(expiration) },
    lease,
  }
  handOuts.set(held, made)
  return made
}

/** The container credentials document: all strings, flat, under 10,000 bytes. */
function containerCredentials(credentials: Served): Answer {
  return answer(
    200,
    JSON.stringify({
      AccessKeyId: credentials.accessKeyId,
      SecretAccessKey: credentials.secretAccessKey.reveal(),
      Token: credentials.sessionToken.reveal(),
      Expiration: isoSeconds(credentials.expiration),
      ...(credentials.accountId === undefined ? {} : { AccountId: credentials.accountId }),
    }),
  )
}

function facts(profile: string, lease: Lease, credentials: Served): Record<string, string> {
  return {
    profile,
    lease: lease.name,
    keyId: maskedKeyId(credentials.accessKeyId),
    expiration: isoSeconds(credentials.expiration),
  }
}
