/**
 * The variables that make an AWS SDK ask credd, those that would win over them, and all of it as lines that a shell
 * evaluates. One file, since `credd env` runs in every new shell and each module costs it a millisecond.
 */
import { usageWrong } from "./failure.ts"

/** A value to set, or null where the variable must not be there (an empty one would still count in several SDKs). */
export type Environment = ReadonlyMap<string, string | null>

export interface Target {
  readonly fullUri: string
  readonly region: string | undefined
  readonly token: { readonly inline: string } | { readonly file: string }
}

export interface ImdsTarget {
  readonly endpoint: string
  readonly region: string | undefined
}

/** Every one of these comes before the container credentials in some SDK, or in all of them. */
const rivals = [
  "AWS_PROFILE",
  "AWS_DEFAULT_PROFILE",
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "AWS_SECURITY_TOKEN",
  "AWS_CREDENTIAL_FILE",
  "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
  "AWS_WEB_IDENTITY_TOKEN_FILE",
  "AWS_ROLE_ARN",
  "AWS_ROLE_SESSION_NAME",
]
const container = [
  "AWS_CONTAINER_CREDENTIALS_FULL_URI",
  "AWS_CONTAINER_AUTHORIZATION_TOKEN",
  "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
]
/** The second is object_store's (Polars, delta-rs, DataFusion). */
const metadata = ["AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_METADATA_ENDPOINT"]
const ours = [
  ...container,
  ...metadata,
  "AWS_REGION",
  "AWS_DEFAULT_REGION",
  "AWS_EC2_METADATA_DISABLED",
  "AWS_EC2_METADATA_V1_DISABLED",
  "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
]
const proxies = ["http_proxy", "https_proxy", "all_proxy"]
const loopback = ["127.0.0.1", "localhost"]
const appended = loopback.join(",")

export function environmentFor(
  { fullUri, region, token }: Target,
  env: Readonly<Record<string, string | undefined>>,
): Environment {
  const variables = new Map<string, string | null>([["AWS_CONTAINER_CREDENTIALS_FULL_URI", fullUri]])
  variables.set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "inline" in token ? token.inline : null)
  variables.set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "file" in token ? token.file : null)
  setRegion(variables, region)
  variables.set("AWS_EC2_METADATA_DISABLED", "true")
  // What `--imds` has left in this shell: object_store goes there unless its token is in a file.
  for (const name of metadata) if (env[name]) variables.set(name, null)
  passByProxies(variables, env)
  for (const name of rivals) variables.set(name, null)
  return variables
}

/** The same for tools that know only the instance metadata service. */
export function environmentForImds(
  { endpoint, region }: ImdsTarget,
  env: Readonly<Record<string, string | undefined>>,
): Environment {
  // The AWS CLI before 2.10 puts no slash between the address and the path; where that makes two, credd takes them for one.
  const variables = new Map<string, string | null>([["AWS_EC2_METADATA_SERVICE_ENDPOINT", `${endpoint}/`]])
  variables.set("AWS_METADATA_ENDPOINT", endpoint)
  setRegion(variables, region)
  // botocore asks once and gives up, where other SDKs ask three times: a role's first credentials may take two questions.
  variables.set("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "3")
  // JavaScript v2 takes any value for yes, "false" too.
  variables.set("AWS_EC2_METADATA_DISABLED", null)
  // There is no version 1 to fall back to; but with it, the JavaScript SDKs never ask again after one slow or bad answer.
  variables.set("AWS_EC2_METADATA_V1_DISABLED", null)
  variables.set("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", null)
  // With it, newer SDKs ask for that role and for no list.
  variables.set("AWS_EC2_INSTANCE_PROFILE_NAME", null)
  passByProxies(variables, env)
  // Where a container's address is set, half of the SDKs do not look at metadata at all.
  for (const name of [...container, ...rivals]) variables.set(name, null)
  return variables
}

function setRegion(variables: Map<string, string | null>, region: string | undefined): void {
  if (region === undefined) return
  // botocore reads only the second, the JavaScript and Java SDKs only the first.
  variables.set("AWS_REGION", region)
  variables.set("AWS_DEFAULT_REGION", region)
}

/** Rust and object_store would send the request, token included, to the proxy; botocore does so with metadata. */
function passByProxies(variables: Map<string, string | null>, env: Readonly<Record<string, string | undefined>>): void {
  if (!proxies.some((name) => env[name] || env[name.toUpperCase()])) return
  for (const name of ["NO_PROXY", "no_proxy"]) {
    variables.set(name, withLoopback(env[name] || env["NO_PROXY"] || env["no_proxy"] || ""))
  }
}

/** What takes it all away again; of NO_PROXY only what was appended. */
export function environmentUnset(env: Readonly<Record<string, string | undefined>>): Environment {
  const variables = new Map<string, string | null>(ours.map((name) => [name, null]))
  for (const name of ["NO_PROXY", "no_proxy"]) {
    const value = env[name]
    if (value === appended) variables.set(name, null)
    else if (value?.endsWith(`,${appended}`) === true) variables.set(name, value.slice(0, -appended.length - 1))
  }
  return variables
}

function withLoopback(old: string): string {
  const hosts = new Set(old.split(/[\s,]+/))
  const missing = loopback.filter((host) => !hosts.has(host))
  if (missing.length === 0) return old
  return old.trim() === "" ? missing.join(",") : `${old},${missing.join(",")}`
}

export type Shell = "sh" | "fish" | "powershell" | "nu" | "json"

export const shells: readonly Shell[] = ["sh", "fish", "powershell", "nu", "json"]

interface Syntax {
  set(name: string, value: string): string
  unset(name: string): string
}

const syntaxes: Readonly<Record<Exclude<Shell, "json">, Syntax>> = {
  sh: {
    set: (name, value) => `export ${name}='${value.replaceAll("'", `'\\''`)}'`,
    unset: (name) => `unset ${name}`,
  },
  fish: {
    set: (name, value) => `set -gx ${name} '${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`,
    // A universal variable would show through: a global one that is not exported covers it.
    unset: (name) => `set -e ${name}; set -q ${name}; and set -gu ${name}; or true`,
  },
  powershell: {
    // PowerShell takes typographic quotes for quotes, too.
    set: (name, value) => `$env:${name} = '${value.replaceAll(/['\u2018\u2019\u201a\u201b]/g, "$&$&")}'`,
    unset: (name) => `Remove-Item Env:${name} -ErrorAction SilentlyContinue`,
  },
  nu: {
    set: (name, value) => `$env.${name} = ${JSON.stringify(value).replaceAll(/\\u([0-9a-f]{4})/g, String.raw`\u{$1}`)}`,
    unset: (name) => `hide-env --ignore-errors ${name}`,
  },
}

export function shellLines(environment: Environment, shell: Shell): string {
  if (shell === "json") return `${JSON.stringify(Object.fromEntries(environment), null, 2)}\n`
  const { set, unset } = syntaxes[shell]
  return [...environment].map(([name, value]) => `${value === null ? unset(name) : set(name, value)}\n`).join("")
}

/** The shell that evaluates us: named, or guessed from $SHELL. */
export function shellFrom(named: string | undefined, env: Readonly<Record<string, string | undefined>>): Shell {
  if (named !== undefined) {
    const known = shells.find((shell) => shell === named)
    if (known === undefined) throw usageWrong(`there is no shell "${named}"`, `choose one of: ${shells.join(", ")}`)
    return known
  }
  const program = env["SHELL"]?.split("/").at(-1) ?? ""
  if (program === "fish" || program === "nu") return program
  return program === "pwsh" || (program === "" && env["PSModulePath"]) ? "powershell" : "sh"
}

/** The command that a person types to have the lines evaluated. */
export function evaluation(profile: string, env: Readonly<Record<string, string | undefined>>): string {
  const command = `credd env ${word(profile)}`
  switch (shellFrom(undefined, env)) {
    case "fish":
      return `${command} | source`
    case "nu":
      return `${command} --shell json | from json | load-env`
    case "powershell":
      return `${command} | Out-String | Invoke-Expression`
    default:
      return `eval "$(${command})"`
  }
}

/** A profile name as a word of the shell, for lines that people paste. */
export function word(name: string): string {
  return /^[\w@%+=:,./-]+$/.test(name) ? name : `'${name.replaceAll("'", String.raw`'\''`)}'`
}
