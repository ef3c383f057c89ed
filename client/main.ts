#!/usr/bin/env node
/**
 * The bin. `credd env PROFILE` and `credd status` run in every new shell and prompt: in these plainest forms they skip
 * the command line's machinery, which would cost them a third of bare node's start. Any flag takes the usual way.
 */
import { processContext } from "./context.ts"
import { guarded } from "./failure.ts"

const args = process.argv.slice(2)
const [command, profile] = args
const context = processContext()

if (command === "env" && args.length <= 2 && !profile?.startsWith("-")) {
  const { env } = await import("./commands/env.ts")
  const flags = { inline: false, "token-file": false, unset: false }
  process.exitCode = await guarded(context, () => env(context, flags, profile))
} else if (command === "status" && args.length === 1) {
  const { status } = await import("./commands/status.ts")
  process.exitCode = await guarded(context, () => status(context, { json: false, short: false }))
} else {
  const { runApp } = await import("./app.ts")
  await runApp(args, context)
}
