/** `credd use`: the profile for commands that name none, kept in config.toml with every other byte of it. */
import { isDeepStrictEqual } from "node:util"
import { parse } from "smol-toml"
import type { Command } from "../command.ts"
import type { Context } from "../context.ts"
import { Failure } from "../failure.ts"
import { note, warning } from "../output.ts"
import { readEndpoint, withDefaultProfile } from "../profile.ts"
import { replaceFile } from "../replace-file.ts"

export const use: Command<Record<string, never>, [profile: string]> = async (context, _, profile) => {
  const { env, files, paths, process: streams } = context
  await insistOnProfile(context, profile)
  const before = files.read(paths.settings)
  const old = String(before ?? "")
  const text = withDefaultProfile(old, profile)
  if (!changesOnlyThat(old, text, profile)) {
    throw new Failure({
      code: "SettingsInvalid",
      message: `could not set default_profile in ${paths.settings}`,
      hint: `write default_profile = ${JSON.stringify(profile)} at the top of it`,
    })
  }
  if (text !== old) {
    const hint = "mend the cause, then run: credd use PROFILE"
    replaceFile(files, { path: paths.settings, before, after: Buffer.from(text), hint })
  }
  note(streams.stderr, `"${profile}" is the default profile now (${paths.settings})`)
  for (const name of ["AWS_PROFILE", "CREDD_DEFAULT_PROFILE"]) {
    if (env[name] && env[name] !== profile) warning(streams.stderr, `in this shell ${name}=${env[name]} comes first`)
  }
  return 0
}

/** A name that the daemon does not know is most likely mistyped; a daemon that is not running cannot tell. */
async function insistOnProfile(context: Context, profile: string): Promise<void> {
  const endpoint = readEndpoint(context)
  if (endpoint !== undefined && Object.hasOwn(endpoint.profiles, profile)) return
  try {
    await context.daemon("GET /environment", { profile })
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== "DaemonNotRunning") throw error
    warning(context.process.stderr, `"${profile}" could not be looked up: ${error.message}`)
  }
}

function changesOnlyThat(old: string, text: string, profile: string): boolean {
  try {
    return isDeepStrictEqual({ ...parse(old), default_profile: profile }, { ...parse(text) })
  } catch {
    return false
  }
}
