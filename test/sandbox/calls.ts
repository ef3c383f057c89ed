/** The record of who called what, and how it ended. No secret, token, code or signature gets into it. */
export interface Call {
  readonly action: string
  readonly at: number
  readonly accessKeyId: string | undefined
  readonly region: string | undefined
  readonly path: string
  /** What was asked for, less the code. */
  readonly parameters: Readonly<Record<string, string>>
  /** `ok`, AWS's error code, the kind of fault that took its place, or `under way`. */
  readonly outcome: string
  /** The kind of fault that hit the call, whatever became of it. */
  readonly fault: string | undefined
}

export interface CallLog {
  /** In the order of arrival. */
  readonly calls: readonly Call[]
  count(action: string): number
  /** The most calls of one action, or of any, that were under way at once. */
  peak(action?: string): number
  begin(call: Omit<Call, "outcome">): CallUnderWay
  clear(): void
}

export interface CallUnderWay {
  decided(outcome: string): void
  /** The caller has its answer, or has hung up. */
  ended(): void
}

const any = Symbol("any action")

export function createCallLog(): CallLog {
  const calls: { -readonly [Name in keyof Call]: Call[Name] }[] = []
  const underWay = new Map<string | symbol, number>()
  const peaks = new Map<string | symbol, number>()
  function count(action: string | symbol, by: number): void {
    const now = (underWay.get(action) ?? 0) + by
    underWay.set(action, now)
    peaks.set(action, Math.max(peaks.get(action) ?? 0, now))
  }
  return {
    calls,
    count: (action) => calls.filter((call) => call.action === action).length,
    peak: (action) => peaks.get(action ?? any) ?? 0,
    begin(call) {
      const entry = { ...call, outcome: "under way" }
      calls.push(entry)
      for (const each of [any, call.action]) count(each, 1)
      return {
        decided(outcome) {
          entry.outcome = outcome
        },
        ended() {
          for (const each of [any, call.action]) count(each, -1)
        },
      }
    },
    clear() {
      calls.length = 0
      // Calls under way stay counted: they will end.
      peaks.clear()
      for (const [action, number] of underWay) peaks.set(action, number)
    },
  }
}
