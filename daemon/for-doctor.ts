/** What `credd doctor` needs of the daemon's adapters: it looks at the same files and asks the same AWS, without a daemon. */
import type { Identity } from "./api.ts"
import { openAwsHttp } from "./adapters/aws-http.ts"
import { systemClock } from "./adapters/clock.ts"
import { awsSts } from "./adapters/sts.ts"
import { Secret } from "./core/secret.ts"

export { awsFilesFrom, type AwsFiles } from "./adapters/aws-config.ts"
export { parseIni, type IniSections } from "./adapters/ini.ts"
export { holderOf } from "./adapters/port-holder.ts"

export interface KeyInPlainSight {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
}

/** Who a key is, by GetCallerIdentity; with the endpoint, the proxy and the CA bundle that `env` names. */
export async function identityOf(
  { accessKeyId, secretAccessKey, sessionToken }: KeyInPlainSight,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Identity> {
  const clock = systemClock()
  const http = await openAwsHttp({ clock, env })
  const endpoint = env["AWS_ENDPOINT_URL_STS"] || env["AWS_ENDPOINT_URL"]
  const as = {
    accessKeyId,
    secretAccessKey: new Secret(secretAccessKey),
    ...(sessionToken ? { sessionToken: new Secret(sessionToken), expiration: Number.POSITIVE_INFINITY } : {}),
  }
  const region = env["AWS_REGION"] || env["AWS_DEFAULT_REGION"] || "us-east-1"
  return await awsSts({ clock, http: async () => http }).getCallerIdentity(as, {
    region,
    ...(endpoint ? { endpoint } : {}),
  })
}
