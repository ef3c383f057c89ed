/** `credd whoami`: GetCallerIdentity through the daemon. */
import type { Command } from "../command.ts"
import { profileFor } from "../profile.ts"

export const whoami: Command<{ json: boolean }, [profile?: string]> = async (context, { json }, named) => {
  const { stdout } = context.process
  const identity = await context.daemon("GET /whoami", { profile: await profileFor(context, named) })
  stdout.write(json ? `${JSON.stringify(identity, null, 2)}\n` : `${identity.arn}\n`)
  return 0
}
