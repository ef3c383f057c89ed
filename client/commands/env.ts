/** `credd env`: shell lines, from the two small files that the daemon keeps for this. Asks the daemon only when they do not do. */
import type { Command } from "../command.ts"
import type { Context } from "../context.ts"
import {
  environmentFor,
  environmentForImds,
  environmentUnset,
  shellFrom,
  shellLines,
  word,
  type Target,
} from "../environment.ts"
import { usageWrong, type Failure } from "../failure.ts"
import { profileFrom, readEndpoint, tokenIn } from "../profile.ts"

type EnvFlags = {
  readonly imds: boolean
  readonly inline: boolean
  readonly "token-file": boolean
  readonly shell?: string
  readonly unset: boolean
}

export const env: Command<EnvFlags, [profile?: string]> = async (context, flags, named) => {
  const { stdout } = context.process
  const shell = shellFrom(flags.shell, context.env)
  if (flags.inline && flags["token-file"]) {
    throw usageWrong("--inline and --token-file exclude each other", "run: credd env --token-file")
  }
  if (flags.imds && (flags.inline || flags["token-file"])) {
    throw usageWrong("instance metadata has no token of credd's", "run: credd env --imds")
  }
  if (flags.unset) {
    stdout.write(shellLines(environmentUnset(context.env), shell))
    return 0
  }
  const { profile, fullUri, region, tokenFile, imds } = await served(context, named)
  if (flags.imds) {
    if (imds === undefined) throw notEnabled(profile)
    stdout.write(shellLines(environmentForImds({ endpoint: imds, region }, context.env), shell))
    return 0
  }
  const token: Target["token"] = flags["token-file"] ? { file: tokenFile } : { inline: tokenIn(context, tokenFile) }
  stdout.write(shellLines(environmentFor({ fullUri, region, token }, context.env), shell))
  return 0
}

interface Served {
  readonly profile: string
  readonly fullUri: string
  readonly region?: string | undefined
  readonly tokenFile: string
  readonly imds?: string | undefined
}

async function served(context: Context, named: string | undefined): Promise<Served> {
  const endpoint = readEndpoint(context)
  const profile = profileFrom(context, named, endpoint)
  if (endpoint !== undefined && profile !== undefined && Object.hasOwn(endpoint.profiles, profile)) {
    const fullUri = `${endpoint.endpoint}/credentials/${encodeURIComponent(profile)}`
    return { profile, fullUri, ...endpoint.profiles[profile], tokenFile: endpoint.tokenFile }
  }
  return await context.daemon("GET /environment", profile === undefined ? {} : { profile })
}

function notEnabled(profile: string): Failure {
  return usageWrong(
    `profile "${profile}" is not served as instance metadata`,
    `run: credd imds enable ${word(profile)}`,
  )
}
