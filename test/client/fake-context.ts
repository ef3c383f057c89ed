/** A context without a machine: files in memory, a scripted daemon, a person who answers from a list. */
import { basename, dirname } from "node:path"
import type {
  ControlRoute,
  ControlRoutes,
  EndpointFile,
  ErrorBody,
  HeldRoute,
  MadeLease,
  Status,
} from "../../daemon/api.ts"
import { runApp } from "../../client/app.ts"
import type { Answer, CallDaemon, Context } from "../../client/context.ts"
import { Failure, interrupted } from "../../client/failure.ts"
import type { Files } from "../../client/files.ts"
import type { Machine } from "../../client/machine.ts"
import type { Host } from "../../client/service/host.ts"

export const home = "/home/alice/.credd"
const now = Date.parse("2026-11-23T10:00:00Z")

export type Handlers = {
  [R in ControlRoute]?: (body: ControlRoutes[R]["body"]) => ControlRoutes[R]["answer"]
}

export interface Call {
  readonly route: ControlRoute | HeldRoute | "closed" | "child"
  readonly body: unknown
}

export interface Options {
  readonly env?: Readonly<Record<string, string>>
  readonly files?: Readonly<Record<string, string>>
  readonly daemon?: Handlers | "not running"
  /** What the data plane answers, in order; the last one again and again. */
  readonly answers?: readonly Answer[]
  readonly program?: readonly string[]
  /** What a person types, in order; undefined is Ctrl-C. Without it nobody is there. */
  readonly typed?: readonly (string | undefined)[]
  /** The same in windows, for `--gui`. */
  readonly typedInWindow?: readonly string[]
  readonly stdin?: string
  readonly shell?: (command: string) => string
  /** For `credd doctor`. */
  readonly machine?: Machine
  /** What stands after `--`. */
  readonly rest?: readonly string[]
  /** What the daemon answers to `credd exec`. */
  readonly held?: (body: Parameters<Context["holdLease"]>[0]) => MadeLease
  /** How the command ends. */
  readonly child?: number
  /** For `credd service`. */
  readonly host?: Host
  readonly browser?: (url: string) => unknown
  readonly columns?: number
  readonly isTerminal?: boolean
  readonly isPlain?: boolean
  readonly rows?: number
  /** After so many pauses comes Ctrl-C. */
  readonly pauses?: number
  /** Runs at each pause, with what has been written so far at hand. */
  readonly onPause?: (files: Map<string, Buffer>) => unknown
  /** Runs at each daemon call: another program at work on the same files. */
  readonly onCall?: (files: Map<string, Buffer>) => unknown
}

export interface Outcome {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
  readonly calls: readonly Call[]
  readonly asked: readonly string[]
  /** What the data plane was asked for: URI and token. */
  readonly requests: readonly string[]
  readonly files: ReadonlyMap<string, string>
}

export function refuse(body: ErrorBody): never {
  throw new Failure(body)
}

/** Runs one command line as `credd` would, against fakes. */
export async function credd(args: readonly string[], options: Options = {}): Promise<Outcome> {
  const { env = {}, daemon = {}, typed, stdin = "", shell, columns, rows, isTerminal = false } = options
  let pauses = options.pauses ?? 0
  const written = { stdout: "", stderr: "" }
  const calls: Call[] = []
  const asked: string[] = []
  const requests: string[] = []
  let dataPlane = options.answers ?? []
  const answers = [...(typed ?? [])]
  const windowAnswers = [...(options.typedInWindow ?? [])]
  const held = new Map(Object.entries(options.files ?? {}).map(([path, text]) => [path, Buffer.from(text)]))
  const stream = (name: "stdout" | "stderr") => ({
    write: (text: string) => {
      written[name] += text
    },
    isTTY: isTerminal,
    ...(columns === undefined ? {} : { columns }),
    ...(rows === undefined ? {} : { rows }),
  })
  const call = async (route: ControlRoute, body: unknown): Promise<unknown> => {
    calls.push({ route, body })
    options.onCall?.(held)
    if (daemon === "not running") {
      return refuse({
        code: "DaemonNotRunning",
        message: "the credd daemon is not running",
        hint: "run: credd service install   (or, in the foreground: credd daemon)",
      })
    }
    const handler = daemon[route] as ((body: unknown) => unknown) | undefined
    if (handler === undefined) throw new Error(`the test expects no ${route}`)
    return handler(body)
  }
  const context: Context = {
    process: { stdout: stream("stdout"), stderr: stream("stderr") },
    env,
    paths: { settings: `${home}/config.toml`, state: home, socket: `${home}/credd.sock` },
    now: () => now,
    daemon: call as CallDaemon,
    program: options.program ?? ["/usr/local/bin/credd"],
    readCredentials: async (uri, given) => {
      requests.push(`${uri} ${given}`)
      options.onCall?.(held)
      const [next, ...rest] = dataPlane
      if (next === undefined) return refuse({ code: "DaemonNotRunning", message: "the credd daemon is not running" })
      if (rest.length > 0) dataPlane = rest
      return next
    },
    rest: options.rest ?? [],
    holdLease: async (body) => {
      calls.push({ route: "POST /exec", body })
      if (options.held === undefined) throw new Error("the test expects no lease")
      return { made: options.held(body), close: () => void calls.push({ route: "closed", body: {} }) }
    },
    runChild: async (command) => {
      calls.push({ route: "child", body: command })
      return options.child ?? 0
    },
    files: memoryFiles(held),
    isPlain: options.isPlain === true,
    working: async (_, work) => await work(),
    isInteractive: typed !== undefined,
    readLines: async (count) => stdin.split("\n").slice(0, count),
    askInWindow: async ({ message, problem }) => {
      asked.push(`window: ${problem === undefined ? "" : `${problem}; `}${message}`)
      const answer = windowAnswers.shift()
      if (answer === undefined) throw interrupted()
      return answer
    },
    ask: async ({ message }) => {
      asked.push(message)
      const answer = answers.shift()
      if (answer === undefined) throw interrupted()
      return answer
    },
    pause: async () => {
      pauses -= 1
      if (pauses >= 0) options.onPause?.(held)
      if (pauses < 0) throw interrupted()
    },
    openBrowser: async (url) => {
      if (options.browser === undefined) throw new Error("the test expects no browser")
      options.browser(url)
    },
    host: async () => {
      if (options.host === undefined) throw new Error("the test expects no service")
      return options.host
    },
    machine: async () => {
      if (options.machine === undefined) throw new Error("the test expects no look at the machine")
      return options.machine
    },
    runShell: async (command) => {
      if (shell === undefined) throw new Error("the test expects no mfa_process")
      return shell(command)
    },
  }
  await runApp(args, context)
  return {
    status: Number(context.process.exitCode),
    ...written,
    calls,
    asked,
    requests,
    files: new Map([...held].map(([path, bytes]) => [path, bytes.toString()])),
  }
}

function memoryFiles(held: Map<string, Buffer>): Files {
  return {
    read: (path) => held.get(path),
    readFrom: (path, offset) => held.get(path)?.subarray(offset),
    list: (folder) => [...held.keys()].filter((path) => dirname(path) === folder).map((path) => basename(path)),
    target: (path) => path,
    write: (path, bytes) => void held.set(path, bytes),
    rename: (from, to) => {
      held.set(to, held.get(from)!)
      held.delete(from)
    },
    remove: (path) => void held.delete(path),
    beside: () => [...held.keys()],
  }
}

export const token = "fake-token-0123456789"

export function endpointFiles(
  profiles: EndpointFile["profiles"],
  defaultProfile: string | null = null,
): Record<string, string> {
  const endpoint: EndpointFile = {
    endpoint: "http://127.0.0.1:9912",
    tokenFile: `${home}/tokens/shell`,
    defaultProfile,
    profiles,
  }
  return { [`${home}/endpoint.json`]: JSON.stringify(endpoint), [`${home}/tokens/shell`]: token }
}

export function statusAnswer(changes: Partial<Status> = {}): Status {
  return {
    daemon: {
      version: "0.1.0",
      pid: 4711,
      startedAt: "2026-11-23T08:00:00Z",
      endpoint: "http://127.0.0.1:9912",
      store: "file",
      storeState: "ready",
    },
    sessions: [],
    profiles: [],
    leases: [],
    warnings: [],
    ...changes,
  }
}
