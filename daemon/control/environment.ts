/** What a shell needs to ask for a profile: over the socket, and in `endpoint.json`. */
import type { EndpointFile, LeasedProfile, ShellEnvironment, ShellProfile } from "../api.ts"
import { profileNotFound, profileRequired, profileUnsupported } from "../core/errors.ts"
import type { ServableProfile } from "../core/profiles.ts"
import { similarName } from "../core/similar-name.ts"
import type { ControlHandlers } from "../http/control-app.ts"
import type { Imds } from "../imds.ts"
import type { ControlOptions } from "./options.ts"

export function environmentRoutes(options: ControlOptions): Pick<ControlHandlers, "GET /environment"> {
  return {
    "GET /environment": async ({ profile: named }) => {
      const profile = named ?? defaultProfile(options)
      return environmentOf(options, profile)
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
  const ports = portsOf(imds)
  for (const profile of broker.profiles().values()) {
    if (profile.kind !== "unsupported") profiles[profile.name] = shellProfile(profile, ports)
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
    ...shellProfile(profile, portsOf(imds)),
  }
}

function portsOf(imds: Imds): ReadonlyMap<string, string> {
  return new Map(imds.endpoints().map(({ profile, endpoint }) => [profile, endpoint]))
}

/** Throws where the profile is not served. */
export function leasedProfile(
  { broker, endpoint }: Pick<ControlOptions, "broker" | "endpoint">,
  name: string,
): LeasedProfile {
  const profile = broker.profiles().get(name)
  if (profile === undefined) throw profileNotFound(name, similarName(name, broker.profiles().keys()))
  if (profile.kind === "unsupported") throw profileUnsupported(name, profile.reason)
  const { region } = profile
  return { profile: name, fullUri: fullUri(endpoint, name), ...(region === undefined ? {} : { region }) }
}

function shellProfile({ name, region }: ServableProfile, ports: ReadonlyMap<string, string>): ShellProfile {
  const at = ports.get(name)
  return { ...(region === undefined ? {} : { region }), ...(at ? { imds: at } : {}) }
}

/** For commands that name none. */
export function defaultProfile({
  broker,
  defaultProfile: configured,
}: Pick<ControlOptions, "broker" | "defaultProfile">): string {
  const servable = [...broker.profiles().values()].filter(({ kind }) => kind !== "unsupported").map(({ name }) => name)
  const [only] = servable
  const chosen = configured ?? (servable.length === 1 ? only : undefined)
  if (chosen === undefined) throw profileRequired(servable)
  return chosen
}

export function fullUri(endpoint: string, profile: string): string {
  return `${endpoint}/credentials/${encodeURIComponent(profile)}`
}
