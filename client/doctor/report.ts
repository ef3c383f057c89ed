/** The doctor's words: findings, the worst first, and who would be used; for a person and as JSON. */
import { counted, type Paint, type Stream } from "../output.ts"
import { wrapped } from "../manual.ts"
import { sdksOf, type Finding, type Verdict, type Visit } from "./finding.ts"
import { candidateKey, type Identities, type Known } from "./identities.ts"
import type { Winner } from "./winner.ts"

const levels = ["problem", "warning", "note"] as const

export function sorted(findings: readonly Finding[]): readonly Finding[] {
  return findings.toSorted((a, b) => rank(a) - rank(b))
}

function rank({ level, isDanger }: Finding): number {
  return levels.indexOf(level) - (isDanger === true ? 0.5 : 0)
}

export function page(
  findings: readonly Finding[],
  { verdicts }: Visit,
  identities: Identities | undefined,
  { stdout, color }: { readonly stdout: Stream; readonly color: Paint },
): string {
  const width = Math.max(40, Math.min(stdout.columns ?? 80, 100))
  const painted = { problem: color.red, warning: color.yellow, note: color.dim }
  const lines = findings.flatMap(({ level, what, why, fix }) => [
    ...hanging(`${level.padEnd(7)}  `, what, width, painted[level]),
    ...hanging("    why  ", why, width),
    // A command stays on one line: it is there to be copied.
    `     do  ${color.bold(fix)}`,
    "",
  ])
  return [
    ...lines,
    color.dim("who is used in this shell"),
    ...winners(verdicts, identities, width),
    "",
    conclusion(findings, color),
  ]
    .map((line) => `${line.trimEnd()}\n`)
    .join("")
}

/** A head, then the text beside it, line by line. */
function hanging(
  head: string,
  text: string,
  width: number,
  dress = (plain: string): string => plain,
): readonly string[] {
  const [first = "", ...rest] = wrapped(text, width - head.length)
  return [dress(head) + first, ...rest.map((line) => " ".repeat(head.length) + line)]
}

function winners(verdicts: readonly Verdict[], identities: Identities | undefined, width: number): readonly string[] {
  const groups = new Map<string, Verdict[]>()
  for (const verdict of verdicts) {
    const key = candidateKey(verdict.winner) ?? said(verdict.winner)
    groups.set(key, [...(groups.get(key) ?? []), verdict])
  }
  return [...groups].flatMap(([key, group]) => {
    const [first] = group
    if (first === undefined) return []
    const known = identities?.get(key)
    return [
      ...hanging("  ", `${said(first.winner)}${known === undefined ? "" : `, ${whom(known)}`}`, width),
      ...hanging("    in ", sdksOf(group), width),
    ]
  })
}

function said(winner: Winner): string {
  switch (winner.kind) {
    case "credd":
      return `credd, profile "${winner.profile}"${winner.via === "container" ? "" : winner.via === "process" ? " (credential_process)" : " (instance metadata)"}`
    case "other":
      return winner.source.where
    case "error":
      return `an error: ${winner.why}`
    default:
      return "nobody: no credentials are found"
  }
}

function whom(known: Known): string {
  return "arn" in known ? `as ${known.arn}` : `as whom is not known: ${known.unknown}`
}

function conclusion(findings: readonly Finding[], color: Paint): string {
  const counts = levels
    .map((level) => ({ level, count: findings.filter((finding) => finding.level === level).length }))
    .filter(({ count }) => count > 0)
    .map(({ level, count }) => counted(count, level))
  return counts.length === 0 ? color.green("all is well") : counts.join(", ")
}

/** Stable: keys are added, never renamed (`docs/doctor.md`). */
export function json(findings: readonly Finding[], { verdicts }: Visit, identities: Identities | undefined): string {
  const report = {
    ok: !findings.some(({ level }) => level === "problem"),
    findings: findings.map(({ id, level, what, why, fix, families: concerned, isDanger, mend }) => ({
      id,
      level,
      what,
      why,
      fix,
      families: concerned ?? null,
      danger: isDanger === true,
      fixable: mend !== undefined,
    })),
    families: verdicts.map(({ family, winner }) => {
      const known = identities?.get(candidateKey(winner) ?? "")
      return {
        id: family.id,
        name: family.name,
        uses: winner.kind,
        source: winner.kind === "other" ? winner.source.kind : winner.kind === "credd" ? winner.via : null,
        where: winner.kind === "other" ? winner.source.where : null,
        profile:
          "profile" in winner ? winner.profile : winner.kind === "other" ? (winner.source.profile ?? null) : null,
        error: winner.kind === "error" ? winner.why : null,
        identity: known !== undefined && "arn" in known ? known : null,
      }
    }),
  }
  return `${JSON.stringify(report, null, 2)}\n`
}
