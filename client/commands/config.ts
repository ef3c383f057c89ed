/** `credd config`: each setting, its value, and where it came from. Read from the files themselves, so that it helps when the daemon does not start. */
import { describeSettings, readSettings } from "../../daemon/settings.ts"
import type { Command } from "../command.ts"
import { table } from "../output.ts"

export const config: Command<{ json: boolean }> = async ({ env, process: { stdout } }, { json }) => {
  const rows = describeSettings(await readSettings(env))
  if (json) stdout.write(`${JSON.stringify(rows, null, 2)}\n`)
  else stdout.write(`${table(rows.map(({ name, value, source }) => [name, value === "" ? "-" : value, source]))}\n`)
  return 0
}
