/** Sts on @aws-sdk/client-sts. */
import type * as Sdk from "@aws-sdk/client-sts"
import type { STSClient } from "@aws-sdk/client-sts"
import type { AccessKey, Credentials } from "../core/credentials.ts"
import {
  CreddError,
  accessKeyRejected,
  isPassing,
  mayNotDecode,
  messageRejected,
  scopeRefused,
  serviceUnavailable,
} from "../core/errors.ts"
import type { Sts, StsTarget } from "../core/ports.ts"
import { Secret } from "../core/secret.ts"
import { decodedMessage } from "./authorization-message.ts"
import { awsCall, awsCallAgainIfSkewed, isNamed, quietSdk, type AwsCaller, type AwsClientConfig } from "./aws-call.ts"
import { checkedEndpoint } from "./endpoint.ts"

interface Call {
  readonly as: AccessKey | Credentials
  readonly target: StsTarget
  /** What is asked for, as an error names it: `role arn:…`. */
  readonly what: string
}

type Run<T> = (client: STSClient, sdk: typeof Sdk) => Promise<T>

export function awsSts(caller: AwsCaller): Sts {
  let loading: Promise<typeof Sdk> | undefined

  async function send<T>({ as, target, what }: Call, run: Run<T>): Promise<T> {
    return await awsCall(caller, { service: "STS", as, region: target.region, what }, withClient(target, run))
  }

  async function sendAgainIfSkewed<T>({ as, target, what }: Call, run: Run<T>): Promise<T> {
    return await awsCallAgainIfSkewed(
      caller,
      { service: "STS", as, region: target.region, what },
      withClient(target, run),
    )
  }

  function withClient<T>(target: StsTarget, run: Run<T>): (config: AwsClientConfig) => Promise<T> {
    return async (config) => {
      loading ??= loadSdk()
      const sdk = await loading
      const client = new sdk.STSClient({
        ...config,
        ...(target.endpoint === undefined ? {} : { endpoint: checkedEndpoint(target.endpoint, endpointSettings) }),
        useGlobalEndpoint: target.isGlobal === true,
        useFipsEndpoint: target.fips === true,
        useDualstackEndpoint: target.dualstack === true,
      })
      try {
        return await run(client, sdk)
      } finally {
        client.destroy()
      }
    }
  }

  return {
    async getCallerIdentity(as, target) {
      const what = "sessionToken" in as ? "the session" : "the access key"
      const answer = await sendAgainIfSkewed({ as, target, what }, (client, { GetCallerIdentityCommand }) =>
        client.send(new GetCallerIdentityCommand({})),
      )
      const { Account: accountId, Arn: arn, UserId: userId } = answer
      if (!accountId || !arn || !userId) throw serviceUnavailable("STS", target.region, "the answer is not whole")
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
            PolicyArns: request.policyArns?.map((arn) => ({ arn })),
          }),
        ),
      ).catch((error: unknown) => {
        throw request.policyArns === undefined ? error : (policyProblem(error) ?? error)
      })
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
        if (isNamed(error, "InvalidAuthorizationMessageException") || isNamed(error, "ValidationError")) {
          throw messageRejected(profile, error)
        }
        throw error.code === "AccessDenied" ? mayNotDecode(profile, error) : error
      })
      const decoded = decodedMessage(answer.DecodedMessage ?? "")
      if (decoded === undefined) throw serviceUnavailable("STS", target.region, "the answer is no decoded message")
      return decoded
    },
    async getScopedCredentials(as, request, target) {
      const call = { as, target, what: "the narrower session" }
      const answer = await sendAgainIfSkewed(call, (client, { GetScopedCredentialsCommand }) =>
        client.send(
          new GetScopedCredentialsCommand({
            Policy: request.policy,
            DurationSeconds: request.durationSeconds,
            ScopedSessionDescription: request.description,
          }),
        ),
      ).catch((error: unknown) => {
        throw scopeProblem(error, target)
      })
      return { credentials: credentialsFrom(answer.Credentials, target), policies: answer.ScopedPoliciesCount ?? 0 }
    },
  }
}

async function loadSdk(): Promise<typeof Sdk> {
  quietSdk()
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
    throw serviceUnavailable("STS", target.region, "the answer holds no whole credentials")
  }
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: new Secret(SecretAccessKey),
    sessionToken: new Secret(SessionToken),
    expiration: Expiration.getTime(),
  }
}

const endpointSettings = "AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL and endpoint_url in the AWS config file"

/** What AWS has against the policies themselves; undefined where it said something else. */
function policyProblem(error: unknown): CreddError | undefined {
  if (isNamed(error, "ValidationError")) return scopeRefused(`AWS says: ${saidBy(error)}`, undefined, error)
  if (isNamed(error, "MalformedPolicyDocumentException") || isNamed(error, "MalformedPolicyDocument")) {
    return scopeRefused(`AWS calls the policy malformed: ${saidBy(error)}`, undefined, error)
  }
  return isNamed(error, "PackedPolicyTooLargeException") || isNamed(error, "PackedPolicyTooLarge")
    ? scopeRefused(`the policy is too large for AWS once it is packed: ${saidBy(error)}`, "make it shorter", error)
    : undefined
}

/** A session that AWS will not narrow, and why. */
function scopeProblem(error: unknown, { region }: StsTarget): unknown {
  if (!(error instanceof CreddError) || isPassing(error) || error.code === "AccessKeyRejected") return error
  if (isNamed(error, "RegionDisabledException")) return error
  if (isNamed(error, "InsufficientSessionLifetimeException")) {
    return serviceUnavailable("STS", region, "the session has less time left than was asked for", { cause: error })
  }
  if (isNamed(error, "InvalidSubjectCredentialsException")) return accessKeyRejected("the session", error)
  if (isNamed(error, "InvalidAction") || isNamed(error, "UnknownOperationException")) {
    return scopeRefused(`STS in ${region} has no GetScopedCredentials`, "use a profile of another region", error)
  }
  return policyProblem(error) ?? scopeRefused(`AWS says: ${saidBy(error)}`, undefined, error)
}

function saidBy(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error ? error.cause.message.slice(0, 160) : "nothing"
}
