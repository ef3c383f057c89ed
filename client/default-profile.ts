/**
 * `default_profile` in config.toml. Read without a TOML parser, for which `credd env` has no time, and written without
 * touching another byte.
 */

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
