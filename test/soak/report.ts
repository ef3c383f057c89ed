/** What a soak has seen, as a page for people and as JSON. */

export interface Violation {
  /** Seconds since the start. */
  readonly at: number
  readonly what: string
  readonly who: string
}

export interface MemorySample {
  /** Seconds since the start. */
  readonly at: number
  /** Seconds since the daemon's start. */
  readonly age: number
  readonly mebibytes: number
}

export interface Report {
  readonly seed: number
  readonly minutes: number
  readonly node: string
  readonly requests: number
  /** By what was answered: `200`, or status and code. */
  readonly answers: Readonly<Record<string, number>>
  readonly tools: Readonly<Record<string, { readonly served: number; readonly refused: number }>>
  readonly events: Readonly<Record<string, number>>
  /** STS calls by how they ended: `ok`, AWS's error code or the fault. */
  readonly stsCalls: Readonly<Record<string, number>>
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number }
  readonly memory: { readonly samples: readonly MemorySample[]; readonly last: Memory }
  readonly violations: readonly Violation[]
}

export interface Memory {
  readonly median: number
  readonly max: number
  /** The straight line through the last half, among daemons that had settled: MiB an hour. */
  readonly perHour: number
}

/** A daemon's first seconds are its start, and no trend. */
const settledSeconds = 20

export function memoryOf(samples: readonly MemorySample[]): Memory {
  const end = samples.at(-1)?.at ?? 0
  const half = samples.filter(({ at, age }) => at >= end / 2 && age >= settledSeconds)
  const sorted = half.map(({ mebibytes }) => mebibytes).toSorted((a, b) => a - b)
  return {
    median: sorted[Math.floor(sorted.length / 2)] ?? 0,
    max: sorted.at(-1) ?? 0,
    perHour: slope(half.map(({ at, mebibytes }) => [at / 3_600, mebibytes])),
  }
}

/** Of the straight line that lies nearest (least squares); 0 for fewer than two points. */
function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const meanX = mean(points.map(([x]) => x))
  const meanY = mean(points.map(([, y]) => y))
  const across = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0)
  const along = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
  return along === 0 ? 0 : across / along
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}

export function page(report: Report): string {
  const { latencyMs, memory, tools } = report
  return [
    `credd soak: ${report.minutes} min, seed ${report.seed}, node ${report.node}`,
    "",
    `requests   ${report.requests}: ${counts(report.answers)}`,
    `tools      ${Object.entries(tools)
      .map(([name, { served, refused }]) => `${name} ${served} served, ${refused} refused`)
      .join("; ")}`,
    `events     ${counts(report.events)}`,
    `STS calls  ${counts(report.stsCalls)}`,
    `latency    p50 ${latencyMs.p50.toFixed(1)} ms, p99 ${latencyMs.p99.toFixed(1)} ms, longest ${latencyMs.max.toFixed(0)} ms (stops and starts included)`,
    `memory     last half: median ${memory.last.median.toFixed(1)} MiB, most ${memory.last.max.toFixed(1)} MiB, trend ${memory.last.perHour.toFixed(1)} MiB an hour`,
    `violations ${report.violations.length}`,
    ...kinds(report.violations),
    "",
    `to repeat: npm run soak -- --minutes ${report.minutes} --seed ${report.seed}`,
  ].join("\n")
}

/** The same thing said often is one line, with the first time that it was seen. */
function kinds(violations: readonly Violation[]): readonly string[] {
  const first = new Map<string, { readonly at: number; count: number }>()
  for (const { at, who, what } of violations) {
    const kind = `${who}: ${what}`
    const known = first.get(kind) ?? { at, count: 0 }
    known.count += 1
    first.set(kind, known)
  }
  return [...first].map(([kind, { at, count }]) => `  ${count} times, first at ${at.toFixed(1)} s: ${kind}`)
}

function counts(of: Readonly<Record<string, number>>): string {
  return Object.entries(of)
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, count]) => `${count} ${name}`)
    .join(", ")
}
