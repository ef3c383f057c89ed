/**
 * Sts on @aws-sdk/client-sts. The SDK signs and parses; the bytes travel through `aws-http.ts`, which has the deadlines
 * that the SDK lacks. Every AWS error becomes one of ours here, and nowhere else.
 */
import type * as Sdk from "@aws-sdk/client-sts"
import type { STSClient, STSServiceException } from "@aws-sdk/client-sts"
import type { AccessKey, Credentials } from "../core/credentials.ts"
import {
  CreddError,
  accessDenied,
  accessKeyRejected,
  mayNotDecode,
  messageRejected,
  mfaCodeRejected,
  policyDenied,
  regionDisabled,
  stsRefused,
  stsUnavailable,
} from "../core/errors.ts"
import type { Sts, StsTarget } from "../core/ports.ts"
import { Secret } from "../core/secret.ts"
import { decodedMessage } from "./authorization-message.ts"
import type { AwsHttp } from "./aws-http.ts"
import type { AwsClock } from "./clock.ts"
import { checkedEndpoint } from "./endpoint.ts"

interface Call {
  readonly as: AccessKey | Credentials
  readonly target: StsTarget
  /** What is asked for, as an error names it: `role arn:…`. */
  readonly what: string
}

export interface StsOptions {
  readonly clock: AwsClock
  /** Opened at the first call: the HTTP client and the SDK together cost 20 MB that an idle daemon need not hold. */
  readonly http: () => Promise<AwsHttp>
}

export function awsSts({ clock, http }: StsOptions): Sts {
  let sdk: Promise<typeof Sdk> | undefined

  async function send<T>(call: Call, run: (client: STSClient, sdk: typeof Sdk) => Promise<T>): Promise<T> {
    sdk ??= loadSdk()
    const [loaded, requestHandler] = await Promise.all([sdk, http()])
    const { as, target } = call
    const before = clock.offsetMs()
    const client = new loaded.STSClient({
      region: target.region,
      ...(target.endpoint === undefined ? {} : { endpoint: checkedEndpoint(target.endpoint, stsEndpointSettings) }),
      useGlobalEndpoint: target.isGlobal === true,
      useFipsEndpoint: target.fips === true,
      useDualstackEndpoint: target.dualstack === true,
      credentials: {
        accessKeyId: as.accessKeyId,
        secretAccessKey: as.secretAccessKey.reveal(),
        ...("sessionToken" in as ? { sessionToken: as.sessionToken.reveal() } : {}),
      },
      requestHandler,
      systemClockOffset: before,
      // When and whether to ask again is the core's to decide; an MFA code must never be sent twice by itself.
      maxAttempts: 1,
    })
    try {
      return await run(client, loaded)
    } catch (error) {
      if (error instanceof CreddError) throw error
      throw translate(error, call)
    } finally {
      client.destroy()
    }
  }

  /** A machine clock that is far off makes AWS refuse the signature; its answer tells the time, so ask once more. */
  async function sendAgainIfSkewed<T>(call: Call, run: (client: STSClient, sdk: typeof Sdk) => Promise<T>): Promise<T> {
    const before = clock.offsetMs()
    try {
      return await send(call, run)
    } catch (error) {
      if (Math.abs(clock.offsetMs() - before) < 60_000) throw error
      return await send(call, run)
    }
  }

  return {
    async getCallerIdentity(as, target) {
      const what = "sessionToken" in as ? "the session" : "the access key"
      const answer = await sendAgainIfSkewed({ as, target, what }, (client, { GetCallerIdentityCommand }) =>
        client.send(new GetCallerIdentityCommand({})),
      )
      const { Account: accountId, Arn: arn, UserId: userId } = answer
      if (!accountId || !arn || !userId) throw stsUnavailable(target.region, "the answer is not whole")
      return { accountId, arn, userId }
    },
    async getSessionToken(key, request, target) {
      const call = { as: key, target, what: `a session with MFA device ${request.mfaSerial}` }
      const answer = await send(call, (client, { GetSessionTokenCommand }) =>
        client.send(
          new GetSessionTokenCommand({
            SerialNumber: request.mfaSerial,
            TokenCode: request.mfaCode,
            DurationSeconds: request.durationSeconds,
          }),
        ),
      )
      return credentialsFrom(answer.Credentials, target)
    },
    async assumeRole(as, request, target) {
      const call = { as, target, what: `role ${request.roleArn}` }
      const answer = await sendAgainIfSkewed(call, (client, { AssumeRoleCommand }) =>
        client.send(
          new AssumeRoleCommand({
            RoleArn: request.roleArn,
            RoleSessionName: request.roleSessionName,
            DurationSeconds: request.durationSeconds,
            ExternalId: request.externalId,
            SourceIdentity: request.sourceIdentity,
            Tags: request.tags?.map(({ key, value }) => ({ Key: key, Value: value })),
            TransitiveTagKeys: request.transitiveTagKeys?.slice(),
          }),
        ),
      )
      return credentialsFrom(answer.Credentials, target)
    },
    async getFederationToken(key, { name, policyArn, durationSeconds }, target) {
      const call = { as: key, target, what: `a console session limited by ${policyArn}` }
      const answer = await sendAgainIfSkewed(call, (client, { GetFederationTokenCommand }) =>
        client.send(
          new GetFederationTokenCommand({
            Name: name,
            PolicyArns: [{ arn: policyArn }],
            DurationSeconds: durationSeconds,
          }),
        ),
      )
      return credentialsFrom(answer.Credentials, target)
    },
    async decodeAuthorizationMessage(as, message, profile, target) {
      const call = { as, target, what: "to decode the message" }
      const answer = await sendAgainIfSkewed(call, (client, { DecodeAuthorizationMessageCommand }) =>
        client.send(new DecodeAuthorizationMessageCommand({ EncodedMessage: message })),
      ).catch((error: unknown) => {
        if (!(error instanceof CreddError)) throw error
        // Its length and letters were checked before; a proxy or an older STS may still find fault with them.
        if (isNamed(error.cause, "InvalidAuthorizationMessageException") || isNamed(error.cause, "ValidationError")) {
          throw messageRejected(profile, error)
        }
        throw error.code === "AccessDenied" ? mayNotDecode(profile, error) : error
      })
      const decoded = decodedMessage(answer.DecodedMessage ?? "")
      if (decoded === undefined) throw stsUnavailable(target.region, "the answer is no decoded message")
      return decoded
    },
  }
}

function isNamed(error: unknown, name: string): boolean {
  return error instanceof Error && error.name === name
}

async function loadSdk(): Promise<typeof Sdk> {
  // The SDK would write a paragraph about old Node versions into the log; credd's README says what is supported.
  process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true"
  return await import("@aws-sdk/client-sts")
}

interface WireCredentials {
  readonly AccessKeyId?: string | undefined
  readonly SecretAccessKey?: string | undefined
  readonly SessionToken?: string | undefined
  readonly Expiration?: Date | undefined
}

function credentialsFrom(wire: WireCredentials | undefined, target: StsTarget): Credentials {
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = wire ?? {}
  if (!AccessKeyId || !SecretAccessKey || !SessionToken || !Expiration || Number.isNaN(Expiration.getTime())) {
    throw stsUnavailable(target.region, "the answer holds no whole credentials")
  }
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: new Secret(SecretAccessKey),
    sessionToken: new Secret(SessionToken),
    expiration: Expiration.getTime(),
  }
}

const stsEndpointSettings = "AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL and endpoint_url in the AWS config file"

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

function translate(error: unknown, { as, target, what }: Call): CreddError {
  const { region } = target
  if (!isServiceException(error)) return stsUnavailable(region, plainReason(error), { cause: error })
  const status = error.$metadata.httpStatusCode ?? 0
  // The SDK makes such an error, too, of a page that is no STS answer at all (a captive portal).
  if (status < 400) return stsUnavailable(region, "the answer is not from STS", { cause: error })
  if (throttled.has(error.name) || status === 429) {
    return stsUnavailable(region, "throttled", { cause: error, retryAfterMs: retryAfter(error) })
  }
  if (status >= 500)
    return stsUnavailable(region, `it answered ${status}`, { cause: error, retryAfterMs: retryAfter(error) })
  if (/^Signature (expired|not yet current)/.test(error.message)) {
    return stsUnavailable(region, "the clock of this machine is wrong", { cause: error })
  }
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
    ? stsUnavailable(region, `it answered ${status} without a reason`, { cause: error })
    : stsRefused(what, error.message.slice(0, 160), error)
}

function isServiceException(error: unknown): error is STSServiceException {
  return error instanceof Error && "$fault" in error && "$metadata" in error
}

function retryAfter(error: STSServiceException): number | undefined {
  const after = Number(error.$response?.headers?.["retry-after"])
  return Number.isFinite(after) && after > 0 ? after * 1_000 : undefined
}

/** The SDK could not make sense of the bytes. Its own text may quote them, so it is not passed on. */
function plainReason(error: unknown): string {
  return error instanceof SyntaxError || (error instanceof Error && /pars|deserializ|xml/i.test(error.message))
    ? "the answer is not readable"
    : "the call failed"
}
