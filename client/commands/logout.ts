/** `credd logout` and `credd lock`: forgetting, some or all. */
import type { Command } from "../command.ts"
import { note, warning } from "../output.ts"
import { profileFor } from "../profile.ts"

export const logout: Command<{ all: boolean }, string[]> = async (context, { all }, ...named) => {
  const { stderr } = context.process
  const profiles = all ? [] : named.length > 0 ? named : [await profileFor(context, undefined)]
  const { sourceProfiles, warnings } = await context.daemon("POST /logout", { profiles, all })
  for (const each of warnings) warning(stderr, each)
  note(
    stderr,
    sourceProfiles.length === 0
      ? "no session was there"
      : `signed out of ${sourceProfiles.map((name) => `"${name}"`).join(", ")}`,
  )
  // What a store still holds comes back at the next start: that is not done yet.
  return warnings.length === 0 ? 0 : 1
}

export const lock: Command = async (context) => {
  const { stderr } = context.process
  const { warnings } = await context.daemon("POST /lock", {})
  for (const each of warnings) warning(stderr, each)
  note(stderr, "every session is forgotten and every token has ended")
  note(stderr, "programs that hold credentials keep them until AWS ends them, at most an hour for a role")
  return warnings.length === 0 ? 0 : 1
}
