/** The first lines that a script sends. Whoever asked for a line wants no more than that. */
import { createInterface } from "node:readline"

export async function readLines(input: NodeJS.ReadableStream, count: number): Promise<readonly string[]> {
  const lines: string[] = []
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    lines.push(line)
    if (lines.length >= count) break
  }
  return lines
}
