#!/usr/bin/env node
/**
 * The bin. `credd env PROFILE` and `credd status [--short]` run in every new shell and prompt, `credd process PROFILE`
 * each time that a tool starts, `credd exec` before other commands, and the daemon when callers wait for it: in these
 * plainest forms they skip the command line's machinery, which would cost them a third of bare node's start. The rest
 * takes the usual way.
 */
import { daemon } from "./commands/daemon.ts"
import { env } from "./commands/env.ts"
import { exec } from "./commands/exec.ts"
import { credentialProcess } from "./commands/process.ts"
import { status } from "./commands/status.ts"
import { processContext } from "./context.ts"
import { guarded } from "./failure.ts"

async function run(given: readonly string[]): Promise<void> {
  // For every command, and so no flag of any.
  const escape = given.indexOf("--")
  const isPlain = given.some((word, at) => word === "--plain" && (escape < 0 || at < escape))
  const words = isPlain ? given.filter((word, at) => word !== "--plain" || (escape >= 0 && at > escape)) : given
  // What `credd exec` is to run is nobody's to read but the child's.
  const end = words[0] === "exec" ? words.indexOf("--") : -1
  const args = end < 0 ? words : words.slice(0, end)
  const [command, profile] = args
  const context = processContext(end < 0 ? [] : words.slice(end + 1), isPlain)

  if (command === "env" && args.length <= 2 && !profile?.startsWith("-")) {
    const flags = { imds: false, inline: false, "token-file": false, unset: false }
    process.exitCode = await guarded(context, () => env(context, flags, profile))
  } else if (command === "status" && (args.length === 1 || (args.length === 2 && args[1] === "--short"))) {
    const flags = { json: false, short: args.length === 2, watch: false }
    process.exitCode = await guarded(context, () => status(context, flags))
  } else if (command === "process" && profile !== undefined && args.length === 2 && !profile.startsWith("-")) {
    process.exitCode = await guarded(context, () => credentialProcess(context, profile))
  } else if (command === "exec" && end > 0 && args.length <= 2 && !profile?.startsWith("-")) {
    const flags = { "read-only": false, "no-region": false }
    process.exitCode = await guarded(context, () => exec(context, flags, ...args.slice(1)))
  } else if (command === "daemon" && args.length === 2 && args[1] === "--supervised") {
    process.exitCode = await daemon(context, { supervised: true })
  } else if (command === "__complete") {
    const { answer } = await import("./commands/completion.ts")
    // A daemon that does not answer is not waited for.
    process.exit(await guarded(context, () => answer(context, args.slice(1))))
  } else {
    const { runApp } = await import("./app.ts")
    await runApp(args, context)
  }
}

void run(process.argv.slice(2))
