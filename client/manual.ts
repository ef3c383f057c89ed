/** What `--help` and the man pages say of a command, beside the words of its flags. */

/** Exit status to what it means. */
export type Exits = Readonly<Record<string, string>>

export interface Manual {
  readonly brief: string
  readonly about: readonly string[]
  readonly examples: readonly string[]
  readonly exits: Exits
}

export const exitsWithoutDaemon: Exits = { 0: "done", 1: "failed", 2: "wrong usage" }

export const usualExits: Exits = {
  ...exitsWithoutDaemon,
  3: "the daemon is not running",
  10: "login needed",
  13: "keychain (or file store) locked or unavailable",
  130: "interrupted",
}

const manuals = new WeakMap<object, Manual>()

/** The library that parses the command line keeps only a text of each command: the rest is kept here. */
export function keepManual(command: object, manual: Manual): void {
  manuals.set(command, manual)
}

export function manualOf(command: object): Manual | undefined {
  return manuals.get(command)
}

/** The description in `--help`. */
export function helpText({ brief, about, examples, exits }: Manual): string {
  return [
    brief,
    ...about.flatMap((paragraph) => ["", ...wrapped(paragraph, 96)]),
    ...block(examples.length === 1 ? "EXAMPLE" : "EXAMPLES", examples),
    ...block(
      "EXIT STATUS",
      Object.entries(exits).map(([status, meaning]) => `${status.padEnd(3)} ${meaning}`),
    ),
  ].join("\n")
}

function block(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ["", title, ...lines.map((line) => `  ${line}`)]
}

/** Lines of at most so many columns, broken between words. */
export function wrapped(text: string, columns: number): readonly string[] {
  const lines: string[] = []
  let line = ""
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      lines.push(line)
      line = word
    } else line = line === "" ? word : `${line} ${word}`
  }
  return line === "" ? lines : [...lines, line]
}
