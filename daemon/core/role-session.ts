/** One AssumeRole as a Provider: from the credentials below it, which may be an MFA session's or another role's. */
import type { Credentials, Provider } from "./credentials.ts"
import type { Sts } from "./ports.ts"
import type { RoleProfile } from "./profiles.ts"

export function roleSession(below: Provider<Credentials>, role: RoleProfile, sts: Sts): Provider<Credentials> {
  const request = {
    roleArn: role.roleArn,
    roleSessionName: role.roleSessionName,
    durationSeconds: role.durationSeconds,
    ...(role.externalId === undefined ? {} : { externalId: role.externalId }),
  }
  return async () => {
    const credentials = await sts.assumeRole(await below(), request, role.target)
    const accountId = role.roleArn.split(":")[4]
    return accountId ? { ...credentials, accountId } : credentials
  }
}
