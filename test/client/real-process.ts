/** The built client as a real process. */
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

const main = fileURLToPath(new URL("../../dist/client/main.js", import.meta.url))

export interface Ran {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv
  /** Written to stdin; `keepOpen` leaves it open afterwards, as a terminal multiplexer would. */
  readonly stdin?: string
  readonly keepOpen?: boolean
}

export async function run(
  command: string,
  args: readonly string[],
  { env = {}, stdin = "", keepOpen = false }: RunOptions = {},
): Promise<Ran> {
  return await new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { PATH: process.env["PATH"], ...env }, stdio: "pipe" })
    const texts = { stdout: "", stderr: "" }
    child.stdout.setEncoding("utf8").on("data", (text: string) => (texts.stdout += text))
    child.stderr.setEncoding("utf8").on("data", (text: string) => (texts.stderr += text))
    child.stdin.on("error", () => undefined)
    if (keepOpen) child.stdin.write(stdin)
    else child.stdin.end(stdin)
    child.once("error", reject)
    child.once("close", (status, signal) => resolve({ status, signal, ...texts }))
  })
}

export async function runCredd(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return await run(process.execPath, [main, ...args], options)
}
