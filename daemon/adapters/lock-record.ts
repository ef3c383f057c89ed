/** What the last `credd lock` was to end, written down before it ends anything: a start after a crash ends the rest of it. */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import * as v from "valibot"
import { writeFileAtomic } from "./atomic-file.ts"

const lockedSchema = v.object({
  sessions: v.array(v.object({ sourceProfile: v.string(), startedAt: v.number() })),
  /** Their ids. */
  leases: v.array(v.string()),
})

export type Locked = v.InferOutput<typeof lockedSchema>

export interface LockRecord {
  read(): Promise<Locked>
  write(locked: Locked): Promise<void>
}

export function lockRecord(state: string): LockRecord {
  const path = join(state, "locked.json")
  return {
    async read() {
      const text = await readFile(path, "utf8").catch(() => "")
      const locked = v.safeParse(v.pipe(v.string(), v.parseJson(), lockedSchema), text)
      return locked.success ? locked.output : { sessions: [], leases: [] }
    },
    async write(locked) {
      await writeFileAtomic(path, `${JSON.stringify(locked)}\n`)
    },
  }
}
