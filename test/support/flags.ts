/** The flags of the programs that measure: numbers over 0. */
import { parseArgs } from "node:util"

/** With the values of flags that were not given. Ends the program with its usage, and 2, where one is no such number. */
export function flagsOf<Flags extends Readonly<Record<string, number>>>(usage: string, otherwise: Flags): Flags {
  let asked: [string, number][]
  try {
    const options = Object.fromEntries(Object.keys(otherwise).map((name) => [name, { type: "string" as const }]))
    const { values } = parseArgs({ options })
    asked = Object.entries(values).map(([name, value]) => [name, positive(value)])
  } catch {
    console.error(`usage: ${usage}`)
    process.exit(2)
  }
  return { ...otherwise, ...Object.fromEntries(asked) }
}

function positive(value: unknown): number {
  const number = Number(value)
  if (!(number > 0 && Number.isFinite(number))) throw new TypeError("not a number over 0")
  return number
}
