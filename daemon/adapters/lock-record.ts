/** What the last `credd lock` was to end, written down before it ends anything: a start after a crash ends the rest of it. */
import { join } from "node:path"
import * as v from "valibot"
import { writeFileAtomic } from "./atomic-file.ts"
import { textOf } from "./small-file.ts"

const lockedSchema = v.object({
  sessions: v.array(v.object({ sourceProfile: v.string(), startedAt: v.number() })),
  /** Their ids. */
  leases: v.array(v.string()),
})

export type Locked = v.InferOutput<typeof lockedSchema>

export interface LockRecord {
  /** For a start, which waits for it: at once. */
  read(): Locked
  write(locked: Locked): Promise<void>
}

export function lockRecord(state: string): LockRecord {
  const path = join(state, "locked.json")
  return {
    read() {
      const locked = v.safeParse(v.pipe(v.string(), v.parseJson(), lockedSchema), textOf(path))
      return locked.success ? locked.output : { sessions: [], leases: [] }
    },
    async write(locked) {
      await writeFileAtomic(path, `${JSON.stringify(locked)}\n`)
    },
  }
}
