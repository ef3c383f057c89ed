/** A real gnome-keyring-daemon on a session bus of its own, in a folder of its own, in every state a user's can be in. */
import { execFile, spawn, type ChildProcess } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { promisify } from "node:util"

const run = promisify(execFile)

export interface Keyring {
  /** For programs that are to find this bus. */
  readonly env: Readonly<Record<string, string>>
  readonly home: string
  lock(): Promise<void>
  /** As a desktop login does: the daemon is replaced by one that has the password. */
  unlock(): Promise<void>
  /** As after a reboot: the daemon is there before anybody has logged in. */
  restartLocked(): Promise<void>
  kill(): Promise<void>
  /** How often anything asked a person to unlock the keyring. */
  prompts(): number
  /** Hangs it (SIGSTOP), and lets it go on. */
  hang(): void
  resume(): void
  killBus(): Promise<void>
  close(): Promise<void>
}

const password = "EXAMPLE-keyring-password"

/** `isLonely`: a bus that nobody keeps secrets on, and that starts nobody who would, as in many a container. */
export async function startKeyring({ isUnlocked = true, isLonely = false } = {}): Promise<Keyring> {
  const home = mkdtempSync(join(tmpdir(), "credd-keyring-"))
  const env: Record<string, string> = { PATH: process.env["PATH"] ?? "", HOME: home, LANG: "C.UTF-8" }
  for (const [name, folder] of [
    ["XDG_DATA_HOME", "data"],
    ["XDG_RUNTIME_DIR", "run"],
    ["XDG_CACHE_HOME", "cache"],
    ["XDG_CONFIG_HOME", "config"],
  ] as const) {
    env[name] = join(home, folder)
    mkdirSync(join(home, folder), { mode: 0o700 })
  }
  const bus = await startBus(env, isLonely)
  env["DBUS_SESSION_BUS_ADDRESS"] = bus.address

  let keyring: ChildProcess | undefined
  async function start(how: "--unlock" | "--start"): Promise<void> {
    await stop()
    // In the foreground, so that it is our child and ends with us.
    keyring = spawn("gnome-keyring-daemon", ["--foreground", "--replace", "--components=secrets", how], {
      env,
      stdio: ["pipe", "ignore", "ignore"],
    })
    keyring.stdin?.end(how === "--unlock" ? password : "")
    // The bus may have started one of its own meanwhile; ours replaces it.
    const startedAt = performance.now()
    while ((await owner().catch(() => undefined)) !== keyring?.pid) {
      if (performance.now() - startedAt > 10_000) throw new Error("the keyring daemon did not take the bus name")
      await sleep(50)
    }
  }
  async function stop(): Promise<void> {
    const old = keyring
    keyring = undefined
    await ended(old)
  }
  async function owner(): Promise<number> {
    const answer = await call(
      "org.freedesktop.DBus",
      "/",
      "org.freedesktop.DBus.GetConnectionUnixProcessID",
      "string:org.freedesktop.secrets",
    )
    return Number(/uint32 (\d+)/.exec(answer)?.[1])
  }
  async function call(destination: string, path: string, method: string, ...parameters: string[]): Promise<string> {
    const { stdout } = await run(
      "dbus-send",
      ["--session", "--print-reply", `--dest=${destination}`, path, method, ...parameters],
      { env },
    )
    return stdout
  }

  if (isUnlocked && !isLonely) await start("--unlock")
  return {
    env,
    home,
    async lock() {
      await call(
        "org.freedesktop.secrets",
        "/org/freedesktop/secrets",
        "org.freedesktop.Secret.Service.Lock",
        "array:objpath:/org/freedesktop/secrets/collection/login",
      )
    },
    unlock: () => start("--unlock"),
    restartLocked: () => start("--start"),
    kill: stop,
    prompts: () => bus.log().split("Activating service name='org.gnome.keyring.SystemPrompter'").length - 1,
    hang: () => void keyring?.kill("SIGSTOP"),
    resume: () => void keyring?.kill("SIGCONT"),
    killBus: () => ended(bus.process),
    async close() {
      await stop()
      await ended(bus.process)
      rmSync(home, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

interface Bus {
  readonly process: ChildProcess
  readonly address: string
  readonly log: () => string
}

/** As `session.conf` has it, without the folders of services to start. */
const lonelyConfig = `<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>`

async function startBus(env: Readonly<Record<string, string>>, isLonely: boolean): Promise<Bus> {
  const config = join(env["XDG_CONFIG_HOME"] ?? "", "lonely-bus.conf")
  if (isLonely) writeFileSync(config, lonelyConfig)
  const how = isLonely ? `--config-file=${config}` : "--session"
  const child = spawn("dbus-daemon", [how, "--nofork", "--print-address=1"], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  })
  let log = ""
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    log += chunk
  })
  const address = await new Promise<string>((resolve, reject) => {
    child.once("error", reject)
    child.stdout.once("data", (chunk: Buffer) => resolve(chunk.toString().trim()))
  })
  return { process: child, address, log: () => log }
}

async function ended(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
  const closed = new Promise((resolve) => {
    child.once("exit", resolve)
  })
  child.kill("SIGKILL")
  await closed
}
