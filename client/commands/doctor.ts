/** `credd doctor`: what keeps this shell from credd, why that matters, and what mends it; and who would be used instead. */
import type { Command } from "../command.ts"
import type { Context } from "../context.ts"
import { examine } from "../doctor/examine.ts"
import type { Finding, Mend } from "../doctor/finding.ts"
import { identitiesOf, type Identities } from "../doctor/identities.ts"
import { json as asJson, page } from "../doctor/report.ts"
import { usageWrong } from "../failure.ts"
import { note, paint } from "../output.ts"

type DoctorFlags = {
  readonly json: boolean
  readonly identity: boolean
  readonly fix: boolean
  readonly yes: boolean
}

export const doctor: Command<DoctorFlags> = async (context, flags) => {
  const { stdout } = context.process
  if (flags.json && flags.fix) throw usageWrong("--json and --fix exclude each other", "run: credd doctor --fix")
  if (flags.yes && !flags.fix) throw usageWrong("--yes goes with --fix", "run: credd doctor --fix --yes")
  if (flags.fix && !flags.yes && !context.isInteractive) {
    throw usageWrong("--fix asks before each change, and nobody is there", "run: credd doctor --fix --yes")
  }
  const { visit, findings, identities } = await context.working("looking around", () => look(context, flags.identity))
  stdout.write(
    flags.json
      ? asJson(findings, visit, identities)
      : page(findings, visit, identities, { stdout, color: paint(stdout, context) }),
  )
  const left = flags.fix ? await mended(context, findings, flags.yes) : findings
  return left.some(({ level }) => level === "problem") ? 1 : 0
}

async function look(
  context: Context,
  isIdentified: boolean,
): Promise<Awaited<ReturnType<typeof examine>> & { readonly identities: Identities | undefined }> {
  const found = await examine(context, isIdentified)
  return { ...found, identities: isIdentified ? await identitiesOf(found.visit) : undefined }
}

/** Mends what can be, each after a yes; gives what is found after that. */
async function mended(context: Context, findings: readonly Finding[], isYes: boolean): Promise<readonly Finding[]> {
  const { stderr } = context.process
  const mends = new Map(findings.flatMap(({ mend }) => (mend === undefined ? [] : [[mend.question, mend] as const])))
  if (mends.size === 0) note(stderr, "nothing here can be mended without you; run the commands above")
  for (const mend of mends.values()) if (isYes || (await isAgreed(context, mend))) await apply(context, mend)
  if (mends.size === 0) return findings
  return (await examine(context, false)).findings
}

async function isAgreed(context: Context, { question }: Mend): Promise<boolean> {
  const answer = await context.ask({ message: `${question} (y/N)`, isSecret: false })
  return /^y(es)?$/i.test(answer.trim())
}

async function apply(context: Context, { how, question }: Mend): Promise<void> {
  const { stderr } = context.process
  if (typeof how === "function") await how()
  else {
    const { runApp } = await import("../app.ts")
    await runApp(how, context)
    if (context.process.exitCode !== 0) {
      note(stderr, `not done: ${question}`)
      return
    }
  }
  note(stderr, `done: ${question.replace(/\?$/, "")}`)
}
