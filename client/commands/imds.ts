/** `credd imds`: which profiles are served as instance metadata, for tools that know nothing else. */
import type { Command } from "../command.ts"
import { word } from "../environment.ts"
import { note, table } from "../output.ts"

export const enable: Command<Record<string, never>, [profile: string]> = async (context, _, profile) => {
  const { stdout, stderr } = context.process
  const { endpoint } = await context.daemon("POST /imds", { profile })
  stdout.write(`${endpoint}\n`)
  note(stderr, `"${profile}" is served as instance metadata; next: eval "$(credd env ${word(profile)} --imds)"`)
  return 0
}

export const disable: Command<Record<string, never>, [profile: string]> = async (context, _, profile) => {
  await context.daemon("DELETE /imds", { profile })
  note(context.process.stderr, `"${profile}" is no longer served as instance metadata; a program keeps what it holds`)
  return 0
}

export const list: Command<{ json: boolean }> = async (context, { json }) => {
  const { stdout, stderr } = context.process
  const { endpoints } = await context.daemon("GET /imds", {})
  if (json) stdout.write(`${JSON.stringify(endpoints, null, 2)}\n`)
  else if (endpoints.length === 0)
    note(stderr, "no profile is served as instance metadata; run: credd imds enable PROFILE")
  else {
    const rows = endpoints.map(({ profile, endpoint, enabledBy, problem }) => [
      profile,
      endpoint || "-",
      enabledBy === "settings" ? "by settings" : "by command",
      problem ?? "",
    ])
    stdout.write(`${table(rows)}\n`)
  }
  return 0
}
