/**
 * AWS Signature Version 4, written from AWS's description of it (not with an SDK's signer, whose mistakes it would share).
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto"

export interface SignedRequest {
  readonly method: string
  /** Path and query, as on the wire. */
  readonly target: string
  readonly headers: Readonly<Record<string, readonly string[] | undefined>>
  readonly body: Uint8Array
}

/** What the Authorization header claims. */
export interface SignatureClaim {
  readonly accessKeyId: string
  readonly date: string
  readonly region: string
  readonly service: string
  readonly signedHeaders: readonly string[]
  readonly signature: string
}

const authorization =
  /^AWS4-HMAC-SHA256 +Credential=([^/,]+)\/(\d{8})\/([^/,]+)\/([^/,]+)\/aws4_request, *SignedHeaders=([^,]+), *Signature=([0-9a-f]{64})$/

export function claimIn(request: SignedRequest): SignatureClaim | undefined {
  const [, accessKeyId, date, region, service, signedHeaders, signature] =
    authorization.exec(headerOf(request, "authorization")) ?? []
  if (!accessKeyId || !date || !region || !service || !signedHeaders || !signature) return undefined
  return { accessKeyId, date, region, service, signedHeaders: signedHeaders.split(";"), signature }
}

export function isSignedWith(secretAccessKey: string, claim: SignatureClaim, request: SignedRequest): boolean {
  const scope = [claim.date, claim.region, claim.service, "aws4_request"]
  const key = scope.reduce<Buffer>(hmac, Buffer.from(`AWS4${secretAccessKey}`))
  const canonical = sha256(canonicalRequest(request, claim))
  const toSign = ["AWS4-HMAC-SHA256", headerOf(request, "x-amz-date"), scope.join("/"), canonical].join("\n")
  return timingSafeEqual(hmac(key, toSign), Buffer.from(claim.signature, "hex"))
}

/** All values of a header as one, the way they are signed; empty when it was not sent. */
export function headerOf({ headers }: SignedRequest, name: string): string {
  return (headers[name] ?? []).map((value) => value.trim().replaceAll(/ +/g, " ")).join(",")
}

function canonicalRequest(request: SignedRequest, { service, signedHeaders }: SignatureClaim): string {
  const [path = "", query = ""] = request.target.split("?", 2)
  const isS3 = service === "s3"
  const headers = signedHeaders.map((name) => `${name}:${headerOf(request, name)}\n`)
  return [
    request.method,
    isS3 ? path : canonicalPath(path),
    canonicalQuery(query),
    headers.join(""),
    signedHeaders.join(";"),
    // S3's callers may leave the body out of it, or sign it in pieces: they say so in this header.
    isS3 ? headerOf(request, "x-amz-content-sha256") : sha256(request.body),
  ].join("\n")
}

/** Without empty and dot segments, and escaped once more than on the wire: every service but S3 has it so. */
function canonicalPath(path: string): string {
  const { pathname } = new URL(path.replaceAll(/\/+/g, "/"), "http://localhost")
  return pathname.split("/").map(escaped).join("/")
}

function canonicalQuery(query: string): string {
  return [...new URLSearchParams(query)]
    .map(([name, value]) => `${escaped(name)}=${escaped(value)}`)
    .toSorted()
    .join("&")
}

/** RFC 3986, which spares fewer characters than encodeURIComponent does. */
function escaped(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex")
}

function hmac(key: Buffer, text: string): Buffer {
  return Buffer.from(createHmac("sha256", key).update(text).digest())
}
