/**
 * No core file of this process: it would hold every secret. The units set the limit. Node cannot lower its own, so for a
 * daemon that was started by hand util-linux's `prlimit` does, where it is (Linux); elsewhere `ulimit -c 0` is the user's.
 * That is a process more, and is done behind the first answers; until then a core file holds no memory.
 */
import { execFile } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import type { Log } from "../core/ports.ts"

/** Nothing of ours is written into a core file from here on, nor of what we start (core(5)). */
export function emptyCoreDumps(): void {
  if (process.platform !== "linux") return
  try {
    writeFileSync("/proc/self/coredump_filter", "0")
  } catch {
    // Inside the service's walls, where the limit is 0.
  }
}

export function forbidCoreDumps(log: Log): void {
  if (process.platform !== "linux" || isForbidden()) return
  execFile("prlimit", ["--core=0:0", "--pid", String(process.pid)], { env: process.env, timeout: 5_000 }, (error) => {
    if (error !== null) log.warn("core_dumps_not_forbidden", { why: error.code ?? error.name })
  })
}

function isForbidden(): boolean {
  try {
    return /^Max core file size +0 +0 /m.test(readFileSync("/proc/self/limits", "latin1"))
  } catch {
    return false
  }
}
