/**
 * `credd import`: moves access keys out of `~/.aws/credentials`. A key leaves the file only after the daemon has proven
 * it, kept it and read it back; whatever interrupts this, each key is in the file, in the store, or in both.
 */
import type { Command } from "../app.ts"
import { awsCredentialsPath } from "../aws-files.ts"
import type { Context } from "../context.ts"
import { findKeys, withoutKeys, type FoundKey } from "../credentials-file.ts"
import { Failure, usageWrong } from "../failure.ts"
import { errnoCode } from "../files.ts"
import { errorWithHint, note } from "../output.ts"
import { replaceFile } from "../replace-file.ts"
import { word } from "../environment.ts"
import { unlocking } from "./unlock.ts"

export const importKeys: Command<{ keep: boolean }, string[]> = async (context, { keep }, ...named) => {
  const { stderr } = context.process
  const file = awsCredentialsPath(context.env)
  const before = read(context, file)
  const text = before.toString("latin1")
  const found = findKeys(text)
  const names = named.length > 0 ? new Set(named) : new Set([...found.keys, ...found.unclear].map((key) => key.profile))
  const missing = named.find((name) => ![...found.keys, ...found.unclear].some(({ profile }) => profile === name))
  if (missing !== undefined) throw noKey(`no long-lived access key for "${missing}" in ${file}`)
  if (names.size === 0) {
    note(stderr, `nothing to import: ${file} holds no long-lived access key`)
    return 0
  }

  const keys = found.keys.filter(({ profile }) => names.has(profile))
  const unclear = found.unclear.filter(({ profile }) => names.has(profile))
  note(stderr, `importing from ${file}: ${[...names].join(", ")}`)
  note(stderr, keep ? "the file stays as it is" : "each key that is kept is then taken out of the file")
  for (const { profile, why } of unclear) left(context, profile, why, `mend ${file} by hand, then run: credd import`)

  if (!keep && (await context.daemon("GET /status", {})).daemon.store === "memory") {
    throw usageWrong(
      "the memory store forgets keys when the daemon stops, so they stay in the file",
      "run: credd import --keep   (or choose another store: see credd config)",
    )
  }
  const kept = await keepEach(context, keys, keep)
  if (!keep && kept.length > 0) {
    replaceFile(context.files, {
      path: file,
      before,
      after: Buffer.from(withoutKeys(text, new Set(kept)), "latin1"),
      hint: "the keys are kept, and still in the file; run: credd import",
    })
    note(stderr, `took ${kept.length === 1 ? "1 access key" : `${kept.length} access keys`} out of ${file}`)
  }
  const [first] = kept
  if (first !== undefined) note(stderr, `next: credd login ${word(first)}`)
  return kept.length === names.size ? 0 : 1
}

/** The profiles whose keys outlive the daemon now. A refusal is said and the next one tried. */
async function keepEach(context: Context, keys: readonly FoundKey[], keep: boolean): Promise<readonly string[]> {
  const kept: string[] = []
  for (const key of keys) {
    try {
      const { arn, durable } = await unlocking(context, () => context.daemon("POST /access-keys", { ...key }))
      if (!durable && !keep) {
        left(context, key.profile, "the store forgets it when the daemon stops", "run: credd config")
        continue
      }
      kept.push(key.profile)
      note(context.process.stderr, `kept the access key of ${arn} as "${key.profile}"`)
    } catch (error) {
      if (!(error instanceof Failure) || error.code === "Interrupted" || error.code === "DaemonNotRunning") throw error
      left(context, key.profile, error.message, error.hint)
    }
  }
  return kept
}

function left({ process: { stderr } }: Context, profile: string, why: string, hint: string | undefined): void {
  errorWithHint(stderr, `left "${profile}" in the file: ${why}`, hint)
}

function read({ files }: Context, file: string): Buffer {
  let why = "there is no such file"
  try {
    const bytes = files.read(file)
    if (bytes !== undefined) return bytes
  } catch (error) {
    why = errnoCode(error) || "the read failed"
  }
  throw noKey(`could not read ${file}: ${why}`)
}

function noKey(message: string): Failure {
  return new Failure({ code: "AccessKeyMissing", message, hint: "run: credd add PROFILE" })
}
