/** All that the client knows of the daemon: the control routes, their bodies, and the error codes. Imports nothing. */

/** Why something could not be done. Part of the wire: names are added, never changed. */
export type ErrorCode =
  // what a person mends by logging in or by choosing another profile
  | "LoginRequired"
  | "SessionExpired"
  | "ProfileRequired"
  | "ProfileNotFound"
  | "ProfileUnsupported"
  | "ProfileNotAllowed"
  | "MfaTooOld"
  | "AccessDenied"
  | "SourceFailed"
  // leases
  | "ScopeRefused"
  | "LeaseNameWrong"
  | "LeaseExists"
  | "LeaseNotFound"
  // login and access keys
  | "AccessKeyQuota"
  | "MfaSerialMissing"
  | "MfaCodeMalformed"
  | "MfaCodeRejected"
  | "MfaCodeUsed"
  | "AccessKeyMissing"
  | "AccessKeyRejected"
  // the store
  | "KeychainLocked"
  | "KeychainUnavailable"
  | "StoreDamaged"
  | "StoreWriteFailed"
  // what a request may not do
  | "TokenMissing"
  | "TokenRejected"
  | "HostRejected"
  | "OriginRejected"
  | "PeerRejected"
  | "RouteNotFound"
  | "MethodNotAllowed"
  | "RequestMalformed"
  // AWS
  | "MessageRejected"
  | "Unavailable"
  // settings, files and the machine
  | "UsageWrong"
  | "SettingsInvalid"
  | "ConfigMalformed"
  | "PortTaken"
  | "AlreadyRunning"
  | "DaemonNotRunning"
  | "SocketUnusable"
  | "ServiceFailed"
  | "Interrupted"
  | "CommandNotFound"
  | "CommandNotExecutable"
  | "Internal"

/** An error as the control plane sends it. */
export interface ErrorBody {
  readonly code: ErrorCode
  readonly message: string
  readonly hint?: string
}

/** Which store keeps access keys and sessions. */
export type StoreKind = "keychain" | "file" | "memory"

export type SessionState = "signed-in" | "signed-out" | "expired"

/** An MFA session (or the lack of one), as `status` shows it. Times are ISO 8601 in UTC, whole seconds. */
export interface SessionStatus {
  readonly sourceProfile: string
  readonly state: SessionState
  readonly accountId?: string
  readonly arn?: string
  readonly mfaSerial?: string
  readonly expiration?: string
}

export type ProfileKind = "session" | "role" | "unsupported"

export interface ProfileStatus {
  readonly name: string
  readonly kind: ProfileKind
  /** The profile whose access key and MFA session are used. Absent when `kind` is `unsupported`. */
  readonly sourceProfile?: string
  readonly roleArn?: string
  readonly region?: string
  /** `ready`: credentials are held. `idle`: they are fetched at the first request. `login-required`, `refused`, `unsupported`: see `reason`. */
  readonly state: "ready" | "idle" | "login-required" | "refused" | "unsupported"
  readonly reason?: string
  readonly expiration?: string
  /** What the config file asks for and STS would not give, a sentence each. */
  readonly notes?: readonly string[]
  readonly fullUri: string
}

/** What a lease may do of all that its profiles may. */
export type LeaseScope =
  | { readonly kind: "read-only" }
  /** An inline policy, as JSON text. */
  | { readonly kind: "policy"; readonly policy: string }
  | { readonly kind: "policy-arns"; readonly policyArns: readonly string[] }

export interface LeaseStatus {
  readonly id: string
  readonly name: string
  /** `*` is every profile. */
  readonly profiles: readonly string[]
  /** Null: all that the profiles may. */
  readonly scope: LeaseScope | null
  readonly createdAt: string
  /** Null: none of its own; it ends at `revoke`, at `lock`, or with its process. */
  readonly expiration: string | null
  readonly lastUsedAt: string | null
  readonly description?: string
  /** The `credd exec` that it ends with. */
  readonly pid?: number
}

/** A lease that was just made. The token is shown this once. */
export interface MadeLease extends Changed {
  readonly lease: LeaseStatus
  readonly token: string
  /** Where each of its profiles is served; the first is the one that the environment names. */
  readonly profiles: readonly LeasedProfile[]
}

export interface LeasedProfile {
  readonly profile: string
  readonly fullUri: string
  readonly region?: string
}

export interface Status {
  readonly daemon: {
    readonly version: string
    /** What this build was made from, where the build knew. */
    readonly commit?: string
    readonly pid: number
    readonly startedAt: string
    readonly endpoint: string
    readonly store: StoreKind
    /** `ready`, or why the store cannot be read just now; it heals by itself. */
    readonly storeState: "ready" | "locked" | "unavailable"
    /** How far AWS's clock is ahead of this machine's; absent until AWS has told the time. */
    readonly clockOffsetMs?: number
  }
  readonly sessions: readonly SessionStatus[]
  readonly profiles: readonly ProfileStatus[]
  readonly leases: readonly LeaseStatus[]
  /** What a person should know, a sentence each: a config file that cannot be read, a session that could not be kept. */
  readonly warnings: readonly string[]
}

/** Who a set of credentials is, as STS GetCallerIdentity answers. */
export interface Identity {
  readonly accountId: string
  readonly arn: string
  readonly userId: string
}

/** What a login needs to know before it asks a person for a code. */
export interface LoginPlan {
  readonly profile: string
  readonly sourceProfile: string
  readonly mfaSerial: string
  /** The profile's `mfa_process`: a command that prints the MFA code. */
  readonly mfaProcess?: string
}

/** What an encoded authorization message says: who was refused what, and by which statements. */
export interface DecodedMessage {
  readonly isAllowed: boolean
  /** A policy says no. Where this is false and `isAllowed` too, no policy says yes. */
  readonly isExplicitlyDenied: boolean
  readonly principal?: string
  readonly action?: string
  readonly resource?: string
  readonly statements: readonly DecodedStatement[]
  /** The whole of it, as AWS answered. */
  readonly document: unknown
}

export interface DecodedStatement {
  readonly id?: string
  readonly effect: string
  readonly actions: readonly string[]
  readonly resources: readonly string[]
}

/** A long-lived access key in the store, as far as anybody is told of it. */
export interface KeptKeyStatus {
  readonly profile: string
  /** Masked: the last four characters. */
  readonly accessKeyId: string
  readonly arn: string
  /** When credd was given it; IAM knows when it was made. */
  readonly addedAt: string
}

/**
 * What a call for a rotation has done. Forward: `created`, `waiting` (AWS does not know the new key yet), `stored`,
 * `deactivated` (the old key), `deleted`. Back: `reactivated`, `restored`, `undone`.
 */
export type RotationStep =
  | "created"
  | "waiting"
  | "stored"
  | "deactivated"
  | "deleted"
  | "reactivated"
  | "restored"
  | "undone"

/** A change that was made, and what did not go as well as it could have. */
export interface Changed {
  readonly warnings: readonly string[]
}

/**
 * Every control route: what is sent, what is answered. `GET` bodies travel as the query string.
 * An error answers with its status and an `ErrorBody`.
 */
export interface ControlRoutes {
  "GET /status": { readonly body: Record<string, never>; readonly answer: Status }
  "GET /environment": {
    readonly body: { readonly profile?: string }
    readonly answer: ShellEnvironment
  }
  "GET /whoami": {
    readonly body: { readonly profile: string }
    readonly answer: Identity & { readonly profile: string; readonly expiration: string }
  }
  /** The session behind a profile, for a shell prompt: small, however many profiles there are. */
  "GET /session": {
    readonly body: { readonly profile: string }
    readonly answer: SessionStatus & { readonly profile: string }
  }
  "GET /login-plan": { readonly body: { readonly profile: string }; readonly answer: LoginPlan }
  "POST /login": {
    readonly body: {
      readonly profile: string
      readonly mfaCode: string
      /** 900 to 129,600. */
      readonly durationSeconds: number
    }
    readonly answer: Changed & { readonly session: SessionStatus; readonly profiles: readonly string[] }
  }
  "POST /logout": {
    /** Profiles to log out, or all of them. A role profile names its source profile's session. */
    readonly body: { readonly profiles: readonly string[]; readonly all: boolean }
    readonly answer: Changed & { readonly sourceProfiles: readonly string[] }
  }
  "POST /lock": { readonly body: Record<string, never>; readonly answer: Changed & { readonly sessions: number } }
  "POST /refresh": {
    readonly body: { readonly profile: string }
    readonly answer: { readonly profile: string; readonly expiration: string }
  }
  "POST /decode": {
    readonly body: { readonly profile: string; readonly message: string }
    readonly answer: DecodedMessage
  }
  "POST /console": {
    readonly body: {
      readonly profile: string
      /** `ec2`: the first page of a service. */
      readonly service?: string
      /** A page by its path on the console's host. */
      readonly path?: string
      readonly region?: string
      /** The managed policy, by ARN or by the name of one of AWS's, that limits a user profile's console session. */
      readonly policy?: string
      /** 900 to 129,600; for user profiles. */
      readonly durationSeconds?: number
    }
    /** Whoever opens the URL within 15 minutes is signed in. `expiration` is when the credentials behind it end. */
    readonly answer: { readonly profile: string; readonly url: string; readonly expiration: string }
  }
  "GET /access-keys": {
    readonly body: Record<string, never>
    readonly answer: { readonly keys: readonly KeptKeyStatus[] }
  }
  "POST /access-keys": {
    readonly body: {
      readonly profile: string
      readonly accessKeyId: string
      readonly secretAccessKey: string
      readonly mfaSerial?: string
    }
    /** `durable` is false in the memory store: a restart forgets the key. */
    readonly answer: Identity & { readonly profile: string; readonly durable: boolean; readonly mfaSerial?: string }
  }
  /** One step of a rotation: to be sent again until the step is the last. */
  "POST /rotate": {
    readonly body: { readonly profile: string; readonly isUndoing: boolean; readonly isDeleting: boolean }
    readonly answer: {
      /** The source profile, whose key it is. */
      readonly profile: string
      readonly step: RotationStep
      readonly userName: string
      /** Masked. */
      readonly oldKeyId: string
      readonly newKeyId?: string
      /** When the session that was made with the old key ends, where there is one. */
      readonly sessionExpiration?: string
    }
  }
  "DELETE /access-keys": {
    readonly body: { readonly profile: string }
    readonly answer: Changed & { readonly profile: string }
  }
  "GET /leases": {
    readonly body: Record<string, never>
    readonly answer: { readonly leases: readonly LeaseStatus[] }
  }
  "POST /leases": {
    readonly body: {
      readonly name: string
      readonly profiles: readonly string[]
      readonly scope: LeaseScope | null
      readonly ttlSeconds: number
      readonly description?: string
      /** A living lease of that name ends; without it that is an error. */
      readonly replace: boolean
      /** The token of the environment that it is asked from: inside a scoped lease there is nothing wider. */
      readonly within?: string
    }
    readonly answer: MadeLease
  }
  "DELETE /leases": {
    readonly body: { readonly name?: string; readonly all: boolean }
    readonly answer: { readonly revoked: readonly string[] }
  }
  "GET /imds": {
    readonly body: Record<string, never>
    readonly answer: { readonly endpoints: readonly ImdsEndpoint[] }
  }
  "POST /imds": { readonly body: { readonly profile: string }; readonly answer: ImdsEndpoint }
  "DELETE /imds": { readonly body: { readonly profile: string }; readonly answer: { readonly profile: string } }
  /** Where the audit trail stands once all is written: `credd audit --verify` compares. */
  "GET /audit": {
    readonly body: Record<string, never>
    readonly answer: { readonly seq: number; readonly hash: string; readonly problem?: string }
  }
  "POST /unlock": { readonly body: { readonly passphrase: string }; readonly answer: Changed }
}

export type ControlRoute = keyof ControlRoutes

/**
 * Routes whose answer stays open: what they give ends when the caller's connection does. The answer's first chunk is the
 * whole JSON, and there is no other.
 */
export interface HeldRoutes {
  /** A lease for one command. With the token of a lease that it made before (the daemon was restarted), it is held again. */
  "POST /exec": {
    readonly body: {
      readonly command: string
      readonly pid: number
      readonly profile?: string
      readonly scope: LeaseScope | null
      readonly within?: string
      readonly token?: string
    }
    readonly answer: MadeLease
  }
}

export type HeldRoute = keyof HeldRoutes

/** What `env` needs to print shell lines. The daemon keeps it in `endpoint.json` too, so that a shell starts without asking. */
export interface ShellEnvironment extends ShellProfile {
  readonly profile: string
  readonly fullUri: string
  readonly tokenFile: string
}

export interface ShellProfile {
  readonly region?: string
  /** Where the profile is served as instance metadata, if it is. */
  readonly imds?: string
}

/** Where a profile is served as instance metadata. */
export interface ImdsEndpoint {
  readonly profile: string
  readonly endpoint: string
  /** `settings`: by `imds` in config.toml or CREDD_IMDS. `command`: by `credd imds enable`. */
  readonly enabledBy: "settings" | "command"
  /** Why it is not served, where it is not. */
  readonly problem?: string
}

/** `endpoint.json` under state: written by the daemon at start and whenever the profiles change; holds no secret. */
export interface EndpointFile {
  readonly endpoint: string
  readonly tokenFile: string
  readonly defaultProfile: string | null
  /** Every servable profile. */
  readonly profiles: Readonly<Record<string, ShellProfile>>
}
