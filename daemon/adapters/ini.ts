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
const keyEnd = /[=:]/

/** The parser's own section, whose keys all others have too (not `[default]`, which is a profile). */
const defaultsName = "DEFAULT"

const sliceLines = 2_000

type Keys = Record<string, string>

interface OpenKey {
  readonly name: string
  readonly first: string
  /** Lines that go on below it. */
  rest: string[] | undefined
}

/** Throws `ConfigMalformed` with the file and line of the first thing that botocore would refuse too. */
export async function parseIni(text: string, file: string): Promise<IniSections> {
  const sections = new Map<string, Keys>()
  let section: Keys | undefined
  let open: OpenKey | undefined
  let indent = 0

  function close(line: number): void {
    if (section !== undefined && open !== undefined) assign(section, open, file, line)
    open = undefined
  }

  let line = 0
  for (const raw of linesOf(text)) {
    line += 1
    // A file of thousands of profiles must not hold up those who are served.
    if (line % sliceLines === 0) await breathe()
    const value = raw.trim()
    if (value === "" || value.startsWith("#") || value.startsWith(";")) continue
    const depth = raw.length - raw.trimStart().length
    if (open !== undefined && depth > indent) {
      open.rest ??= []
      open.rest.push(value)
      continue
    }
    close(line)
    indent = depth
    const header = value.startsWith("[") ? sectionLine.exec(value)?.[1] : undefined
    if (header !== undefined) {
      if (sections.has(header) && header !== defaultsName) {
        throw configMalformed(file, line, `section [${header}] is there twice`)
      }
      section = sections.get(header) ?? {}
      sections.set(header, section)
      continue
    }
    if (section === undefined) throw configMalformed(file, line, "a key before the first [section]")
    const end = value.search(keyEnd)
    // The line itself is never quoted: it may hold a secret.
    if (end <= 0) throw configMalformed(file, line, "neither a [section] nor key = value")
    const name = value.slice(0, end).trimEnd().toLowerCase()
    if (Object.hasOwn(section, name)) throw configMalformed(file, line, `key ${name} is there twice in its section`)
    put(section, name, "")
    open = { name, first: value.slice(end + 1).trimStart(), rest: undefined }
  }
  close(line + 1)
  return withDefaults(sections)
}

/** One at a time: a list of all lines would be the largest thing that a daemon with a large config file ever holds. */
function* linesOf(text: string): Generator<string> {
  const plain = text.includes("\r") ? text.replaceAll(/\r\n?/g, "\n") : text
  let start = plain.startsWith("\uFEFF") ? 1 : 0
  for (let end = plain.indexOf("\n", start); end !== -1; end = plain.indexOf("\n", start)) {
    yield plain.slice(start, end)
    start = end + 1
  }
  yield plain.slice(start)
}

function withDefaults(sections: Map<string, Keys>): IniSections {
  const defaults = sections.get(defaultsName)
  if (defaults === undefined) return sections
  sections.delete(defaultsName)
  return new Map([...sections].map(([name, keys]) => [name, { ...defaults, ...keys }]))
}

function assign(section: Keys, { name, first, rest }: OpenKey, file: string, line: number): void {
  put(section, name, rest === undefined ? first : [first, ...rest].join("\n"))
  if (first !== "" || rest === undefined) return
  for (const nested of rest) {
    const at = nested.indexOf("=")
    if (at === -1) throw configMalformed(file, line - 1, `under ${name}, a line without "="`)
    put(section, `${name}.${nested.slice(0, at).trim()}`, nested.slice(at + 1).trim())
  }
}

/** A key may be called anything, `__proto__` too. */
function put(section: Keys, name: string, value: string): void {
  if (name !== "__proto__") section[name] = value
  else Object.defineProperty(section, name, { value, writable: true, enumerable: true, configurable: true })
}
