/**
 * Whoever can make Node open its debugger (a stray `pkill -USR1 node` does) lets every user of the machine read the
 * daemon's memory. So: SIGUSR1 at every moment of the start, on every release of Node; and NODE_OPTIONS that open it.
 */
import { spawn, type ChildProcess } from "node:child_process"
import { readFileSync, readdirSync, readlinkSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { describe, expect, it, onTestFinished } from "vitest"
import { install } from "../../support/daemon.ts"
import { majors, nodeOf } from "../../support/nodes.ts"

const credd = fileURLToPath(new URL("../../../dist/client/main.js", import.meta.url))

/** The TCP ports on which a process listens, by Linux's own tables. */
function listening(pid: number): readonly number[] {
  const inodes = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? []
      } catch {
        return []
      }
    }),
  )
  return ["tcp", "tcp6"].flatMap((table) =>
    readFileSync(`/proc/net/${table}`, "utf8")
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state, , , , , , inode = ""]) => state === "0A" && inodes.has(inode))
      .map(([, local = ""]) => Number.parseInt(local.split(":")[1] ?? "0", 16)),
  )
}

interface Started {
  readonly child: ChildProcess
  stderr(): string
}

/** Every try has a port of its own for the debugger: an occupied 9229 would hide that one opens. */
function start(program: string, args: readonly string[], env: Readonly<Record<string, string>>): Started {
  const child = spawn(program, ["--inspect-port=0", credd, ...args], { env, stdio: ["pipe", "pipe", "pipe"] })
  onTestFinished(() => void child.kill("SIGKILL"))
  let stderr = ""
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk
  })
  child.stdout.resume()
  return { child, stderr: () => stderr }
}

const moments = [0, 2, 5, 10, 15, 25, 40, 60, 80, 100, 130, 160, 200, 250, 300, 400, 600, 1_000]
const atOnce = 3

describe.each(majors)("SIGUSR1 on Node %d", (major) => {
  it("leaves no debugger open, at whatever moment of the daemon's start it comes", async ({ skip }) => {
    const program = nodeOf(major)
    if (program === undefined) {
      skip("npm has no such Node for this machine")
      return
    }
    const opened: string[] = []
    let survived = 0
    async function attempt(ms: number): Promise<void> {
      const box = await install()
      const { child, stderr } = start(program ?? "", ["daemon"], box.env)
      await sleep(ms)
      child.kill("SIGUSR1")
      // Node answers late, when its event loop first turns; and a start takes its time here.
      await sleep(3_000)
      // Before node has set itself up, the signal ends the process: that is no debugger either.
      if (child.exitCode === null && child.signalCode === null) {
        survived += 1
        const ports = listening(child.pid ?? 0)
        if (ports.length > 1) opened.push(`${ms} ms: ${ports.join(", ")}: ${stderr().split("\n", 1)[0]}`)
      } else expect(child.signalCode).toBe("SIGUSR1")
      child.kill("SIGKILL")
    }
    for (let i = 0; i < moments.length; i += atOnce) await Promise.all(moments.slice(i, i + atOnce).map(attempt))

    expect(opened).toEqual([])
    // The more of them the busier the machine: node is then slow to set itself up.
    expect(survived).toBeGreaterThan(3)
  }, 300_000)
})

describe("a debugger that the environment asks for", () => {
  it.each(["--inspect=127.0.0.1:0", "--inspect-wait=127.0.0.1:0"])(
    "is closed before there is a secret: %s",
    async (option) => {
      const box = await install()
      if (option.startsWith("--inspect-wait")) {
        // Node itself waits before a line of ours runs; there is no daemon, and nothing to read.
        const child = spawn(process.execPath, [credd, "daemon"], { env: { ...box.env, NODE_OPTIONS: option } })
        onTestFinished(() => void child.kill("SIGKILL"))
        await sleep(1_000)
        expect((await box.run(["status"])).status).toBe(3)
        return
      }
      box.env["NODE_OPTIONS"] = option
      const child = await box.start()

      expect(listening(child.pid ?? 0)).toHaveLength(1)
      expect(box.log()).toContain("Debugger listening")
    },
  )
})
