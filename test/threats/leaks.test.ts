/** Where a secret may end up by accident: logs at every level, arguments, environments, error output, reports, the state. */
import { spawn, type ChildProcess } from "node:child_process"
import { readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import { fetchCredentials, install, killed, signIn, type Installation, type Ran } from "../support/daemon.ts"

/** Arguments and environments of all that runs from a folder of ours, a thousand looks a second. */
function watchProcesses(home: string): { stop(): Promise<{ argv: string; environ: Map<string, string> }> } {
  // In a process of its own: the test's own work must not make it blind.
  const watcher = spawn(
    process.execPath,
    [
      "-e",
      `const { readdirSync, readFileSync } = require("node:fs")
       const argv = new Set(), environ = {}
       const read = (path) => { try { return readFileSync(path, "latin1") } catch { return "" } }
       const look = () => {
         for (const pid of readdirSync("/proc")) {
           if (!/^\\d+$/.test(pid) || pid === String(process.pid)) continue
           const env = read("/proc/" + pid + "/environ")
           if (!env.includes(process.argv[1])) continue
           const line = read("/proc/" + pid + "/cmdline")
           argv.add(line)
           environ[line] = env
         }
       }
       const timer = setInterval(look, 1)
       console.log("ready")
       process.stdin.once("data", () => { clearInterval(timer); look(); console.log(JSON.stringify({ argv: [...argv], environ })); process.exit() })`,
      home,
    ],
    { stdio: ["pipe", "pipe", "inherit"], env: {} },
  )
  onTestFinished(() => void watcher.kill("SIGKILL"))
  let text = ""
  watcher.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk
  })
  return {
    async stop() {
      watcher.stdin.write("\n")
      await new Promise((resolve) => {
        watcher.once("close", resolve)
      })
      const { argv, environ } = JSON.parse(text.replace(/^ready\n/, "")) as {
        argv: string[]
        environ: Record<string, string>
      }
      return { argv: argv.join("\n"), environ: new Map(Object.entries(environ)) }
    },
  }
}

/** A working day with all that goes wrong on it: every command, right and wrong, with what it says. */
async function workingDay(box: Installation): Promise<{ said: string; secrets: readonly string[] }> {
  const ran: Ran[] = []
  const run = async (args: readonly string[], input?: string): Promise<void> => {
    ran.push(await box.run(args, input))
  }
  await run(["add", "acme"], "AKIAEXAMPLENOBODY001\nEXAMPLEsecretOfNobody0000000000000000001\n")
  await signIn(box)
  const code = box.sandbox.mfaCode("alice")
  const { body } = await fetchCredentials(box, "dev")
  const token = readFileSync(join(box.env["CREDD_HOME"] ?? "", "tokens", "shell"), "utf8")
  await run(["login", "acme"], `${code}\n`)
  await run(["unlock"], "EXAMPLE-passphrase-canary\n")
  for (const args of [
    ["status", "--json"],
    ["whoami", "dev"],
    ["refresh", "dev"],
    ["audit"],
    ["audit", "--json"],
    ["config"],
  ])
    await run(args)
  const { endpoint } = JSON.parse(readFileSync(join(box.env["CREDD_HOME"] ?? "", "endpoint.json"), "utf8")) as {
    endpoint: string
  }
  for (const headers of [{ authorization: `${token}x` }, { authorization: token, "x-forwarded-for": token }])
    await fetch(`${endpoint}/credentials/dev`, { headers }).then(async (answer) => await answer.text())
  await fetch(`${endpoint}/credentials/${token}`, { headers: { authorization: "EXAMPLE-wrong-token-canary" } })
  box.sandbox.faults.add({ kind: "malformed" })
  await run(["refresh", "dev"])
  box.sandbox.faults.clear()
  await run(["lock"])
  return {
    said: ran.map(({ stdout, stderr }) => stdout + stderr).join("\n"),
    secrets: [
      token,
      body["SecretAccessKey"] ?? "",
      body["Token"] ?? "",
      `"${code}"`,
      "EXAMPLEsecretOfAlice",
      "EXAMPLEsecretOfNobody",
      "EXAMPLE-passphrase-canary",
      "EXAMPLE-wrong-token-canary",
    ],
  }
}

/** The daemon from a shell whose limit lets there be core files. */
function leftToDump({ env, home }: Installation): ChildProcess {
  const credd = fileURLToPath(new URL("../../dist/client/main.js", import.meta.url))
  const line = `ulimit -c unlimited; exec "$0" "$@"`
  const daemon = spawn("sh", ["-c", line, process.execPath, credd, "daemon"], { env, cwd: home, stdio: "ignore" })
  onTestFinished(() => void daemon.kill("SIGKILL"))
  return daemon
}

describe("the secrets of a working day", () => {
  it.each(["debug", "info", "warn", "error"])(
    "are not in the log at level %s, nor in what commands say",
    async (level) => {
      const box = await install({ CREDD_LOG_LEVEL: level })
      await box.start()

      const { said, secrets } = await workingDay(box)

      for (const secret of secrets) {
        expect(secret.length).toBeGreaterThan(6)
        expect(box.log()).not.toContain(secret)
        expect(said).not.toContain(secret)
      }
      if (level === "debug") expect(box.log()).toContain("credentials_served")
    },
  )

  it("are in no process's arguments, and in no environment but the caller's own", async () => {
    const box = await install()
    const watch = watchProcesses(box.home)
    await box.start()

    const { secrets } = await workingDay(box)
    await sleep(20)
    const { argv, environ } = await watch.stop()

    expect(argv).toContain("login")
    for (const secret of secrets) expect(argv).not.toContain(secret.replaceAll('"', ""))
    for (const [line, env] of environ) for (const secret of secrets) expect(env, line).not.toContain(secret)
  })

  it("are not in the state folder, but for the token in its file", async () => {
    const box = await install()
    await box.start()

    const { secrets } = await workingDay(box)

    const files = readdirSync(box.env["CREDD_HOME"] ?? "", { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    )
    expect(files.length).toBeGreaterThan(3)
    for (const { parentPath, name } of files) {
      const text = readFileSync(join(parentPath, name), "utf8")
      for (const secret of secrets) expect(text, name).not.toContain(secret)
    }
  })

  it.runIf(process.platform === "linux")(
    "are in no core file, though the shell's limit lets there be one",
    async () => {
      const box = await install()
      const daemon = leftToDump(box)
      await vi.waitFor(async () => expect((await box.run(["status"])).status).toBe(0), { timeout: 10_000 })

      await vi.waitFor(() =>
        expect(readFileSync(`/proc/${daemon.pid}/limits`, "utf8")).toMatch(/^Max core file size +0 +0 /m),
      )
      await killed(daemon, "SIGABRT")

      expect(readdirSync(box.home).filter((name) => name.startsWith("core"))).toEqual([])
    },
  )

  it.runIf(process.platform === "linux")("are in no core file of a daemon that is only about to start", async () => {
    const box = await install({ EXAMPLE_SECRET: "EXAMPLE-canary-in-memory" })
    const daemon = leftToDump(box)
    await vi.waitFor(
      () => expect(readFileSync(`/proc/${daemon.pid}/coredump_filter`, "utf8").trim()).toBe("00000000"),
      { timeout: 5_000, interval: 1 },
    )

    await killed(daemon, "SIGABRT")

    for (const name of readdirSync(box.home).filter((each) => each.startsWith("core"))) {
      expect(readFileSync(join(box.home, name)).includes("EXAMPLE-canary-in-memory")).toBe(false)
    }
  })

  it("are not in what is said of two defects, one after the other, before anything else was said", async () => {
    const box = await install()
    // As soon as somebody listens for defects.
    const early = `process.on("newListener", (event) => {
      if (event !== "uncaughtException") return
      setImmediate(() => { throw new TypeError("EXAMPLE-canary") })
      setImmediate(() => { throw new RangeError("EXAMPLE-canary") })
    })`
    box.env["NODE_OPTIONS"] = `--import=data:text/javascript;base64,${Buffer.from(early).toString("base64")}`

    const { status, stderr } = await box.startInVain()

    expect(status).toBe(70)
    expect(stderr).toContain('"event":"crashed","error":"TypeError"')
    expect(stderr).not.toContain("EXAMPLE-canary")
  })

  it.each([
    ["throws", "throw new TypeError('EXAMPLE-canary')"],
    ["rejects", "void Promise.reject(new TypeError('EXAMPLE-canary'))"],
  ])("are not in what is said of a defect that %s: it ends the daemon with 70", async (_, defect) => {
    const box = await install()
    const late = `setTimeout(() => { ${defect} }, 1500)`
    box.env["NODE_OPTIONS"] = `--import=data:text/javascript;base64,${Buffer.from(late).toString("base64")}`

    const { status, stderr } = await box.startInVain()

    expect(status).toBe(70)
    expect(stderr).toContain('"event":"crashed","error":"TypeError"')
    expect(stderr).not.toContain("EXAMPLE-canary")
  })

  it("are written to no diagnostic report, which Node makes of the whole environment", async () => {
    const box = await install()
    box.env["NODE_OPTIONS"] = `--report-on-signal --report-on-fatalerror --report-directory=${box.home}`
    const daemon = await box.start()

    // What the report is asked for by; without the report it ends the process, as it does any other.
    expect(await killed(daemon, "SIGUSR2")).toBe(null)

    expect(readdirSync(box.home).filter((name) => name.startsWith("report."))).toEqual([])
  })
})
