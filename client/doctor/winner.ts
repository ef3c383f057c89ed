/** Walks a family's chain as its SDKs do, and says where it ends: at credd, at somebody else's credentials, or in an error. */
import type { Family, ProfileHolds, Step } from "./families.ts"
import { profileIn, type ProfileKeys, type Shell } from "./shell.ts"

/** Where credentials come from that are not credd's. */
export interface Source {
  readonly kind: "environment" | "web-identity" | "boto" | "container" | "instance" | ProfileHolds
  /** As a person would say it: `AWS_ACCESS_KEY_ID in the environment`. */
  readonly where: string
  readonly profile?: string
  readonly accessKeyId?: string
  readonly roleArn?: string
}

export type Winner =
  | { readonly kind: "credd"; readonly via: "container" | "instance" | "process"; readonly profile: string }
  | { readonly kind: "other"; readonly source: Source }
  | { readonly kind: "error"; readonly cause: ErrorCause; readonly why: string }
  | { readonly kind: "nobody" }

export type ErrorCause =
  | "missing-profile"
  | "half-key"
  | "half-key-in-profile"
  | "empty-relative-uri"
  | "token"
  | "token-file-only"
  | "proxy"

type Keys = Readonly<Record<string, string>>

const relativeName = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
const fullName = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
const tokenName = "AWS_CONTAINER_AUTHORIZATION_TOKEN"

export function winnerOf(family: Family, shell: Shell): Winner {
  const isNamed = (name: string): boolean =>
    family.emptyProfileCounts === true ? shell.env[name] !== undefined : Boolean(shell.env[name])
  const variable = family.profileVariables.find(isNamed)
  const named = variable === undefined ? undefined : shell.env[variable]
  const profile = named ?? "default"
  const keys = profileIn(shell, profile)
  if (named !== undefined && keys === undefined && family.missingProfile === "fails") {
    return {
      kind: "error",
      cause: "missing-profile",
      why: `${variable} names the profile "${named}", which is not there`,
    }
  }
  if (family.halfProfileKey === "refused" && isHalf(keys)) return halfKeyIn(profile)
  for (const step of family.chain) {
    const found = steps[step]({ family, shell, named, profile, keys })
    if (found !== undefined) return found
  }
  return { kind: "nobody" }
}

interface At {
  readonly family: Family
  readonly shell: Shell
  /** The profile as a variable names it. */
  readonly named: string | undefined
  readonly profile: string
  readonly keys: ProfileKeys | undefined
}

const steps: Readonly<Record<Step, (at: At) => Winner | undefined>> = {
  "java-properties": ({ shell }) => {
    const variable = javaVariables.find((name) => /-Daws\.accessKeyId=/.test(shell.env[name] ?? ""))
    return variable === undefined
      ? undefined
      : other({ kind: "environment", where: `-Daws.accessKeyId in ${variable}` })
  },
  environment({ family, shell, named }) {
    const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret } = shell.env
    if (!id || (family.profileHidesEnvironment === true && named !== undefined)) return undefined
    if (!secret) {
      return family.halfKey === "fails"
        ? { kind: "error", cause: "half-key", why: "AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not" }
        : undefined
    }
    return other({ kind: "environment", where: "AWS_ACCESS_KEY_ID in the environment", accessKeyId: id })
  },
  "web-identity": ({ shell }) => {
    const { AWS_WEB_IDENTITY_TOKEN_FILE: file, AWS_ROLE_ARN: roleArn } = shell.env
    if (!file || !roleArn) return undefined
    return other({ kind: "web-identity", where: "AWS_WEB_IDENTITY_TOKEN_FILE in the environment", roleArn })
  },
  "profile-role": (at) => fromProfile(at, ["role"]),
  profile: (at) => fromProfile(at, at.family.profile),
  "credential-file": ({ shell }) => {
    const file = shell.env["AWS_CREDENTIAL_FILE"]
    return file ? other({ kind: "boto", where: `AWS_CREDENTIAL_FILE (${file})` }) : undefined
  },
  "boto-files": ({ shell: { botoFile } }) =>
    botoFile === undefined ? undefined : other({ kind: "boto", where: botoFile }),
  container: (at) => fromContainer(at),
  instance({ shell }) {
    const { env, endpoint } = shell
    // The SDKs differ on other spellings; each takes this one.
    if (env["AWS_EC2_METADATA_DISABLED"]?.toLowerCase() === "true") return { kind: "nobody" }
    const at = env["AWS_EC2_METADATA_SERVICE_ENDPOINT"]?.replace(/\/+$/, "")
    if (!at) return other({ kind: "instance", where: "the instance metadata service, where there is one" })
    const [profile] = Object.entries(endpoint?.profiles ?? {}).find(([, { imds }]) => imds === at) ?? []
    return profile === undefined
      ? other({ kind: "instance", where: `instance metadata at ${at}` })
      : { kind: "credd", via: "instance", profile }
  },
}

const javaVariables = ["JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "MAVEN_OPTS"] as const

function other(source: Source): Winner {
  return { kind: "other", source }
}

function fromProfile({ family, shell, profile, keys }: At, order: readonly ProfileHolds[]): Winner | undefined {
  if (keys === undefined) return undefined
  for (const holds of order) {
    const found = heldBy[holds](merged(keys), keys)
    if (found === undefined) continue
    if (found === "half") {
      if (family.halfProfileKey === "fails") return halfKeyIn(profile)
      continue
    }
    const file =
      keys.credentials !== undefined && holds === "keys-credentials" ? shell.files.credentials : shell.files.config
    const ours = holds === "process" ? creddProfile(merged(keys)["credential_process"] ?? "") : undefined
    if (ours !== undefined) return { kind: "credd", via: "process", profile: ours }
    return other({ kind: holds, where: `profile "${profile}" in ${file}`, profile, ...found })
  }
  return undefined
}

function isHalf(keys: ProfileKeys | undefined): boolean {
  return keys !== undefined && accessKey(merged(keys)) === "half"
}

function halfKeyIn(profile: string): Winner {
  return { kind: "error", cause: "half-key-in-profile", why: `the profile "${profile}" holds half an access key` }
}

function merged({ config, credentials }: ProfileKeys): Keys {
  return { ...config, ...credentials }
}

type Held = { readonly accessKeyId?: string; readonly roleArn?: string } | "half" | undefined

const heldBy: Readonly<Record<ProfileHolds, (all: Keys, at: ProfileKeys) => Held>> = {
  role: ({ role_arn: roleArn, source_profile: source, credential_source: outside, web_identity_token_file: web }) =>
    roleArn && (source || outside) && !web ? { roleArn } : undefined,
  "web-identity": ({ web_identity_token_file: file, role_arn: roleArn }) => (file && roleArn ? { roleArn } : undefined),
  sso: (keys) => (keys["sso_account_id"] && keys["sso_role_name"] ? {} : undefined),
  "keys-credentials": (_, { credentials }) => accessKey(credentials),
  "keys-config": (_, { config }) => accessKey(config),
  login: (keys) => (keys["login_session"] ? {} : undefined),
  process: (keys) => (keys["credential_process"] ? {} : undefined),
}

function accessKey(keys: Keys | undefined): Held {
  const { aws_access_key_id: id, aws_secret_access_key: secret } = keys ?? {}
  if (!id) return undefined
  return secret ? { accessKeyId: id } : "half"
}

/** The profile of `credd process PROFILE`, however it is quoted. */
function creddProfile(command: string): string | undefined {
  const match = /(?:^|[/\\"'\s])credd["']?\s+process\s+(?:"([^"]+)"|'([^']+)'|(\S+))/.exec(command)
  return match?.[1] ?? match?.[2] ?? match?.[3]
}

function fromContainer({ family, shell }: At): Winner | undefined {
  const { env } = shell
  const { [relativeName]: relative, [fullName]: full } = env
  const hasRelative = family.emptyRelativeCounts === true ? relative !== undefined : Boolean(relative)
  if (!hasRelative && !full) return undefined
  if (hasRelative && !(family.uriFirst === "full" && full)) {
    return relative === ""
      ? { kind: "error", cause: "empty-relative-uri", why: `${relativeName} is set and empty, which counts` }
      : other({ kind: "container", where: `${relativeName} (http://169.254.170.2${relative})` })
  }
  const profile = servedBy(full ?? "", shell)
  if (profile === undefined) return other({ kind: "container", where: `${fullName} (${full})` })
  if (family.tokenFirst === "file-only" && !env[`${tokenName}_FILE`]) {
    return { kind: "error", cause: "token-file-only", why: `the token is only in ${tokenName}` }
  }
  const token = tokenProblem(family, shell)
  if (token !== undefined) return { kind: "error", cause: "token", why: token }
  if (family.usesProxy === true && catchesLoopback(env)) {
    return {
      kind: "error",
      cause: "proxy",
      why: "requests to 127.0.0.1 go to the proxy, since NO_PROXY does not name it",
    }
  }
  return { kind: "credd", via: "container", profile }
}

/** The profile that a full URI asks this daemon for. */
export function servedBy(fullUri: string, { endpoint }: Shell): string | undefined {
  const start = endpoint === undefined ? undefined : `${endpoint.endpoint}/credentials/`
  if (start === undefined || !fullUri.startsWith(start)) return undefined
  try {
    return decodeURIComponent(fullUri.slice(start.length))
  } catch {
    return undefined
  }
}

function tokenProblem(
  { tokenFirst, emptyTokenFileCounts, trimsToken }: Family,
  { env, token }: Shell,
): string | undefined {
  const { [tokenName]: inline, [`${tokenName}_FILE`]: file } = env
  const hasFile = emptyTokenFileCounts === true ? file !== undefined : Boolean(file)
  if (tokenFirst === "variable" ? inline : !hasFile && inline) {
    return /[\r\n]/.test(inline ?? "") && trimsToken !== true ? `${tokenName} holds a line break` : undefined
  }
  if (!hasFile) return `neither ${tokenName} nor ${tokenName}_FILE is set`
  if (file === "") return `${tokenName}_FILE is set and empty, which counts`
  switch (token?.state) {
    case "good":
      return undefined
    case "line-break":
      return trimsToken === true ? undefined : "the token file ends with a line break"
    default:
      return `the token file ${file} is ${token?.state ?? "missing"}`
  }
}

/** Whether a proxy for plain HTTP is set that 127.0.0.1 is not spared from. */
function catchesLoopback(env: Shell["env"]): boolean {
  const proxy = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"].some((name) => env[name])
  const spared = `${env["no_proxy"] ?? ""},${env["NO_PROXY"] ?? ""}`.split(/[\s,]+/)
  return proxy && !spared.some((host) => ["127.0.0.1", "127.0.0.0/8", "*"].includes(host))
}
