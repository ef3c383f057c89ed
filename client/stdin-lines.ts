/** The first lines that a script sends. */

const maxCharacters = 65_536

/** Waits for no more than it was asked for: whoever holds the other end may never close it. */
export async function readLines(input: NodeJS.ReadStream, count: number): Promise<readonly string[]> {
  let text = ""
  // Leaving the loop closes the stream, which would otherwise keep the process alive.
  for await (const chunk of input.setEncoding("utf8")) {
    text += String(chunk)
    if (text.split("\n").length > count || text.length > maxCharacters) break
  }
  return text.split(/\r?\n/).slice(0, count)
}
