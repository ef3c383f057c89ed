/** Checks AWS Signature Version 4, written from AWS's description of it (not with an SDK's signer, whose mistakes it would share). */
import { createHash, createHmac, timingSafeEqual } from "node:crypto"

export interface SignedRequest {
  readonly method: string
  /** Path and query, as on the wire. */
  readonly target: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

export interface SignatureClaim {
  readonly accessKeyId: string
  readonly date: string
  readonly region: string
  readonly service: string
  readonly signedHeaders: readonly string[]
  readonly signature: string
}

const header =
  /^AWS4-HMAC-SHA256 Credential=([^/,]+)\/(\d{8})\/([^/,]+)\/([^/,]+)\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/

export function claimIn(request: SignedRequest): SignatureClaim | undefined {
  const [, accessKeyId, date, region, service, signedHeaders, signature] =
    header.exec(headerOf(request, "authorization")) ?? []
  if (!accessKeyId || !date || !region || !service || !signedHeaders || !signature) return undefined
  return { accessKeyId, date, region, service, signedHeaders: signedHeaders.split(";"), signature }
}

/** When the request says that it was signed, in epoch milliseconds; NaN where it does not say. */
export function signedAt(request: SignedRequest): number {
  const [, y, mo, d, h, mi, s] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(headerOf(request, "x-amz-date")) ?? []
  return Date.parse(`${y}-${mo}-${d}T${h}:${mi}:${s}Z`)
}

export function isSignedWith(secretAccessKey: string, claim: SignatureClaim, request: SignedRequest): boolean {
  const [path = "/", query = ""] = request.target.split("?", 2)
  const canonicalHeaders = claim.signedHeaders.map(
    (name) => `${name}:${headerOf(request, name).trim().replaceAll(/ +/g, " ")}\n`,
  )
  const canonical = [
    request.method,
    path,
    query.split("&").toSorted().join("&"),
    canonicalHeaders.join(""),
    claim.signedHeaders.join(";"),
    sha256(request.body),
  ].join("\n")
  const scope = `${claim.date}/${claim.region}/${claim.service}/aws4_request`
  const toSign = ["AWS4-HMAC-SHA256", headerOf(request, "x-amz-date"), scope, sha256(canonical)].join("\n")
  const key = [claim.date, claim.region, claim.service, "aws4_request"].reduce<Buffer>(
    (last, part) => hmac(last, part),
    Buffer.from(`AWS4${secretAccessKey}`),
  )
  return timingSafeEqual(hmac(key, toSign), Buffer.from(claim.signature, "hex"))
}

export function headerOf({ headers }: SignedRequest, name: string): string {
  const value = headers[name]
  return Array.isArray(value) ? value.join(",") : (value ?? "")
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex")
}

function hmac(key: Buffer, text: string): Buffer {
  return Buffer.from(createHmac("sha256", key).update(text).digest())
}
