/** How much room text takes in a terminal: letters of East Asia and emoji take two columns, marks on other letters none. */
import { eastAsianWidth } from "get-east-asian-width"

const takesNone = /^[\p{Mark}\p{Default_Ignorable_Code_Point}]$/u

export function columnsOf(text: string): number {
  // What nearly every name is.
  if (/^[ -~]*$/.test(text)) return text.length
  let columns = 0
  for (const letter of text) columns += columnsOfLetter(letter)
  return columns
}

function columnsOfLetter(letter: string): number {
  return takesNone.test(letter) ? 0 : eastAsianWidth(letter.codePointAt(0) ?? 0)
}

export function padded(text: string, room: number): string {
  return text + " ".repeat(Math.max(0, room - columnsOf(text)))
}

/** What there is room for, with a sign where there was more. */
export function cut(text: string, room: number): string {
  if (columnsOf(text) <= room) return text
  let kept = ""
  let left = room - 1
  for (const letter of text) {
    left -= columnsOfLetter(letter)
    if (left < 0) break
    kept += letter
  }
  return `${kept}…`
}
