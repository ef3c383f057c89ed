/** How programs are started: one that answers line by line for as long as it lives, or a command that is run anew for each call. */
import { spawn, type ChildProcess } from "node:child_process"
import { createInterface } from "node:readline"
import type { Answer, Running, Shell, Start } from "./sdk.ts"

/** Evaluates what `credd env` printed, as a person's shell does, and becomes the program. */
const evaluate = ["-c", 'eval "$CREDD_LINES"; unset CREDD_LINES; exec "$@"', "sh"]

function inShell({ env, lines }: Shell, command: readonly string[]): ChildProcess {
  return spawn("/bin/sh", [...evaluate, ...command], { env: { ...env, CREDD_LINES: lines } })
}

/** Prints a line of JSON for each line that it reads: `{"ok":true,"arn":…}` or `{"ok":false,"error":…}`. */
export function answering(command: readonly string[], more: Readonly<Record<string, string>> = {}): Start {
  return (shell) => {
    const env = { ...shell.env, ...more, SANDBOX_STS_URL: shell.stsUrl, SANDBOX_S3_URL: shell.s3Url }
    const child = inShell({ ...shell, env }, command)
    let said = ""
    child.stderr?.setEncoding("utf8").on("data", (chunk: string) => (said += chunk))
    child.stdin?.on("error", () => undefined)
    const waiting: ((answer: Answer) => void)[] = []
    if (child.stdout === null) throw new Error("the program has no stdout")
    createInterface(child.stdout).on("line", (line) => waiting.shift()?.(answerIn(line)))
    const ended = new Promise<void>((resolve) => {
      child.once("close", (status, signal) => {
        for (const each of waiting.splice(0)) each({ error: `ended with ${signal ?? status}: ${said}` })
        resolve()
      })
    })
    return {
      async call() {
        if (child.exitCode !== null) return { error: `ended before the call with ${child.exitCode}: ${said}` }
        return await new Promise((resolve) => {
          waiting.push(resolve)
          child.stdin?.write("call\n")
        })
      },
      async close() {
        child.stdin?.end()
        // A runtime may wait for threads of its own.
        const stuck = setTimeout(() => child.kill("SIGKILL"), 5_000)
        await ended
        clearTimeout(stuck)
      },
    }
  }
}

function answerIn(line: string): Answer {
  const { ok, arn, error } = JSON.parse(line) as { ok: boolean; arn?: string; error?: string }
  return ok ? { arn: arn ?? "" } : { error: error ?? "" }
}

/** A command that ends after each call: it prints the ARN, or fails and says why on stderr. */
export function eachTime(line: (shell: Shell) => readonly string[]): Start {
  return (shell): Running => ({
    async call() {
      const child = inShell(shell, line(shell))
      const said = { stdout: "", stderr: "" }
      child.stdin?.end()
      for (const name of ["stdout", "stderr"] as const) {
        child[name]?.setEncoding("utf8").on("data", (chunk: string) => (said[name] += chunk))
      }
      const status = await new Promise((resolve) => {
        child.once("close", resolve)
      })
      return status === 0 ? { arn: said.stdout.trim() } : { error: said.stderr.trim() }
    },
    close: async () => await Promise.resolve(),
  })
}
