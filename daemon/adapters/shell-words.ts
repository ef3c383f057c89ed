/** The words of a line as a POSIX shell splits them, or undefined where a quote or backslash is left open. */
export function shellWords(line: string): readonly string[] | undefined {
  // Most lines hold nothing that needs a careful reading, and a config file may have thousands.
  if (!/["'\\]/.test(line)) return line.split(/\s+/).filter((word) => word !== "")
  const words: string[] = []
  let current: string | undefined
  let quote: string | undefined
  for (let i = 0; i < line.length; i += 1) {
    const char = line.charAt(i)
    if (quote === undefined && /\s/.test(char)) {
      if (current !== undefined) words.push(current)
      current = undefined
    } else if (char === "\\" && quote !== "'") {
      i += 1
      if (i >= line.length) return undefined
      const escaped = line.charAt(i)
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
