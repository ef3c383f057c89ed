/** What was measured, as a page for people. */

export interface Row {
  readonly what: string
  readonly unit: "/s" | "ms" | "µs" | "MiB" | "KiB" | ""
  readonly credd: number
  readonly reference: number
  readonly ratio: number
  /** What the ratio (or, with `of: "credd"`, credd's own number) is meant to keep to. */
  readonly target?: { readonly of: "ratio" | "credd"; readonly least?: number; readonly most?: number }
}

export function isMet({ ratio, credd, target }: Row): boolean | undefined {
  if (target === undefined) return undefined
  const { of, least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY } = target
  const value = of === "ratio" ? ratio : credd
  return value >= least && value <= most
}

const widths = [44, 12, 12, 7, 14, 4] as const

export function table(rows: readonly Row[]): string {
  return [["", "credd", "reference", "ratio", "target", "met"], ...rows.map(cells)]
    .map((each) => line(each).trimEnd())
    .join("\n")
}

function line(row: readonly string[]): string {
  return widths
    .map((width, i) => (i === 0 ? (row[i] ?? "") : ` ${row[i] ?? ""}`)[i === 0 ? "padEnd" : "padStart"](width))
    .join(" ")
}

function cells(row: Row): string[] {
  const { what, credd, reference, ratio, unit } = row
  const met = isMet(row)
  return [
    what,
    amount(credd, unit),
    amount(reference, unit),
    ratio.toFixed(2),
    targetText(row),
    met === undefined ? "" : met ? "yes" : "no",
  ]
}

function targetText({ target, unit }: Row): string {
  if (target === undefined) return ""
  const [sign, bound] = target.least === undefined ? ["<=", target.most ?? 0] : [">=", target.least]
  return `${sign} ${target.of === "ratio" ? bound.toFixed(2) : `${bound} ${unit}`.trimEnd()}`
}

function amount(value: number, unit: Row["unit"]): string {
  const digits = value >= 1_000 ? 0 : value >= 10 ? 1 : 2
  const text = value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits })
  return unit === "/s" ? `${text}/s` : `${text} ${unit}`.trimEnd()
}
