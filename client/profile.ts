/** Which profile a command is for when it names none: AWS_PROFILE, default_profile, or the only one there is. */
import { readFile } from "node:fs/promises"
import type { EndpointFile } from "../daemon/api.ts"
import { endpointFile } from "../daemon/paths.ts"
import type { Context } from "./context.ts"

/** What the daemon wrote for shells, or undefined where it never ran (or has written something else). */
export async function readEndpoint({ paths }: Pick<Context, "paths">): Promise<EndpointFile | undefined> {
  try {
    const parsed: unknown = JSON.parse(await readFile(endpointFile(paths), "utf8"))
    return isEndpointFile(parsed) ? parsed : undefined
  } catch {
    return undefined
  }
}

export function profileFrom(
  named: string | undefined,
  env: Context["env"],
  endpoint: EndpointFile | undefined,
): string | undefined {
  if (named !== undefined) return named
  if (env["AWS_PROFILE"]) return env["AWS_PROFILE"]
  if (endpoint === undefined) return undefined
  const names = Object.keys(endpoint.profiles)
  return endpoint.defaultProfile ?? (names.length === 1 ? names[0] : undefined)
}

/** The same for commands that ask the daemon anyway: it words the error when there is no answer. */
export async function profileFor(context: Context, named: string | undefined): Promise<string> {
  const profile = profileFrom(named, context.env, await readEndpoint(context))
  return profile ?? (await context.daemon("GET /environment", {})).profile
}

function isEndpointFile(value: unknown): value is EndpointFile {
  return (
    typeof value === "object" &&
    value !== null &&
    "endpoint" in value &&
    typeof value.endpoint === "string" &&
    "tokenFile" in value &&
    typeof value.tokenFile === "string" &&
    "profiles" in value &&
    typeof value.profiles === "object" &&
    "defaultProfile" in value
  )
}
