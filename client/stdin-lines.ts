/** The first lines that a script sends. */

/** More than a line of anything that is asked for. */
const maxCharactersPerLine = 65_536
const maxCharacters = 16 * 1_048_576

/** Waits for no more than it was asked for: whoever holds the other end may never close it. */
export async function readLines(input: NodeJS.ReadStream, count: number): Promise<readonly string[]> {
  let text = ""
  // Leaving the loop closes the stream, which would otherwise keep the process alive.
  for await (const chunk of input.setEncoding("utf8")) {
    text += String(chunk)
    if (text.split("\n").length > count || text.length > Math.min(count * maxCharactersPerLine, maxCharacters)) break
  }
  return text.split(/\r?\n/).slice(0, count)
}
