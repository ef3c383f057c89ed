/** Iam on @aws-sdk/client-iam, which is loaded for a rotation and at no other time. */
import type { IAMClient } from "@aws-sdk/client-iam"
import type * as Sdk from "@aws-sdk/client-iam"
import type { AccessKey, Credentials } from "../core/credentials.ts"
import { accessKeyQuota, serviceUnavailable } from "../core/errors.ts"
import type { Iam, IamTarget } from "../core/ports.ts"
import { Secret } from "../core/secret.ts"
import { awsCallAgainIfSkewed, isNamed, quietSdk, type AwsCaller } from "./aws-call.ts"
import { checkedEndpoint } from "./endpoint.ts"

const endpointSettings = "AWS_ENDPOINT_URL_IAM, AWS_ENDPOINT_URL and endpoint_url in the AWS config file"

export function awsIam(caller: AwsCaller): Iam {
  async function send<T>(
    as: AccessKey | Credentials,
    { region, endpoint, fips, dualstack }: IamTarget,
    what: string,
    run: (client: IAMClient, sdk: typeof Sdk) => Promise<T>,
  ): Promise<T> {
    return await awsCallAgainIfSkewed(caller, { service: "IAM", as, region, what }, async (config) => {
      quietSdk()
      const sdk = await import("@aws-sdk/client-iam")
      const client = new sdk.IAMClient({
        ...config,
        ...(endpoint === undefined ? {} : { endpoint: checkedEndpoint(endpoint, endpointSettings) }),
        useFipsEndpoint: fips === true,
        useDualstackEndpoint: dualstack === true,
      })
      try {
        return await run(client, sdk)
      } finally {
        client.destroy()
      }
    })
  }

  return {
    async listAccessKeys(as, userName, target) {
      const { AccessKeyMetadata: keys } = await send(
        as,
        target,
        `to list the access keys of ${userName}`,
        (client, sdk) => client.send(new sdk.ListAccessKeysCommand({ UserName: userName })),
      )
      if (keys === undefined) throw serviceUnavailable("IAM", target.region, "the answer is not whole")
      return keys.flatMap(({ AccessKeyId: accessKeyId, Status, CreateDate }) =>
        accessKeyId ? [{ accessKeyId, isActive: Status === "Active", createdAt: CreateDate?.getTime() ?? 0 }] : [],
      )
    },
    async createAccessKey(as, userName, target) {
      const { AccessKey: made } = await send(as, target, `a new access key for ${userName}`, (client, sdk) =>
        client.send(new sdk.CreateAccessKeyCommand({ UserName: userName })),
      ).catch((error: unknown) => {
        throw isNamed(error, "LimitExceededException") || isNamed(error, "LimitExceeded")
          ? accessKeyQuota(userName)
          : error
      })
      const { AccessKeyId: accessKeyId, SecretAccessKey: secret } = made ?? {}
      if (!accessKeyId || !secret)
        throw serviceUnavailable("IAM", target.region, "the answer holds no whole access key")
      return { accessKeyId, secretAccessKey: new Secret(secret) }
    },
    async setActive(as, userName, accessKeyId, isActive, target) {
      const Status = isActive ? "Active" : "Inactive"
      await send(as, target, `to change an access key of ${userName}`, (client, sdk) =>
        client.send(new sdk.UpdateAccessKeyCommand({ UserName: userName, AccessKeyId: accessKeyId, Status })),
      )
    },
    async deleteAccessKey(as, userName, accessKeyId, target) {
      await send(as, target, `to delete an access key of ${userName}`, (client, sdk) =>
        client.send(new sdk.DeleteAccessKeyCommand({ UserName: userName, AccessKeyId: accessKeyId })),
      ).catch((error: unknown) => {
        if (!isNamed(error, "NoSuchEntityException") && !isNamed(error, "NoSuchEntity")) throw error
      })
    },
    async isNeverUsed(as, accessKeyId, target) {
      const { AccessKeyLastUsed: used } = await send(as, target, "to see when an access key was used", (client, sdk) =>
        client.send(new sdk.GetAccessKeyLastUsedCommand({ AccessKeyId: accessKeyId })),
      )
      return used !== undefined && used.LastUsedDate === undefined
    },
  }
}
