/** One AssumeRole as a Provider: from the credentials below it, an MFA session's, another role's, or from elsewhere. */
import type { AccessKey, Credentials, Provider } from "./credentials.ts"
import type { Sts } from "./ports.ts"
import type { RoleProfile } from "./profiles.ts"

export function roleSession(
  below: Provider<AccessKey | Credentials>,
  { request, target }: RoleProfile,
  sts: Sts,
): Provider<Credentials> {
  return async () => {
    const credentials = await sts.assumeRole(await below(), request, target)
    const accountId = request.roleArn.split(":")[4]
    return accountId ? { ...credentials, accountId } : credentials
  }
}
