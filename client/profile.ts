/** Which profile a command is for when it names none: AWS_PROFILE, default_profile, or the only one there is. */
import type { EndpointFile } from "../daemon/api.ts"
import { endpointFile } from "../daemon/paths.ts"
import type { Context } from "./context.ts"
import { Failure } from "./failure.ts"

type Reader = Pick<Context, "env" | "files" | "paths">

/** What the daemon wrote for shells, or undefined where it never ran (or has written something else). */
export function readEndpoint({ files, paths }: Reader): EndpointFile | undefined {
  try {
    const parsed: unknown = JSON.parse(String(files.read(endpointFile(paths))))
    return isEndpointFile(parsed) ? parsed : undefined
  } catch {
    return undefined
  }
}

export function profileFrom(
  context: Reader,
  named: string | undefined,
  endpoint: EndpointFile | undefined,
): string | undefined {
  if (named !== undefined) return named
  const { env } = context
  // The settings file before endpoint.json: `credd use` is to count at once, not at the daemon's next start.
  const chosen =
    env["AWS_PROFILE"] || env["CREDD_DEFAULT_PROFILE"] || defaultProfile(context) || endpoint?.defaultProfile
  if (chosen) return chosen
  const names = Object.keys(endpoint?.profiles ?? {})
  return names.length === 1 ? names[0] : undefined
}

/** The profile that this shell asks for, once `credd env` was evaluated in it. */
export function shellProfile({ env }: Pick<Context, "env">): string | undefined {
  const name = /^http:\/\/127\.0\.0\.1:\d+\/credentials\/([^/?#]+)$/.exec(
    env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] ?? "",
  )?.[1]
  try {
    return name === undefined ? undefined : decodeURIComponent(name)
  } catch {
    return undefined
  }
}

/** The token of the shell that credd has set up around this command: inside a scoped lease there is nothing wider. */
export function surrounding(context: Pick<Context, "env">): { readonly within?: string } {
  const token = context.env["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
  return token && shellProfile(context) !== undefined ? { within: token } : {}
}

/** The same for commands that ask the daemon anyway: it words the error when there is no answer. */
export async function profileFor(context: Context, named: string | undefined): Promise<string> {
  const profile = profileFrom(context, named, readEndpoint(context))
  return profile ?? (await context.daemon("GET /environment", {})).profile
}

/** What `credd process --setup` calls the profile that it writes for this one. */
export function processName(profile: string): string {
  return `credd-${profile.replaceAll(/[^\w.@+-]+/g, "-")}`
}

/** Throws `DaemonNotRunning`: the daemon writes it when it starts. */
export function tokenIn({ files }: Pick<Context, "files">, file: string): string {
  let token = ""
  try {
    token = String(files.read(file) ?? "")
  } catch {
    // Said below.
  }
  // An empty variable or one with a line break would break SDKs in ways of their own.
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new Failure({
      code: "DaemonNotRunning",
      message: `could not read an authorization token from ${file}`,
      hint: "run: credd service install   (or, in the foreground: credd daemon)",
    })
  }
  return token
}

function defaultProfile({ files, paths }: Reader): string | undefined {
  try {
    return defaultProfileIn(String(files.read(paths.settings) ?? ""))
  } catch {
    // A settings file that cannot be read is the daemon's to complain of.
    return undefined
  }
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
    value.profiles !== null &&
    "defaultProfile" in value &&
    (value.defaultProfile === null || typeof value.defaultProfile === "string")
  )
}

// `default_profile` in config.toml: read without a TOML parser, for which `credd env` has no time, and written without
// touching another byte.

// Names end where the first table begins; a triple quote is another kind of string.
const setting = /^([ \t]*default_profile[ \t]*=[ \t]*)("(?:[^"\\\r\n]|\\[^\r\n])*"|'[^'\r\n]*')(?!["'])/m
const firstTable = /^[ \t]*\[/m

/** The profile, or undefined where there is none, or none in words as plain as these. */
export function defaultProfileIn(toml: string): string | undefined {
  const value = setting.exec(beforeTables(toml))?.[2]
  if (value === undefined) return undefined
  if (value.startsWith("'")) return value.slice(1, -1)
  try {
    const text: unknown = JSON.parse(value)
    return typeof text === "string" ? text : undefined
  } catch {
    // Escapes that only TOML has: the daemon's own reading decides.
    return undefined
  }
}

/** The same text with this default profile. */
export function withDefaultProfile(toml: string, profile: string): string {
  const value = JSON.stringify(profile).replaceAll("\u007f", String.raw`\u007f`)
  const top = beforeTables(toml)
  const found = setting.exec(top)
  if (found !== null) {
    const [whole, name = ""] = found
    return toml.slice(0, found.index) + name + value + toml.slice(found.index + whole.length)
  }
  const start = toml.startsWith("\uFEFF") ? 1 : 0
  const end = toml.includes("\r\n") ? "\r\n" : "\n"
  return `${toml.slice(0, start)}default_profile = ${value}${end}${toml.slice(start)}`
}

function beforeTables(toml: string): string {
  const at = firstTable.exec(toml)?.index
  return at === undefined ? toml : toml.slice(0, at)
}
