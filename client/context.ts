/** All that a command may touch, so that a test can put anything in its place. */
import { accessSync, constants, writeSync } from "node:fs"
import type { ControlRoute, ControlRoutes, HeldRoutes, MadeLease } from "../daemon/api.ts"
import { pathsFrom, type Paths } from "../daemon/paths.ts"
import { errnoCode, realFiles, type Files } from "./files.ts"
import type { Machine } from "./machine.ts"
import type { Stream } from "./output.ts"
import { patiently } from "./patience.ts"
import type { Host } from "./service/host.ts"

export type CallDaemon = <R extends ControlRoute>(
  route: R,
  body: ControlRoutes[R]["body"],
) => Promise<ControlRoutes[R]["answer"]>

/** An answer over HTTP, whatever its status. */
export interface Answer {
  readonly status: number
  readonly text: string
}

export interface Context {
  readonly process: { readonly stdout: Stream; readonly stderr: Stream; exitCode?: number | string | null }
  readonly env: Readonly<Record<string, string | undefined>>
  readonly paths: Paths
  readonly now: () => number
  /** The words that start this very program, from anywhere. */
  readonly program: readonly string[]
  readonly daemon: CallDaemon
  /** Asks the data plane, as an SDK does; throws `DaemonNotRunning` where nobody listens. */
  readonly readCredentials: (uri: string, token: string) => Promise<Answer>
  /** What stands after `--` on the command line. */
  readonly rest: readonly string[]
  /** A lease that ends with this process at the latest. */
  readonly holdLease: (asked: Omit<HeldRoutes["POST /exec"]["body"], "pid" | "token">) => Promise<HeldLease>
  /** Runs a command in our place, and gives its exit status. */
  readonly runChild: (command: ChildCommand) => Promise<number>
  readonly files: Files
  /** Words in the place of bars, colours and redrawing (`--plain`, CREDD_PLAIN): for screen readers. */
  readonly isPlain: boolean
  /** Shows that work takes its time, when it does. */
  readonly working: <T>(what: string, work: () => Promise<T>) => Promise<T>
  /** Whether a person is there to be asked. */
  readonly isInteractive: boolean
  /** The first lines of standard input, when nobody is there. */
  readonly readLines: (count: number) => Promise<readonly string[]>
  /** Asks a person; throws `Interrupted` on Ctrl-C. */
  readonly ask: (question: Question) => Promise<string>
  /** The same in a window, for editors and agents, which have no terminal. */
  readonly askInWindow: (question: Question) => Promise<string>
  /** Waits; Ctrl-C ends it and the process. */
  readonly pause: (ms: number) => Promise<void>
  /** Shows a URL that is a secret: nobody else on the machine gets to see it. */
  readonly openBrowser: (url: string) => Promise<void>
  /** For `credd service`. */
  readonly host: () => Promise<Host>
  /** For `credd doctor`: what it looks at beyond the files. */
  readonly machine: () => Promise<Machine>
  /** Runs a command of the user's (`mfa_process`, `aws-vault`) and gives its output; throws what `failed` says. */
  readonly runShell: (command: string, failed: (how: string) => Error) => Promise<string>
}

export interface HeldLease {
  readonly made: MadeLease
  close(): void
}

export interface ChildCommand {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
}

export interface Question {
  readonly message: string
  readonly isSecret: boolean
  /** Shows how long the code of this half-minute lasts. */
  readonly isMfaCode?: boolean
  /** Why the answer before would not do: for windows, which have no line above them. */
  readonly problem?: string
}

/** What costs start-up time is a getter or an import at the time of use: `credd env` is to be as quick as it can. */
export function processContext(rest: readonly string[] = [], plainly = false): Context {
  const { env } = process
  const paths = pathsFrom(env)
  const isPlain = plainly || Boolean(env["CREDD_PLAIN"])
  const stderr = quickStream(2, () => process.stderr)
  const progress = { stderr, env, isPlain }
  return {
    process: {
      stdout: quickStream(1, () => process.stdout),
      stderr,
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
    get program() {
      const [node = "", script = ""] = process.argv
      return isExecutable(script) ? [script] : [node, script]
    },
    async daemon<R extends ControlRoute>(route: R, body: ControlRoutes[R]["body"]) {
      const { daemonClient } = await import("./daemon-client.ts")
      const answer = daemonClient(paths.socket)(route, body)
      return await patiently(answer, async () => (await import("./progress.ts")).waitingFor(route), progress)
    },
    readCredentials: async (uri, token) => await (await import("./data-plane.ts")).readCredentials(uri, token),
    rest,
    async holdLease(asked) {
      const { holdLease } = await import("./held-lease.ts")
      const held = holdLease(paths.socket, { ...asked, pid: process.pid })
      // What runs the command is read while the daemon makes the lease.
      setImmediate(() => void import("./child.ts"))
      return await held
    },
    runChild: async (command) => await (await import("./child.ts")).runChild(command),
    files: realFiles,
    isPlain,
    working: async (what, work) => await patiently(work(), () => what, progress),
    get isInteractive() {
      return process.stdin.isTTY && process.stderr.isTTY
    },
    readLines: async (count) => await (await import("./stdin-lines.ts")).readLines(process.stdin, count),
    ask: async (question) =>
      isPlain
        ? await (await import("./plain-prompt.ts")).askPlainly(question)
        : await (await import("./prompt.ts")).ask(question),
    askInWindow: async (question) => await (await import("./window-prompt.ts")).askInWindow(question),
    pause: async (ms) => {
      await new Promise((resolve) => setTimeout(resolve, ms))
    },
    openBrowser: async (url) => await (await import("./browser.ts")).openBrowser(url),
    host: async () => (await import("./service/host.ts")).realHost(),
    machine: async () => (await import("./machine.ts")).realMachine,
    runShell: async (command, failed) => await (await import("./run-shell.ts")).runShell(command, failed),
  }
}

/**
 * Opening one of the process's streams costs 3 ms, and writing to its descriptor next to nothing: what a command says is
 * short. Whatever the descriptor does not take at once (a pipe that is full and does not block) goes through the stream.
 */
function quickStream(fd: number, open: () => NodeJS.WriteStream): Stream {
  let opened: NodeJS.WriteStream | undefined
  const stream = (): NodeJS.WriteStream => {
    opened ??= open().on("error", endQuietly)
    return opened
  }
  return {
    write(text) {
      if (opened !== undefined) return opened.write(text)
      const bytes = Buffer.from(text)
      let written = 0
      try {
        while (written < bytes.length) written += writeSync(fd, bytes, written)
      } catch (error) {
        if (errnoCode(error) !== "EAGAIN") endQuietly(error)
        return stream().write(bytes.subarray(written))
      }
      return true
    },
    get isTTY() {
      return stream().isTTY
    },
    get columns() {
      return stream().columns
    },
    get rows() {
      return stream().rows
    },
  }
}

/** `credd status | head -1`: whoever reads may stop reading. */
function endQuietly(error: unknown): never {
  if (errnoCode(error) === "EPIPE") process.exit()
  throw error
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
