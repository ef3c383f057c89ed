import { execFileSync, spawn, type ChildProcess } from "node:child_process"
import {
  chmodSync,
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { Agent, get } from "node:http"
import { connect } from "node:net"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import { fetchCredentials, finished, install, killed, signIn, type Installation } from "../support/daemon.ts"
import { freePort } from "../support/free-port.ts"
import { startKeyring } from "../support/keyring.ts"
import { majors, nodeOf } from "../support/nodes.ts"
import { version as ours } from "../../daemon/version.ts"

const here = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const credd = here("dist/client/main.js")

/** Starts a program in an installation's environment; kills it at the end; collects what it says. */
function begin({ env }: Installation, program: string, args: readonly string[], more: Record<string, string> = {}) {
  const child = spawn(program, args, { env: { ...env, ...more }, stdio: ["ignore", "pipe", "pipe"] })
  onTestFinished(() => void child.kill("SIGKILL"))
  let said = ""
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => (said += chunk))
  }
  return { child, said: () => said }
}

async function answering({ run }: Installation): Promise<number> {
  return await vi.waitFor(
    async () => {
      const { status, stdout, stderr } = await run(["status", "--json"])
      expect(status, stderr).toBe(0)
      return (JSON.parse(stdout) as { daemon: { pid: number } }).daemon.pid
    },
    { timeout: 20_000, interval: 100 },
  )
}

async function activated(more: readonly string[] = [], toml?: string, variables: Record<string, string> = {}) {
  const port = await freePort()
  const box = await install({ CREDD_PORT: String(port), ...variables })
  const home = box.env["CREDD_HOME"] ?? ""
  mkdirSync(home, { mode: 0o700 })
  if (toml !== undefined) writeFileSync(join(home, "config.toml"), toml)
  const passed = Object.keys(box.env).map((name) => `--setenv=${name}`)
  const listen = ["-l", `127.0.0.1:${port}`, "-l", join(home, "credd.sock")]
  const manager = begin(box, "systemd-socket-activate", [
    ...listen,
    ...passed,
    process.execPath,
    credd,
    "daemon",
    ...more,
  ])
  await vi.waitFor(() => expect(statSync(join(home, "credd.sock")).isSocket()).toBe(true))
  return { box, port, home, manager }
}

describe.runIf(process.platform === "linux")("the daemon on sockets that a service manager holds", () => {
  it("is started by the first request, and serves on the port and the socket that were there before it", async () => {
    const { box, port, manager } = await activated()

    const first = await fetch(`http://127.0.0.1:${port}/healthz`)
    await signIn(box)

    expect(first.status).toBe(200)
    expect(await fetchCredentials(box, "dev")).toMatchObject({ status: 200 })
    expect(JSON.parse((await box.run(["status", "--json"])).stdout)).toMatchObject({
      daemon: { pid: manager.child.pid, endpoint: `http://127.0.0.1:${port}` },
      warnings: [],
    })
  })

  it("shows the control plane to nobody on the port, however early", async () => {
    const { box, port } = await activated()

    const early = await Promise.all(
      Array.from({ length: 5 }, async () => await fetch(`http://127.0.0.1:${port}/status`)),
    )

    for (const response of early) expect(await response.json()).toMatchObject({ Code: "RouteNotFound" })
    await answering(box)
  })

  it("hands neither the sockets nor their variables to a child", async () => {
    const { box, home, manager } = await activated()
    const out = join(box.home, "child")
    const script = join(box.home, "process.sh")
    writeFileSync(script, `#!/bin/sh\n{ env | grep LISTEN; ls -l /proc/$$/fd; } > ${out}\nexit 1\n`)
    chmodSync(script, 0o755)
    writeFileSync(
      join(box.home, "aws-config"),
      `[profile dev]\nrole_arn = arn:aws:iam::123456789012:role/developer\nsource_profile = base\n[profile base]\ncredential_process = ${script}\n`,
    )
    await answering(box)
    const inodes = readdirSync(`/proc/${manager.child.pid}/fd`)
      .filter((fd) => fd === "3" || fd === "4")
      .map((fd) => readlinkSync(`/proc/${manager.child.pid}/fd/${fd}`))

    await box.run(["whoami", "dev"])

    expect(inodes).toHaveLength(2)
    const seen = readFileSync(out, "utf8")
    expect(seen).not.toContain("LISTEN")
    for (const inode of inodes) expect(seen).not.toContain(inode)
    expect(readFileSync(`/proc/${manager.child.pid}/environ`, "latin1")).toContain(`LISTEN_PID=${manager.child.pid}`)
    expect(home).not.toBe("")
  })

  it("serves on the port that is held for it where the settings name another, and says what to do", async () => {
    const other = await freePort()
    const { box, port } = await activated([], undefined, { CREDD_PORT: String(other) })

    const status = JSON.parse((await box.run(["status", "--json"])).stdout) as { daemon: object; warnings: string[] }

    expect(status.daemon).toMatchObject({ endpoint: `http://127.0.0.1:${port}` })
    expect(status.warnings).toEqual([expect.stringMatching(/start again for port .*run: credd service install/)])
  })

  it("says on both doors why it cannot start: the file and the line to its own user, nothing to others", async () => {
    const { box, port, manager } = await activated(["--supervised"], "\nport = 99999\n")

    const control = await box.run(["status"])
    const data = await fetch(`http://127.0.0.1:${port}/credentials/dev`)

    expect(control).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("config.toml:2: port must be 0 to 65535"),
    })
    expect(data.status).toBe(403)
    expect(await data.json()).toMatchObject({
      Code: "SettingsInvalid",
      Message: "the daemon could not start; run: credd status",
    })
    manager.child.kill("SIGTERM")
    expect(await new Promise((resolve) => manager.child.once("exit", resolve))).toBe(1)
  })

  it("is not put off by variables that are meant for another process", async () => {
    const box = await install()
    const { child, said } = begin(box, process.execPath, [credd, "daemon"], { LISTEN_PID: "1", LISTEN_FDS: "2" })

    expect(await answering(box), said()).toBe(child.pid)
  })

  it.each([
    ["a file", "file"],
    ["no descriptor at all", "none"],
  ])("refuses %s in a socket's place", async (_, what) => {
    const box = await install()
    const line = `LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" ${what === "file" ? "3<" + here("package.json") : "3<&-"}`

    const ran = await finished(spawn("sh", ["-c", line, "sh", process.execPath, credd, "daemon"], { env: box.env }))

    expect(ran).toMatchObject({ status: 1, stderr: expect.stringContaining("handed over no open socket") })
  })

  it("refuses a held port that other machines can reach", async () => {
    const box = await install()
    const port = await freePort()
    const passed = Object.keys(box.env).map((name) => `--setenv=${name}`)
    const { child, said } = begin(box, "systemd-socket-activate", [
      "-l",
      `0.0.0.0:${port}`,
      ...passed,
      process.execPath,
      credd,
      "daemon",
    ])
    await vi.waitFor(async () => {
      await new Promise((resolve, reject) => connect(port, "127.0.0.1").once("connect", resolve).once("error", reject))
    })

    await new Promise((resolve) => child.once("exit", resolve))

    expect(said()).toContain(`cannot use the socket 0.0.0.0:${port}`)
  })
})

describe("the daemon's end", () => {
  it("answers on kept connections while it stops, tells them to go, and ends", async () => {
    const box = await install()
    const daemon = await box.start()
    await signIn(box)
    const { endpoint } = JSON.parse(readFileSync(join(box.env["CREDD_HOME"] ?? "", "endpoint.json"), "utf8")) as {
      endpoint: string
    }
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const ask = (): Promise<string | undefined> =>
      new Promise((resolve, reject) => {
        get(`${endpoint}/healthz`, { agent }, (response) => {
          response.resume().once("end", () => resolve(response.headers.connection))
        }).once("error", reject)
      })
    expect(await ask()).toBe("keep-alive")
    const ended = new Promise((resolve) => daemon.once("exit", resolve))

    daemon.kill("SIGTERM")
    let connection: string | undefined
    while (connection !== "close") connection = await ask()

    expect(await ended).toBe(0)
  })

  it("finishes a request that waits for AWS before it ends", async () => {
    const box = await install()
    const daemon = await box.start()
    await signIn(box)
    box.sandbox.faults.add({ action: "AssumeRole", kind: "latency", ms: 600 })
    const request = fetchCredentials(box, "dev")
    await vi.waitFor(() => expect(box.sandbox.count("AssumeRole")).toBe(1), { interval: 5 })

    const status = await killed(daemon, "SIGTERM")

    expect(await request).toMatchObject({ status: 200 })
    expect(status).toBe(0)
  })
})

describe("the daemon under a service manager", () => {
  it("is killed when its event loop hangs, and says so", async () => {
    const box = await install()
    const { child, said } = begin(box, process.execPath, [
      "--import",
      here("test/support/hang.mjs"),
      credd,
      "daemon",
      "--supervised",
    ])
    await answering(box)
    const ended = new Promise((resolve) => child.once("exit", (_, signal) => resolve(signal)))

    child.kill("SIGUSR2")

    expect(await ended).toBe("SIGKILL")
    expect(said()).toContain('"event":"event_loop_hung"')
  })

  it("is not taken for hung after it was stopped and let go on", async () => {
    const box = await install()
    const { child } = begin(box, process.execPath, [credd, "daemon", "--supervised"])
    const pid = await answering(box)
    child.kill("SIGSTOP")
    await vi.waitFor(() => expect(readFileSync(`/proc/${pid}/stat`, "utf8")).toMatch(/\) T /))
    child.kill("SIGCONT")

    expect(await answering(box)).toBe(pid)
  })
})

async function withSettings(toml: string) {
  const box = await install()
  delete box.env["CREDD_LOG_LEVEL"]
  const settings = join(box.env["CREDD_HOME"] ?? "", "config.toml")
  mkdirSync(box.env["CREDD_HOME"] ?? "", { mode: 0o700 })
  writeFileSync(settings, toml)
  const daemon = await box.start()
  await signIn(box)
  const reload = async (text: string, event: string): Promise<void> => {
    writeFileSync(settings, text)
    const before = box.log().split(event).length
    daemon.kill("SIGHUP")
    await vi.waitFor(() => expect(box.log().split(event).length).toBe(before + 1))
  }
  const warnings = async (): Promise<string[]> =>
    (JSON.parse((await box.run(["status", "--json"])).stdout) as { warnings: string[] }).warnings
  return { box, reload, warnings }
}

describe("SIGHUP", () => {
  it("puts a new log level and a new default profile in force at once", async () => {
    const { box, reload, warnings } = await withSettings('log_level = "warn"\n')
    expect(box.log()).not.toContain("credentials_served")

    await reload('log_level = "debug"\ndefault_profile = "dev"\n', "settings_read_again")
    await fetchCredentials(box, "dev")

    await vi.waitFor(() => expect(box.log()).toContain("credentials_served"))
    const endpoint = join(box.env["CREDD_HOME"] ?? "", "endpoint.json")
    await vi.waitFor(() => expect(JSON.parse(readFileSync(endpoint, "utf8"))).toMatchObject({ defaultProfile: "dev" }))
    expect(await warnings()).toEqual([])
  })

  it("names what waits for the next start", async () => {
    const { reload, warnings } = await withSettings("")

    await reload('imds = ["dev"]\npassphrase_file = "/x"\n', "settings_read_again")

    expect(await warnings()).toEqual([expect.stringContaining("start again for passphrase_file, imds of the settings")])
  })

  it("keeps what it has when the new settings are wrong, and says where", async () => {
    const { box, reload, warnings } = await withSettings("")

    await reload("port = 'x'\n", "settings_not_read")

    expect(await warnings()).toEqual([expect.stringContaining("config.toml:1: port must be a number")])
    expect(await fetchCredentials(box, "dev")).toMatchObject({ status: 200 })
    await reload("", "settings_read_again")
    expect(await warnings()).toEqual([])
  })
})

describe("the daemon whose files are cleared away", () => {
  it("opens its socket again, and writes its token and endpoint files again", async () => {
    const box = await install()
    const daemon = await box.start()
    await signIn(box)
    const home = box.env["CREDD_HOME"] ?? ""

    // The daemon may write a line of its audit trail meanwhile.
    rmSync(home, { recursive: true, maxRetries: 5 })
    daemon.kill("SIGHUP")

    expect(await answering(box)).toBe(daemon.pid)
    await vi.waitFor(async () => expect(await fetchCredentials(box, "dev")).toMatchObject({ status: 200 }))
    expect(statSync(join(home, "credd.sock")).mode & 0o777).toBe(0o600)
    expect(statSync(home).mode & 0o777).toBe(0o700)
  })
})

it("lives once, however many are started at the same moment", async () => {
  const box = await install({ CREDD_PORT: String(await freePort()) })
  const all = Array.from({ length: 8 }, () => begin(box, process.execPath, [credd, "daemon"]))
  const ended: Promise<number | null>[] = all.map(({ child }) => new Promise((resolve) => child.once("exit", resolve)))

  const pid = await answering(box).catch((cause: unknown) => {
    throw new Error(all.map(({ said }) => said()).join(""), { cause })
  })
  const statuses = await Promise.all(ended.filter((_, i) => all[i]?.child.pid !== pid))

  expect(statuses).toEqual(Array.from({ length: 7 }, () => 1))
  for (const { child, said } of all) {
    if (child.pid !== pid) expect(said()).toMatch(/credd: error: (credd is already running|port \d+ is held by)/)
  }
  expect(await answering(box)).toBe(pid)
})

/** The daemon with its stderr in a file, which JOURNAL_STREAM says is the journal, or is not. */
async function logged(journal: (file: { dev: number; ino: number }) => string): Promise<string> {
  const box = await install()
  const path = join(box.home, "journal")
  const file = openSync(path, "w")
  onTestFinished(() => closeSync(file))
  const env = { ...box.env, JOURNAL_STREAM: journal(fstatSync(file)) }
  const child: ChildProcess = spawn(process.execPath, [credd, "daemon"], { env, stdio: ["ignore", "ignore", file] })
  onTestFinished(() => void child.kill("SIGKILL"))
  await answering(box)
  writeFileSync(join(box.env["CREDD_HOME"] ?? "", "config.toml"), "port = 'x'")
  child.kill("SIGHUP")
  await vi.waitFor(() => expect(readFileSync(path, "utf8")).toContain("settings_not_read"))
  return readFileSync(path, "utf8")
}

describe("log lines", () => {
  it("bear the journal's priorities where stderr is the journal", async () => {
    const log = await logged(({ dev, ino }) => `${dev}:${ino}`)

    expect(log).toMatch(/^<6>\{.*"event":"listening"/m)
    expect(log).toMatch(/^<3>\{.*"event":"settings_not_read"/m)
    for (const line of log.trim().split("\n")) expect(() => JSON.parse(line.replace(/^<\d>/, ""))).not.toThrow()
  })

  it("are plain JSON where it was redirected", async () => {
    const log = await logged(({ dev, ino }) => `${dev}:${ino + 1}`)

    for (const line of log.trim().split("\n")) expect(JSON.parse(line)).toMatchObject({ level: expect.any(Number) })
  })
})

/** What a node of some version would be started with, in a home of its own. */
async function argumentsFor(version: string, variables: Record<string, string> = {}): Promise<string[]> {
  const box = await install()
  const node = join(box.home, "node")
  writeFileSync(node, `#!/bin/sh\n[ "$1" = --version ] && echo ${version} || printf '%s\\n' "$@"\n`, { mode: 0o755 })
  const env = { PATH: box.env["PATH"] ?? "", HOME: box.home, ...variables }
  const { status, stdout, stderr } = await finished(spawn(here("daemon/launch.sh"), [node], { env }))
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" })
  return stdout.replaceAll(box.home, "~").trim().split("\n")
}

it.runIf(process.platform === "linux")(
  "keeps no helper of the keychain's where the settings name another store",
  async () => {
    const keyring = await startKeyring()
    onTestFinished(() => keyring.close())
    // An address that only the helper understands.
    const address = keyring.env["DBUS_SESSION_BUS_ADDRESS"]?.replace("dbus-", "dbus%2d")
    const box = await install({ ...keyring.env, DBUS_SESSION_BUS_ADDRESS: address ?? "" })
    delete box.env["CREDD_STORE"]
    const home = box.env["CREDD_HOME"] ?? ""
    mkdirSync(home, { mode: 0o700 })
    // A key that only a TOML parser takes for the setting: the helper is under way by then.
    writeFileSync(join(home, "config.toml"), '"store" = "memory"\n')

    begin(box, process.execPath, [credd, "daemon"])
    const pid = await answering(box)

    await vi.waitFor(() => expect(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")).toBe(""))
  },
)

describe.each(majors)("the daemon's code, compiled by Node %i", (major) => {
  const program = nodeOf(major)

  it.runIf(program !== undefined)(
    "is kept for the next start, for its user alone, and not for another version's",
    async () => {
      const box = await install()
      const home = box.env["CREDD_HOME"] ?? ""
      const folder = join(home, "compiled")
      mkdirSync(join(folder, "0.0.1"), { recursive: true, mode: 0o700 })
      chmodSync(home, 0o700)
      const first = begin(box, program ?? "", [credd, "daemon"])
      await answering(box)
      const kept = (): string[] => readdirSync(join(folder, ours)).filter((name) => /^daemon-.*\.compiled$/.test(name))
      await vi.waitFor(() => expect(kept()).toHaveLength(1), 10_000)
      await killed(first.child, "SIGTERM")
      const file = join(folder, ours, kept()[0] ?? "")
      const { mtimeMs } = statSync(file)

      const { said } = begin(box, program ?? "", [credd, "daemon"])
      await answering(box)

      expect(statSync(file).mtimeMs).toBe(mtimeMs)
      expect(readdirSync(folder)).toEqual([ours])
      expect(execFileSync("find", [home, "-perm", "/077"], { encoding: "utf8" })).toBe("")
      expect(said()).toContain('"event":"listening"')
    },
    60_000,
  )

  it.runIf(program !== undefined)("is neither kept nor read where others reach the folder", async () => {
    const box = await install()
    const home = box.env["CREDD_HOME"] ?? ""
    mkdirSync(home)
    chmodSync(home, 0o755)

    const { child, said } = begin(box, program ?? "", [credd, "daemon"])
    await new Promise((resolve) => child.once("close", resolve))

    expect(said()).toContain("other users can reach the folder")
    expect(readdirSync(home)).toEqual([])
  })
})

it.each([
  ["a link to elsewhere", (elsewhere: string, folder: string) => symlinkSync(elsewhere, folder)],
  ["a folder that others can write to", (_: string, folder: string) => (mkdirSync(folder), chmodSync(folder, 0o777))],
])("keeps no compiled code in %s", async (_, make) => {
  const box = await install()
  const home = box.env["CREDD_HOME"] ?? ""
  const elsewhere = join(box.home, "elsewhere")
  for (const folder of [home, elsewhere]) mkdirSync(folder, { mode: 0o700 })
  make(elsewhere, join(home, "compiled"))

  begin(box, process.execPath, [credd, "daemon"])
  await answering(box)

  // The version's folder is made at the very start, or never.
  expect([...readdirSync(elsewhere), ...readdirSync(join(home, "compiled"))]).toEqual([])
})

const older = nodeOf("20.19.0")

// V8 takes what another Node 20 has compiled for its own.
it.runIf(older !== undefined)(
  "starts on a node that was upgraded under it, and on the old one again",
  async () => {
    const box = await install()
    const home = box.env["CREDD_HOME"] ?? ""
    const digest = (): string => {
      const folder = join(home, "compiled", ours)
      const kept = readdirSync(folder).find((name) => /^daemon-.*\.compiled$/.test(name))
      return kept === undefined ? "" : readFileSync(join(folder, kept)).toString("hex", 0, 32)
    }
    const seen = new Set<string>()
    for (const node of [older ?? "", nodeOf(20) ?? "", older ?? ""]) {
      const { child, said } = begin(box, node, [credd, "daemon"])
      expect(await answering(box), said()).toBe(child.pid)
      if (seen.size < 2) {
        await vi.waitFor(() => {
          expect(digest()).not.toBe("")
          expect(seen).not.toContain(digest())
        }, 10_000)
        seen.add(digest())
      }
      await killed(child, "SIGTERM")
    }
  },
  60_000,
)

describe("launch.sh", () => {
  it("leaves a planted dependency no file that is not the daemon's, no native code and no debugger", async () => {
    const box = await install()
    const home = box.env["CREDD_HOME"] ?? ""
    mkdirSync(home, { mode: 0o700 })
    writeFileSync(join(home, "config.toml"), "")
    mkdirSync(join(box.home, ".ssh"))
    writeFileSync(join(box.home, ".ssh", "id_ed25519"), "EXAMPLE")
    const node = join(box.home, "node")
    const planted = `[ "$1" = --version ] && exec ${process.execPath} --version\nexec ${process.execPath} --import ${here("test/support/trespass.mjs")} "$@"`
    writeFileSync(node, `#!/bin/sh\n${planted}\n`, { mode: 0o755 })

    const { child, said } = begin(box, here("daemon/launch.sh"), [node], {
      NODE_OPTIONS: "--no-such-option",
      NODE_EXTRA_CA_CERTS: "/x",
    })
    expect(await answering(box), said()).toBe(child.pid)
    await signIn(box)

    expect(await fetchCredentials(box, "dev")).toMatchObject({ status: 200 })
    const told = Object.fromEntries(
      [...said().matchAll(/^trespass (\w+) (\S+)$/gm)].map(([, name, code]) => [name, code]),
    )
    expect(told).toEqual({
      readsSsh: "ERR_ACCESS_DENIED",
      writesHome: "ERR_ACCESS_DENIED",
      readsState: "done",
      readsAwsConfig: "done",
      loadsBinding: "ERR_DLOPEN_DISABLED",
      opensDebugger: "ERR_ACCESS_DENIED",
    })
    expect(said()).not.toContain("Warning")
  })

  it.each([
    ["v20.19.0", ["--experimental-permission"], ["--permission", "--disable-sigusr1", "--allow-net"]],
    ["v22.12.0", ["--experimental-permission"], ["--permission", "--disable-sigusr1", "--allow-net"]],
    ["v22.14.0", ["--permission", "--disable-sigusr1"], ["--experimental-permission", "--allow-net"]],
    ["v23.6.1", ["--experimental-permission"], ["--permission", "--disable-sigusr1"]],
    ["v24.21.0", ["--permission", "--disable-sigusr1"], ["--experimental-permission", "--allow-net"]],
    ["v26.0.0", ["--permission", "--disable-sigusr1", "--allow-net"], ["--experimental-permission"]],
  ])("gives node %s the flags that it knows", async (version, flags, not) => {
    const args = await argumentsFor(version)

    for (const flag of flags) expect(args).toContain(flag)
    for (const flag of not) expect(args).not.toContain(flag)
    expect(args.slice(-2)).toEqual(["daemon", "--supervised"])
  })

  it("opens the folders of the settings' place, and each only once", async () => {
    const home = await argumentsFor("v20.19.0", { CREDD_HOME: "/tmp/credd test" })
    const xdg = await argumentsFor("v20.19.0", {
      XDG_RUNTIME_DIR: "/tmp",
      AWS_CONFIG_FILE: "/srv/aws/config",
      CREDENTIALS_DIRECTORY: "/run/credentials/x",
    })
    rmSync("/tmp/credd test", { recursive: true })
    rmSync("/tmp/credd", { recursive: true })

    expect(home.filter((arg) => arg.includes("credd test"))).toEqual([
      "--allow-fs-write=/tmp/credd test",
      "--allow-fs-read=/tmp/credd test",
    ])
    expect(xdg.filter((arg) => arg.includes("fs-write")).toSorted()).toEqual([
      "--allow-fs-write=/tmp/credd",
      "--allow-fs-write=~/.local/state/credd",
    ])
    for (const path of ["/srv/aws/config", "~/.aws/*", "~/.config/credd/*", "/run/credentials/x/*"]) {
      expect(xdg).toContain(`--allow-fs-read=${path}`)
    }
  })

  it("opens the passphrase file that config.toml names", async () => {
    const box = await install()
    mkdirSync(join(box.home, "c"), { mode: 0o700 })
    writeFileSync(join(box.home, "c", "config.toml"), 'store = "file"\npassphrase_file = "/etc/credd pass"\n')

    expect(await argumentsFor("v20.19.0", { CREDD_HOME: join(box.home, "c") })).toContain(
      "--allow-fs-read=/etc/credd pass",
    )
  })
})
