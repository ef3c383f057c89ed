/** The profiles that there are: the AWS files and the access keys that are held, resolved anew when either changes. */
import { profileNotFound, profileUnsupported } from "./errors.ts"
import type { IamTarget, Log, ProfileSource, StsTarget } from "./ports.ts"
import { baseOf, resolveProfiles, type Profile, type ProfileDefaults, type ServableProfile } from "./profiles.ts"
import { similarName } from "./similar-name.ts"
import { iamTarget, stsTarget } from "./sts-target.ts"

export interface CatalogOptions {
  readonly source: ProfileSource
  readonly defaults: ProfileDefaults
  readonly log: Log
  /** Lets others run between two slices of long work. */
  readonly breathe: () => Promise<void>
}

export interface Catalog {
  all(): ReadonlyMap<string, Profile>
  /** Throws `ProfileNotFound` or `ProfileUnsupported`. */
  servable(name: string): ServableProfile
  /** Where the calls go that concern a session itself. */
  sessionTarget(sourceProfile: string): StsTarget
  /** Throws `ProfileUnsupported` where the files name an endpoint that is none. */
  iamTarget(sourceProfile: string): IamTarget
  /** Looks whether the AWS files have changed. */
  reread(): Promise<void>
  /** Profiles that have an access key of their own. */
  keyed(): readonly string[]
  setKeyed(names: readonly string[]): Promise<void>
  /** What is wrong with the files as they are; the last good reading is in use then. */
  problem(): string | undefined
}

export function createCatalog({ source, defaults, log, breathe }: CatalogOptions): Catalog {
  let keyed: readonly string[] = []
  let profiles: ReadonlyMap<string, Profile> = new Map()
  let reading: Promise<void> = Promise.resolve()

  /** Looks at the AWS files and resolves their profiles anew where they changed; one reading at a time. */
  async function reread(isKeyChanged = false): Promise<void> {
    const before = reading
    reading = (async () => {
      await before.catch(() => undefined)
      if (!(await source.reload()) && !isKeyChanged) return
      const files = source.current()
      profiles = await resolveProfiles(files, keyed, defaults, breathe)
      if (files.problem === undefined) log.info("config_read", { profiles: profiles.size })
      else log.warn("config_unreadable", { problem: files.problem })
    })()
    await reading
  }

  function fallbackTarget(): StsTarget {
    const target = stsTarget({ keys: {}, services: new Map(), defaults })
    return "problem" in target ? { region: "us-east-1" } : target
  }

  return {
    all: () => profiles,
    servable(name) {
      const profile = profiles.get(name)
      if (profile === undefined) throw profileNotFound(name, similarName(name, profiles.keys()))
      if (profile.kind === "unsupported") throw profileUnsupported(name, profile.reason)
      return profile
    },
    sessionTarget(sourceProfile) {
      const profile = profiles.get(sourceProfile)
      const base = profile === undefined || profile.kind === "unsupported" ? undefined : baseOf(profile)
      return base?.kind === "session" ? base.target : fallbackTarget()
    },
    iamTarget(sourceProfile) {
      const { sections, services } = source.current()
      const target = iamTarget({ keys: sections.get(sourceProfile)?.keys ?? {}, services, defaults })
      if ("problem" in target) throw profileUnsupported(sourceProfile, target.problem)
      return target
    },
    reread: async () => await reread(),
    keyed: () => keyed,
    async setKeyed(names) {
      const isChanged = names.join("\0") !== keyed.join("\0")
      keyed = names
      await reread(isChanged)
    },
    problem: () => source.current().problem,
  }
}
