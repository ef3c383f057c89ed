/** The settings of the last start, so that the audit trail can tell which have changed since. */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import * as v from "valibot"
import { writeFileAtomic } from "./atomic-file.ts"

const file = v.pipe(v.string(), v.parseJson(), v.record(v.string(), v.string()))

export type SettingValues = Readonly<Record<string, string>>

/** What was another value (or was not there) at the last start: from what, to what. Keeps the values for the next. */
export async function changedSettings(
  state: string,
  values: SettingValues,
): Promise<Readonly<Record<string, { readonly from: string | null; readonly to: string | null }>>> {
  const path = join(state, "settings.json")
  const parsed = v.safeParse(file, await readFile(path, "utf8").catch(() => ""))
  if (!parsed.success) {
    await writeFileAtomic(path, JSON.stringify(values))
    return {}
  }
  const before = new Map(Object.entries(parsed.output))
  const after = new Map(Object.entries(values))
  const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
    (name) => before.get(name) !== after.get(name),
  )
  if (changed.length > 0) await writeFileAtomic(path, JSON.stringify(values))
  return Object.fromEntries(
    changed.map((name) => [name, { from: before.get(name) ?? null, to: after.get(name) ?? null }]),
  )
}
