/** `credd refresh`: renews a profile's credentials now. */
import type { Command } from "../command.ts"
import { note, span } from "../output.ts"
import { profileFor } from "../profile.ts"

export const refresh: Command<Record<string, never>, [profile?: string]> = async (context, _, named) => {
  const { profile, expiration } = await context.daemon("POST /refresh", { profile: await profileFor(context, named) })
  note(context.process.stderr, `renewed "${profile}" for ${span(Date.parse(expiration) - context.now() + 500)}`)
  return 0
}
