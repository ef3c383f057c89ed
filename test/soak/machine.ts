/** All that a soak runs on: a sandbox STS, a real keyring on a bus of its own, a clock that can be set, and the daemon. */
import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { createWriteStream, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { daemonClient } from "../../client/daemon-client.ts"
import { listenOnPort } from "../../daemon/adapters/listen.ts"
import { startSandbox, type Sandbox } from "../sandbox/sandbox.ts"
import { machineClock } from "../support/faketime.ts"
import { listening } from "../support/listening.ts"
import { startKeyring, type Keyring } from "../support/keyring.ts"
import { world } from "./world.ts"

export const credd = fileURLToPath(new URL("../../../dist/client/main.js", import.meta.url))

export interface Machine {
  readonly sandbox: Sandbox
  readonly keyring: Keyring
  readonly port: number
  readonly env: Readonly<Record<string, string>>
  readonly home: string
  /** AWS's clock. */
  awsNow(): number
  /** Time passes for AWS and for the machine. */
  pass(ms: number): void
  /** The machine's clock goes wrong by so much; 0 sets it right. */
  setWrong(ms: number): void
  /** Starts the daemon and waits until it answers commands. Throws when it does not come up. */
  start(): Promise<void>
  kill(signal: NodeJS.Signals): Promise<void>
  signal(signal: NodeJS.Signals): void
  pid(): number | undefined
  readonly call: ReturnType<typeof daemonClient>
  writeConfig(text: string): void
  shellToken(): string
  /** Hears of a daemon that ended by itself. */
  onDeath(listener: (how: string) => void): void
  log(): string
  close(): Promise<void>
}

export async function startMachine(): Promise<Machine> {
  const home = mkdtempSync(join(tmpdir(), "credd-soak-"))
  const ends: (() => void)[] = []
  const clock = machineClock((end) => ends.push(end))
  let [awsMs, wrongMs] = [0, 0]
  const awsNow = (): number => Date.now() + awsMs
  const sandbox = await startSandbox({ world, now: awsNow })
  const keyring = await startKeyring()
  const port = await quietPort()
  const state = join(home, "credd")
  const configFile = join(home, "config")
  const logFile = join(home, "daemon.log")
  const log = createWriteStream(logFile)
  const env = {
    ...keyring.env,
    HOME: keyring.home,
    CREDD_HOME: state,
    CREDD_PORT: String(port),
    CREDD_STORE: "keychain",
    AWS_CONFIG_FILE: configFile,
    AWS_SHARED_CREDENTIALS_FILE: join(home, "credentials"),
    AWS_ENDPOINT_URL_STS: sandbox.url,
  }
  let daemon: ChildProcess | undefined
  let listener: ((how: string) => void) | undefined
  const call = daemonClient(join(state, "credd.sock"))

  function writeConfig(text: string): void {
    writeFileSync(`${configFile}.new`, text)
    renameSync(`${configFile}.new`, configFile)
  }

  return {
    sandbox,
    keyring,
    port,
    env,
    home,
    awsNow,
    pass(ms) {
      // The machine first: for a moment it is ahead, and never behind.
      clock.set(awsMs + ms + wrongMs)
      awsMs += ms
    },
    setWrong(ms) {
      wrongMs = ms
      clock.set(awsMs + wrongMs)
    },
    async start() {
      const child = spawn(process.execPath, [credd, "daemon"], {
        env: { ...env, ...clock.env },
        stdio: ["ignore", "ignore", "pipe"],
      })
      daemon = child
      child.stderr.pipe(log, { end: false })
      child.once("exit", (status, signal) => {
        if (daemon === child) listener?.(`status ${status}, signal ${signal}`)
      })
      await listening(child)
    },
    async kill(signal) {
      const child = daemon
      daemon = undefined
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, "exit")
      child.kill(signal)
      await ended
    },
    signal: (signal) => void daemon?.kill(signal),
    pid: () => daemon?.pid,
    call,
    writeConfig,
    shellToken: () => readFileSync(join(state, "tokens", "shell"), "utf8"),
    onDeath(next) {
      listener = next
    },
    log: () => readFileSync(logFile, "utf8"),
    async close() {
      listener = undefined
      daemon?.kill("SIGKILL")
      await keyring.close()
      await sandbox.close()
      log.destroy()
      for (const end of ends) end()
      rmSync(home, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** A port that nobody has, and that no outgoing connection will take while the daemon is down. */
async function quietPort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000)
    const probe = createServer()
    try {
      await listenOnPort(probe, port)
      return port
    } catch {
      // Somebody has it.
    } finally {
      probe.close()
    }
  }
}
