/**
 * Ends the process when its event loop hangs, so that the service manager starts it anew. A thread of its own looks at a
 * counter that the loop moves. In the process rather than by `WatchdogSec=`: Node cannot speak systemd's notify protocol
 * without a child process for each beat, and launchd has no such thing.
 */
import { readFileSync } from "node:fs"
import { Worker } from "node:worker_threads"
import { builtFile } from "../built.ts"

export interface WatchdogOptions {
  readonly everyMs: number
  /** How many looks may find the counter unmoved. Counted by the thread's own timer, so a process that was stopped is not hung. */
  readonly patience: number
  /** What stands before the thread's last line on stderr: the journal's priority, or nothing. */
  readonly prefix: string
}

export interface WatchdogData extends WatchdogOptions {
  readonly beats: SharedArrayBuffer
}

/** 8 s of patience: long for any work of ours, and well within the 15 s that a hung daemon may last. */
const defaults: WatchdogOptions = { everyMs: 1_000, patience: 8, prefix: "" }

export function watchEventLoop(options: Partial<WatchdogOptions> = {}): void {
  const beats = new SharedArrayBuffer(4)
  const counter = new Int32Array(beats)
  const workerData: WatchdogData = { ...defaults, ...options, beats }
  setInterval(() => Atomics.add(counter, 0, 1), workerData.everyMs / 2).unref()
  // Its text, read here: a thread that found its file gone, an upgrade later, would end the daemon.
  new Worker(readFileSync(builtFile("watchdog-thread.js"), "utf8"), {
    eval: true,
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1 },
  }).unref()
}
