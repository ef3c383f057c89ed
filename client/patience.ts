/** Waits, and says so when it takes longer than a moment. The words and the spinner are loaded only then. */
import type { ProgressOptions } from "./progress.ts"

/** What is done within this time needs no words. */
const momentMs = 300

/** One at a time: what is waited for inside of something else is the same wait to a person. */
let isShown = false

export async function patiently<T>(
  work: Promise<T>,
  words: () => string | undefined | Promise<string | undefined>,
  options: ProgressOptions,
): Promise<T> {
  if (isShown) return await work
  let isOver = false
  let hide: (() => void) | undefined
  async function show(): Promise<void> {
    const what = await words()
    const { showProgress } = await import("./progress.ts")
    if (isOver || isShown || what === undefined) return
    isShown = true
    hide = showProgress(what, options)
  }
  const timer = setTimeout(() => void show(), momentMs)
  try {
    return await work
  } finally {
    isOver = true
    clearTimeout(timer)
    if (hide !== undefined) {
      hide()
      isShown = false
    }
  }
}
