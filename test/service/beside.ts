/** Programs that run in the machine beside a test, until the test has had enough of them. */
import { spawn } from "node:child_process"
import { copyFileSync } from "node:fs"
import { join } from "node:path"
import type { Machine, User } from "./machine.ts"

export interface Request {
  readonly began: number
  readonly ended: number
  /** `ok`, or a status or an error's code. */
  readonly outcome: string
}

/** Starts one of this folder's programs as a user; gives what ends it, and answers with what it then tells. */
async function beside<T>(machine: Machine, user: User, name: string, args: string): Promise<() => Promise<T>> {
  copyFileSync(new URL(name, import.meta.url), join(machine.root, "srv", name))
  const [program, words] = machine.command(user, `exec node /srv/${name} ${args}`)
  const child = spawn(program, [...words], { stdio: ["pipe", "pipe", "inherit"] })
  let said = ""
  const begun = new Promise((resolve) => child.stdout.once("data", resolve))
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (said += chunk))
  await begun
  return async () => {
    const closed = new Promise((resolve) => child.once("close", resolve))
    child.stdin.end("enough\n")
    await closed
    return JSON.parse(said.replace("begun\n", "")) as T
  }
}

export const underLoad = (machine: Machine, rate = 200): Promise<() => Promise<readonly Request[]>> =>
  beside(machine, "owner", "load.mjs", `9912 .local/state/credd/tokens/shell ${rate}`)

export const squatting = (machine: Machine, port = 9912): Promise<() => Promise<{ tries: number; won: number }>> =>
  beside(machine, "intruder", "squat.mjs", String(port))
