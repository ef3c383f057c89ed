/**
 * Reads one AWS config or credentials file as botocore does (Python's RawConfigParser, strict): the SDK whose reading
 * decides what `aws` does. AWS's JavaScript parser would not do: it turns a broken file into an empty one without a
 * word, knows no line numbers, and drops sections whose names hold spaces or letters beyond ASCII.
 */
import { configMalformed } from "../core/errors.ts"
import { breathe } from "./clock.ts"

/** Section name to its keys; nested blocks (`s3 =` and indented lines) are left as `name.key`. */
export type IniSections = ReadonlyMap<string, Readonly<Record<string, string>>>

const sectionLine = /^\[(.+)\]/
const keyLine = /^(.*?)\s*[=:]\s*(.*)$/

/** The parser's own section, whose keys all others have too (not `[default]`, which is a profile). */
const defaultsName = "DEFAULT"

const sliceLines = 2_000

interface OpenKey {
  readonly name: string
  readonly lines: string[]
}

/** Throws `ConfigMalformed` with the file and line of the first thing that botocore would refuse too. */
export async function parseIni(text: string, file: string): Promise<IniSections> {
  const sections = new Map<string, Record<string, string>>()
  let section: Record<string, string> | undefined
  let open: OpenKey | undefined
  let indent = 0

  function close(line: number): void {
    if (section !== undefined && open !== undefined) assign(section, open, file, line)
    open = undefined
  }

  const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/)
  for (const [index, raw] of lines.entries()) {
    // A file of thousands of profiles must not hold up those who are served.
    if (index % sliceLines === sliceLines - 1) await breathe()
    const line = index + 1
    const value = raw.trim()
    if (value === "" || value.startsWith("#") || value.startsWith(";")) continue
    const depth = raw.length - raw.trimStart().length
    if (open !== undefined && depth > indent) {
      open.lines.push(value)
      continue
    }
    close(line)
    indent = depth
    const header = sectionLine.exec(value)?.[1]
    if (header !== undefined) {
      if (sections.has(header) && header !== defaultsName) {
        throw configMalformed(file, line, `section [${header}] is there twice`)
      }
      // Without a prototype: a key may be called "constructor".
      const made: Record<string, string> = sections.get(header) ?? Object.create(null)
      section = made
      sections.set(header, made)
      continue
    }
    if (section === undefined) throw configMalformed(file, line, "a key before the first [section]")
    const [, key, first] = keyLine.exec(value) ?? []
    // The line itself is never quoted: it may hold a secret.
    if (key === undefined || first === undefined || key === "") {
      throw configMalformed(file, line, "neither a [section] nor key = value")
    }
    const name = key.toLowerCase()
    if (name in section) throw configMalformed(file, line, `key ${name} is there twice in its section`)
    section[name] = ""
    open = { name, lines: [first] }
  }
  close(lines.length)
  return withDefaults(sections)
}

function withDefaults(sections: Map<string, Record<string, string>>): IniSections {
  const defaults = sections.get(defaultsName)
  if (defaults === undefined) return sections
  sections.delete(defaultsName)
  return new Map([...sections].map(([name, keys]) => [name, { ...defaults, ...keys }]))
}

function assign(section: Record<string, string>, open: OpenKey, file: string, line: number): void {
  const [first = "", ...rest] = open.lines
  section[open.name] = [first, ...rest].join("\n")
  if (first !== "" || rest.length === 0) return
  for (const nested of rest) {
    const at = nested.indexOf("=")
    if (at === -1) throw configMalformed(file, line - 1, `under ${open.name}, a line without "="`)
    section[`${open.name}.${nested.slice(0, at).trim()}`] = nested.slice(at + 1).trim()
  }
}
