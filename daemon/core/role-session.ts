/** One AssumeRole as a Provider: from the credentials below it, an MFA session's, another role's, or from elsewhere. */
import { narrowedTo } from "./access.ts"
import type { AccessKey, Credentials, Provider } from "./credentials.ts"
import type { Sts } from "./ports.ts"
import type { RoleProfile } from "./profiles.ts"

export function roleSession(
  below: Provider<AccessKey | Credentials>,
  { request, target }: Pick<RoleProfile, "request" | "target">,
  sts: Sts,
): Provider<Credentials> {
  return async () => {
    const assumed = await sts.assumeRole(await below(), request, target)
    const { policyArns } = request
    const credentials = policyArns === undefined ? assumed : narrowedTo({ kind: "policy-arns", policyArns }, assumed)
    const accountId = request.roleArn.split(":")[4]
    return accountId ? { ...credentials, accountId } : credentials
  }
}
