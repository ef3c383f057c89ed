/**
 * `credd import`: moves access keys out of `~/.aws/credentials`. A key leaves the file only after the daemon has proven
 * it, kept it and read it back; whatever interrupts this, each key is in the file, in the store, or in both.
 */
import { open, readFile, realpath, rename, rm, stat } from "node:fs/promises"
import { homedir } from "node:os"
import { join } from "node:path"
import type { Command } from "../app.ts"
import type { Context } from "../context.ts"
import { findKeys, withoutKeys, type FoundKey } from "../credentials-file.ts"
import { Failure, usageWrong } from "../failure.ts"
import { errorWithHint, note } from "../output.ts"
import { unlocking } from "./unlock.ts"

export const importKeys: Command<{ keep: boolean }, string[]> = async (context, { keep }, ...named) => {
  const { stderr } = context.process
  const file = credentialsPath(context.env)
  const before = await readFile(file, "utf8").catch(() => noFile(file))
  const keys = chosen(findKeys(before), named, file)
  note(
    stderr,
    keep ? `reading ${file}; it stays as it is` : `reading ${file}; keys that are kept are then removed from it`,
  )

  if (!keep && (await context.daemon("GET /status", {})).daemon.store === "memory") {
    throw usageWrong(
      "the memory store forgets keys when the daemon stops, so they stay in the file",
      "run: credd import --keep",
    )
  }
  const { kept, failed } = await keepEach(context, keys)
  if (!keep && kept.length > 0) {
    await rewrite(file, before, withoutKeys(before, new Set(kept)))
    note(stderr, `removed ${kept.length === 1 ? "1 access key" : `${kept.length} access keys`} from ${file}`)
  }
  const [first] = kept
  if (first !== undefined) note(stderr, `next: credd login ${first}`)
  return failed === 0 ? 0 : 1
}

async function keepEach(
  context: Context,
  keys: readonly FoundKey[],
): Promise<{ kept: readonly string[]; failed: number }> {
  const { stderr } = context.process
  const kept: string[] = []
  let failed = 0
  for (const { profile, accessKeyId, secretAccessKey } of keys) {
    try {
      const { arn } = await unlocking(context, () =>
        context.daemon("POST /access-keys", { profile, accessKeyId, secretAccessKey }),
      )
      kept.push(profile)
      note(stderr, `kept the access key of ${arn} as "${profile}"`)
    } catch (error) {
      if (!(error instanceof Failure) || error.code === "Interrupted") throw error
      failed += 1
      errorWithHint(stderr, `left "${profile}" in the file: ${error.message}`, error.hint)
    }
  }
  return { kept, failed }
}

function chosen(found: readonly FoundKey[], named: readonly string[], file: string): readonly FoundKey[] {
  const missing = named.find((name) => !found.some(({ profile }) => profile === name))
  if (missing !== undefined)
    throw usageWrong(`${file} has no long-lived access key for "${missing}"`, "run: credd import")
  const keys = named.length === 0 ? found : found.filter(({ profile }) => named.includes(profile))
  if (keys.length === 0) throw usageWrong(`${file} has no long-lived access keys`, "run: credd add PROFILE")
  return keys
}

/** Whole or not at all: a temporary file beside the real one (a symlink's target), its mode kept, then renamed. */
async function rewrite(file: string, before: string, after: string): Promise<void> {
  const target = await realpath(file)
  if ((await readFile(target, "utf8")) !== before) {
    throw new Failure({
      code: "Interrupted",
      message: `${file} changed meanwhile; it was left alone, and the keys are kept`,
      hint: "run: credd import",
    })
  }
  const { mode, uid, gid } = await stat(target)
  const temporary = `${target}.credd-${process.pid}.tmp`
  try {
    const handle = await open(temporary, "wx", 0o600)
    try {
      await handle.writeFile(after)
      await handle.chown(uid, gid).catch(() => undefined)
      await handle.chmod(mode & 0o7777)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, target)
  } catch (error) {
    await rm(temporary, { force: true })
    const why = error instanceof Error && "code" in error ? String(error.code) : "the write failed"
    throw new Failure({
      code: "StoreWriteFailed",
      message: `could not write ${file}: ${why}; it is unchanged, and the keys are kept`,
      hint: "mend the cause, then run: credd import",
    })
  }
}

function credentialsPath(env: Context["env"]): string {
  return env["AWS_SHARED_CREDENTIALS_FILE"] || join(env["HOME"] || homedir(), ".aws", "credentials")
}

function noFile(file: string): never {
  throw usageWrong(`could not read ${file}`, "run: credd add PROFILE")
}
