/** ProfileSource on `~/.aws/config` and `~/.aws/credentials`: read again when they change, the last good reading kept. */
import { readFile, stat } from "node:fs/promises"
import { homedir } from "node:os"
import { join } from "node:path"
import { CreddError } from "../core/errors.ts"
import type { ProfileFiles, ProfileSection, ProfileSource } from "../core/ports.ts"
import { errnoCode } from "./errno.ts"
import { parseIni, sectionWords, type IniSections } from "./ini.ts"

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
  let current: ProfileFiles = { sections: new Map() }
  let seen: string | undefined

  return {
    current: () => current,
    async reload() {
      const now = `${await fingerprint(files.config)} ${await fingerprint(files.credentials)}`
      if (now === seen) return false
      seen = now
      try {
        const [config, credentials] = await Promise.all([read(files.config), read(files.credentials)])
        current = { sections: merge(config, credentials) }
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
  return parseIni(decode(bytes, file), file)
}

function decode(bytes: Buffer, file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    throw new CreddError("ConfigMalformed", `${file} is not UTF-8 text`, { hint: `mend ${file}`, cause: error })
  }
}

/** As botocore does: sections of the config file, then the credentials file's keys over them. */
function merge(config: IniSections, credentials: IniSections): ReadonlyMap<string, ProfileSection> {
  const all = new Map<string, Record<string, string>>()
  for (const [header, keys] of config) {
    const name = configProfile(header)
    if (name !== undefined) all.set(name, { ...keys })
  }
  for (const [name, keys] of credentials) all.set(name, { ...all.get(name), ...keys })
  return new Map([...all].map(([name, keys]) => [name, section(name, keys)]))
}

function configProfile(header: string): string | undefined {
  if (header === "default") return header
  if (!header.startsWith("profile")) return undefined
  const words = sectionWords(header)
  return words?.length === 2 ? words[1] : undefined
}

function section(name: string, keys: Readonly<Record<string, string>>): ProfileSection {
  return {
    name,
    keys: Object.fromEntries(Object.entries(keys).filter(([key, value]) => !secretKeys.has(key) && value !== "")),
    hasStaticKey:
      keys["aws_access_key_id"] !== undefined &&
      keys["aws_secret_access_key"] !== undefined &&
      keys["aws_session_token"] === undefined,
  }
}
