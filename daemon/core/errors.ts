/**
 * The one error class, and one factory for each thing that can go wrong. Messages say what could not be done, to what,
 * and why, in lower case; the hint is a command to run. Neither ever holds a secret.
 */
import type { ErrorBody, ErrorCode } from "../api.ts"

interface Details {
  readonly hint?: string | undefined
  readonly cause?: unknown
  readonly retryAfterMs?: number | undefined
  readonly isUnexplained?: boolean
}

export class CreddError extends Error {
  readonly code: ErrorCode
  readonly hint: string | undefined
  /** How long AWS asked to be left alone, where it did. */
  readonly retryAfterMs: number | undefined
  /** AWS said no and not why: a trust policy's conditions are never told. */
  readonly isUnexplained: boolean

  constructor(code: ErrorCode, message: string, details: Details = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = "CreddError"
    this.code = code
    this.hint = details.hint
    this.retryAfterMs = details.retryAfterMs
    this.isUnexplained = details.isUnexplained === true
  }
}

/** What an error is called on the wire and in the audit log. */
export function codeOf(error: unknown): ErrorCode {
  return error instanceof CreddError ? error.code : "Internal"
}

/** Whether asking AWS again later may help. Everything else is final until a person acts. */
export function isPassing(error: unknown): boolean {
  return error instanceof CreddError && error.code === "Unavailable"
}

export function isUnexplained(error: unknown): boolean {
  return error instanceof CreddError && error.isUnexplained
}

/** Found out without asking AWS: asking again costs nothing, and a person may have mended it a moment ago. */
export function isFoundHere(error: unknown): boolean {
  return error instanceof CreddError && foundHere.has(error.code)
}

const foundHere: ReadonlySet<ErrorCode> = new Set([
  "LoginRequired",
  "SessionExpired",
  "KeychainLocked",
  "KeychainUnavailable",
])

/** The error as the control plane sends it; what is not ours leaves no detail. */
export function errorBody(error: unknown): ErrorBody {
  if (!(error instanceof CreddError)) {
    return { code: "Internal", message: "the daemon met an error of its own", hint: "see the daemon's log" }
  }
  return error.hint === undefined
    ? { code: error.code, message: error.message }
    : { code: error.code, message: error.message, hint: error.hint }
}

// Profiles and sessions

export const loginRequired = (profile: string, sourceProfile: string): CreddError =>
  new CreddError("LoginRequired", `profile "${profile}" has no MFA session`, { hint: login(sourceProfile) })

export const sessionExpired = (sourceProfile: string, endedAt: number): CreddError =>
  new CreddError("SessionExpired", `the MFA session for profile "${sourceProfile}" ended at ${clockTime(endedAt)}`, {
    hint: login(sourceProfile),
  })

export const sessionRejected = (sourceProfile: string): CreddError =>
  new CreddError("SessionExpired", `AWS no longer accepts the MFA session for profile "${sourceProfile}"`, {
    hint: login(sourceProfile),
  })

/** The role took this session before and does not take it any more: its policy limits `aws:MultiFactorAuthAge`. */
export const mfaTooOld = (roleArn: string, sourceProfile: string, cause: unknown): CreddError =>
  new CreddError("MfaTooOld", `role ${roleArn} wants a fresher MFA login`, { hint: login(sourceProfile), cause })

export const mfaMaybeTooOld = (roleArn: string, sourceProfile: string, ageMs: number, cause: unknown): CreddError =>
  new CreddError("AccessDenied", `AWS refused role ${roleArn}; it may want a fresher login than ${age(ageMs)} ago`, {
    hint: `${login(sourceProfile)}, or check its trust policy`,
    cause,
  })

/** A session from the global endpoint (`sts_regional_endpoints = legacy`) is not taken by opt-in regions. */
export const sessionNotTaken = (what: string, region: string, cause: unknown): CreddError =>
  new CreddError("AccessDenied", `STS in ${region} does not take the MFA session for ${what}`, {
    hint: "set sts_regional_endpoints = regional for the source profile, then run: credd login",
    cause,
  })

export const loginNotNeeded = (profile: string): CreddError =>
  new CreddError("UsageWrong", `profile "${profile}" needs no login: its source brings credentials of its own`, {
    hint: `run: credd whoami ${word(profile)}`,
  })

export const profileRequired = (names: readonly string[]): CreddError =>
  new CreddError(
    "ProfileRequired",
    names.length === 0 ? "no profile is set up yet" : `name a profile: ${names.join(", ")}`,
    { hint: names.length === 0 ? "run: credd add PROFILE" : "run: credd status" },
  )

export const profileNotFound = (profile: string, similar: string | undefined): CreddError =>
  new CreddError(
    "ProfileNotFound",
    similar === undefined
      ? `profile "${profile}" is not known`
      : `profile "${profile}" is not known; did you mean "${similar}"?`,
    { hint: "run: credd status" },
  )

export const profileUnsupported = (profile: string, reason: string): CreddError =>
  new CreddError("ProfileUnsupported", `profile "${profile}" cannot be served: ${reason}`, {
    hint: "run: credd status",
  })

export const profileNotAllowed = (profile: string, lease: string): CreddError =>
  new CreddError("ProfileNotAllowed", `lease "${lease}" may not read profile "${profile}"`, {
    hint: `run: credd env ${word(profile)}`,
  })

// Leases

/** A scope that AWS will not enforce, or cannot: never answered with anything wider. */
export const scopeRefused = (why: string, hint = "run: credd lease new --help", cause?: unknown): CreddError =>
  new CreddError("ScopeRefused", `the scope cannot be enforced: ${why}`, { hint, cause })

export const scopeNotConfirmed = (why: string): CreddError =>
  scopeRefused(`STS did not narrow the session (${why})`, "check endpoint_url and AWS_ENDPOINT_URL_STS")

/** A defect of ours, caught at the last door. */
export const scopeLost = (): CreddError =>
  new CreddError("Internal", "the credentials at hand are not this lease's", { hint: "see the daemon's log" })

export const leaseEnded = (endedAt: number, name?: string): CreddError =>
  new CreddError("TokenRejected", `the lease${name === undefined ? "" : ` "${name}"`} ended at ${clockTime(endedAt)}`, {
    hint: `run: credd lease new ${name ?? "NAME"}`,
  })

export const leaseExists = (name: string): CreddError =>
  new CreddError("LeaseExists", `there is a lease "${name}" already`, {
    hint: `add --replace to end it, or run: credd lease revoke ${word(name)}`,
  })

export const leaseNotFound = (name: string, similar: string | undefined): CreddError =>
  new CreddError(
    "LeaseNotFound",
    `there is no lease "${name}"${similar === undefined ? "" : `; did you mean "${similar}"?`}`,
    { hint: "run: credd lease list" },
  )

export const leaseNameWrong = (name: string, why: string): CreddError =>
  new CreddError("LeaseNameWrong", `"${name}" cannot be a lease's name: ${why}`, {
    hint: "run: credd lease new agent --profile PROFILE",
  })

export const leaseWrong = (why: string): CreddError =>
  new CreddError("UsageWrong", why, { hint: "run: credd lease new --help" })

// Login and access keys

export const mfaSerialMissing = (profile: string): CreddError =>
  new CreddError("MfaSerialMissing", `profile "${profile}" has no mfa_serial`, {
    hint: `add mfa_serial = arn:aws:iam::ACCOUNT:mfa/DEVICE to its section in the AWS config file, then run: ${loginCommand(profile)}`,
  })

export const mfaCodeMalformed = (): CreddError =>
  new CreddError("MfaCodeMalformed", "an MFA code is six digits", {
    hint: "run: credd login, and type the code shown now",
  })

export const mfaCodeRejected = (profile: string, cause: unknown): CreddError =>
  new CreddError("MfaCodeRejected", `AWS refused the MFA code for profile "${profile}": wrong, or used before`, {
    hint: `wait for the next code, then run: ${loginCommand(profile)}`,
    cause,
  })

export const mfaCodeUsed = (profile: string): CreddError =>
  new CreddError("MfaCodeUsed", `this MFA code was sent for profile "${profile}" already; AWS takes a code once`, {
    hint: `wait for the next code, then run: ${loginCommand(profile)}`,
  })

/** The code went out and no answer came: AWS may have taken it, so it is never sent again. */
export const loginUnanswered = (profile: string, cause: CreddError): CreddError =>
  new CreddError("Unavailable", `could not log in to profile "${profile}": ${cause.message}`, {
    hint: `the code is spent; wait for the next one, then run: ${loginCommand(profile)}`,
    cause,
  })

export const durationOutOfRange = (): CreddError =>
  new CreddError("UsageWrong", "an MFA session lasts 900 s to 129,600 s (15m to 36h)", {
    hint: "run: credd login --duration 12h",
  })

// Instance metadata

/** Its clients stretch what is shorter, and would sign with what has ended. */
export const tooShortForImds = (profile: string, leastMs: number): CreddError =>
  new CreddError(
    "SessionExpired",
    `profile "${profile}" has less than ${Math.round(leastMs / 60_000)} min left: too little for instance metadata`,
    { hint: login(profile) },
  )

export const imdsRoleTooShort = (profile: string, durationSeconds: number, mostSeconds: number): CreddError =>
  new CreddError(
    "UsageWrong",
    `profile "${profile}" asks for ${durationSeconds} s; instance metadata needs more than ${mostSeconds}`,
    { hint: "set duration_seconds = 3600 in its section of the AWS config file" },
  )

export const imdsNotEnabled = (profile: string): CreddError =>
  new CreddError("UsageWrong", `profile "${profile}" is not on an instance metadata port`, {
    hint: `run: credd imds enable ${word(profile)}`,
  })

export const imdsPortTaken = (profile: string, why: string): CreddError =>
  new CreddError("PortTaken", `could not serve "${profile}" as instance metadata: ${why}`, {
    hint: "run: credd imds list",
  })

export const imdsInSettings = (profile: string): CreddError =>
  new CreddError("UsageWrong", `profile "${profile}" stands under imds in the settings`, {
    hint: "take it out of imds in config.toml, and start the daemon again; run: credd config",
  })

export const accessKeyMissing = (profile: string): CreddError =>
  new CreddError("AccessKeyMissing", `no access key is kept for profile "${profile}"`, {
    hint: `run: credd add ${word(profile)}`,
  })

export const accessKeyMalformed = (): CreddError =>
  new CreddError("UsageWrong", "an access key is an id that begins with AKIA and a secret of 40 characters", {
    hint: "paste the two values as the console shows them",
  })

export const accessKeyRejected = (what: string, cause: unknown): CreddError =>
  new CreddError("AccessKeyRejected", `AWS does not accept ${what}`, {
    hint: "check that the key is active in the IAM console, then run: credd add PROFILE",
    cause,
  })

// Rotation

const rotationPolicy =
  '{"Effect":"Allow","Action":["iam:ListAccessKeys","iam:CreateAccessKey","iam:UpdateAccessKey","iam:DeleteAccessKey","iam:GetAccessKeyLastUsed"],"Resource":"arn:aws:iam::*:user/${aws:username}"}'

/** Policies for one's own keys often want MFA, which the access key alone cannot show. */
export const mayNotRotate = (profile: string, userName: string, hasSession: boolean, cause: unknown): CreddError =>
  new CreddError(
    "AccessDenied",
    `user "${userName}" may not change its own access keys${hasSession ? "" : " without an MFA session"}`,
    {
      hint: hasSession
        ? `ask for this policy statement: ${rotationPolicy}`
        : `run: ${loginCommand(profile)}, then rotate again; or ask for: ${rotationPolicy}`,
      cause,
    },
  )

export const accessKeyQuota = (userName: string, otherKeyId?: string): CreddError =>
  new CreddError("AccessKeyQuota", `user "${userName}" has two access keys already, and AWS allows no third`, {
    hint:
      otherKeyId === undefined
        ? "delete the one that nothing uses in the IAM console, then run it again"
        : `if nothing uses the other one, run: aws iam delete-access-key --access-key-id ${otherKeyId}`,
  })

export const oldKeyLeft = (profile: string, oldKeyId: string): CreddError =>
  new CreddError(
    "AccessKeyQuota",
    `the key that the last rotation replaced, ${oldKeyId}, is still there, deactivated`,
    {
      hint: `run: credd rotate ${word(profile)} --delete   (or --undo, to have it back)`,
    },
  )

export const rotationUncertain = (userName: string, keyId: string): CreddError =>
  new CreddError("AccessKeyQuota", `user "${userName}" has an access key that credd did not expect: ${keyId}`, {
    hint: `if it is not yours, run: aws iam delete-access-key --access-key-id ${keyId}, then rotate again`,
  })

export const rotationNotThere = (profile: string): CreddError =>
  new CreddError("UsageWrong", `there is no rotation of "${profile}" to undo`, { hint: "run: credd status" })

export const rotationWouldBeLost = (): CreddError =>
  new CreddError("UsageWrong", "the memory store would forget the new key when the daemon stops", {
    hint: "choose another store; run: credd config",
  })

export const rotationOfRoot = (profile: string): CreddError =>
  new CreddError("UsageWrong", `"${profile}" has the account's root key: do not rotate it, delete it`, {
    hint: "make an IAM user in the console, then run: credd add PROFILE",
  })

export const accessKeyOfAnother = (profile: string, arn: string): CreddError =>
  new CreddError("AccessKeyRejected", `the new access key for "${profile}" belongs to ${arn}`, {
    hint: `run: credd rotate ${word(profile)} --undo`,
  })

// The store

export const keychainLocked = (): CreddError =>
  new CreddError("KeychainLocked", "the keychain is locked", {
    hint: "unlock it by logging in to the desktop; credd goes on by itself within 5 s",
  })

export const fileStoreLocked = (): CreddError =>
  new CreddError("KeychainLocked", "the file store is locked: it needs its passphrase", {
    hint: "run: credd unlock",
  })

export const keychainUnavailable = (why: string, cause?: unknown): CreddError =>
  new CreddError("KeychainUnavailable", `could not reach the keychain: ${why}`, {
    hint: 'choose another store: set store = "file" (encrypted) or store = "memory" in config.toml; run: credd config',
    cause,
  })

export const passphraseRejected = (): CreddError =>
  new CreddError("KeychainLocked", "the passphrase does not open the file store", { hint: "run: credd unlock" })

export const passphraseTooShort = (least: number): CreddError =>
  new CreddError("UsageWrong", `a passphrase has at least ${least} characters`, { hint: "run: credd unlock" })

export const storeUnsafe = (path: string, why: string): CreddError =>
  new CreddError("KeychainUnavailable", `cannot use the store ${path}: ${why}`, { hint: "run: credd config" })

export const unlockNotNeeded = (kind: string): CreddError =>
  new CreddError("UsageWrong", `the ${kind} store takes no passphrase`, { hint: "run: credd config" })

export const storeDamaged = (what: string, cause?: unknown): CreddError =>
  new CreddError("StoreDamaged", `could not read ${what}: it is damaged`, {
    hint: "move it aside, then run: credd add PROFILE",
    cause,
  })

/** Not `storeDamaged`, whose hint would have people throw away what a newer credd can read. */
export const storeNewer = (what: string): CreddError =>
  new CreddError("KeychainUnavailable", `could not read ${what}: a newer credd wrote it`, {
    hint: "install the newer credd again; run: credd --version",
  })

export const storeWriteFailed = (what: string, why: string, cause?: unknown): CreddError =>
  new CreddError("StoreWriteFailed", `could not write ${what}: ${why}`, {
    hint: "what was stored before is unchanged; mend the cause and run the command again",
    cause,
  })

// What a request may not do

export const tokenMissing = (): CreddError =>
  new CreddError("TokenMissing", "no Authorization header; the tool may be too old for token files", {
    hint: "run: credd env --inline",
  })

export const tokenRejected = (): CreddError =>
  new CreddError("TokenRejected", "the authorization token is not valid", { hint: 'run: eval "$(credd env)"' })

export const hostRejected = (): CreddError =>
  new CreddError("HostRejected", "the Host header is not this server's", { hint: "use http://127.0.0.1 and the port" })

export const originRejected = (): CreddError =>
  new CreddError("OriginRejected", "requests from web pages and through proxies are refused", {
    hint: "run: credd env",
  })

/** A token in another user's hands opens nothing. */
export const peerRejected = (): CreddError =>
  new CreddError("PeerRejected", "only processes of the daemon's own user are answered", {
    hint: "to allow another user, set allow_uids in config.toml",
  })

export const routeNotFound = (): CreddError =>
  new CreddError("RouteNotFound", "there is no such path", { hint: "run: credd env" })

export const methodNotAllowed = (): CreddError =>
  new CreddError("MethodNotAllowed", "only GET and HEAD are allowed", { hint: "run: credd env" })

export const requestMalformed = (why: string): CreddError => new CreddError("RequestMalformed", why)

// AWS

export const accessDenied = (what: string, cause: unknown): CreddError =>
  new CreddError("AccessDenied", `AWS refused ${what}`, {
    hint: "run: credd whoami, and check the role's trust policy",
    isUnexplained: true,
    cause,
  })

/** AWS names the kind of policy that stands in the way. */
export const policyDenied = (what: string, why: string, cause: unknown): CreddError =>
  new CreddError("AccessDenied", `AWS refused ${what}: ${why}`, { hint: "run: credd whoami", cause })

/** AWS says no more than "Message is not valid", whichever of these it is. */
export const messageRejected = (profile: string, cause: unknown): CreddError =>
  new CreddError("MessageRejected", "AWS cannot decode the message: it is cut short, changed, or of another account", {
    hint: `copy it whole, or name a profile of the account it came from: credd decode --profile ${word(profile)} -`,
    cause,
  })

export const mayNotDecode = (profile: string, cause: unknown): CreddError =>
  new CreddError("AccessDenied", `profile "${profile}" lacks the right sts:DecodeAuthorizationMessage`, {
    hint: 'ask for this policy statement: {"Effect":"Allow","Action":"sts:DecodeAuthorizationMessage","Resource":"*"}',
    cause,
  })

export const regionDisabled = (region: string, cause: unknown): CreddError =>
  new CreddError("AccessDenied", `STS is switched off in region ${region} for this account`, {
    hint: `set another region for the profile, or run: aws account enable-region --region-name ${region}`,
    cause,
  })

export const sourceFailed = (what: string, why: string): CreddError =>
  new CreddError("SourceFailed", `could not get credentials from ${what}: ${why}`, {
    hint: "run that command by hand; run: credd status",
  })

export const serviceRefused = (service: string, what: string, why: string, cause: unknown): CreddError =>
  new CreddError("AccessDenied", `${service} refused ${what}: ${why}`, {
    hint: "check the profile in the AWS config file",
    cause,
  })

/** AWS cannot be reached, throttles, or answers nonsense: passing, and worth another try. */
export const serviceUnavailable = (service: string, region: string, why: string, details: Details = {}): CreddError =>
  new CreddError("Unavailable", `could not reach ${service} in ${region}: ${why}`, {
    hint: "run: credd status",
    ...details,
  })

export const awsUnreachable = (host: string, why: string, cause: unknown): CreddError =>
  new CreddError("Unavailable", `could not reach AWS at ${host}: ${why}`, { hint: "run: credd status", cause })

/** The caller's patience is over; the call to AWS goes on, and the next caller may have its answer. */
export const stillAsking = (): CreddError =>
  new CreddError("Unavailable", "AWS has not answered yet", { hint: "try again; run: credd status" })

/** A clock is wrong somewhere: what AWS gave would be refused by AWS. */
export const alreadyEnded = (): CreddError =>
  new CreddError("Unavailable", "AWS answered with credentials that have ended", { hint: "check this machine's clock" })

// The console

export const consolePolicyNeeded = (profile: string): CreddError =>
  new CreddError("UsageWrong", `"${profile}" is a user: its console session needs a policy that limits it`, {
    hint: `run: credd console ${word(profile)} --policy-arn ReadOnlyAccess`,
  })

export const consolePolicyNotTaken = (profile: string): CreddError =>
  new CreddError("UsageWrong", `"${profile}" is a role: its console session has the role's own rights`, {
    hint: `run: credd console ${word(profile)}`,
  })

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_enable-console-custom-url.html: role chaining. */
export const consoleDurationNotTaken = (profile: string): CreddError =>
  new CreddError("UsageWrong", `"${profile}" is a role above a session: AWS ends its console session after an hour`, {
    hint: `run: credd console ${word(profile)}`,
  })

export const consoleDestinationWrong = (why: string): CreddError =>
  new CreddError("UsageWrong", `there is no such page of the console: ${why}`, { hint: "run: credd console --help" })

export const consoleNotInPartition = (partition: string): CreddError =>
  new CreddError("UsageWrong", `credd knows no console for the partition "${partition}"`, {
    hint: "run: credd whoami",
  })

export const consoleRefused = (why: string): CreddError =>
  new CreddError("AccessDenied", `the console's sign-in refused the credentials: ${why}`, {
    hint: "run: credd refresh, and try again",
  })

// Settings, files and the machine

export const settingsInvalid = (where: string, why: string): CreddError =>
  new CreddError("SettingsInvalid", `${where}: ${why}`, { hint: "run: credd config" })

/** For those who may not know why. */
export const notStarted = (): CreddError =>
  new CreddError("SettingsInvalid", "the daemon could not start", { hint: "run: credd status" })

/** A daemon that runs outlives its files: an upgrade takes them away. */
export const filesGone = (cause: unknown): CreddError =>
  new CreddError("Unavailable", "the daemon cannot read its own program any more: it was upgraded or removed", {
    hint: "start the daemon again: credd service install, or credd daemon",
    cause,
  })

export const configMalformed = (file: string, line: number, why: string): CreddError =>
  new CreddError("ConfigMalformed", `${file}:${line}: ${why}`, { hint: `mend line ${line} of ${file}` })

export const portTaken = (port: number, holder: string): CreddError =>
  new CreddError("PortTaken", `port ${port} is held by ${holder}`, {
    hint: "end that program, or set another port: CREDD_PORT=9913 credd daemon",
  })

export const alreadyRunning = (pid: number | undefined): CreddError =>
  new CreddError("AlreadyRunning", `credd is already running${pid === undefined ? "" : ` (pid ${pid})`}`, {
    hint: "run: credd status",
  })

export const socketUnusable = (path: string, why: string, cause?: unknown): CreddError =>
  new CreddError("SocketUnusable", `cannot use the socket ${path}: ${why}`, {
    hint: "set CREDD_HOME or XDG_RUNTIME_DIR to a short path that only you can reach",
    cause,
  })

/** A profile name as a shell word, for hints that people paste. */
function word(name: string): string {
  return /^[\w@%+=:,./-]+$/.test(name) ? name : `'${name.replaceAll("'", `'\\''`)}'`
}

export function loginCommand(profile: string): string {
  return `credd login ${word(profile)}`
}

function login(profile: string): string {
  return `run: ${loginCommand(profile)}`
}

function age(ms: number): string {
  const minutes = Math.round(ms / 60_000)
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`
}

/** `17:40`, by the clock on the wall. */
export function clockTime(epochMs: number): string {
  const at = new Date(epochMs)
  return `${String(at.getHours()).padStart(2, "0")}:${String(at.getMinutes()).padStart(2, "0")}`
}
