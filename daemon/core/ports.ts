/** What the core needs of the outside: one small interface each, implemented by an adapter and by a fake. */
import type { DecodedMessage, Identity, StoreKind } from "../api.ts"
import type { AccessKey, Credentials, KeptAccessKey, MfaSession, Rotation } from "./credentials.ts"
import type { Secret } from "./secret.ts"

export interface Clock {
  /** AWS's time as far as it is known (this machine's, mended by the `Date` of STS answers), in epoch milliseconds. */
  now(): number
  /** Whether the time is a guess: AWS has not told it since the start, a sleep, or a hand at the machine's clock. */
  isDoubtful(): boolean
  /** Calls back once, after `ms` of this machine's time. Returns what cancels it. */
  after(ms: number, callback: () => void): () => void
}

/** Where an STS call goes. */
export interface StsTarget {
  readonly region: string
  /** From `AWS_ENDPOINT_URL_STS` or the config file; AWS's regional endpoint when absent. */
  readonly endpoint?: string
  /** `sts_regional_endpoints = legacy`: the global endpoint, for the regions that once had no other. */
  readonly isGlobal?: boolean
  readonly fips?: boolean
  readonly dualstack?: boolean
}

export interface SessionRequest {
  readonly mfaSerial: string
  readonly mfaCode: string
  readonly durationSeconds: number
}

export interface RoleRequest {
  readonly roleArn: string
  readonly roleSessionName: string
  readonly durationSeconds: number
  readonly externalId?: string
  readonly sourceIdentity?: string
  readonly tags?: readonly { readonly key: string; readonly value: string }[]
  readonly transitiveTagKeys?: readonly string[]
  /** Managed policies that the role session is narrowed to. */
  readonly policyArns?: readonly string[]
}

export interface ScopedRequest {
  /** An inline policy. */
  readonly policy?: string
  /** Less than the session has left; its own end when absent. */
  readonly durationSeconds?: number
  readonly description: string
}

export interface ScopedAnswer {
  readonly credentials: Credentials
  /** How many policies narrow them by now, by AWS's own count. */
  readonly policies: number
}

export interface FederationRequest {
  /** 2 to 32 characters: the name that CloudTrail shows. */
  readonly name: string
  readonly policyArn: string
  readonly durationSeconds: number
}

/**
 * AWS STS. Every call has a deadline of its own and throws a CreddError: `Unavailable` when asking again later may
 * help, any other code when it will not.
 */
export interface Sts {
  getCallerIdentity(as: AccessKey | Credentials, target: StsTarget): Promise<Identity>
  /** Sends the code at most once, whatever happens. */
  getSessionToken(key: AccessKey, request: SessionRequest, target: StsTarget): Promise<Credentials>
  assumeRole(as: AccessKey | Credentials, request: RoleRequest, target: StsTarget): Promise<Credentials>
  /** Throws `ScopeRefused` for whatever AWS will not narrow by. */
  getScopedCredentials(as: Credentials, request: ScopedRequest, target: StsTarget): Promise<ScopedAnswer>
  /** A user's temporary credentials that the console takes: what the user may do and the policy allows. */
  getFederationToken(key: AccessKey, request: FederationRequest, target: StsTarget): Promise<Credentials>
  /** Throws `MessageRejected` for what is no message of this account, `AccessDenied` where the right is missing. */
  decodeAuthorizationMessage(
    as: AccessKey | Credentials,
    message: string,
    profile: string,
    target: StsTarget,
  ): Promise<DecodedMessage>
}

export type IamTarget = Omit<StsTarget, "isGlobal">

export interface IamAccessKey {
  readonly accessKeyId: string
  readonly isActive: boolean
  readonly createdAt: number
}

/** A user's own access keys in IAM. Errors as those of Sts; `AccessKeyQuota` where the user has two keys. */
export interface Iam {
  listAccessKeys(as: AccessKey | Credentials, userName: string, target: IamTarget): Promise<readonly IamAccessKey[]>
  createAccessKey(as: AccessKey | Credentials, userName: string, target: IamTarget): Promise<AccessKey>
  setActive(
    as: AccessKey | Credentials,
    userName: string,
    accessKeyId: string,
    isActive: boolean,
    target: IamTarget,
  ): Promise<void>
  /** Done as well where there is no such key any more. */
  deleteAccessKey(as: AccessKey | Credentials, userName: string, accessKeyId: string, target: IamTarget): Promise<void>
  isNeverUsed(as: AccessKey | Credentials, accessKeyId: string, target: IamTarget): Promise<boolean>
}

/** The console's sign-in service. Throws `Unavailable`, or `AccessDenied` for credentials that it does not take. */
export interface SignIn {
  /** A token that signs in whoever brings it to the same endpoint within 15 minutes. */
  signinToken(credentials: Credentials, endpoint: string): Promise<Secret>
}

/**
 * Access keys and MFA sessions at rest. A read or write is whole or not at all. Throws `KeychainLocked`,
 * `KeychainUnavailable`, `StoreDamaged` or `StoreWriteFailed`; never prompts, never blocks longer than 3 s.
 */
export interface SecretStore {
  readonly kind: StoreKind
  /** Source profiles that have an access key. Answers while the store is locked, where the store can. */
  accessKeyProfiles(): Promise<readonly string[]>
  readAccessKey(profile: string): Promise<KeptAccessKey | undefined>
  writeAccessKey(profile: string, key: KeptAccessKey): Promise<void>
  /** With the session that was made from it, and what is written down of its rotation. */
  removeAccessKey(profile: string): Promise<void>
  readRotation(profile: string): Promise<Rotation | undefined>
  writeRotation(rotation: Rotation): Promise<void>
  removeRotation(profile: string): Promise<void>
  readSessions(): Promise<readonly MfaSession[]>
  writeSession(session: MfaSession): Promise<void>
  removeSessions(sourceProfiles: readonly string[]): Promise<void>
  /** Gives the passphrase to a store that needs one (`file`); the others refuse. */
  unlock(passphrase: string): Promise<void>
}

/** What lies in a file in plain text: an access key, an id or a secret alone, or temporary credentials that were pasted in. */
export type PlainKey = "none" | "whole" | "half" | "secret-only" | "temporary"

/** One profile's keys, from `~/.aws/config` and `~/.aws/credentials` together. Long-lived secrets never come in. */
export interface ProfileSection {
  readonly name: string
  readonly keys: Readonly<Record<string, string>>
  readonly credentialsKey: PlainKey
  readonly configKey: PlainKey
}

/** A reading of the AWS files. */
export interface ProfileFiles {
  readonly sections: ReadonlyMap<string, ProfileSection>
  /** `[services NAME]` sections; a key of a nested block reads `sts.endpoint_url`. */
  readonly services: ReadonlyMap<string, Readonly<Record<string, string>>>
  /** Why the newest reading was not usable (`file`, line, what), while an older one still serves. */
  readonly problem?: string
}

export interface ProfileSource {
  /** The last good reading, from memory. */
  current(): ProfileFiles
  /** Reads again if a file has changed; tells whether anything did. */
  reload(): Promise<boolean>
}

/** Credentials that are not credd's, to assume roles with. Asks nobody; throws `SourceFailed`. */
export interface OutsideCredentials {
  /** Runs a `credential_process` and reads what it prints. */
  fromProcess(command: string): Promise<AccessKey | Credentials>
  /** `AWS_ACCESS_KEY_ID` and its like in the daemon's environment. */
  fromEnvironment(): AccessKey | Credentials
}

/** Tells a person something once, where there is a desktop to tell it on. Never throws, never waits. */
export type Notify = (title: string, text: string) => void

/** The ends of a TCP connection to us; node's Socket is one. */
export interface Connection {
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
  /** Whether the other end has closed it. */
  readonly hasLeft?: boolean | undefined
}

/** The process at the other end, as far as the machine tells. */
export interface Peer {
  readonly uid?: number
  readonly pid?: number
  readonly executable?: string
  readonly directory?: string
}

/** Who is at the other end. Every connection is looked up once, at the first question about it. */
export interface Peers {
  /** Whether its user is the daemon's or one of `allow_uids`. At once where that is known already. */
  mayAsk(connection: Connection): boolean | Promise<boolean>
  /** Whether its user is the daemon's own. True where the machine cannot tell. */
  isOurs(connection: Connection): Promise<boolean>
  /** Never rejects; holds what could be found out. At once where that is known already. */
  who(connection: Connection): Peer | Promise<Peer>
}

export interface Log {
  /** For what happens on every request: the facts are made only where somebody reads them. */
  debug(event: string, facts: () => Readonly<Record<string, unknown>>): void
  info(event: string, facts?: Readonly<Record<string, unknown>>): void
  warn(event: string, facts?: Readonly<Record<string, unknown>>): void
  error(event: string, facts?: Readonly<Record<string, unknown>>): void
}

/** What is written down for the one who asks later who took which credentials. */
export type AuditEvent =
  | "served"
  | "refused"
  | "login"
  | "logout"
  | "lock"
  | "unlock"
  | "lease-new"
  | "lease-revoke"
  | "lease-end"
  | "console"
  | "access-key-add"
  | "access-key-remove"
  | "access-key-rotate"
  | "imds-enable"
  | "imds-disable"
  | "settings"
  | "started"
  | "stopped"

/** Names, ids and times; never a secret. */
export interface AuditFacts {
  /** `ok`, or the code of the error. */
  readonly outcome: string
  readonly profile?: string | undefined
  readonly lease?: string | undefined
  readonly keyId?: string | undefined
  readonly expiration?: string | undefined
  readonly [more: string]: unknown
}

/** The record of who took what. Never throws, never waits, costs the caller nothing. */
export interface Audit {
  /** `connection`: whose process is at its other end is found out behind the answer. */
  record(event: AuditEvent, facts: AuditFacts, connection?: Connection): void
}
