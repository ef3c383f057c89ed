/** The commit that this build was made from. Written by the build; not there when there was no git to ask. */
import { readFileSync } from "node:fs"
import { builtFile } from "./built.ts"

export function commit(): string | undefined {
  try {
    return readFileSync(builtFile("commit"), "utf8").trim() || undefined
  } catch {
    return undefined
  }
}
