/** ProfileSource on `~/.aws/config` and `~/.aws/credentials`: read again when they change, the last good reading kept. */
import { readFile, stat } from "node:fs/promises"
import { homedir } from "node:os"
import { join } from "node:path"
import { CreddError } from "../core/errors.ts"
import type { PlainKey, ProfileFiles, ProfileSection, ProfileSource } from "../core/ports.ts"
import { breathe } from "./clock.ts"
import { errnoCode } from "./errno.ts"
import { parseIni, type IniSections } from "./ini.ts"
import { shellWords } from "./shell-words.ts"

type Keys = Readonly<Record<string, string>>

export interface AwsFiles {
  readonly config: string
  readonly credentials: string
}

/** Where the SDKs look: `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE`, else under `~/.aws`. */
export function awsFilesFrom(env: Readonly<Record<string, string | undefined>>): AwsFiles {
  const home = env["HOME"] || homedir()
  const expand = (path: string): string => (path.startsWith("~/") ? join(home, path.slice(2)) : path)
  return {
    config: expand(env["AWS_CONFIG_FILE"] || join(home, ".aws", "config")),
    credentials: expand(env["AWS_SHARED_CREDENTIALS_FILE"] || join(home, ".aws", "credentials")),
  }
}

/** Keys that hold secrets: seen here, and never passed on. */
const secretKeys = new Set(["aws_access_key_id", "aws_secret_access_key", "aws_session_token", "aws_security_token"])

export function awsConfig(files: AwsFiles): ProfileSource {
  let current: ProfileFiles = { sections: new Map(), services: new Map() }
  let seen: string | undefined

  return {
    current: () => current,
    async reload() {
      // Taken before the reading: what is written meanwhile shows at the next look.
      const now = `${await fingerprint(files.config)} ${await fingerprint(files.credentials)}`
      if (now === seen) return false
      seen = now
      try {
        const [config, credentials] = await Promise.all([read(files.config), read(files.credentials)])
        current = await merge(config, credentials)
      } catch (error) {
        const why = error instanceof CreddError ? error.message : "the AWS config files cannot be read"
        current = { ...current, problem: why }
      }
      return true
    },
  }
}

/** Follows symlinks, so that a swapped link counts as a change. */
async function fingerprint(file: string): Promise<string> {
  try {
    const { ino, size, mtimeMs, ctimeMs } = await stat(file)
    return `${ino}:${size}:${mtimeMs}:${ctimeMs}`
  } catch {
    return "absent"
  }
}

async function read(file: string): Promise<IniSections> {
  let bytes: Buffer
  try {
    bytes = await readFile(file)
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(errnoCode(error))) return new Map()
    throw new CreddError("ConfigMalformed", `could not read ${file}: ${errnoCode(error)}`, {
      hint: `check that ${file} is a file that you can read`,
      cause: error,
    })
  }
  return await parseIni(decode(bytes, file), file)
}

function decode(bytes: Buffer, file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    throw new CreddError("ConfigMalformed", `${file} is not UTF-8 text`, { hint: `mend ${file}`, cause: error })
  }
}

/** As botocore does: sections of the config file, then the credentials file's keys over them; then aws-vault's includes. */
async function merge(
  config: IniSections,
  credentials: IniSections,
): Promise<Pick<ProfileFiles, "sections" | "services">> {
  const all = new Map<string, ProfileSection>()
  const services = new Map<string, Keys>()
  for (const [header, keys] of config) {
    const name = header === "default" ? header : nameAfter("profile", header)
    const service = nameAfter("services", header)
    if (name !== undefined) all.set(name, { name, keys, credentialsKey: "none", configKey: plainKey(keys) })
    else if (service !== undefined) services.set(service, keys)
    if (all.size % sliceSections === 0) await breathe()
  }
  for (const [name, keys] of credentials) {
    const { keys: below, configKey = "none" } = all.get(name) ?? {}
    all.set(name, { name, keys: { ...below, ...keys }, credentialsKey: plainKey(keys), configKey })
  }
  // From now on, no secret.
  const sections = new Map(all)
  for (const [name, section] of all) {
    const keys = shown(included(section, all))
    if (keys !== section.keys) sections.set(name, { ...section, keys })
  }
  return { services, sections }
}

const sliceSections = 500

/** The last `[profile "a"]` or `[profile a]` counts; a name that a shell could not split is no profile. */
function nameAfter(word: string, header: string): string | undefined {
  if (!header.startsWith(word)) return undefined
  const words = shellWords(header)
  return words?.length === 2 ? words[1] : undefined
}

/** `include_profile`, aws-vault's: what a profile does not say itself, it takes from the one that it includes. */
function included(section: ProfileSection, all: ReadonlyMap<string, ProfileSection>): Keys {
  let keys: Keys = section.keys
  if (keys["include_profile"] === undefined) return keys
  const taken = new Set([section.name])
  for (let next: string | undefined = keys["include_profile"]; next !== undefined && !taken.has(next);) {
    taken.add(next)
    const below: Keys = all.get(next)?.keys ?? {}
    keys = { ...below, ...keys }
    next = below["include_profile"]
  }
  return keys
}

function shown(keys: Keys): Keys {
  const names = Object.keys(keys)
  if (!names.some((name) => secretKeys.has(name) || keys[name] === "")) return keys
  return Object.fromEntries(names.flatMap((name) => (secretKeys.has(name) || !keys[name] ? [] : [[name, keys[name]]])))
}

function plainKey(keys: Keys): PlainKey {
  const has = (name: string): boolean => keys[name] !== undefined
  if (!has("aws_access_key_id") && !has("aws_secret_access_key")) return "none"
  if (!has("aws_access_key_id")) return "secret-only"
  if (!has("aws_secret_access_key")) return "half"
  return has("aws_session_token") || has("aws_security_token") ? "temporary" : "whole"
}
