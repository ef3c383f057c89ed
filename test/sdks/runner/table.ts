/** What the suite found, as the page `docs/sdks.md`. */
import type { Measured, NotHad } from "./conformance.ts"
import { afterHours, cells, isNotApplicable, type Cell, type Outcome } from "./sdk.ts"

const order = Object.keys(cells) as Cell[]

export function page(measured: readonly Measured[], notHad: readonly NotHad[]): string {
  const found = bySdk(measured)
  return `# SDKs and tools

Written by \`npm run test:sdks\`; do not edit it by hand. Every cell is a test: the real SDK, the real daemon, and in
AWS's place the sandbox STS, which checks signatures (tools that speak only S3 list a bucket of moto's, and the same check
is made there). Expectations are data, a file an SDK in \`test/sdks\`; a run that finds something else fails and names the
cell. Each program is set up by evaluating in \`sh\` exactly what \`credd env\` prints.

${order.map((cell) => `- **${cells[cell][0]}**: ${cells[cell][1]}.`).join("\n")}

✓ is served; – does not apply, and below it says why; a number is that of the SDK's notes below; ? has not been looked at.

${table(found)}

${found.map(section).join("\n\n")}

## Not tested here

${notHad.map(({ name, why }) => `- **${name}**: ${why}.`).join("\n")}
`
}

/** What the page says of each SDK: its row, and its section. */
export function partsOf(measured: readonly Measured[]): readonly string[] {
  return bySdk(measured).flatMap((all) => [row(all).join(" | "), section(all)])
}

function bySdk(measured: readonly Measured[]): readonly (readonly Measured[])[] {
  const names = [...new Set(measured.map(({ sdk }) => sdk.name))].toSorted((a, b) => a.localeCompare(b, "en"))
  return names.map((name) => measured.filter(({ sdk }) => sdk.name === name))
}

function table(found: readonly (readonly Measured[])[]): string {
  const head = ["SDK or tool", "version", ...order.map((cell) => cells[cell][0])]
  return [head, head.map(() => "-"), ...found.map(row)].map((each) => `| ${each.join(" | ")} |`).join("\n")
}

function row(all: readonly Measured[]): readonly string[] {
  const notes = notesOf(all)
  const marks = order.map((cell) => {
    const index = notes.findIndex((note) => note.cell === cell)
    if (index !== -1) return `(${index + 1})`
    if (whyNot(all, cell) !== undefined) return "–"
    return all.some((each) => each.cell === cell) ? "✓" : "?"
  })
  const [first] = all
  return [`[${first?.sdk.name}](#${anchor(first?.sdk.name ?? "")})`, first?.version ?? "", ...marks]
}

interface Note {
  readonly cell: Cell
  readonly text: string
}

function notesOf(all: readonly Measured[]): readonly Note[] {
  return order.flatMap((cell): Note[] => {
    const outcome = all.find((each) => each.cell === cell)?.outcome
    if (outcome === undefined || outcome === "served" || cell === "expiry") return []
    return [{ cell, text: textOf(outcome) }]
  })
}

/** Why a cell says nothing about an SDK. */
function whyNot([first]: readonly Measured[], cell: Cell): string | undefined {
  const expected = first?.sdk.cells?.[cell]
  if (expected !== undefined) return isNotApplicable(expected) ? expected.notApplicable : undefined
  const isTooLong = first?.sdk.clock === "own" && afterHours.includes(cell)
  return isTooLong ? "no hours go by for it here: its clock cannot be moved" : undefined
}

/** Cells with the same reason, in one line. */
function reasons(all: readonly Measured[]): readonly string[] {
  const found = new Map<string, string[]>()
  for (const cell of order) {
    const why = whyNot(all, cell)
    if (why !== undefined) found.set(why, [...(found.get(why) ?? []), cells[cell][0]])
  }
  return [...found].map(([why, columns]) => `- – **${columns.join("**, **")}**: ${why}.`)
}

function section(all: readonly Measured[]): string {
  const [first] = all
  const end = all.find(({ cell }) => cell === "expiry")?.outcome
  const notes = notesOf(all).map(({ cell, text }, index) => `${index + 1}. **${cells[cell][0]}**: ${text}`)
  const parts = [
    `## ${first?.sdk.name}`,
    first?.sdk.since === undefined ? "" : `Token files since version ${first.sdk.since}.`,
    end === undefined ? "" : "When the session is over:",
    end === undefined ? "" : `\`\`\`text\n${textOf(end)}\n\`\`\``,
    notes.join("\n"),
    [...reasons(all), ...(first?.sdk.limits ?? []).map((limit) => `- ${limit}`)].join("\n"),
  ]
  return parts.filter((part) => part !== "").join("\n\n")
}

function textOf(outcome: Outcome): string {
  if (outcome === "served") return "served"
  return "refused" in outcome ? outcome.refused : outcome.other
}

/** As GitHub makes them. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w -]/g, "")
    .replaceAll(" ", "-")
}
