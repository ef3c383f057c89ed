/** The real daemon and client in a folder of their own, against the sandbox STS, with the settings that a person has by default. */
import { spawn, type ChildProcess } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { startSandbox } from "../sandbox/sandbox.ts"
import { exampleWorld } from "../sandbox/world.ts"
import { withInetDiag } from "../support/inet-diag.ts"
import { node, stopped } from "./processes.ts"

export const credd = fileURLToPath(new URL("../../../dist/client/main.js", import.meta.url))

export interface Installation {
  readonly home: string
  readonly env: NodeJS.ProcessEnv
  readonly daemon: ChildProcess
  /** From its start to the file that shells read. */
  readonly startMs: number
  /** Adds the access key of the profile `acme` and logs in, so that the role profile `dev` is served. */
  login(): Promise<void>
  /** Where the profile is served, and the token to ask with. */
  endpoint(): Promise<{ readonly url: URL; readonly token: string }>
  close(): Promise<void>
}

export const awsConfig = `[profile acme]
mfa_serial = arn:aws:iam::123456789012:mfa/alice
[profile dev]
role_arn = arn:aws:iam::123456789012:role/developer
source_profile = acme
region = eu-central-1
`

export interface InstallOptions {
  readonly config?: string
  /** In the place of the memory store and a free port. */
  readonly env?: Readonly<Record<string, string>>
  /** As the service has it: the kernel is asked for one connection, not for its table. */
  readonly hasInetDiag?: boolean
  /** With the watchdog's thread, and with what it has not read yet held open, since an upgrade may take the files away. */
  readonly isSupervised?: boolean
}

export async function install({
  config = awsConfig,
  env: more = {},
  hasInetDiag = false,
  isSupervised = false,
}: InstallOptions = {}): Promise<Installation> {
  const home = await mkdtemp(join(tmpdir(), "credd-bench-"))
  const sandbox = await startSandbox()
  await writeFile(join(home, "config"), config)
  const state = join(home, "credd")
  const env: NodeJS.ProcessEnv = {
    PATH: process.env["PATH"],
    HOME: home,
    SHELL: "/bin/sh",
    CREDD_HOME: state,
    CREDD_STORE: "memory",
    CREDD_PORT: "0",
    AWS_CONFIG_FILE: join(home, "config"),
    AWS_SHARED_CREDENTIALS_FILE: join(home, "credentials"),
    AWS_ENDPOINT_URL_STS: sandbox.url,
    ...more,
  }
  const command = [process.execPath, credd, "daemon", ...(isSupervised ? ["--supervised"] : [])] as const
  const [program, args] = hasInetDiag ? withInetDiag(...command) : [command[0], command.slice(1)]
  const daemon = spawn(program, [...args], { env, stdio: "ignore" })
  const startedAt = performance.now()
  while (!existsSync(join(state, "endpoint.json"))) {
    if (performance.now() - startedAt > 10_000 || daemon.exitCode !== null) throw new Error("the daemon did not start")
    await sleep(2)
  }
  const startMs = performance.now() - startedAt

  return {
    home,
    env,
    daemon,
    startMs,
    async login() {
      const [key] = exampleWorld.users[0]?.accessKeys ?? []
      await node([credd, "add", "acme"], env, `${key?.accessKeyId}\n${key?.secretAccessKey}\n`)
      await node([credd, "login", "acme"], env, `${sandbox.mfaCode("alice")}\n`)
    },
    async endpoint() {
      const { endpoint } = JSON.parse(await readFile(join(state, "endpoint.json"), "utf8")) as { endpoint: string }
      const token = await readFile(join(state, "tokens", "shell"), "utf8")
      return { url: new URL(`${endpoint}/credentials/dev`), token }
    },
    async close() {
      await stopped(daemon)
      await sandbox.close()
      await rm(home, { recursive: true, force: true })
    },
  }
}
