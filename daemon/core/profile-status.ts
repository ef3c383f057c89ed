/** How a profile stands: from its session and, for a role, from what is held and what AWS last said. */
import type { ProfileStatus, SessionStatus } from "../api.ts"
import { isoSeconds } from "./credentials.ts"
import { baseOf, type Profile } from "./profiles.ts"
import type { Refreshing } from "./refreshing.ts"

/** Where it is served is the data plane's to say. */
export type ServedStatus = Omit<ProfileStatus, "fullUri">

export function profileStatus(
  profile: Profile,
  sessionOf: (sourceProfile: string) => SessionStatus,
  /** Absent for a role that nobody has asked for. */
  role: Refreshing | undefined,
): ServedStatus {
  const { name, kind } = profile
  const region = profile.region === undefined ? {} : { region: profile.region }
  if (profile.kind === "unsupported") return { name, kind, ...region, state: "unsupported", reason: profile.reason }
  const about = {
    name,
    kind,
    sourceProfile: profile.sourceProfile,
    ...(profile.kind === "role" ? { roleArn: profile.request.roleArn } : {}),
    ...region,
    ...(profile.kind === "role" && profile.notes.length > 0 ? { notes: profile.notes } : {}),
  }
  const session = sessionOf(profile.sourceProfile)
  if (profile.kind === "session") {
    return session.state === "signed-in" && session.expiration !== undefined
      ? { ...about, state: "ready", expiration: session.expiration }
      : { ...about, state: "login-required" }
  }
  const canBeAssumed = baseOf(profile).kind === "outside" || session.state === "signed-in"
  const held = role?.held()
  if (held !== undefined) return { ...about, state: "ready", expiration: isoSeconds(held.expiration) }
  const refusal = role?.refusal()
  if (refusal !== undefined && canBeAssumed) {
    return { ...about, state: "refused", reason: refusal.message }
  }
  return { ...about, state: canBeAssumed ? "idle" : "login-required" }
}
