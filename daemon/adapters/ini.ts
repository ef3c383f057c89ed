/**
 * Reads one AWS config or credentials file as botocore does (Python's RawConfigParser, strict): the SDK whose reading
 * decides what `aws` does. AWS's JavaScript parser would not do: it turns a broken file into an empty one without a
 * word, knows no line numbers, and drops sections whose names hold spaces or letters beyond ASCII.
 */
import { configMalformed } from "../core/errors.ts"

/** Section name to its keys; nested blocks (`s3 =` and indented lines) are left as `name.key`. */
export type IniSections = ReadonlyMap<string, Readonly<Record<string, string>>>

const sectionLine = /^\[(.+)\]/
const keyLine = /^(.*?)\s*[=:]\s*(.*)$/

interface OpenKey {
  readonly name: string
  readonly lines: string[]
}

/** Throws `ConfigMalformed` with the file and line of the first thing that botocore would refuse too. */
export function parseIni(text: string, file: string): IniSections {
  const sections = new Map<string, Record<string, string>>()
  let section: Record<string, string> | undefined
  let open: OpenKey | undefined
  let indent = 0

  function close(line: number): void {
    if (section !== undefined && open !== undefined) assign(section, open, file, line)
    open = undefined
  }

  const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/)
  lines.forEach((raw, index) => {
    const line = index + 1
    const value = raw.trim()
    if (value === "" || value.startsWith("#") || value.startsWith(";")) return
    const depth = raw.length - raw.trimStart().length
    if (open !== undefined && depth > indent) {
      open.lines.push(value)
      return
    }
    close(line)
    indent = depth
    const header = sectionLine.exec(value)?.[1]
    if (header !== undefined) {
      if (sections.has(header)) throw configMalformed(file, line, `section [${header}] is there twice`)
      // Without a prototype: a key may be called "constructor".
      const made: Record<string, string> = Object.create(null)
      section = made
      sections.set(header, made)
      return
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
  })
  close(lines.length)
  return sections
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

/** The words of a section name as a POSIX shell splits them (`profile "a b"`), or undefined where it would not close. */
export function sectionWords(header: string): readonly string[] | undefined {
  const words: string[] = []
  let current: string | undefined
  let quote: string | undefined
  for (let i = 0; i < header.length; i += 1) {
    const char = header.charAt(i)
    if (quote === undefined && /\s/.test(char)) {
      if (current !== undefined) words.push(current)
      current = undefined
    } else if (char === "\\" && quote !== "'") {
      i += 1
      if (i >= header.length) return undefined
      const escaped = header.charAt(i)
      current = (current ?? "") + (quote === '"' && !['"', "\\"].includes(escaped) ? `\\${escaped}` : escaped)
    } else if (quote === undefined && (char === '"' || char === "'")) {
      quote = char
      current ??= ""
    } else if (char === quote) {
      quote = undefined
    } else {
      current = (current ?? "") + char
    }
  }
  if (quote !== undefined) return undefined
  return current === undefined ? words : [...words, current]
}
