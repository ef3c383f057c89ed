/** `credd console`: signs in to the AWS console. The URL signs in whoever opens it, so it goes to the browser or to stdout and nowhere else. */
import type { ControlRoutes } from "../../daemon/api.ts"
import type { Command } from "../command.ts"
import type { Context } from "../context.ts"
import { secondsFrom } from "../duration.ts"
import { Failure } from "../failure.ts"
import { note, span } from "../output.ts"
import { profileFor } from "../profile.ts"
import { unlocking } from "./unlock.ts"

type ConsoleFlags = {
  readonly service?: string
  readonly path?: string
  readonly region?: string
  readonly "policy-arn"?: string
  readonly duration?: string
  readonly print: boolean
}

type Body = ControlRoutes["POST /console"]["body"]
type Answer = ControlRoutes["POST /console"]["answer"]

const usualPolicy = "ReadOnlyAccess"

export const console: Command<ConsoleFlags, [profile?: string]> = async (context, flags, named) => {
  const { service, path, region, "policy-arn": policy, duration, print } = flags
  const { stdout, stderr } = context.process
  const body: Body = {
    profile: await profileFor(context, named),
    ...(service === undefined ? {} : { service }),
    ...(path === undefined ? {} : { path }),
    ...(region === undefined ? {} : { region }),
    ...(policy === undefined ? {} : { policy }),
    ...(duration === undefined ? {} : { durationSeconds: secondsFrom(duration) }),
  }
  const { profile, url, expiration } = await unlocking(context, () => signIn(context, body))
  if (print) {
    stdout.write(`${url}\n`)
    note(stderr, "whoever opens this URL within 15 minutes is signed in: keep it to yourself")
    return 0
  }
  await context.openBrowser(url)
  note(stderr, `opened the console as "${profile}" for ${span(Date.parse(expiration) - context.now() + 500)}`)
  return 0
}

/** A user's console session needs a policy; a person who gave none is asked. */
async function signIn(context: Context, body: Body): Promise<Answer> {
  try {
    return await context.daemon("POST /console", body)
  } catch (error) {
    const isPolicyMissing = error instanceof Failure && error.hint?.includes("--policy-arn") === true
    if (!isPolicyMissing || !context.isInteractive) throw error
    note(
      context.process.stderr,
      `"${body.profile}" is a user: the console session may do what both it and a policy allow`,
    )
    const answer = await context.ask({ message: `Managed policy, name or ARN (${usualPolicy})`, isSecret: false })
    return await context.daemon("POST /console", { ...body, policy: answer.trim() || usualPolicy })
  }
}
