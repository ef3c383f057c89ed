/** A ProfileSource over sections that a test writes down. */
import type { ProfileSection, ProfileSource } from "../../daemon/core/ports.ts"

export function sectionsOf(
  profiles: Readonly<Record<string, Readonly<Record<string, string>>>>,
): ReadonlyMap<string, ProfileSection> {
  return new Map(Object.entries(profiles).map(([name, keys]) => [name, { name, keys, hasStaticKey: false }]))
}

export function fakeProfileSource(profiles: Readonly<Record<string, Readonly<Record<string, string>>>>): ProfileSource {
  const current = { sections: sectionsOf(profiles) }
  return { current: () => current, reload: async () => false }
}
