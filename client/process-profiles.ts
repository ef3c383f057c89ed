/**
 * `credd process --setup` and `--remove`: profiles in `~/.aws/config` for tools that must be given one. They are called
 * `credd-NAME`, so that none shadows the profile that it serves.
 */
import type { ProfileStatus } from "../daemon/api.ts"
import { awsConfigPath } from "./aws-files.ts"
import type { Context } from "./context.ts"
import { word } from "./environment.ts"
import { Failure, usageWrong } from "./failure.ts"
import { note } from "./output.ts"
import { outsideBlock, withBlock, withoutBlock } from "./process-block.ts"
import { processName } from "./profile.ts"
import { replaceFile } from "./replace-file.ts"

/** The file then holds these profiles, or all that can be served, and no others of ours. */
export async function setUp(context: Context, named: readonly string[]): Promise<number> {
  const { env, files, process: streams, program } = context
  const { profiles } = await context.daemon("GET /status", {})
  const chosen = named.length > 0 ? named.map((name) => find(profiles, name)) : profiles.filter(isServed)
  if (chosen.length === 0) throw usageWrong("no profile can be served", "run: credd status")
  const path = awsConfigPath(env)
  const before = files.read(path)
  const text = before?.toString("latin1")
  const sections = chosen.map((profile) => sectionOf(profile, program))
  insistOnFreeNames(sections, outsideBlock(text ?? ""), path)

  const names = sections.map(({ name }) => name)
  note(streams.stderr, `editing ${path}: ${names.join(", ")}; every other byte stays as it is`)
  const after = withBlock(text, sections.flatMap(({ lines }) => lines).map(latin1))
  if (after === undefined) throw brokenMarks(path)
  if (after === text) note(streams.stderr, "nothing to change")
  else write(context, path, before, after)
  note(
    streams.stderr,
    `next: AWS_PROFILE=${names[0]} aws sts get-caller-identity   (undone by: credd process --remove)`,
  )
  return 0
}

export function takeAway(context: Context): number {
  const { env, files, process: streams } = context
  const path = awsConfigPath(env)
  const before = files.read(path)
  const text = before?.toString("latin1")
  const rest = text === undefined ? undefined : withoutBlock(text)
  if (text !== undefined && rest === undefined) throw brokenMarks(path)
  if (rest === undefined || rest.file === text) {
    note(streams.stderr, `nothing to remove: ${path} holds no lines of credd process --setup`)
    return 0
  }
  note(streams.stderr, `editing ${path}: the lines of credd process --setup go, every other byte stays as it is`)
  if (rest.file === undefined) files.remove(files.target(path))
  else write(context, path, before, rest.file)
  return 0
}

function write({ files }: Context, path: string, before: Buffer | undefined, after: string): void {
  const hint = "mend the cause, then run the command again"
  replaceFile(files, { path, before, after: Buffer.from(after, "latin1"), hint })
}

interface Section {
  readonly of: string
  readonly name: string
  readonly lines: readonly string[]
}

function sectionOf({ name: of, region }: ProfileStatus, program: readonly string[]): Section {
  // Not every SDK reads a quoted section name.
  const name = processName(of)
  const command = [...program, "process", of].map(word).join(" ")
  // SDKs take " #" and " ;" for the start of a comment, between quotes too, and a name with "-" first for a flag.
  if (of.startsWith("-") || /\p{Cc}|\s[#;]/u.test(command)) {
    throw usageWrong(`no AWS SDK could call credd for ${JSON.stringify(of)}`, "give that profile a simpler name")
  }
  const lines = [`[profile ${name}]`, `credential_process = ${command}`]
  return { of, name, lines: region === undefined ? lines : [...lines, `region = ${region}`] }
}

/** A section that stands twice makes botocore refuse the whole file. */
function insistOnFreeNames(sections: readonly Section[], elsewhere: string, path: string): void {
  const taken = new Map<string, string>()
  for (const [, name = ""] of elsewhere.matchAll(/^[ \t]*\[[ \t]*profile[ \t]+["']?(.*?)["']?[ \t]*\]/gm)) {
    taken.set(name, `stands in ${path} already`)
  }
  for (const { of, name } of sections) {
    const why = taken.get(name)
    if (why !== undefined) {
      throw usageWrong(`"${of}" would be called ${name}, which ${why}`, "run: credd process --setup PROFILE")
    }
    taken.set(name, `"${of}" is called, too`)
  }
}

function find(profiles: readonly ProfileStatus[], name: string): ProfileStatus {
  const found = profiles.find((profile) => profile.name === name)
  if (found !== undefined && isServed(found)) return found
  throw new Failure(
    found === undefined
      ? { code: "ProfileNotFound", message: `there is no profile "${name}"`, hint: "run: credd status" }
      : {
          code: "ProfileUnsupported",
          message: `profile "${name}" cannot be served: ${found.reason}`,
          hint: "run: credd status",
        },
  )
}

function isServed({ kind }: ProfileStatus): boolean {
  return kind !== "unsupported"
}

function latin1(line: string): string {
  return Buffer.from(line).toString("latin1")
}

function brokenMarks(path: string): Failure {
  return new Failure({
    code: "ConfigMalformed",
    message: `${path} was left alone: the marks around the lines of credd process --setup are broken`,
    hint: 'take those lines out by hand, from "# >>> credd process" to "# <<< credd process"',
  })
}
