/**
 * bash asks with the raw line, since it would cut its own word list at every `:` and `=`, and puts the answer in the place
 * of what stands after the last of its break characters. So the line is read here as bash reads it, and an answer is the
 * end of a quoted word.
 */

interface Cursor {
  /** The words before the one at the cursor, without their quotes; only those of the last command on the line. */
  readonly before: readonly string[]
  /** The word at the cursor as it is typed. */
  readonly raw: string
  /** What it means. */
  readonly plain: string
  /** The quote that is open at the cursor. */
  readonly quote: string | undefined
  /** Where in `raw` the text begins that bash replaces. */
  readonly replacedFrom: number
}

export function bashCursor(line: string): Cursor {
  let before: string[] = []
  let plain = ""
  let start = 0
  let quote: string | undefined
  let replacedFrom = 0
  function newWord(at: number): void {
    plain = ""
    start = at
    replacedFrom = 0
  }
  for (let i = 0; i < line.length; i += 1) {
    const c = line.charAt(i)
    if (c === "\\" && quote !== "'") {
      i += 1
      const next = line.charAt(i)
      plain += quote === '"' && !/["\\$`]/.test(next) ? c + next : next
    } else if (quote !== undefined) {
      if (c === quote) quote = undefined
      else plain += c
    } else if (/\s/.test(c)) {
      if (i > start) before.push(plain)
      newWord(i + 1)
    } else if (/[;|&(]/.test(c)) {
      before = []
      newWord(i + 1)
    } else if (c === "'" || c === '"') {
      quote = c
      replacedFrom = i + 1 - start
    } else {
      plain += c
      // What else is in bash's COMP_WORDBREAKS.
      if (/[@=:<>]/.test(c)) replacedFrom = i + 1 - start
    }
  }
  return { before, raw: line.slice(start), plain, quote, replacedFrom }
}

/** What is put in the place of the text that bash replaces; undefined where the word as it is typed cannot become this one. */
export function bashEnd(word: string, { raw, quote, replacedFrom }: Cursor): string | undefined {
  if (quote !== undefined) {
    // A quote in the middle of a word, or a "!" that bash would take for history, is nobody's way to write a name.
    if (replacedFrom !== 1 || (quote === '"' && word.includes("!"))) return undefined
    return quote === "'" ? word.replaceAll("'", String.raw`'\''`) : word.replaceAll(/["\\$`]/g, String.raw`\$&`)
  }
  const escaped = word.replaceAll(/[^\p{L}\p{N}_./,+%@=:-]/gu, String.raw`\$&`)
  if (replacedFrom === 0) return escaped.replaceAll(/[@=:]/g, String.raw`\$&`)
  return escaped.startsWith(raw.slice(0, replacedFrom)) ? escaped.slice(replacedFrom) : undefined
}
