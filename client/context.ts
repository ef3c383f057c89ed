/** All that a command may touch, so that a test can put anything in its place. */
import { pathsFrom, type Paths } from "../daemon/paths.ts"
import { daemonClient, type CallDaemon } from "./daemon-client.ts"
import type { Stream } from "./output.ts"

export interface Context {
  readonly process: { readonly stdout: Stream; readonly stderr: Stream; exitCode?: number | string | null }
  readonly env: Readonly<Record<string, string | undefined>>
  readonly paths: Paths
  readonly now: () => number
  readonly daemon: CallDaemon
  /** Whether a person is there to be asked. */
  readonly isInteractive: boolean
  /** The first lines of standard input, when nobody is there. */
  readonly readLines: (count: number) => Promise<readonly string[]>
  /** Asks a person; throws `Interrupted` on Ctrl-C. */
  readonly ask: (question: Question) => Promise<string>
  /** Runs a command of the user's (`mfa_process`) and gives its output. */
  readonly runShell: (command: string) => Promise<string>
}

export interface Question {
  readonly message: string
  readonly isSecret: boolean
}

export function processContext(): Context {
  const { env, stdin } = process
  const paths = pathsFrom(env)
  return {
    process: {
      stdout: process.stdout,
      stderr: process.stderr,
      get exitCode() {
        return process.exitCode ?? null
      },
      set exitCode(status) {
        process.exitCode = status ?? undefined
      },
    },
    env,
    paths,
    now: Date.now,
    daemon: daemonClient(paths.socket),
    isInteractive: stdin.isTTY && process.stderr.isTTY,
    readLines: async (count) => await (await import("./prompt.ts")).readLines(stdin, count),
    ask: async (question) => await (await import("./prompt.ts")).ask(question),
    runShell: async (command) => await (await import("./prompt.ts")).runShell(command),
  }
}
