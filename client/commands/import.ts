/**
 * `credd import`: moves access keys out of `~/.aws/credentials`, or takes them over from another tool. A key leaves the
 * file only after the daemon has proven it, kept it and read it back; whatever interrupts this, each key is in the file,
 * in the store, or in both.
 */
import type { Command } from "../command.ts"
import { awsCredentialsPath } from "../aws-files.ts"
import { keysInAwsVault } from "../aws-vault.ts"
import type { Context } from "../context.ts"
import {
  findKeys,
  temporarySections,
  valueIn,
  withoutKeys,
  withoutTemporary,
  type FoundKey,
  type UnclearKey,
} from "../credentials-file.ts"
import { Failure, usageWrong } from "../failure.ts"
import { errnoCode } from "../files.ts"
import { counted, errorWithHint, note } from "../output.ts"
import { replaceFile } from "../replace-file.ts"
import { word } from "../environment.ts"
import { unlocking } from "./unlock.ts"

type ImportFlags = { readonly keep: boolean; readonly from?: string }

interface ImportedKey extends FoundKey {
  readonly mfaSerial?: string
}

/** Where keys come from. */
interface Source {
  readonly name: string
  readonly keys: readonly ImportedKey[]
  readonly unclear: readonly UnclearKey[]
  /** Takes these out of the source; absent where it is not ours to change. */
  readonly takeOut?: (kept: ReadonlySet<string>) => void
}

/** aws-mfa keeps the long-lived key of profile `x` in section `x-long-term`, and the session that it made in `x`. */
const longTerm = "-long-term"
const sources = ["credentials-file", "aws-mfa", "aws-vault"]

export const importKeys: Command<ImportFlags, string[]> = async (
  context,
  { keep, from = "credentials-file" },
  ...named
) => {
  const { stderr } = context.process
  if (!sources.includes(from)) {
    throw usageWrong(`credd cannot import from "${from}"`, `choose one of: ${sources.join(", ")}`)
  }
  const source = from === "aws-vault" ? await awsVault(context, named) : credentialsFile(context, from === "aws-mfa")
  const known = [...source.keys, ...source.unclear].map(({ profile }) => profile)
  const missing = named.find((name) => !known.includes(name))
  if (missing !== undefined) throw noKey(`no long-lived access key for "${missing}" in ${source.name}`)
  const names = new Set(named.length > 0 ? named : known)
  if (names.size === 0) {
    note(stderr, `nothing to import: ${source.name} holds no long-lived access key`)
    return 0
  }

  const keys = source.keys.filter(({ profile }) => names.has(profile))
  const unclear = source.unclear.filter(({ profile }) => names.has(profile))
  const { takeOut } = source
  const isTaken = !keep && takeOut !== undefined
  note(stderr, `importing from ${source.name}: ${[...names].join(", ")}`)
  if (takeOut !== undefined) {
    note(stderr, keep ? "the file stays as it is" : "each key that is kept is then taken out of the file")
    if (from !== "aws-mfa" && keys.some(({ profile }) => profile.endsWith(longTerm))) {
      note(stderr, "sections that end with -long-term are aws-mfa's: credd import --from aws-mfa knows their profiles")
    }
  }
  const where = takeOut === undefined ? source.name : "the file"
  for (const { profile, why } of unclear) {
    left(
      context,
      profile,
      where,
      why,
      takeOut === undefined ? "run: credd add PROFILE" : `mend ${source.name} by hand, then run: credd import`,
    )
  }

  if (isTaken && (await context.daemon("GET /status", {})).daemon.store === "memory") {
    throw usageWrong(
      "the memory store forgets keys when the daemon stops, so they stay in the file",
      "run: credd import --keep   (or choose another store: see credd config)",
    )
  }
  const kept = await keepEach(context, keys, isTaken, where)
  if (isTaken && kept.length > 0) {
    takeOut(new Set(kept))
    note(stderr, `took ${counted(kept.length, "access key")} out of ${source.name}`)
  }
  const [first] = kept
  if (first !== undefined && from === "aws-vault") {
    note(
      stderr,
      `aws-vault has ${kept.length === 1 ? "it" : "them"} still; once all works: aws-vault remove ${word(first)}`,
    )
  }
  if (first !== undefined) note(stderr, `next: credd login ${word(first)}`)
  return kept.length === names.size ? 0 : 1
}

async function awsVault(context: Context, named: readonly string[]): Promise<Source> {
  return { name: "aws-vault", ...(await keysInAwsVault(context, named)) }
}

function credentialsFile(context: Context, isAwsMfa: boolean): Source {
  const file = awsCredentialsPath(context.env)
  const before = read(context, file)
  const text = before.toString("latin1")
  const found = findKeys(text)
  const replace = (after: string): void =>
    replaceFile(context.files, {
      path: file,
      before,
      after: Buffer.from(after, "latin1"),
      hint: "the keys are kept, and still in the file; run: credd import",
    })
  if (!isAwsMfa) return { name: file, ...found, takeOut: (kept) => replace(withoutKeys(text, kept)) }

  return {
    name: file,
    unclear: ofAwsMfa(found.unclear),
    keys: ofAwsMfa(found.keys).map((key) => {
      const mfaSerial = valueIn(text, key.profile + longTerm, "aws_mfa_device")
      return mfaSerial === undefined ? key : { ...key, mfaSerial }
    }),
    takeOut(kept) {
      const sections = new Set([...kept].map((profile) => profile + longTerm))
      // What aws-mfa made would win over credd until it ends, in every tool that is given the profile.
      const made = new Set([...temporarySections(text)].filter((section) => kept.has(section)))
      replace(withoutTemporary(withoutKeys(text, sections), made))
    },
  }
}

/** Those of aws-mfa's sections, under the names of their profiles. */
function ofAwsMfa<K extends UnclearKey | FoundKey>(keys: readonly K[]): readonly K[] {
  return keys
    .filter(({ profile }) => profile.endsWith(longTerm) && profile !== longTerm)
    .map((key) => ({ ...key, profile: key.profile.slice(0, -longTerm.length) }))
}

/** The profiles whose keys outlive the daemon now. A refusal is said and the next one tried. */
async function keepEach(
  context: Context,
  keys: readonly ImportedKey[],
  isTaken: boolean,
  where: string,
): Promise<readonly string[]> {
  const kept: string[] = []
  for (const key of keys) {
    try {
      const { arn, durable } = await unlocking(context, () => context.daemon("POST /access-keys", { ...key }))
      if (!durable && isTaken) {
        left(context, key.profile, where, "the store forgets it when the daemon stops", "run: credd config")
        continue
      }
      kept.push(key.profile)
      note(context.process.stderr, `kept the access key of ${arn} as "${key.profile}"`)
    } catch (error) {
      if (!(error instanceof Failure) || error.code === "Interrupted" || error.code === "DaemonNotRunning") throw error
      left(context, key.profile, where, error.message, error.hint)
    }
  }
  return kept
}

function left(
  { process: { stderr } }: Context,
  profile: string,
  where: string,
  why: string,
  hint: string | undefined,
): void {
  errorWithHint(stderr, `left "${profile}" in ${where}: ${why}`, hint)
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
