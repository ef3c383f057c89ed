/** The watchdog's thread: kills the process when nothing has moved the counter for too long. */
import { writeSync } from "node:fs"
import { workerData } from "node:worker_threads"
import type { WatchdogData } from "./adapters/watchdog.ts"

const { beats, everyMs, patience, prefix }: WatchdogData = workerData
const counter = new Int32Array(beats)
let last = -1
let missed = 0

setInterval(() => {
  const now = Atomics.load(counter, 0)
  missed = now === last ? missed + 1 : 0
  last = now
  if (missed < patience) return
  // The log's own stream belongs to the thread that hangs.
  const time = new Date().toISOString()
  const forMs = missed * everyMs
  writeSync(2, `${prefix}${JSON.stringify({ level: 60, time, pid: process.pid, event: "event_loop_hung", forMs })}\n`)
  process.kill(process.pid, "SIGKILL")
}, everyMs)
