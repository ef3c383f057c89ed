/**
 * No core file of this process: it would hold every secret. Node cannot lower its own limit, so util-linux's `prlimit`
 * does, where it is (Linux); the units set the limit besides, and elsewhere `ulimit -c 0` is the user's.
 */
import { execFile } from "node:child_process"
import type { Log } from "../core/ports.ts"

export function forbidCoreDumps(log: Log): void {
  if (process.platform !== "linux") return
  execFile("prlimit", ["--core=0:0", "--pid", String(process.pid)], { env: process.env, timeout: 5_000 }, (error) => {
    if (error !== null) log.warn("core_dumps_not_forbidden", { why: error.code ?? error.name })
  })
}
