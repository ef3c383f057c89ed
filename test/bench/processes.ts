/** The processes that are measured: how they are started, asked for their memory and processor time, and ended. */
import { spawn, type ChildProcess } from "node:child_process"
import { readFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"

export interface Ran {
  readonly stdout: string
  readonly tookMs: number
}

/** Runs `node …` to its end; throws when it does not end well. */
export async function node(args: readonly string[], env: NodeJS.ProcessEnv = {}, input = ""): Promise<Ran> {
  return await ran([process.execPath, ...args], env, input)
}

export async function ran(
  [program = "", ...args]: readonly string[],
  env: NodeJS.ProcessEnv = {},
  input = "",
): Promise<Ran> {
  const startedAt = performance.now()
  const child = spawn(program, args, { env, stdio: ["pipe", "pipe", "pipe"] })
  let [stdout, stderr] = ["", ""]
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk))
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk))
  child.stdin.on("error", () => undefined).end(input)
  return await new Promise((resolve, reject) => {
    child.once("close", (status) => {
      const tookMs = performance.now() - startedAt
      if (status === 0) resolve({ stdout, tookMs })
      else reject(new Error(`${program} ${args[0] ?? ""} ended with status ${status}: ${stderr}`))
    })
  })
}

/** Resident memory in MiB, once it has stopped moving. */
export async function restingMiB({ pid }: ChildProcess): Promise<number> {
  await sleep(1_500)
  let before = residentMiB(pid)
  for (let tries = 0; tries < 10; tries += 1) {
    await sleep(500)
    const now = residentMiB(pid)
    if (Math.abs(now - before) < 0.25) return now
    before = now
  }
  return before
}

function residentMiB(pid: number | undefined): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1_024
}

/** Processor time that the process has had, in milliseconds (Linux counts it in hundredths of a second). */
export function processorMs({ pid }: ChildProcess): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return (Number(fields[11]) + Number(fields[12])) * 10
}

export async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  await new Promise((resolve) => {
    child.once("exit", resolve)
    child.kill("SIGTERM")
  })
}
