/** What each control route does: the broker and the leases put together. */
import type { EndpointFile, ShellEnvironment, ShellProfile, Status } from "./api.ts"
import type { Broker } from "./core/broker.ts"
import { isoSeconds } from "./core/credentials.ts"
import { accessKeyMalformed, profileNotFound, profileRequired, profileUnsupported } from "./core/errors.ts"
import type { Leases } from "./core/leases.ts"
import type { SecretStore } from "./core/ports.ts"
import type { ServableProfile } from "./core/profiles.ts"
import { similarName } from "./core/similar-name.ts"
import { Secret } from "./core/secret.ts"
import type { ControlHandlers } from "./http/control-app.ts"
import type { Imds } from "./imds.ts"
import { version } from "./version.ts"

export interface ControlOptions {
  readonly broker: Broker
  readonly imds: Imds
  readonly leases: Leases
  readonly store: SecretStore
  readonly endpoint: string
  readonly tokenFile: string
  readonly startedAt: number
  readonly defaultProfile: string | undefined
  /** Ends every lease and makes a fresh `shell`. */
  readonly renewLeases: () => Promise<void>
  /** Runs after a change that `endpoint.json` may have to show. */
  readonly onProfilesChanged: () => Promise<void>
}

export function controlHandlers(options: ControlOptions): ControlHandlers {
  const { broker, imds, leases, store, endpoint, startedAt } = options

  return {
    "GET /status": async (): Promise<Status> => {
      const { storeState, sessions, profiles, warnings } = broker.status()
      return {
        daemon: {
          version,
          pid: process.pid,
          startedAt: isoSeconds(startedAt),
          endpoint,
          store: store.kind,
          storeState,
        },
        sessions,
        profiles: profiles.map((profile) => ({ ...profile, fullUri: fullUri(endpoint, profile.name) })),
        leases: leases.status(),
        warnings,
      }
    },
    "GET /environment": async ({ profile: named }) => {
      const profile = named ?? defaultProfile(options)
      return environmentOf(options, profile)
    },
    "GET /whoami": async ({ profile }) => {
      const { identity, expiration } = await broker.whoami(profile)
      return { profile, ...identity, expiration: isoSeconds(expiration) }
    },
    "GET /session": async ({ profile }) => ({ profile, ...broker.session(profile) }),
    "GET /login-plan": ({ profile }) => broker.loginPlan(profile),
    "POST /login": ({ profile, mfaCode, durationSeconds }) => broker.login(profile, mfaCode, durationSeconds),
    "POST /logout": ({ profiles, all }) => (all ? broker.logoutAll() : broker.logout(profiles)),
    "POST /lock": async () => {
      const { sourceProfiles, warnings } = await broker.logoutAll()
      await options.renewLeases()
      return { sessions: sourceProfiles.length, warnings }
    },
    "POST /refresh": async ({ profile }) => ({
      profile,
      expiration: isoSeconds((await broker.refresh(profile)).expiration),
    }),
    "POST /access-keys": async ({ profile, accessKeyId, secretAccessKey, mfaSerial }) => {
      if (
        !/^[A-Z0-9]{16,128}$/.test(accessKeyId) ||
        accessKeyId.startsWith("ASIA") ||
        !/^\S{16,128}$/.test(secretAccessKey)
      ) {
        throw accessKeyMalformed()
      }
      const key = {
        accessKeyId,
        secretAccessKey: new Secret(secretAccessKey),
        ...(mfaSerial === undefined ? {} : { mfaSerial }),
      }
      const identity = await broker.addAccessKey(profile, key)
      await options.onProfilesChanged()
      return {
        profile,
        ...identity,
        durable: store.kind !== "memory",
        ...(mfaSerial === undefined ? {} : { mfaSerial }),
      }
    },
    "DELETE /access-keys": async ({ profile }) => {
      const warnings = await broker.removeAccessKey(profile)
      await options.onProfilesChanged()
      return { profile, warnings }
    },
    "GET /imds": async () => ({ endpoints: imds.endpoints() }),
    "POST /imds": async ({ profile }) => {
      const enabled = await imds.enable(profile)
      await options.onProfilesChanged()
      return enabled
    },
    "DELETE /imds": async ({ profile }) => {
      await imds.disable(profile)
      await options.onProfilesChanged()
      return { profile }
    },
    "POST /unlock": async ({ passphrase }) => {
      await store.unlock(passphrase)
      await broker.settle()
      await options.onProfilesChanged()
      return { warnings: [] }
    },
  }
}

/** What `endpoint.json` says, for shells that start without asking the daemon. */
export function endpointFileOf({
  broker,
  imds,
  endpoint,
  tokenFile,
  defaultProfile: configured,
}: ControlOptions): EndpointFile {
  const profiles: Record<string, ShellProfile> = Object.create(null)
  for (const profile of broker.profiles().values()) {
    if (profile.kind !== "unsupported") profiles[profile.name] = shellProfile(profile, imds)
  }
  return { endpoint, tokenFile, defaultProfile: configured ?? null, profiles }
}

function environmentOf({ broker, imds, endpoint, tokenFile }: ControlOptions, name: string): ShellEnvironment {
  const profile = broker.profiles().get(name)
  if (profile === undefined) throw profileNotFound(name, similarName(name, broker.profiles().keys()))
  if (profile.kind === "unsupported") throw profileUnsupported(name, profile.reason)
  return {
    profile: name,
    fullUri: fullUri(endpoint, name),
    tokenFile,
    ...shellProfile(profile, imds),
  }
}

function shellProfile({ name, region }: ServableProfile, imds: Imds): ShellProfile {
  const at = imds.endpoints().find(({ profile }) => profile === name)?.endpoint
  return { ...(region === undefined ? {} : { region }), ...(at ? { imds: at } : {}) }
}

function defaultProfile({ broker, defaultProfile: configured }: ControlOptions): string {
  const servable = [...broker.profiles().values()].filter(({ kind }) => kind !== "unsupported").map(({ name }) => name)
  const [only] = servable
  const chosen = configured ?? (servable.length === 1 ? only : undefined)
  if (chosen === undefined) throw profileRequired(servable)
  return chosen
}

function fullUri(endpoint: string, profile: string): string {
  return `${endpoint}/credentials/${encodeURIComponent(profile)}`
}
