/** Leases at rest: `leases.json` holds hashes only; the token of the lease `shell` is in a file of its own, for `credd env`. */
import { createHash } from "node:crypto"
import { lstat, readFile } from "node:fs/promises"
import { join } from "node:path"
import * as v from "valibot"
import type { Lease } from "../core/leases.ts"
import type { Secret } from "../core/secret.ts"
import { writeFileAtomic } from "./atomic-file.ts"
import { privateFolder } from "./listen.ts"

const leasesSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.array(
    v.object({
      id: v.string(),
      name: v.string(),
      profiles: v.array(v.string()),
      createdAt: v.number(),
      tokenHash: v.pipe(v.string(), v.hexadecimal(), v.length(64)),
    }),
  ),
)

export interface LeaseFiles {
  readonly tokenFile: (lease: string) => string
  read(): Promise<readonly Lease[]>
  write(leases: readonly Lease[]): Promise<void>
  writeToken(lease: string, token: Secret): Promise<void>
  /** Whether the token file still holds the lease's token and nobody else can read it. */
  holdsTokenOf(lease: Lease): Promise<boolean>
}

export function leaseFiles(state: string): LeaseFiles {
  const leasesFile = join(state, "leases.json")
  const tokens = join(state, "tokens")
  const tokenFile = (lease: string): string => join(tokens, lease)

  return {
    tokenFile,
    async read() {
      const parsed = v.safeParse(leasesSchema, await readFile(leasesFile, "utf8").catch(() => "[]"))
      // Records that cannot be read grant nothing: new leases are made, and old tokens end.
      return parsed.success ? parsed.output : []
    },
    async write(leases) {
      await writeFileAtomic(leasesFile, `${JSON.stringify(leases)}\n`)
    },
    async writeToken(lease, token) {
      await privateFolder(tokens)
      // No newline at the end: botocore, Go, Rust and the JS SDK refuse such a token.
      await writeFileAtomic(tokenFile(lease), token.reveal())
    },
    async holdsTokenOf(lease) {
      try {
        const path = tokenFile(lease.name)
        const { mode, uid } = await lstat(path)
        const isOurs = (mode & 0o170077) === 0o100000 && uid === process.getuid?.()
        return (
          isOurs &&
          createHash("sha256")
            .update(await readFile(path))
            .digest("hex") === lease.tokenHash
        )
      } catch {
        return false
      }
    },
  }
}
