/** A ProfileSource over sections that a test writes down. */
import type { ProfileSection, ProfileSource } from "../../daemon/core/ports.ts"

export function sectionsOf(
  profiles: Readonly<Record<string, Readonly<Record<string, string>>>>,
): ReadonlyMap<string, ProfileSection> {
  return new Map(
    Object.entries(profiles).map(([name, keys]) => [name, { name, keys, credentialsKey: "none", configKey: "none" }]),
  )
}

export function fakeProfileSource(profiles: Readonly<Record<string, Readonly<Record<string, string>>>>): ProfileSource {
  const current = { sections: sectionsOf(profiles), services: new Map() }
  let isRead = false
  return {
    current: () => current,
    async reload() {
      const isFirst = !isRead
      isRead = true
      return isFirst
    },
  }
}
