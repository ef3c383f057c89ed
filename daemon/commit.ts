/** The commit that this build was made from. Written by the build; not there when there was no git to ask. */
import { readFileSync } from "node:fs"

export function commit(): string | undefined {
  try {
    return readFileSync(new URL("commit", import.meta.url), "utf8").trim() || undefined
  } catch {
    return undefined
  }
}
