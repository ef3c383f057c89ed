/** What was the case, and when: a value from each moment on, and the values that a stretch of time has seen. */
export interface Timeline<T> {
  /** From this moment on it is so. */
  set(at: number, value: T): void
  now(): T
  /** Every value that was the case at some moment of the stretch, its ends included. */
  during(from: number, to: number): readonly T[]
  /** Forgets what was over before this moment. */
  forget(before: number): void
}

export function createTimeline<T>(first: T): Timeline<T> {
  let entries: { readonly from: number; readonly value: T }[] = [{ from: Number.NEGATIVE_INFINITY, value: first }]
  return {
    set(at, value) {
      entries.push({ from: at, value })
    },
    now: () => (entries.at(-1) ?? { value: first }).value,
    during: (from, to) =>
      entries
        .filter((entry, i) => entry.from <= to && (entries[i + 1]?.from ?? Number.POSITIVE_INFINITY) >= from)
        .map(({ value }) => value),
    forget(before) {
      entries = entries.filter((_, i) => (entries[i + 1]?.from ?? Number.POSITIVE_INFINITY) >= before)
    },
  }
}
