/**
 * A program's effects on the outside, as strace sees them, and its death right before one of them. Nothing in the program
 * knows of it, and the system call that is hit does not happen any more.
 */
import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { readdirSync, readFileSync } from "node:fs"

/**
 * What changes a file system, and what goes to others over sockets and pipes or starts them. Not `fsync`: whether it came
 * before a kill cannot be seen after it, only after a power cut.
 */
const effects =
  "write,writev,pwrite64,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,chmod,fchmod,ftruncate,sendto,sendmsg,clone,clone3,vfork,execve"

export interface Effect {
  /** `main`: the thread that runs JavaScript. `pool`: the one that works on files, where there is only one of them. */
  readonly thread: "main" | "pool"
  readonly call: string
  /** Of all calls of that name in that thread. */
  readonly nth: number
  /** As strace shows it, cut. */
  readonly text: string
}

/** Runs a command to its end, and gives its effects. */
export async function effectsOf(
  command: readonly string[],
  env: NodeJS.ProcessEnv,
  log: string,
): Promise<readonly Effect[]> {
  const strace = spawn("strace", ["-o", log, "-s", "24", "-e", `trace=${effects}`, ...command], {
    env,
    stdio: "ignore",
  })
  await once(strace, "exit")
  // Without -f there is one thread, and no number before each line.
  const lines = readFileSync(log, "utf8").split("\n")
  return numbered(lines.map((line) => ["main", line] as const))
}

/** Runs a command and kills it there. */
export async function runUntil(
  { call, nth }: Effect,
  command: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const strace = spawn("strace", ["-o", "/dev/null", ...injection(call, nth), ...command], { env, stdio: "ignore" })
  await once(strace, "exit")
}

export interface Tracer {
  /** Lets go of the program, if it is still there. */
  stop(): Promise<void>
}

/** Writes down what the threads of a running program do, into a file. */
export async function watch(pid: number, log: string): Promise<Tracer> {
  return await attach(threadsOf(pid), ["-o", log, "-s", "24", "-e", `trace=${effects}`])
}

export async function killBefore(pid: number, { thread, call, nth }: Effect): Promise<Tracer> {
  const threads = threadsOf(pid).filter((id) => (id === pid) === (thread === "main"))
  return await attach(threads, ["-o", "/dev/null", ...injection(call, nth)])
}

/** strace counts each system call of each thread by itself. */
function injection(call: string, nth: number): readonly string[] {
  return ["-e", `trace=${call}`, "-e", `inject=${call}:signal=SIGKILL:when=${nth}`]
}

/**
 * What `watch` wrote down, less what nobody outside sees (a pool's nudges to its loop, calls that failed) and what comes
 * behind in its own time (the log and the audit trail, which has its own tests).
 */
export function effectsIn(log: string, pid: number): readonly Effect[] {
  return numbered(
    readFileSync(log, "utf8")
      .split("\n")
      .map((line) => {
        const [id = "", text = ""] = line.split(/\s+(.*)/s, 2)
        return [Number(id) === pid ? "main" : id, text] as const
      }),
  )
}

function numbered(lines: readonly (readonly [thread: string, text: string])[]): readonly Effect[] {
  const counts = new Map<string, number>()
  return lines.flatMap(([thread, text]): Effect[] => {
    const call = /^(\w+)\(/.exec(text)?.[1]
    if (call === undefined) return []
    const nth = (counts.get(`${thread} ${call}`) ?? 0) + 1
    counts.set(`${thread} ${call}`, nth)
    return isInner(text) ? [] : [{ thread: thread === "main" ? "main" : "pool", call, nth, text: text.slice(0, 100) }]
  })
}

function isInner(text: string): boolean {
  return /^write\(([12], |\d+, "(\\1(\\0){7}"|\{\\"seq\\"))|\/audit[/"]| = -1 E/.test(text)
}

function threadsOf(pid: number): readonly number[] {
  return readdirSync(`/proc/${pid}/task`).map(Number)
}

async function attach(threads: readonly number[], how: readonly string[]): Promise<Tracer> {
  const strace = spawn("strace", [...how, ...threads.flatMap((id) => ["-p", String(id)])], {
    stdio: ["ignore", "ignore", "pipe"],
  })
  await attached(strace, threads.length)
  return {
    async stop() {
      if (strace.exitCode !== null || strace.signalCode !== null) return
      const ended = once(strace, "exit")
      strace.kill("SIGTERM")
      await ended
    },
  }
}

/** A thread may have ended since it was listed. */
async function attached(strace: ChildProcess, threads: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    let said = ""
    strace.once("error", reject)
    strace.once("exit", () => reject(new Error(`strace ended: ${said}`)))
    strace.stderr?.on("data", (chunk: Buffer) => {
      said += chunk.toString()
      if ((said.match(/ attached|No such process/g) ?? []).length >= threads) resolve()
    })
  })
}
