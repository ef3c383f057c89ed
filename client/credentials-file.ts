/** `~/.aws/credentials` as text: which access keys it holds, and the same text without them. Every other byte stays. */

export interface FoundKey {
  readonly profile: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

interface Line {
  readonly text: string
  readonly profile: string | undefined
  /** The lower-case key that this line sets or continues. */
  readonly key: string | undefined
  readonly value: string
}

const keyLines = new Set(["aws_access_key_id", "aws_secret_access_key"])

/** Long-lived keys only: a section with a session token holds temporary credentials. */
export function findKeys(text: string): readonly FoundKey[] {
  const sections = new Map<string, Map<string, string>>()
  for (const { profile, key, value } of linesOf(text)) {
    if (profile === undefined) continue
    const section = sections.get(profile) ?? new Map<string, string>()
    sections.set(profile, section)
    if (key !== undefined && !section.has(key)) section.set(key, value)
  }
  return [...sections].flatMap(([profile, keys]) => {
    const accessKeyId = keys.get("aws_access_key_id")
    const secretAccessKey = keys.get("aws_secret_access_key")
    if (!accessKeyId || !secretAccessKey || keys.has("aws_session_token")) return []
    return [{ profile, accessKeyId, secretAccessKey }]
  })
}

export function withoutKeys(text: string, profiles: ReadonlySet<string>): string {
  return linesOf(text)
    .filter(
      ({ profile, key }) => !(profile !== undefined && profiles.has(profile) && key !== undefined && keyLines.has(key)),
    )
    .map((line) => line.text)
    .join("")
}

/** Lines with their ends, each with the section and key that it belongs to. */
function linesOf(text: string): readonly Line[] {
  let profile: string | undefined
  let key: string | undefined
  let indent = 0
  return (text.match(/[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+$/g) ?? []).map((line): Line => {
    const content = line.replace(/^\uFEFF/, "").trim()
    const depth = line.length - line.trimStart().length
    if (content === "" || content.startsWith("#") || content.startsWith(";"))
      return { text: line, profile, key: undefined, value: "" }
    if (key !== undefined && depth > indent) return { text: line, profile, key, value: "" }
    indent = depth
    const header = /^\[(.+)\]/.exec(content)?.[1]
    if (header !== undefined) {
      profile = header
      key = undefined
      return { text: line, profile, key, value: "" }
    }
    const [, name, value = ""] = /^(.*?)\s*[=:]\s*(.*)$/.exec(content) ?? []
    key = name?.toLowerCase()
    return { text: line, profile, key, value }
  })
}
