/**
 * The lines that `credd process --setup` keeps in `~/.aws/config`: between two marks, so that they can be replaced and
 * taken away again with every other byte in place. Text here is latin1, one character a byte.
 */

/** What stood there before, where the bytes alone do not tell. */
type Origin = "" | "; new file" | "; no line break before"

const begin = "# >>> credd process: made by credd process --setup, taken away by credd process --remove"
const end = "# <<< credd process"
const beginning = /^# >>> credd process.*$/gm
const ending = /^# <<< credd process *$/gm

interface Block {
  readonly start: number
  /** After its last line break. */
  readonly end: number
  readonly origin: Origin
}

/** Puts these lines in, in the place of those that are there. Undefined where somebody has broken the marks. */
export function withBlock(text: string | undefined, lines: readonly string[]): string | undefined {
  const old = text ?? ""
  const lineBreak = old.includes("\r\n") ? "\r\n" : "\n"
  const found = blockIn(old)
  if (found === "broken") return undefined
  const { start, end: after, origin } = found ?? { start: old.length, end: old.length, origin: originOf(text) }
  const block = [begin + origin, ...lines, end, ""].join(lineBreak)
  const gap = found === undefined && origin === "; no line break before" ? lineBreak : ""
  return old.slice(0, start) + gap + block + old.slice(after)
}

/** What was there before: `file` is undefined where there was no file. Undefined where somebody has broken the marks. */
export function withoutBlock(text: string): { readonly file: string | undefined } | undefined {
  const found = blockIn(text)
  if (found === "broken") return undefined
  if (found === undefined) return { file: text }
  const rest = text.slice(found.end)
  // What somebody has written below needs the line break that we made.
  const isLast = rest === "" && found.origin === "; no line break before"
  const before = text.slice(0, found.start)
  const file = (isLast ? before.replace(/\r?\n$/, "") : before) + rest
  return { file: file === "" && found.origin === "; new file" ? undefined : file }
}

/** The text without the block, marks and all: what else is in the file. */
export function outsideBlock(text: string): string {
  const found = blockIn(text)
  return found === undefined || found === "broken" ? text : text.slice(0, found.start) + text.slice(found.end)
}

function originOf(text: string | undefined): Origin {
  if (text === undefined) return "; new file"
  return text === "" || /[\r\n]$/.test(text) ? "" : "; no line break before"
}

function blockIn(text: string): Block | "broken" | undefined {
  const [first, ...moreBegins] = text.matchAll(beginning)
  const [last, ...moreEnds] = text.matchAll(ending)
  if (first === undefined && last === undefined) return undefined
  if (first === undefined || last === undefined || moreBegins.length + moreEnds.length > 0) return "broken"
  const origin = origins.find((each) => first[0] === begin + each)
  if (origin === undefined || last.index < first.index) return "broken"
  const lineBreak = /^\r?\n/.exec(text.slice(last.index + last[0].length))?.[0] ?? ""
  return { start: first.index, end: last.index + last[0].length + lineBreak.length, origin }
}

const origins: readonly Origin[] = ["", "; new file", "; no line break before"]
