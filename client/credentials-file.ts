/**
 * `~/.aws/credentials` as text: which access keys it holds, and the same text without them, every other byte in place.
 * Text here is latin1, one character a byte, so that a file in any encoding comes out as it went in. Lines are read as
 * botocore reads them: a line deeper than the key above it continues that key.
 */

export interface FoundKey {
  readonly profile: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** A key that a person must look at first: taking it might take the wrong one. */
export interface UnclearKey {
  readonly profile: string
  readonly why: string
}

interface Property {
  readonly profile: string
  readonly name: string
  /** The value, and the lines that continue it. */
  readonly parts: string[]
  readonly lines: number[]
}

const idName = "aws_access_key_id"
const secretName = "aws_secret_access_key"
const temporaryNames = ["aws_session_token", "aws_security_token"]

/** Long-lived keys only: a section with a session token holds temporary credentials. */
export function findKeys(text: string): {
  readonly keys: readonly FoundKey[]
  readonly unclear: readonly UnclearKey[]
} {
  const { properties } = parse(text)
  const keys: FoundKey[] = []
  const unclear: UnclearKey[] = []
  for (const profile of new Set(properties.map((property) => property.profile))) {
    const named = (name: string): readonly Property[] =>
      properties.filter((property) => property.profile === profile && property.name === name)
    const [ids, secrets] = [named(idName), named(secretName)]
    const [id, secret] = [ids[0], secrets[0]]
    if (id === undefined || secret === undefined) continue
    if (temporaryNames.some((name) => named(name).length > 0)) continue
    if (ids.length > 1 || secrets.length > 1) unclear.push({ profile, why: "its access key is there twice" })
    else if (id.parts.length > 1 || secret.parts.length > 1) {
      unclear.push({ profile, why: "an indented line follows its access key" })
    } else {
      const [accessKeyId = "", secretAccessKey = ""] = [...id.parts, ...secret.parts]
      if (id.parts.length === 1 && secret.parts.length === 1) keys.push({ profile, accessKeyId, secretAccessKey })
    }
  }
  return { keys, unclear }
}

/** One plain value of a section; undefined where there is none, or more than one. */
export function valueIn(text: string, profile: string, name: string): string | undefined {
  const [found, ...more] = parse(text).properties.filter((each) => each.profile === profile && each.name === name)
  return found?.parts.length === 1 && more.length === 0 ? found.parts[0] : undefined
}

/** The sections that hold temporary credentials. */
export function temporarySections(text: string): ReadonlySet<string> {
  const { properties } = parse(text)
  return new Set(properties.filter(({ name }) => temporaryNames.includes(name)).map(({ profile }) => profile))
}

/** Takes the lines of the two keys out of these sections, and nothing else. */
export function withoutKeys(text: string, profiles: ReadonlySet<string>): string {
  return without(text, profiles, [idName, secretName])
}

/** Takes the lines of temporary credentials out, as tools write them. */
export function withoutTemporary(text: string, profiles: ReadonlySet<string>): string {
  return without(text, profiles, [idName, secretName, ...temporaryNames, "expiration"])
}

function without(text: string, profiles: ReadonlySet<string>, names: readonly string[]): string {
  const { lines, properties } = parse(text)
  const gone = new Set(
    properties
      .filter(({ profile, name }) => profiles.has(profile) && names.includes(name))
      .flatMap((property) => property.lines),
  )
  return lines.filter((_, index) => !gone.has(index)).join("")
}

function parse(text: string): { readonly lines: readonly string[]; readonly properties: readonly Property[] } {
  const lines = text.match(/[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+$/g) ?? []
  const properties: Property[] = []
  let profile: string | undefined
  let open: Property | undefined
  let indent = 0
  lines.forEach((line, index) => {
    const bare = (index === 0 ? line.replace(/^\xEF\xBB\xBF/, "") : line).replace(/[\r\n]+$/, "")
    const content = trimmed(bare)
    if (content === "" || content.startsWith("#") || content.startsWith(";")) return
    const depth = bare.search(/[^ \t\f\v]/)
    if (open !== undefined && depth > indent) {
      const part = withoutComment(content)
      if (part !== "") open.parts.push(part)
      open.lines.push(index)
      return
    }
    indent = depth
    open = undefined
    const header = /^\[(.+)\]/.exec(content)?.[1]
    if (header !== undefined) {
      profile = Buffer.from(header, "latin1").toString("utf8")
      return
    }
    const [, name, value = ""] = /^([^=:]*)[=:](.*)$/.exec(content) ?? []
    if (profile === undefined || name === undefined) return
    const first = withoutComment(trimmed(value))
    open = { profile, name: trimmed(name).toLowerCase(), parts: first === "" ? [] : [first], lines: [index] }
    properties.push(open)
  })
  return { lines, properties }
}

/** No access key holds a space, so what comes after one is a comment (as most SDKs have it). */
function withoutComment(value: string): string {
  return value.replace(/(?:^|[ \t]+)[#;].*$/, "")
}

/** Only what is a space in ASCII: a byte of a longer letter may look like one (0xA0). */
function trimmed(text: string): string {
  return text.replace(/^[ \t\f\v]+|[ \t\f\v]+$/g, "")
}
