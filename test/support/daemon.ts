/** The real daemon and the real client, as processes, in a folder of their own. */
import { spawn, type ChildProcess } from "node:child_process"
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { once } from "node:events"
import { request, type IncomingMessage } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"
import { expect, onTestFinished, vi } from "vitest"
import { withInetDiag } from "./inet-diag.ts"
import { startSandbox, type Sandbox, type SandboxOptions } from "../sandbox/sandbox.ts"

export const credd = fileURLToPath(new URL("../../dist/client/main.js", import.meta.url))

export interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Installation {
  readonly home: string
  readonly env: Record<string, string>
  readonly sandbox: Sandbox
  /** Runs `credd …` and waits for its end. */
  run(args: readonly string[], input?: string, more?: Readonly<Record<string, string>>): Promise<Ran>
  /** Asks over the control socket, without a client's start: for tests that ask hundreds of times. */
  ask(method: string, path: string): Promise<{ readonly status: number; readonly stdout: string }>
  /** Starts the daemon and waits until it answers. */
  start(): Promise<ChildProcess>
  /** Starts it and gives what it says when it does not come up. */
  startInVain(): Promise<Ran>
  log(): string
}

/** Takes what is to be done when the test, or the file of tests, is over. */
export type AtEnd = (end: () => void | Promise<void>) => void

export const accessKeyLines = "AKIAEXAMPLEALICE0001\nEXAMPLEsecretOfAliceNotARealOne000000001\n"

export const awsConfig = `[profile acme]
region = eu-west-1
mfa_serial = arn:aws:iam::123456789012:mfa/alice
[profile dev]
role_arn = arn:aws:iam::123456789012:role/developer
source_profile = acme
region = eu-central-1
[profile nomfa]
aws_account = x
[profile sso]
sso_session = x
[profile round]
role_arn = arn:aws:iam::123456789012:role/developer
source_profile = about
[profile about]
role_arn = arn:aws:iam::123456789012:role/developer
source_profile = round
`

export async function install(
  variables: Readonly<Record<string, string>> = {},
  config = awsConfig,
  aws: SandboxOptions = {},
  {
    owner,
    hasInetDiag = false,
    atEnd = onTestFinished,
  }: {
    /** Another user's than ours: only root can have one. */
    readonly owner?: number
    /** As under a service manager that opens the socket by which the kernel is asked whose a connection is. */
    readonly hasInetDiag?: boolean
    readonly atEnd?: AtEnd
  } = {},
): Promise<Installation> {
  const home = mkdtempSync(join(tmpdir(), "credd-e2e-"))
  const sandbox = await startSandbox(aws)
  const children: ChildProcess[] = []
  writeFileSync(join(home, "aws-config"), config)
  const env: Record<string, string> = {
    PATH: process.env["PATH"] ?? "",
    HOME: home,
    CREDD_HOME: join(home, "credd"),
    CREDD_STORE: "memory",
    CREDD_PORT: "0",
    CREDD_LOG_LEVEL: "debug",
    AWS_CONFIG_FILE: join(home, "aws-config"),
    AWS_SHARED_CREDENTIALS_FILE: join(home, "aws-credentials"),
    AWS_ENDPOINT_URL_STS: sandbox.url,
    ...variables,
  }
  let log = ""
  const as = owner === undefined ? {} : { uid: owner, gid: owner, cwd: "/" }
  if (owner !== undefined) {
    chownSync(home, owner, owner)
    chownSync(join(home, "aws-config"), owner, owner)
  }

  async function run(args: readonly string[], input = "", more: Readonly<Record<string, string>> = {}): Promise<Ran> {
    const child = spawn(process.execPath, [credd, ...args], { env: { ...env, ...more }, ...as })
    children.push(child)
    return await finished(child, input)
  }
  function daemon(): ChildProcess {
    const plain = [process.execPath, credd, "daemon"] as const
    const [program, args] = hasInetDiag ? withInetDiag(...plain) : [plain[0], plain.slice(1)]
    const child = spawn(program, [...args], { env, ...as, stdio: ["ignore", "pipe", "pipe"] })
    children.push(child)
    child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
      log += chunk
    })
    return child
  }

  atEnd(async () => {
    for (const child of children) child.kill("SIGKILL")
    await sandbox.close()
    rmSync(home, { recursive: true, force: true, maxRetries: 5 })
  })

  return {
    home,
    env,
    sandbox,
    run,
    async ask(method, path) {
      const socketPath = join(env["CREDD_HOME"] ?? "", "credd.sock")
      const [response] = (await once(request({ socketPath, method, path }).end(), "response")) as [IncomingMessage]
      return { status: response.statusCode ?? 0, stdout: await text(response) }
    },
    async start() {
      const child = daemon()
      await vi.waitFor(
        async () => {
          expect(child.exitCode, log).toBe(null)
          expect(existsSync(join(env["CREDD_HOME"] ?? "", "endpoint.json"))).toBe(true)
          const { status, stdout } = await run(["status", "--json"])
          expect(status).toBe(0)
          expect((JSON.parse(stdout) as { daemon: { pid: number } }).daemon.pid).toBe(child.pid)
        },
        { timeout: 30_000, interval: 50 },
      )
      return child
    },
    async startInVain() {
      return await finished(daemon())
    },
    log: () => log,
  }
}

export async function finished(child: ChildProcess, input = ""): Promise<Ran> {
  const ran = { stdout: "", stderr: "" }
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
    ran.stdout += chunk
  })
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    ran.stderr += chunk
  })
  child.stdin?.on("error", () => undefined).end(input)
  return await new Promise((resolve) => {
    child.once("close", (status) => resolve({ status, ...ran }))
  })
}

export async function killed(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  const ended = new Promise<number | null>((resolve) => {
    child.once("exit", resolve)
  })
  child.kill(signal)
  return await ended
}

/** What a shell has after `eval "$(credd env …)"`. */
export function variablesIn(lines: string): Record<string, string> {
  return Object.fromEntries(
    [...lines.matchAll(/^export (\w+)='(.*)'$/gm)].map(([, name = "", value = ""]) => [name, value]),
  )
}

export async function fetchCredentials(
  { env }: Pick<Installation, "env">,
  profile: string,
): Promise<{ readonly status: number; readonly body: Record<string, string> }> {
  const state = env["CREDD_HOME"] ?? ""
  const { endpoint } = JSON.parse(readFileSync(join(state, "endpoint.json"), "utf8")) as { endpoint: string }
  const token = readFileSync(join(state, "tokens", "shell"), "utf8")
  const response = await fetch(`${endpoint}/credentials/${encodeURIComponent(profile)}`, {
    headers: { authorization: token },
  })
  return { status: response.status, body: (await response.json()) as Record<string, string> }
}

/** Adds alice's access key and logs in as a person would; answers with the code that was sent. */
export async function signIn({ run, sandbox }: Installation, more: readonly string[] = []): Promise<string> {
  expect(await run(["add", "acme"], accessKeyLines)).toMatchObject({ status: 0 })
  const code = sandbox.mfaCode("alice")
  expect(await run(["login", "acme", ...more], `${code}\n`)).toMatchObject({ status: 0 })
  return code
}
