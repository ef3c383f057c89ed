/** `credd env`: shell lines, from the two small files that the daemon keeps for this. Asks the daemon only when they do not do. */
import { readFile } from "node:fs/promises"
import type { Command } from "../app.ts"
import type { Context } from "../context.ts"
import { environmentFor, environmentUnset, type Target } from "../environment.ts"
import { Failure, usageWrong } from "../failure.ts"
import { profileFrom, readEndpoint } from "../profile.ts"
import { shellFrom, shellLines } from "../shell-lines.ts"

type EnvFlags = {
  readonly inline: boolean
  readonly "token-file": boolean
  readonly shell?: string
  readonly unset: boolean
}

export const env: Command<EnvFlags, [profile?: string]> = async (context, flags, named) => {
  const { stdout } = context.process
  const shell = shellFrom(flags.shell, context.env)
  if (flags.inline && flags["token-file"])
    throw usageWrong("--inline and --token-file exclude each other", "run: credd env --token-file")
  if (flags.unset) {
    stdout.write(shellLines(environmentUnset(), shell))
    return 0
  }
  const { fullUri, region, tokenFile } = await served(context, named)
  const token: Target["token"] = flags["token-file"] ? { file: tokenFile } : { inline: await tokenIn(tokenFile) }
  stdout.write(shellLines(environmentFor({ fullUri, region, token }, context.env), shell))
  return 0
}

async function served(
  context: Context,
  named: string | undefined,
): Promise<{ fullUri: string; region: string | undefined; tokenFile: string }> {
  const endpoint = await readEndpoint(context)
  const profile = profileFrom(named, context.env, endpoint)
  if (endpoint !== undefined && profile !== undefined && Object.hasOwn(endpoint.profiles, profile)) {
    const fullUri = `${endpoint.endpoint}/credentials/${encodeURIComponent(profile)}`
    return { fullUri, region: endpoint.profiles[profile]?.region, tokenFile: endpoint.tokenFile }
  }
  const { fullUri, region, tokenFile } = await context.daemon(
    "GET /environment",
    profile === undefined ? {} : { profile },
  )
  return { fullUri, region, tokenFile }
}

async function tokenIn(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8")
  } catch {
    throw new Failure({
      code: "DaemonNotRunning",
      message: `could not read the token file ${file}`,
      hint: "run: credd daemon",
    })
  }
}
