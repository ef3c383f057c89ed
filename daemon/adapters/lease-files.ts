/** Leases at rest: `leases.json` holds hashes only; the token of the lease `shell` is in a file of its own, for `credd env`. */
import { createHash } from "node:crypto"
import { lstat, readFile } from "node:fs/promises"
import { join } from "node:path"
import * as v from "valibot"
import type { Lease, LeaseRecords } from "../core/leases.ts"
import type { Secret } from "../core/secret.ts"
import { writeFileAtomic } from "./atomic-file.ts"
import { privateFolder } from "./listen.ts"
import { textOf } from "./small-file.ts"

const version = 2

// Strict: a record with a part that is not known might be narrower than it looks. It grants nothing then.
const scopeSchema = v.variant("kind", [
  v.strictObject({ kind: v.literal("whole") }),
  v.strictObject({ kind: v.literal("read-only") }),
  v.strictObject({ kind: v.literal("policy"), policy: v.pipe(v.string(), v.nonEmpty()) }),
  v.strictObject({ kind: v.literal("policy-arns"), policyArns: v.pipe(v.array(v.string()), v.nonEmpty()) }),
])
const leaseSchema = v.strictObject({
  id: v.string(),
  name: v.string(),
  profiles: v.array(v.string()),
  scope: scopeSchema,
  createdAt: v.number(),
  expiration: v.exactOptional(v.number()),
  description: v.exactOptional(v.string()),
  pid: v.exactOptional(v.number()),
  tokenHash: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
})
const fileSchema = v.pipe(
  v.string(),
  v.parseJson(),
  // Not a bare list, as it once was: a credd that knows no scopes reads none of these.
  v.strictObject({ version: v.literal(version), leases: v.array(v.unknown()) }),
)

export interface LeaseFiles extends LeaseRecords {
  readonly tokenFile: (lease: string) => string
  /** For a start, which waits for it: at once. */
  read(): readonly Lease[]
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
    read() {
      const file = v.safeParse(fileSchema, textOf(leasesFile))
      // Records that cannot be read grant nothing: new leases are made, and old tokens end.
      if (!file.success) return []
      return file.output.leases.flatMap((record) => {
        const lease = v.safeParse(leaseSchema, record)
        return lease.success ? [lease.output] : []
      })
    },
    async write(leases, durable) {
      await writeFileAtomic(leasesFile, `${JSON.stringify({ version, leases })}\n`, { flush: durable })
    },
    async writeToken(lease, token) {
      privateFolder(tokens)
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
