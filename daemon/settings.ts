/** credd's own settings: their defaults, where each value came from, and what a wrong one gets. */
import { readFileSync } from "node:fs"
import * as v from "valibot"
import type { StoreKind } from "./api.ts"
import { errnoCode } from "./adapters/errno.ts"
import { settingsInvalid } from "./core/errors.ts"
import { similarName } from "./core/similar-name.ts"
import { pathsFrom, type Paths } from "./paths.ts"

type Env = Readonly<Record<string, string | undefined>>

const port = v.pipe(
  v.number("must be a number"),
  v.integer("must be a whole number"),
  v.minValue(0, "must be 0 to 65535"),
  v.maxValue(65_535, "must be 0 to 65535"),
)
const profileNames = "must be a list of profile names"
const userIds = "must be a list of user ids (whole numbers)"
const userId = v.pipe(v.number(userIds), v.integer(userIds), v.minValue(0, userIds), v.maxValue(4_294_967_294, userIds))
const schema = {
  /** Outside the ports that outgoing connections take, and the same at every start: shells keep the URL. 0 takes a free one. */
  port,
  store: v.picklist(["keychain", "file", "memory"], 'must be "keychain", "file" or "memory"'),
  log_level: v.picklist(["debug", "info", "warn", "error"], 'must be "debug", "info", "warn" or "error"'),
  default_profile: v.pipe(v.string("must be a profile name"), v.nonEmpty("must be a profile name")),
  passphrase_file: v.pipe(v.string("must be a path"), v.startsWith("/", "must be an absolute path")),
  imds: v.array(v.pipe(v.string(profileNames), v.nonEmpty(profileNames)), profileNames),
  allow_uids: v.array(userId, userIds),
}
type Name = keyof typeof schema

const defaults = { port: 9912, store: "keychain", log_level: "info", imds: [], allow_uids: [] } as const
const variables: Readonly<Record<Name, string>> = {
  port: "CREDD_PORT",
  store: "CREDD_STORE",
  log_level: "CREDD_LOG_LEVEL",
  default_profile: "CREDD_DEFAULT_PROFILE",
  passphrase_file: "CREDD_PASSPHRASE_FILE",
  imds: "CREDD_IMDS",
  allow_uids: "CREDD_ALLOW_UIDS",
}

export interface Settings {
  readonly port: number
  readonly store: StoreKind
  readonly logLevel: string
  readonly defaultProfile: string | undefined
  /** Holds the file store's passphrase; a systemd credential named `credd-passphrase` serves as well. */
  readonly passphraseFile: string | undefined
  /** Profiles that are served as instance metadata, besides those of `credd imds enable`. */
  readonly imds: readonly string[]
  /** Whose processes may ask besides the daemon's own user (Linux). A token is wanted all the same. */
  readonly allowUids: readonly number[]
  readonly paths: Paths
  readonly sources: Readonly<Record<Name, string>>
}

/** Environment over config.toml over defaults. Throws `SettingsInvalid`, naming the file and line (or the variable). */
export async function readSettings(env: Env): Promise<Settings> {
  const paths = pathsFrom(env)
  const file = await readToml(paths.settings)
  const values = new Map<Name, unknown>(Object.entries(defaults).map(([name, value]) => [nameOf(name), value]))
  const sources: Record<Name, string> = {
    port: "default",
    store: "default",
    log_level: "default",
    default_profile: "not set",
    passphrase_file: "not set",
    imds: "default",
    allow_uids: "default",
  }
  for (const [key, value] of Object.entries(file.values)) {
    const where = `${paths.settings}:${lineOf(key, file.text)}`
    if (!isName(key)) {
      const similar = similarName(key, Object.keys(schema))
      throw settingsInvalid(
        where,
        `there is no setting "${key}"${similar === undefined ? "" : `; did you mean "${similar}"?`}`,
      )
    }
    values.set(key, checked(key, value, where))
    sources[key] = where
  }
  for (const name of Object.keys(variables).map(nameOf)) {
    const text = env[variables[name]]
    if (text === undefined || text === "") continue
    values.set(name, checked(name, fromVariable(name, text), variables[name]))
    sources[name] = variables[name]
  }
  return {
    port: v.parse(schema.port, values.get("port")),
    store: v.parse(schema.store, values.get("store")),
    logLevel: v.parse(schema.log_level, values.get("log_level")),
    defaultProfile: v.parse(v.optional(schema.default_profile), values.get("default_profile")),
    passphraseFile: v.parse(v.optional(schema.passphrase_file), values.get("passphrase_file")),
    imds: v.parse(schema.imds, values.get("imds")),
    allowUids: v.parse(schema.allow_uids, values.get("allow_uids")),
    paths,
    sources,
  }
}

/** Settings that a running daemon cannot change: what it has opened, it has opened. The others count at SIGHUP. */
const fixed = {
  port: ({ port: number }) => number,
  store: ({ store }) => store,
  passphrase_file: ({ passphraseFile }) => passphraseFile,
  imds: ({ imds }) => imds.join(),
  allow_uids: ({ allowUids }) => allowUids.join(),
} satisfies Partial<Record<Name, (settings: Settings) => unknown>>

/** Which settings have other values now than the daemon was started with, and wait for its next start. */
export function awaitingRestart(started: Settings, now: Settings): string[] {
  return Object.entries(fixed).flatMap(([name, value]) => (value(started) === value(now) ? [] : [name]))
}

/** What `credd config` prints: each setting, its value, and where it came from; then where the files are. */
export function describeSettings(settings: Settings): readonly { name: string; value: string; source: string }[] {
  const { sources, paths } = settings
  const row = (name: Name, value: string | number | undefined): { name: string; value: string; source: string } => ({
    name,
    value: value === undefined ? "" : String(value),
    source: sources[name],
  })
  return [
    row("port", settings.port),
    row("store", settings.store),
    row("log_level", settings.logLevel),
    row("default_profile", settings.defaultProfile),
    row("passphrase_file", settings.passphraseFile),
    row("imds", settings.imds.join(", ")),
    row("allow_uids", settings.allowUids.join(", ")),
    { name: "settings file", value: paths.settings, source: "path" },
    { name: "state", value: paths.state, source: "path" },
    { name: "socket", value: paths.socket, source: "path" },
  ]
}

async function readToml(
  file: string,
): Promise<{ readonly text: string; readonly values: Readonly<Record<string, unknown>> }> {
  let text: string
  try {
    text = readFileSync(file, "utf8")
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(errnoCode(error))) return { text: "", values: {} }
    throw settingsInvalid(file, `cannot be read: ${errnoCode(error)}`)
  }
  // Read where there is something to read with it: most have no such file, and a start waits for all that it reads.
  const { parse, TomlError } = await import("smol-toml")
  try {
    return { text, values: parse(text) }
  } catch (error) {
    const line = error instanceof TomlError ? `:${error.line}` : ""
    throw settingsInvalid(`${file}${line}`, "this is not TOML")
  }
}

function checked(name: Name, value: unknown, where: string): unknown {
  const result = v.safeParse(schema[name], value)
  if (!result.success) throw settingsInvalid(where, `${name} ${result.issues[0].message}`)
  return result.output
}

function lineOf(key: string, text: string): number {
  const lines = text.split("\n")
  const at = lines.findIndex((line) => {
    const trimmed = line.trim()
    return [key, `"${key}"`, `'${key}'`, `[${key}`].some((start) => trimmed.startsWith(start))
  })
  return at + 1
}

function fromVariable(name: Name, text: string): unknown {
  if (name === "port") return numberFrom(text)
  const list = (): string[] => text.split(",").map((each) => each.trim())
  if (name === "allow_uids") return list().map(numberFrom)
  return name === "imds" ? list() : text
}

function numberFrom(text: string): number | undefined {
  return /^\d+$/.test(text) ? Number(text) : undefined
}

function isName(name: string): name is Name {
  return Object.hasOwn(schema, name)
}

function nameOf(name: string): Name {
  if (!isName(name)) throw new TypeError(`no setting is called ${name}`)
  return name
}
