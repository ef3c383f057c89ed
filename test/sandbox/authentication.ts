/** Who signed a request, or why AWS would not believe it. */
import { stsError } from "./errors.ts"
import { userPrincipal, type Principal } from "./principal.ts"
import { claimIn, headerOf, isSignedWith, type SignatureClaim, type SignedRequest } from "./signature.ts"
import type { IamKey, State } from "./state.ts"

const windowMs = 15 * 60_000

interface Known {
  readonly secretAccessKey: string
  readonly sessionToken: string
  readonly expiration: number
  readonly principal: Principal
}

export function authenticated(state: State, request: SignedRequest, now: number, service = "sts"): Principal {
  if (headerOf(request, "authorization") === "") throw stsError("MissingAuthenticationToken")
  const claim = claimIn(request)
  if (claim === undefined) throw stsError("IncompleteSignature")
  const known = knownBy(state, claim.accessKeyId, now)
  if (known === undefined || known.sessionToken !== headerOf(request, "x-amz-security-token")) {
    throw stsError("InvalidClientTokenId")
  }
  checkClaim(claim, request, service)
  checkDate(headerOf(request, "x-amz-date"), claim, now)
  if (!isSignedWith(known.secretAccessKey, claim, request)) throw stsError("SignatureDoesNotMatch")
  if (now >= known.expiration) throw stsError("ExpiredToken")
  for (const key of [...state.accessKeys.values()].flat()) {
    if (key.accessKeyId === claim.accessKeyId) key.usedAt = now
  }
  return known.principal
}

function knownBy({ issued, accessKeys }: State, accessKeyId: string, now: number): Known | undefined {
  const temporary = issued.get(accessKeyId)
  if (temporary !== undefined) return temporary
  for (const [user, keys] of accessKeys) {
    const isKnown = ({ createdAt }: IamKey): boolean => createdAt + (user.newKeyDelayMs ?? 0) <= now
    const key = keys.find((each) => each.accessKeyId === accessKeyId && each.active && isKnown(each))
    if (key === undefined) continue
    const { secretAccessKey } = key
    return { secretAccessKey, sessionToken: "", expiration: Number.POSITIVE_INFINITY, principal: userPrincipal(user) }
  }
  return undefined
}

function checkClaim({ service, signedHeaders }: SignatureClaim, request: SignedRequest, right: string): void {
  if (service !== right) {
    throw stsError("SignatureDoesNotMatch", `Credential should be scoped to correct service: '${right}'. `)
  }
  // Whatever is left out of the signature could be changed on the way.
  for (const name of ["host", "x-amz-date", "x-amz-security-token"]) {
    if (request.headers[name] !== undefined && !signedHeaders.includes(name)) {
      throw stsError("SignatureDoesNotMatch", `'${name}' must be a 'SignedHeader' in the AWS Authorization.`)
    }
  }
}

function checkDate(date: string, claim: SignatureClaim, now: number): void {
  const [, y, mo, d, h, mi, s] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date) ?? []
  const at = Date.parse(`${y}-${mo}-${d}T${h}:${mi}:${s}Z`)
  if (Number.isNaN(at)) {
    throw stsError(
      "IncompleteSignature",
      "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
    )
  }
  if (!date.startsWith(claim.date)) {
    throw stsError(
      "SignatureDoesNotMatch",
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${claim.date}' != '${date.slice(0, 8)}', from '${date}'.`,
    )
  }
  if (at < now - windowMs) {
    throw stsError(
      "SignatureDoesNotMatch",
      `Signature expired: ${date} is now earlier than ${amzDate(now - windowMs)} (${amzDate(now)} - 15 min.)`,
    )
  }
  if (at > now + windowMs) {
    throw stsError(
      "SignatureDoesNotMatch",
      `Signature not yet current: ${date} is still later than ${amzDate(now + windowMs)} (${amzDate(now)} + 15 min.)`,
    )
  }
}

function amzDate(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`
}
