/**
 * Runs a command as if it had been started without us: it has our terminal and our place in the process group, gets the
 * signals that are sent to us, and we end and stop when it does. Node has no exec(2), so a parent stays behind.
 */
import { spawn, type ChildProcess } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { constants } from "node:os"
import { isatty } from "node:tty"
import type { ChildCommand } from "./context.ts"
import { Failure } from "./failure.ts"
import { errnoCode } from "./files.ts"

/** A signal from the terminal goes to the whole process group, the child included: passed on, it would come twice. */
const fromTerminal = new Set<NodeJS.Signals>(["SIGINT", "SIGQUIT"])
const passedOn: readonly NodeJS.Signals[] = [
  "SIGINT",
  "SIGQUIT",
  "SIGTERM",
  "SIGHUP",
  // A handler also keeps Node from opening a debugger on this one.
  "SIGUSR1",
  "SIGUSR2",
  "SIGALRM",
  "SIGVTALRM",
  "SIGWINCH",
  "SIGCONT",
  "SIGIO",
  ...(process.platform === "linux" ? (["SIGPWR"] as const) : []),
]
/** Node tells of a child's end, not of its stop: that is looked for. */
const lookMs = 300

/** Its exit status, 128 and the signal's number where a signal ended it. Throws when it cannot be started. */
export async function runChild({ command, args, env }: ChildCommand): Promise<number> {
  const child = spawn(command, args, { stdio: "inherit", env })
  const stopLooking = passSignals(child)
  try {
    return await new Promise((resolve, reject) => {
      child.once("error", (error) => reject(notStarted(command, error)))
      child.once("exit", (status, signal) => {
        resolve(signal === null ? (status ?? 1) : 128 + (constants.signals[signal] ?? 0))
      })
    })
  } finally {
    stopLooking()
  }
}

/** To the end of this process: what it ends with is the child's end, whatever comes after that. */
function passSignals(child: ChildProcess): () => void {
  const pass = (signal: NodeJS.Signals): void => {
    if (!fromTerminal.has(signal) || !isForeground()) child.kill(signal)
  }
  for (const signal of passedOn) process.on(signal, pass)
  const looking = isatty(0) ? setInterval(() => stopWith(child), lookMs) : undefined
  return () => clearInterval(looking)
}

/** A command that stops itself (`less` does, on Ctrl-Z) gives the terminal back to the shell only if we stop, too. */
function stopWith({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return
  if (statOf(pid)?.[0] === "T") process.kill(process.pid, "SIGSTOP")
}

/** Whether this process is in the foreground of its terminal, so that Ctrl-C reached the child as well. */
function isForeground(): boolean {
  if (process.platform !== "linux") return isatty(0) || isatty(1) || isatty(2)
  const [, , group, , terminal, foreground] = statOf("self") ?? []
  return terminal !== "0" && group === foreground
}

/** `proc_pid_stat(5)` from the state on: state, parent, group, session, terminal, its foreground group. */
function statOf(pid: number | "self"): readonly string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  } catch {
    return undefined
  }
}

/** As a shell says it: 127 for what is not there, 126 for what cannot be run. */
function notStarted(command: string, error: Error): Failure {
  const code = errnoCode(error)
  const isThere = command.includes("/") && existsSync(command)
  if (code === "ENOENT" && !isThere) {
    return new Failure({
      code: "CommandNotFound",
      message: `command not found: ${command}`,
      hint: command.includes("/") ? "check the path" : "check PATH",
    })
  }
  const why = { EACCES: "permission denied", ENOENT: "its interpreter is not there", E2BIG: "too many arguments" }[code]
  return new Failure({
    code: "CommandNotExecutable",
    message: `could not run ${command}: ${why ?? code}`,
    hint: `see: ls -l ${command}`,
  })
}
