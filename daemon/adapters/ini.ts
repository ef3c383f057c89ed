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
  const plain = text.includes("\r") ? text.replaceAll(/\r\n?/g, "\n") : text
  for (let start = plain.startsWith("\uFEFF") ? 1 : 0; start <= plain.length;) {
    const newline = plain.indexOf("\n", start)
    const end = newline === -1 ? plain.length : newline
    line += 1
    // A file of thousands of profiles must not hold up those who are served.
    if (line % sliceLines === 0) await breathe()
    // Only what is kept becomes a string of its own: what a large file leaves behind, the process would hold on to.
    const first = skipSpace(plain, start, end)
    const depth = first - start
    start = end + 1
    const opening = plain[first]
    if (first === end || opening === "#" || opening === ";") continue
    if (open !== undefined && depth > indent) {
      open.rest ??= []
      open.rest.push(plain.slice(first, end).trimEnd())
      continue
    }
    close(line)
    indent = depth
    const header = opening === "[" ? sectionLine.exec(plain.slice(first, end))?.[1] : undefined
    if (header !== undefined) {
      if (sections.has(header) && header !== defaultsName) {
        throw configMalformed(file, line, `section [${header}] is there twice`)
      }
      section = sections.get(header) ?? {}
      sections.set(header, section)
      continue
    }
    if (section === undefined) throw configMalformed(file, line, "a key before the first [section]")
    const separator = keyEnd(plain, first, end)
    // The line itself is never quoted: it may hold a secret.
    if (separator <= first) throw configMalformed(file, line, "neither a [section] nor key = value")
    const name = plain.slice(first, separator).trimEnd().toLowerCase()
    if (Object.hasOwn(section, name)) throw configMalformed(file, line, `key ${name} is there twice in its section`)
    put(section, name, "")
    open = { name, first: plain.slice(separator + 1, end).trim(), rest: undefined }
  }
  close(line + 1)
  return withDefaults(sections)
}

/** Where the first character stands that is no white space, as `trim()` sees it; `end` where there is none. */
function skipSpace(text: string, start: number, end: number): number {
  let at = start
  while (at < end && isSpace(text.charCodeAt(at))) at += 1
  return at
}

function isSpace(code: number): boolean {
  if (code === 32 || code === 9) return true
  return (code < 33 || code > 127) && String.fromCharCode(code).trim() === ""
}

/** The first `=` or `:`, or -1. */
function keyEnd(text: string, start: number, end: number): number {
  for (let at = start; at < end; at += 1) {
    const code = text.charCodeAt(at)
    if (code === 61 || code === 58) return at
  }
  return -1
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
