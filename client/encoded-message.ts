/** Finds the encoded authorization message in whatever a person pastes: bare, inside an error, broken over lines. */

// Base64 for URLs, as AWS writes it; padding in case it ever does.
const run = /[\w-]+={0,2}/y
/** What stands around the lines of an error: Terraform draws a box, logs quote and indent. */
const frame = /^[\s│|>"'`]*/
/** A narrow terminal breaks the label, too. */
const anyBreak = String.raw`(?:\r?\n[\s│|>"'\x60]*)?`
const label = new RegExp(
  ["encoded authorization", "( failure)?", " message:"]
    .map((part) => part.replaceAll(/[a-z: ]/g, (letter) => `${letter === " " ? "\\s*" : letter}${anyBreak}`))
    .join("") + String.raw`[\s│|>"'\x60]*`,
  "i",
)
// eslint-disable-next-line no-control-regex -- a program that writes colour writes control characters
const colour = /\u001b\[[\d;]*m/g
/** Shorter than this, a word without a label is not taken for a message. */
const leastCharacters = 80

/** Undefined where there is none. */
export function encodedMessageIn(pasted: string): string | undefined {
  const text = pasted.replaceAll(colour, "")
  const found = label.exec(text)
  if (found !== null) return joined(text.slice(found.index + found[0].length))
  const bare = text
    .split(/\r?\n/)
    .map((line) => line.replace(frame, "").trim())
    .join("")
  if (isMessage(bare)) return bare
  const longest = (text.match(/[\w-]+={0,2}/g) ?? []).reduce(
    (most, word) => (word.length > most.length ? word : most),
    "",
  )
  return longest.length >= leastCharacters ? longest : undefined
}

/** The first run of letters, and the lines below that hold nothing else: a terminal broke them. */
function joined(text: string): string | undefined {
  const [first = "", ...rest] = text.split(/\r?\n/)
  const start = startOf(first)
  if (start === undefined) return undefined
  let message = start
  if (start.length < first.trimEnd().length) return message
  for (const line of rest) {
    const part = line.replace(frame, "").trimEnd()
    const letters = startOf(part)
    if (letters === undefined || !/^[."'`]*$/.test(part.slice(letters.length))) break
    message += letters
    if (letters !== part) break
  }
  return message
}

function startOf(text: string): string | undefined {
  run.lastIndex = 0
  return run.exec(text)?.[0]
}

function isMessage(text: string): boolean {
  return startOf(text) === text
}
