/** A machine's clock that a test sets, for real processes: libfaketime. */
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { onTestFinished } from "vitest"
import type { AtEnd } from "./daemon.ts"

export interface MachineClock {
  readonly env: Readonly<Record<string, string>>
  /** How far the machine's clock is ahead of the real one from now on. */
  set(ms: number): void
}

export function machineClock(atEnd: AtEnd = onTestFinished): MachineClock {
  const folder = mkdtempSync(join(tmpdir(), "credd-clock-"))
  atEnd(() => rmSync(folder, { recursive: true }))
  const file = join(folder, "offset")
  function set(ms: number): void {
    // Whole at every moment: it is read at every look at the clock.
    writeFileSync(`${file}.new`, `${ms < 0 ? "" : "+"}${ms / 1_000}s\n`)
    renameSync(`${file}.new`, file)
  }
  set(0)
  return {
    set,
    env: {
      LD_PRELOAD: library(),
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: "1",
      // As in a real sleep or at the date settings: only the wall clock moves.
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    },
  }
}

function library(): string {
  const found = readdirSync("/usr/lib")
    .map((name) => `/usr/lib/${name}/faketime/libfaketime.so.1`)
    .find((path) => existsSync(path))
  if (found === undefined) throw new Error("libfaketime is not installed")
  return found
}
