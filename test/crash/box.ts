/** A daemon's home that can be put back to how it was, the daemon in it, and all that can be seen of its state. */
import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, onTestFinished, vi } from "vitest"
import { daemonClient } from "../../client/daemon-client.ts"
import { Failure } from "../../client/failure.ts"
import type { EndpointFile } from "../../daemon/api.ts"
import { startSandbox, type Sandbox } from "../sandbox/sandbox.ts"
import { listening } from "../support/listening.ts"

export const credd = fileURLToPath(new URL("../../dist/client/main.js", import.meta.url))

export const alice = {
  accessKeyId: "AKIAEXAMPLEALICE0001",
  secretAccessKey: "EXAMPLEsecretOfAliceNotARealOne000000001",
}

const config = `[profile acme]
region = eu-west-1
mfa_serial = arn:aws:iam::123456789012:mfa/alice
[profile dev]
role_arn = arn:aws:iam::123456789012:role/developer
source_profile = acme
`

export interface Box {
  readonly home: string
  readonly state: string
  /** Where a tracer makes its notes. */
  readonly trace: string
  readonly env: Readonly<Record<string, string>>
  readonly sandbox: Sandbox
  readonly call: ReturnType<typeof daemonClient>
  start(): Promise<ChildProcess>
  end(daemon: ChildProcess): Promise<void>
  /** Remembers how all files are; the daemon must not run. */
  keep(): void
  /** Puts them back. */
  restore(): void
  login(): Promise<unknown>
  addKey(profile?: string): Promise<unknown>
}

export async function openBox(variables: Readonly<Record<string, string>> = {}): Promise<Box> {
  const home = mkdtempSync(join(tmpdir(), "credd-crash-"))
  const kept = `${home}.kept`
  const trace = `${home}.trace`
  const sandbox = await startSandbox()
  const state = join(home, "credd")
  const env: Record<string, string> = {
    PATH: process.env["PATH"] ?? "",
    HOME: home,
    CREDD_HOME: state,
    CREDD_STORE: "file",
    CREDD_PASSPHRASE_FILE: join(home, "passphrase"),
    CREDD_PORT: "0",
    AWS_CONFIG_FILE: join(home, "config"),
    AWS_SHARED_CREDENTIALS_FILE: join(home, "credentials"),
    AWS_ENDPOINT_URL_STS: sandbox.url,
    AWS_ENDPOINT_URL_IAM: sandbox.url,
    // One thread for all file effects, so that they come in the same order each time.
    UV_THREADPOOL_SIZE: "1",
    ...variables,
  }
  writeFileSync(join(home, "config"), config)
  writeFileSync(join(home, "passphrase"), "EXAMPLE-passphrase\n", { mode: 0o600 })
  const call = daemonClient(join(state, "credd.sock"))
  const running = new Set<ChildProcess>()

  onTestFinished(async () => {
    for (const child of running) child.kill("SIGKILL")
    await sandbox.close()
    for (const path of [home, kept, trace]) rmSync(path, { recursive: true, force: true, maxRetries: 5 })
  })

  return {
    home,
    state,
    trace,
    env,
    sandbox,
    call,
    async start() {
      const child = spawn(process.execPath, [credd, "daemon"], { env, stdio: ["ignore", "ignore", "pipe"] })
      running.add(child)
      await listening(child)
      return child
    },
    async end(child) {
      running.delete(child)
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, "exit")
      child.kill("SIGKILL")
      await ended
    },
    keep() {
      rmSync(kept, { recursive: true, force: true })
      cpSync(home, kept, { recursive: true, filter: (path) => !path.endsWith(".sock") })
    },
    restore() {
      for (const name of readdirSync(home)) rmSync(join(home, name), { recursive: true })
      cpSync(kept, home, { recursive: true })
      // AWS takes a code once, and each try has to log in anew.
      sandbox.reset()
    },
    login: () => call("POST /login", { profile: "acme", mfaCode: sandbox.mfaCode("alice"), durationSeconds: 3_600 }),
    addKey: (profile = "acme") => call("POST /access-keys", { profile, ...alice }),
  }
}

/** All that a person or a caller can see of the state, less what differs from start to start. */
export async function picture({ call, state }: Box, tokens: readonly string[]): Promise<object> {
  // A busy machine may not answer the keyring's helper in time at first; the daemon finds out by itself.
  await vi.waitFor(async () => expect((await call("GET /status", {})).daemon.storeState).toBe("ready"), {
    timeout: 60_000,
    interval: 200,
  })
  const { sessions, profiles, leases, warnings } = await call("GET /status", {})
  const { endpoints } = await call("GET /imds", {})
  const { endpoint, profiles: served } = JSON.parse(readFileSync(join(state, "endpoint.json"), "utf8")) as EndpointFile
  const keys = await Promise.all(profiles.map(async ({ name }) => [name, await hasKey(name)] as const))
  async function accepts(token: string): Promise<boolean> {
    const { status } = await fetch(`${endpoint}/credentials/acme`, { headers: { authorization: token } })
    return status !== 401
  }
  async function hasKey(profile: string): Promise<string> {
    try {
      await call("GET /login-plan", { profile })
      return "kept"
    } catch (error) {
      return error instanceof Failure ? error.code : "?"
    }
  }
  // Whatever else has changed, `credd env` must give a token that is good.
  expect(await accepts(readFileSync(join(state, "tokens", "shell"), "utf8"))).toBe(true)
  return {
    files: filesIn(state).filter((name) => !isTrail(name) && !isCompiled(name)),
    sessions: sessions.map((session) => [session.sourceProfile, session.state]),
    profiles: profiles.map((profile) => [profile.name, profile.kind, profile.state]),
    keys,
    leases: leases.map((lease) => [lease.name, lease.profiles, lease.scope]),
    tokens: await Promise.all(tokens.map(accepts)),
    imds: endpoints.map((each) => [each.profile, each.enabledBy]),
    served: Object.entries(served).map(([name, { imds }]) => [name, imds !== undefined]),
    warnings,
  }
}

/** Nothing is left over, nothing is half, and no secret lies in the open. */
export function checkFiles({ state, sandbox }: Box): void {
  const names = filesIn(state)
  expect(names.filter((name) => name.endsWith(".tmp") && !isTrail(name))).toEqual([])
  const texts = names.map((name) => [name, readFileSync(join(state, name), "utf8")] as const)
  for (const [name, text] of texts) {
    if (name.endsWith(".json") && !isTrail(name)) expect(() => JSON.parse(text) as unknown, name).not.toThrow()
    expect(text).not.toContain(alice.secretAccessKey)
    for (const { secretAccessKey, sessionToken } of sandbox.allIssued()) {
      expect(text).not.toContain(secretAccessKey)
      expect(text).not.toContain(sessionToken)
    }
  }
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8", withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .toSorted()
}

/** What V8 has compiled is kept some time after it was read, and then or never: it is no part of any change. */
function isCompiled(name: string): boolean {
  return name.startsWith("compiled/")
}

/** The audit trail is written behind, in its own time; it has a temporary file of one name, and takes it up again. */
function isTrail(name: string): boolean {
  return name.startsWith("audit/")
}
