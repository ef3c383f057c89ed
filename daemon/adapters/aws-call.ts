/**
 * One call to AWS by an SDK client: the SDK signs and parses, the bytes travel through `aws-http.ts`, which has the
 * deadlines that the SDK lacks, and every AWS error becomes one of ours here, and nowhere else.
 */
import type { AccessKey, Credentials } from "../core/credentials.ts"
import {
  CreddError,
  accessDenied,
  accessKeyRejected,
  mfaCodeRejected,
  policyDenied,
  regionDisabled,
  serviceRefused,
  serviceUnavailable,
} from "../core/errors.ts"
import type { AwsHttp } from "./aws-http.ts"
import type { AwsClock } from "./clock.ts"

export interface AwsCaller {
  readonly clock: AwsClock
  /** Opened at the first call: the HTTP client and the SDK together cost 20 MB that an idle daemon need not hold. */
  readonly http: () => Promise<AwsHttp>
}

export interface AwsCall {
  readonly service: "STS" | "IAM"
  readonly as: AccessKey | Credentials
  readonly region: string
  /** What is asked for, as an error names it: `role arn:…`. */
  readonly what: string
}

/** What every SDK client is made with. */
export interface AwsClientConfig {
  readonly region: string
  readonly credentials: {
    readonly accessKeyId: string
    readonly secretAccessKey: string
    readonly sessionToken?: string
  }
  readonly requestHandler: AwsHttp
  readonly systemClockOffset: number
  readonly maxAttempts: number
}

export async function awsCall<T>(
  { clock, http }: AwsCaller,
  call: AwsCall,
  run: (config: AwsClientConfig) => Promise<T>,
): Promise<T> {
  const { as, region } = call
  const config: AwsClientConfig = {
    region,
    credentials: {
      accessKeyId: as.accessKeyId,
      secretAccessKey: as.secretAccessKey.reveal(),
      ...("sessionToken" in as ? { sessionToken: as.sessionToken.reveal() } : {}),
    },
    requestHandler: await http(),
    systemClockOffset: clock.offsetMs(),
    // When and whether to ask again is the core's to decide; an MFA code must never be sent twice by itself.
    maxAttempts: 1,
  }
  try {
    return await run(config)
  } catch (error) {
    if (error instanceof CreddError) throw error
    throw translate(error, call)
  }
}

/**
 * A machine clock that is far off makes AWS refuse the signature; its answer tells the time, so ask once more. And so where
 * nothing is wrong with the clock: the machine may have slept between the signature and its arrival.
 */
export async function awsCallAgainIfSkewed<T>(
  caller: AwsCaller,
  call: AwsCall,
  run: (config: AwsClientConfig) => Promise<T>,
): Promise<T> {
  const before = caller.clock.offsetMs()
  try {
    return await awsCall(caller, call, run)
  } catch (error) {
    if (Math.abs(caller.clock.offsetMs() - before) < 60_000 && !isMistimed(error)) throw error
    return await awsCall(caller, call, run)
  }
}

/** The SDK would write a paragraph about old Node versions into the log; credd's README says what is supported. */
export function quietSdk(): void {
  process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true"
}

/** The error that AWS sent, by AWS's name for it. */
export function isNamed(error: unknown, name: string): boolean {
  return error instanceof CreddError && error.cause instanceof Error && error.cause.name === name
}

/** Whether AWS refused the time of a signature. */
function isMistimed(error: unknown): boolean {
  return error instanceof CreddError && error.cause instanceof Error && mistimed.test(error.cause.message)
}

const mistimed = /^Signature (expired|not yet current)/

/** The part of an SDK's service exception that is read here. */
interface ServiceException extends Error {
  readonly $metadata: { readonly httpStatusCode?: number }
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> }
}

const deadKey = new Set([
  "InvalidClientTokenId",
  "SignatureDoesNotMatch",
  "UnrecognizedClientException",
  "IncompleteSignature",
])
const deadSession = new Set(["ExpiredToken", "ExpiredTokenException"])
const throttled = new Set([
  "Throttling",
  "ThrottlingException",
  "RequestLimitExceeded",
  "TooManyRequestsException",
  "SlowDown",
])

function translate(error: unknown, { service, as, region, what }: AwsCall): CreddError {
  const unavailable = (why: string, retryAfterMs?: number): CreddError =>
    serviceUnavailable(service, region, why, { cause: error, retryAfterMs })
  if (!isServiceException(error)) return unavailable(plainReason(error))
  const status = error.$metadata.httpStatusCode ?? 0
  // The SDK makes such an error, too, of a page that is no answer of AWS's at all (a captive portal).
  if (status < 400) return unavailable(`the answer is not from ${service}`)
  if (throttled.has(error.name) || status === 429) return unavailable("throttled", retryAfter(error))
  if (status >= 500) return unavailable(`it answered ${status}`, retryAfter(error))
  if (mistimed.test(error.message)) return unavailable("the clock of this machine is wrong")
  if (deadSession.has(error.name) || deadKey.has(error.name)) {
    return accessKeyRejected("sessionToken" in as ? "the session" : "the access key", error)
  }
  if (error.name === "AccessDenied" || error.name === "AccessDeniedException") {
    if (error.message.startsWith("MultiFactorAuthentication failed")) return mfaCodeRejected(what, error)
    const policy = /(?:because (no .{1,60}? policy allows)|with an (explicit deny in an? .{1,60}? policy))/.exec(
      error.message,
    )
    const why = policy?.[1] ?? policy?.[2]
    return why === undefined ? accessDenied(what, error) : policyDenied(what, why.replace("allows", "allows it"), error)
  }
  if (error.name === "RegionDisabledException") return regionDisabled(region, error)
  return error.name === "Unknown" || error.name === "UnknownError"
    ? unavailable(`it answered ${status} without a reason`)
    : serviceRefused(service, what, error.message.slice(0, 160), error)
}

function isServiceException(error: unknown): error is ServiceException {
  return error instanceof Error && "$fault" in error && "$metadata" in error
}

function retryAfter(error: ServiceException): number | undefined {
  const after = Number(error.$response?.headers?.["retry-after"])
  return Number.isFinite(after) && after > 0 ? after * 1_000 : undefined
}

/** The SDK could not make sense of the bytes. Its own text may quote them, so it is not passed on. */
function plainReason(error: unknown): string {
  return error instanceof SyntaxError || (error instanceof Error && /pars|deserializ|xml/i.test(error.message))
    ? "the answer is not readable"
    : "the call failed"
}
