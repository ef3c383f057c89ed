/** A whole Debian, booted with systemd as its init in a container without a network; its disk is an overlay that is thrown away. */
import { execFile, execFileSync, spawn, type ChildProcess } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { vi } from "vitest"
import { disk, installed } from "./prepare.ts"

export interface Ran {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export interface Machine {
  /** Its disk, as seen from outside. */
  readonly root: string
  /** Runs a shell line as root. */
  run(line: string): Promise<Ran>
  /** Runs a shell line as a user whose manager runs. */
  as(user: User, line: string): Promise<Ran>
  /** The program and the arguments that run a shell line as a user, for what is to run beside the test. */
  command(user: User, line: string): readonly [string, readonly string[]]
  /** Opens a session at a (virtual) terminal, through PAM and logind; ends it. */
  login(user: User): Promise<void>
  logout(user: User): Promise<void>
  reboot(): Promise<void>
  powerOff(): Promise<void>
}

export type User = "owner" | "intruder"
const ids = { owner: 1000, intruder: 1001 } as const

/** A machine that does not power off by itself is switched off. */
const patienceMs = 20_000

/** With the package installed, or as bare as a new machine with node. */
export async function bootMachine({ isBare = false } = {}): Promise<Machine> {
  const folder = mkdtempSync(join(tmpdir(), "credd-machine-"))
  const root = join(folder, "root")
  // Overlayfs wants its own layer on a file system that is no overlay itself.
  mkdirSync(join(folder, "layer"))
  execFileSync("mount", ["-t", "tmpfs", "tmpfs", join(folder, "layer")])
  for (const path of [root, join(folder, "layer", "upper"), join(folder, "layer", "work")]) mkdirSync(path)
  const layers = `lowerdir=${isBare ? disk : `${installed}:${disk}`},upperdir=${folder}/layer/upper,workdir=${folder}/layer/work`
  execFileSync("mount", ["-t", "overlay", "overlay", "-o", layers, root])
  let container: ChildProcess
  let init = ""

  async function boot(): Promise<void> {
    container = spawn(
      "systemd-nspawn",
      ["-q", "-D", root, "--register=no", "--keep-unit", "--private-network", "--boot", "--console=pipe"],
      { stdio: ["ignore", "ignore", "ignore"] },
    )
    await vi.waitFor(
      async () => {
        init = readFileSync(`/proc/${container.pid}/task/${container.pid}/children`, "utf8").trim()
        const { stdout } = await run("systemctl is-system-running")
        if (!/running|degraded/.test(stdout)) throw new Error(`the machine is ${stdout}`)
      },
      { timeout: 30_000, interval: 100 },
    )
  }

  async function halt(): Promise<void> {
    const ended = new Promise((resolve) => {
      if (container.exitCode !== null) resolve(undefined)
      container.once("exit", resolve)
      // Its processes end with it.
      setTimeout(() => container.kill("SIGKILL"), patienceMs).unref()
    })
    await run("systemctl poweroff")
    await ended
  }

  const enter = (line: string): readonly [string, readonly string[]] => [
    "nsenter",
    ["-t", init, "-a", "env", "-i", "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin", "HOME=/root", "sh", "-c", line],
  ]
  const run = (line: string): Promise<Ran> => finished(enter(line))
  const command = (user: User, line: string): readonly [string, readonly string[]] => {
    const runtime = `/run/user/${ids[user]}`
    const identity = ["setpriv", "--reuid", user, "--regid", user, "--init-groups"]
    const env = [
      "PATH=/usr/local/bin:/usr/bin:/bin",
      `HOME=/home/${user}`,
      `USER=${user}`,
      "LANG=C.UTF-8",
      `XDG_RUNTIME_DIR=${runtime}`,
      `DBUS_SESSION_BUS_ADDRESS=unix:path=${runtime}/bus`,
    ]
    const inHome = `cd /home/${user}; ${line}`
    return ["nsenter", ["-t", init, "-a", ...identity, "env", "-i", ...env, "sh", "-c", inHome]]
  }

  await boot()
  return {
    root,
    run,
    as: (user, line) => finished(command(user, line)),
    command,
    async login(user) {
      await must(run(`systemd-run --unit=session-of-${user} -p PAMName=login -p User=${user} sleep infinity`))
      await vi.waitFor(async () => await must(run(`systemctl is-active user@${ids[user]}.service`)), {
        timeout: 10_000,
      })
    },
    async logout(user) {
      await must(run(`systemctl stop session-of-${user}.service`))
    },
    async reboot() {
      await halt()
      await boot()
    },
    async powerOff() {
      await halt()
      execFileSync("umount", ["--lazy", root, join(folder, "layer")])
      rmSync(folder, { recursive: true })
    },
  }
}

export async function must(ran: Promise<Ran>): Promise<Ran> {
  const { status, stdout, stderr } = await ran
  if (status !== 0) throw new Error(`ended with ${status}: ${stdout}${stderr}`)
  return { status, stdout, stderr }
}

async function finished([program, args]: readonly [string, readonly string[]]): Promise<Ran> {
  return await new Promise((resolve) => {
    execFile(program, [...args], { maxBuffer: 64 * 1_048_576 }, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === "number" ? error.code : 1
      resolve({ status, stdout, stderr })
    })
  })
}
