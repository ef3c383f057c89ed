/**
 * Every error that credd can make, with values as they come in life. A new factory in `daemon/core/errors.ts`: add its
 * name here with arguments, then write it down with `npx vitest run test/transcripts -u`, and read what was written.
 */
import * as errors from "../../daemon/core/errors.ts"
import type { CreddError } from "../../daemon/core/errors.ts"

type Exports = typeof errors
type Factory = { [K in keyof Exports]: Exports[K] extends (...args: never[]) => CreddError ? K : never }[keyof Exports]

export type Samples = { readonly [K in Factory]?: Readonly<Parameters<Exports[K]>> }

const cause = new Error("EXAMPLE-canary of a cause, which nobody is to see")
const role = "arn:aws:iam::123456789012:role/developer"
const endedAt = Date.parse("2026-11-23T08:12:00Z")

export const samples: Samples = {
  loginRequired: ["dev", "acme"],
  sessionExpired: ["acme", endedAt],
  sessionRejected: ["acme"],
  mfaTooOld: [role, "acme", cause],
  mfaMaybeTooOld: [role, "acme", 5 * 3_600_000, cause],
  sessionNotTaken: [`role ${role}`, "me-south-1", cause],
  loginNotNeeded: ["outside"],
  profileRequired: [["acme", "dev"]],
  profileNotFound: ["dve", "dev"],
  profileUnsupported: ["sso", "SSO profiles are not served yet"],
  profileNotAllowed: ["with space", "agent"],
  scopeRefused: ["the policy is not JSON"],
  scopeNotConfirmed: ["AWS did not confirm it"],
  scopeLost: [],
  leaseEnded: [endedAt, "agent"],
  leaseExists: ["agent"],
  leaseNotFound: ["agnet", "agent"],
  leaseNameWrong: ["a b", "it holds a space"],
  leaseWrong: ["it ends before it begins"],
  mayNotRotate: ["acme", "alice", false, cause],
  accessKeyQuota: ["alice", "AKIAEXAMPLEALICE0002"],
  oldKeyLeft: ["acme", "****0001"],
  rotationUncertain: ["alice", "AKIAEXAMPLEALICE0002"],
  rotationNotThere: ["acme"],
  rotationWouldBeLost: [],
  rotationOfRoot: ["acme"],
  accessKeyOfAnother: ["acme", "arn:aws:iam::123456789012:user/bob"],
  mfaSerialMissing: ["acme"],
  mfaCodeMalformed: [],
  mfaCodeRejected: ["acme", cause],
  mfaCodeUsed: ["acme"],
  loginUnanswered: ["acme", errors.stillAsking()],
  durationOutOfRange: [],
  tooShortForImds: ["dev", 900_000],
  imdsRoleTooShort: ["dev", 900, 3_600],
  imdsNotEnabled: ["dev"],
  imdsPortTaken: ["dev", "port 9913 is held by python3 (pid 77)"],
  imdsInSettings: ["dev"],
  accessKeyMissing: ["acme"],
  accessKeyMalformed: [],
  accessKeyRejected: ["the access key", cause],
  keychainLocked: [],
  fileStoreLocked: [],
  keychainUnavailable: ["no session bus", cause],
  passphraseRejected: [],
  passphraseTooShort: [8],
  storeUnsafe: ["/home/alice/.local/state/credd/store.credd", "other users can write it"],
  unlockNotNeeded: ["keychain"],
  storeDamaged: ["the session of acme", cause],
  storeNewer: ["the file store"],
  storeWriteFailed: ["the file store", "no space left on the disk", cause],
  tokenMissing: [],
  tokenRejected: [],
  hostRejected: [],
  originRejected: [],
  peerRejected: [],
  routeNotFound: [],
  methodNotAllowed: [],
  requestMalformed: ["POST /login: mfaCode is not as it should be"],
  accessDenied: [`role ${role}`, cause],
  policyDenied: [`role ${role}`, "no identity-based policy allows it", cause],
  messageRejected: ["dev", cause],
  mayNotDecode: ["dev", cause],
  regionDisabled: ["me-south-1", cause],
  sourceFailed: ["the credential_process of base", "it ended with status 1"],
  serviceRefused: ["STS", `role ${role}`, "the name is too long", cause],
  serviceUnavailable: ["STS", "eu-west-1", "connect timed out"],
  awsUnreachable: ["sts.eu-west-1.amazonaws.com", "its name could not be resolved", cause],
  stillAsking: [],
  alreadyEnded: [],
  consolePolicyNeeded: ["acme"],
  consolePolicyNotTaken: ["dev"],
  consoleDurationNotTaken: ["dev"],
  consoleDestinationWrong: ["it is not a page of the console"],
  consoleNotInPartition: ["aws-iso"],
  consoleRefused: ["the session has ended"],
  settingsInvalid: ["/home/alice/.config/credd/config.toml:3", "port must be a number"],
  notStarted: [],
  filesGone: [new Error("Cannot find module")],
  configMalformed: ["/home/alice/.aws/config", 12, "section [profile dev] is there twice"],
  portTaken: [9912, "python3 (pid 77, user id 1000)"],
  alreadyRunning: [4711],
  socketUnusable: ["/tmp/credd/credd.sock", "other users can reach the folder; run: chmod 700 on it", cause],
}

/** The names of the factories themselves: all that is exported and makes a CreddError of its arguments. */
export function factoryNames(): readonly string[] {
  const others = new Set([
    "CreddError",
    "codeOf",
    "isPassing",
    "isUnexplained",
    "isFoundHere",
    "errorBody",
    "loginCommand",
    "clockTime",
  ])
  return Object.keys(errors).filter((name) => !others.has(name))
}

export function make(name: string): CreddError {
  const factory: unknown = new Map<string, unknown>(Object.entries(errors)).get(name)
  const args = samples[name as Factory]
  if (typeof factory !== "function" || args === undefined) throw new TypeError(`no sample for ${name}`)
  return (factory as (...given: readonly unknown[]) => CreddError)(...args)
}
