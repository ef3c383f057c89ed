/** What each STS action does with a caller and its parameters: AWS's limits, AWS's refusals, AWS's words. */
import { codeBook, type CodeBook } from "./totp.ts"
import { StsError, credentialsElement, element } from "./wire.ts"
import { issueCredentials, type IssuedCredentials, type Principal, type SandboxRole, type World } from "./world.ts"

export interface State {
  readonly world: World
  readonly issued: Map<string, IssuedCredentials>
  readonly codes: CodeBook
  /** Encoded authorization messages and what they say. */
  readonly messages: Map<string, string>
}

export interface Caller {
  readonly principal: Principal
  readonly now: number
}

type Action = (state: State, caller: Caller, parameters: URLSearchParams) => string

export const actions: ReadonlyMap<string, Action> = new Map<string, Action>([
  ["GetCallerIdentity", getCallerIdentity],
  ["GetSessionToken", getSessionToken],
  ["AssumeRole", assumeRole],
  ["DecodeAuthorizationMessage", decodeAuthorizationMessage],
])

export function newState(world: World): State {
  return { world, issued: new Map(), codes: codeBook(), messages: new Map() }
}

function getCallerIdentity(_: State, { principal }: Caller): string {
  return element("Arn", principal.arn) + element("UserId", principal.userId) + element("Account", principal.accountId)
}

function getSessionToken(state: State, { principal, now }: Caller, parameters: URLSearchParams): string {
  if (principal.kind !== "user") throw denied("Cannot call GetSessionToken with session credentials")
  const seconds = duration(parameters, 43_200, 129_600)
  const mfaAt = checkedMfa(state, principal, parameters, now)
  return keep(
    state,
    { ...principal, kind: "session", ...(mfaAt === undefined ? {} : { mfaAt }) },
    now + seconds * 1_000,
  )
}

function assumeRole(state: State, { principal, now }: Caller, parameters: URLSearchParams): string {
  const arn = required(parameters, "RoleArn")
  const sessionName = required(parameters, "RoleSessionName")
  if (!/^[\w+=,.@-]{2,64}$/.test(sessionName)) {
    throw invalid(
      `1 validation error detected: Value '${sessionName}' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*`,
    )
  }
  const role = state.world.roles.find((each) => each.arn === arn)
  const seconds = duration(parameters, 3_600, 43_200)
  const mfaAt = checkedMfa(state, principal, parameters, now) ?? principal.mfaAt
  if (role === undefined || !trusts(role, principal, parameters, mfaAt, now)) {
    throw denied(`User: ${principal.arn} is not authorized to perform: sts:AssumeRole on resource: ${arn}`)
  }
  if (principal.kind !== "user" && seconds > 3_600) {
    throw invalid("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
  }
  if (seconds > (role.maxSessionDurationSeconds ?? 3_600)) {
    throw invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
  }
  const accountId = arn.split(":")[4] ?? ""
  const roleName = arn.split("/").at(-1) ?? ""
  const assumed = {
    kind: "role" as const,
    accountId,
    arn: `arn:aws:sts::${accountId}:assumed-role/${roleName}/${sessionName}`,
    userId: `AROAEXAMPLE${roleName.toUpperCase()}:${sessionName}`,
    principalArn: arn,
    ...(mfaAt === undefined ? {} : { mfaAt }),
  }
  const about = `<AssumedRoleUser>${element("Arn", assumed.arn)}${element("AssumedRoleId", assumed.userId)}</AssumedRoleUser>`
  return keep(state, assumed, now + seconds * 1_000) + about
}

function decodeAuthorizationMessage(state: State, { principal }: Caller, parameters: URLSearchParams): string {
  if (principal.user?.mayDecode !== true) {
    throw denied(`User: ${principal.arn} is not authorized to perform: sts:DecodeAuthorizationMessage`)
  }
  const decoded = state.messages.get(required(parameters, "EncodedMessage"))
  if (decoded === undefined) throw new StsError("InvalidAuthorizationMessageException", "Message is not valid", 400)
  return element("DecodedMessage", decoded)
}

function keep(state: State, principal: Principal, expiration: number): string {
  const issued = issueCredentials(principal, Math.floor(expiration / 1_000) * 1_000)
  state.issued.set(issued.accessKeyId, issued)
  return credentialsElement(issued)
}

/** When the MFA device was used, if this call brings a code. */
function checkedMfa(state: State, principal: Principal, parameters: URLSearchParams, now: number): number | undefined {
  const serial = parameters.get("SerialNumber")
  const code = parameters.get("TokenCode")
  if (serial === null && code === null) return undefined
  if (code === null || !/^\d{6}$/.test(code)) {
    throw invalid(
      "1 validation error detected: Value at 'tokenCode' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\d]*",
    )
  }
  const mfa = principal.user?.mfa
  if (mfa === undefined || mfa.serial !== serial) {
    throw denied(
      "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.",
    )
  }
  if (!state.codes.take(serial, mfa.totpSecret, code, now)) {
    throw denied("MultiFactorAuthentication failed with invalid MFA one time pass code. ")
  }
  return now
}

function trusts(
  role: SandboxRole,
  principal: Principal,
  parameters: URLSearchParams,
  mfaAt: number | undefined,
  now: number,
): boolean {
  const { principals, requireMfa, maxMfaAgeSeconds, externalId } = role.trust ?? {}
  const isTrusted =
    principals === undefined
      ? role.arn.split(":")[4] === principal.accountId
      : principals.includes(principal.principalArn)
  const hasMfa = mfaAt !== undefined || requireMfa !== true
  const isFresh = maxMfaAgeSeconds === undefined || (mfaAt !== undefined && now - mfaAt <= maxMfaAgeSeconds * 1_000)
  return isTrusted && hasMfa && isFresh && (externalId === undefined || parameters.get("ExternalId") === externalId)
}

function duration(parameters: URLSearchParams, usual: number, most: number): number {
  const seconds = Number(parameters.get("DurationSeconds") ?? usual)
  if (!Number.isInteger(seconds) || seconds < 900 || seconds > most) {
    const bound = seconds > most ? `less than or equal to ${most}` : "greater than or equal to 900"
    throw invalid(
      `1 validation error detected: Value '${seconds}' at 'durationSeconds' failed to satisfy constraint: Member must have value ${bound}`,
    )
  }
  return seconds
}

function required(parameters: URLSearchParams, name: string): string {
  const value = parameters.get(name)
  if (!value)
    throw invalid(
      `1 validation error detected: Value null at '${name}' failed to satisfy constraint: Member must not be null`,
    )
  return value
}

function denied(message: string): StsError {
  return new StsError("AccessDenied", message, 403)
}

function invalid(message: string): StsError {
  return new StsError("ValidationError", message, 400)
}
