/** What only `credd service` wants of this machine: its service manager's program, and where node and credd are. */
import { spawn } from "node:child_process"
import { existsSync, mkdirSync, rmSync } from "node:fs"
import { userInfo } from "node:os"
import { packageFolder } from "../../daemon/built.ts"

export interface Ended {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export interface Host {
  readonly platform: NodeJS.Platform
  readonly uid: number
  readonly user: string
  readonly home: string
  /** The node that runs this command, symlinks followed. */
  readonly node: string
  /** The package that this command came in, symlinks followed. */
  readonly package: string
  exists(path: string): boolean
  /** Makes a folder that only this user can reach, where there is none. */
  makeFolder(path: string): void
  /** Takes a folder or a file away, with all that is in it. */
  removeAll(path: string): void
  /** Runs a program to its end. One that is not there ends with 127, as in a shell. */
  run(program: string, args: readonly string[]): Promise<Ended>
  /** The same in plain sight, on this terminal. */
  show(program: string, args: readonly string[]): Promise<number>
}

const notThere = 127

export function realHost(): Host {
  const { uid, username, homedir } = userInfo()
  return {
    platform: process.platform,
    uid,
    user: username,
    home: process.env["HOME"] || homedir,
    node: process.execPath,
    package: packageFolder(),
    exists: existsSync,
    makeFolder: (path) => void mkdirSync(path, { recursive: true, mode: 0o700 }),
    removeAll: (path) => rmSync(path, { recursive: true, force: true }),
    run: async (program, args) =>
      await new Promise((resolve) => {
        const child = spawn(program, [...args], { stdio: ["ignore", "pipe", "pipe"] })
        const said = { stdout: "", stderr: "" }
        child.stdout.setEncoding("utf8").on("data", (chunk: string) => (said.stdout += chunk))
        child.stderr.setEncoding("utf8").on("data", (chunk: string) => (said.stderr += chunk))
        child.once("error", ({ message }) => resolve({ status: notThere, stdout: "", stderr: message }))
        child.once("close", (status) => resolve({ status: status ?? 1, ...said }))
      }),
    show: async (program, args) =>
      await new Promise((resolve) => {
        const child = spawn(program, [...args], { stdio: "inherit" })
        child.once("error", () => resolve(notThere))
        child.once("close", (status) => resolve(status ?? 0))
      }),
  }
}
