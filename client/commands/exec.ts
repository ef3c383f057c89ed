/** `credd exec`: a command with credentials of its own, which end when it does. */
import type { LeaseScope } from "../../daemon/api.ts"
import type { Command } from "../command.ts"
import type { Context } from "../context.ts"
import { environmentFor, word } from "../environment.ts"
import { usageWrong } from "../failure.ts"
import type { ScopeFlags } from "../lease-scope.ts"
import { profileFrom, readEndpoint, shellProfile, surrounding } from "../profile.ts"

export type ExecFlags = ScopeFlags & { readonly "no-region": boolean }

export const exec: Command<ExecFlags, string[]> = async (context, flags, named, ...more) => {
  if (more.length > 0) {
    const line = more.map((each) => word(each)).join(" ")
    throw usageWrong('the command stands after "--"', `run: credd exec ${word(named ?? "")} -- ${line}`)
  }
  const [command = context.env["SHELL"] || "/bin/sh", ...args] = context.rest
  if (command === "") throw usageWrong("the command has no name", "run: credd exec PROFILE -- COMMAND")
  const profile = named ?? chosen(context)
  const { made, close } = await context.holdLease({
    command,
    scope: await scopeOf(context, flags),
    ...surrounding(context),
    ...(profile === undefined ? {} : { profile }),
  })
  try {
    const [served] = made.profiles
    const target = { fullUri: served?.fullUri ?? "", region: flags["no-region"] ? undefined : served?.region }
    const environment = environmentFor({ ...target, token: { inline: made.token } }, context.env)
    const env: Record<string, string | undefined> = { ...context.env }
    for (const [name, value] of environment) {
      if (value === null) delete env[name]
      else env[name] = value
    }
    return await context.runChild({ command, args, env })
  } finally {
    close()
  }
}

/** In a shell that credd has set up already, its profile comes before the default one. */
function chosen(context: Context): string | undefined {
  if (context.env["AWS_PROFILE"]) return context.env["AWS_PROFILE"]
  return shellProfile(context) ?? profileFrom(context, undefined, readEndpoint(context))
}

/** Most commands are given all that the profile may: they need not wait for what reads policies. */
async function scopeOf(context: Context, flags: ExecFlags): Promise<LeaseScope | null> {
  if (!flags["read-only"] && flags.policy === undefined && flags["policy-arn"] === undefined) return null
  return (await import("../lease-scope.ts")).scopeAsked(context, flags)
}
