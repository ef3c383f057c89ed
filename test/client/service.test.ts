import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import type { Ended, Host } from "../../client/service/host.ts"
import { keptEnvironment } from "../../client/service/kept-environment.ts"
import { findPlace } from "../../client/service/place.ts"
import type { Machine } from "../../client/machine.ts"
import { credd, refuse, statusAnswer, type Handlers, type Options } from "./fake-context.ts"

const repository = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8")

/** A machine with a service manager that keeps a daemon of pid 4711 once it was started, and records what it is told. */
function setup(platform: "linux" | "darwin", answers: (line: string) => Partial<Ended> | undefined = () => undefined) {
  const lines: string[] = []
  const removed: string[] = []
  let isRunning = false
  const said: Record<string, Partial<Ended>> = {
    "launchctl print": { status: 113 },
    "systemctl --user is-active": { status: 3 },
  }
  const host: Host = {
    platform,
    uid: 501,
    user: "alice",
    home: "/home/alice",
    node: "/usr/bin/node",
    package: "/usr/lib/node_modules/credd",
    exists: () => false,
    makeFolder: () => undefined,
    removeAll: (path) => void removed.push(path),
    run: async (program, args) => {
      const line = [program, ...args].join(" ")
      lines.push(line)
      if (/bootstrap|kickstart|start credd|restart credd/.test(line)) isRunning = true
      if (/bootout|disable --now/.test(line)) isRunning = false
      const pid = isRunning ? 4711 : 0
      const usual: Partial<Ended> = line.includes("show credd.service")
        ? { stdout: `LoadState=${isRunning ? "loaded" : "not-found"}\nUnitFileState=enabled\nMainPID=${pid}\n` }
        : line.startsWith("launchctl print") && isRunning
          ? { stdout: `credd = {\n\tstate = running\n\tpid = ${pid}\n}\n` }
          : (Object.entries(said).find(([start]) => line.startsWith(start))?.[1] ?? {})
      return { status: 0, stdout: "", stderr: "", ...usual, ...answers(line) }
    },
    show: async (program, args) => {
      lines.push([program, ...args].join(" "))
      return 0
    },
  }
  const machine = { holderOf: async () => undefined } as Partial<Machine> as Machine
  const daemon: Handlers = {
    "GET /status": () =>
      isRunning ? statusAnswer() : refuse({ code: "DaemonNotRunning", message: "the credd daemon is not running" }),
  }
  const files = Object.fromEntries(
    ["systemd/credd.socket", "systemd/credd.service", "systemd/strict.conf", "launchd/credd.plist"].map((path) => [
      `${host.package}/${path}`,
      repository(path),
    ]),
  )
  const options: Options = { host, machine, daemon, files, pauses: 50 }
  return { options, host, lines, removed, start: () => (isRunning = true) }
}

const plist = "/home/alice/Library/LaunchAgents/credd.plist"

/** Apple's own format, read by a parser that is not ours. */
function parsed(text: string): Record<string, unknown> {
  const script = "import json, plistlib, sys; print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))"
  return JSON.parse(execFileSync("python3", ["-c", script], { input: text, encoding: "utf8" })) as Record<
    string,
    unknown
  >
}

describe("credd service on launchd", () => {
  it("writes an agent, makes its log for this user alone, loads it, and waits for the answer", async () => {
    const { options, lines } = setup("darwin")

    const { status, stderr, files } = await credd(["service", "install"], options)

    expect(stderr).toContain("credd is installed as a launchd service")
    expect(status).toBe(0)
    expect(files.get("/home/alice/Library/Logs/credd/credd.log")).toBe("")
    expect(lines.filter((line) => !line.startsWith("launchctl print "))).toEqual([
      "launchctl version",
      "launchctl enable gui/501/credd",
      `launchctl bootstrap gui/501 ${plist}`,
    ])
  })

  it("writes a property list with the keys and types that launchd.plist(5) has", async () => {
    const env = {
      PATH: "/opt/homebrew/bin:/usr/bin",
      HTTPS_PROXY: "http://a&b<c>@proxy:1",
      AWS_SECRET_ACCESS_KEY: "no",
    }
    const { options } = setup("darwin")

    const { files } = await credd(["service", "install"], { ...options, env })
    const agent = parsed(files.get(plist) ?? "")

    expect(agent).toEqual({
      Label: "credd",
      ProgramArguments: ["/usr/lib/node_modules/credd/daemon/launch.sh", "/usr/bin/node"],
      EnvironmentVariables: { PATH: env.PATH, HTTPS_PROXY: env.HTTPS_PROXY },
      RunAtLoad: true,
      KeepAlive: { SuccessfulExit: false },
      ThrottleInterval: 1,
      ExitTimeOut: 6,
      ProcessType: "Adaptive",
      LimitLoadToSessionType: "Aqua",
      Umask: 0o077,
      SoftResourceLimits: { Core: 0, NumberOfFiles: 4096 },
      HardResourceLimits: { Core: 0 },
      StandardOutPath: "/home/alice/Library/Logs/credd/credd.log",
      StandardErrorPath: "/home/alice/Library/Logs/credd/credd.log",
    })
    for (const [key, value] of Object.entries(agent)) expect(typeof value, key).toBe(typesOfLaunchd[key])
    expect(["Background", "Standard", "Adaptive", "Interactive"]).toContain(agent["ProcessType"])
  })

  it("does nothing the second time, and restarts for a new version", async () => {
    const { options, lines } = setup("darwin")
    const first = await credd(["service", "install"], options)
    const files = Object.fromEntries(first.files)

    lines.length = 0
    const second = await credd(["service", "install"], { ...options, files })
    const secondLines = [...lines]
    lines.length = 0
    const older = statusAnswer({ daemon: { ...statusAnswer().daemon, version: "0.0.9" } })
    await credd(["service", "install"], { ...options, files, daemon: { "GET /status": () => older } })

    expect(second.stderr).toContain("installed already")
    expect(secondLines).toContain("launchctl kickstart gui/501/credd")
    expect(secondLines.join()).not.toMatch(/bootout|bootstrap|-k/)
    expect(lines).toContain("launchctl kickstart -k gui/501/credd")
  })

  it("loads a changed agent anew, and waits until launchd has let go of the old one", async () => {
    let refusals = 2
    const { options, lines } = setup("darwin", (line) => {
      if (!line.includes("bootstrap") || refusals === 0) return undefined
      refusals -= 1
      return { status: 5, stderr: "Bootstrap failed: 5: Input/output error" }
    })
    const { start } = setup("darwin")
    start()

    const { status } = await credd(["service", "install"], options)

    expect(status).toBe(0)
    expect(lines.filter((line) => line.includes("bootstrap"))).toHaveLength(3)
  })

  it("takes the agent and its log away", async () => {
    const { options, lines, removed } = setup("darwin")

    const { status, stderr } = await credd(["service", "uninstall"], options)

    expect(status).toBe(0)
    expect(lines).toContain("launchctl bootout gui/501/credd")
    expect(removed).toContain(plist)
    expect(removed).toContain("/home/alice/Library/Logs/credd")
    expect(stderr).toContain("left in place")
  })

  it("follows its log", async () => {
    const { options, lines } = setup("darwin")

    await credd(["service", "logs", "--follow"], options)

    expect(lines).toContain("tail -n 200 -F /home/alice/Library/Logs/credd/credd.log")
  })

  it.each(["--linger", "--strict"])("knows no %s", async (flag) => {
    const { options } = setup("darwin")

    expect(await credd(["service", "install", flag], options)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("are systemd's"),
    })
  })
})

/** launchd.plist(5), as far as our agent uses it. */
const typesOfLaunchd: Readonly<Record<string, string>> = {
  Label: "string",
  ProgramArguments: "object",
  EnvironmentVariables: "object",
  RunAtLoad: "boolean",
  KeepAlive: "object",
  ThrottleInterval: "number",
  ExitTimeOut: "number",
  ProcessType: "string",
  LimitLoadToSessionType: "string",
  Umask: "number",
  SoftResourceLimits: "object",
  HardResourceLimits: "object",
  StandardOutPath: "string",
  StandardErrorPath: "string",
}

describe("credd service on systemd", () => {
  it("says what to do where there is no user manager", async () => {
    const { options } = setup("linux", (line) =>
      line.includes("show-environment")
        ? { status: 1, stderr: "Failed to connect to bus: No medium found\n" }
        : undefined,
    )

    expect(await credd(["service", "install"], options)).toMatchObject({
      status: 1,
      stderr:
        "credd: error: there is no systemd user manager to be reached: Failed to connect to bus: No medium found\n" +
        "credd: hint: log in as this user (not through su or sudo), or run: export XDG_RUNTIME_DIR=/run/user/$(id -u)\n",
    })
  })

  it("does not push aside a daemon that was started by hand", async () => {
    const { options } = setup("linux")

    const ran = await credd(["service", "install"], { ...options, daemon: { "GET /status": () => statusAnswer() } })

    expect(ran).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("a daemon that you started yourself is running (pid 4711)"),
    })
  })

  it("names who holds the port", async () => {
    const { options } = setup("linux")
    const machine = { holderOf: async () => "a program of user id 1001" } as Partial<Machine> as Machine

    expect(await credd(["service", "install"], { ...options, machine })).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/port 9912 is held by a program of user id 1001\n.*port = 9913 in/),
    })
  })

  it("wants a port that stays", async () => {
    const { options } = setup("linux")

    expect(await credd(["service", "install"], { ...options, env: { CREDD_PORT: "0" } })).toMatchObject({ status: 2 })
  })

  it("forgets nothing without a yes, and then what the store holds first", async () => {
    const { options, lines, start } = setup("linux")
    start()
    const asked: string[] = []
    const daemon: Handlers = {
      "GET /status": () => statusAnswer({ sessions: [{ sourceProfile: "acme", state: "signed-out" }] }),
      "POST /lock": () => (asked.push("lock"), { sessions: 1, warnings: [] }),
      "DELETE /access-keys": ({ profile }) => (asked.push(profile), { profile, warnings: [] }),
    }

    const nobody = await credd(["service", "uninstall", "--purge"], { ...options, daemon })
    const no = await credd(["service", "uninstall", "--purge"], { ...options, daemon, typed: ["n"] })
    expect([nobody.status, no.status]).toEqual([2, 130])
    expect(lines.join()).not.toContain("disable")
    expect(asked).toEqual([])
    await credd(["service", "uninstall", "--purge"], { ...options, daemon, typed: ["y"] })

    expect(asked).toEqual(["lock", "acme"])
    expect(lines.join()).toContain("disable --now")
  })

  it("forgets nothing while the keychain is locked", async () => {
    const { options, lines } = setup("linux")
    const locked = statusAnswer({ daemon: { ...statusAnswer().daemon, storeState: "locked" } })

    const ran = await credd(["service", "uninstall", "--purge", "--yes"], {
      ...options,
      daemon: { "GET /status": () => locked },
    })

    expect(ran.status).toBe(13)
    expect(lines.join()).not.toContain("disable")
  })
})

const place = (node: string, folder = "/usr/lib/node_modules/credd", there: readonly string[] = []) =>
  findPlace({ node, package: folder, exists: (path) => there.includes(path) })

describe("findPlace", () => {
  it.each([
    ["nvm", "/home/a/.nvm/versions/node/v22.14.0/bin/node"],
    ["fnm", "/home/a/.local/share/fnm/node-versions/v22.14.0/installation/bin/node"],
    ["Volta", "/home/a/.volta/tools/image/node/22.14.0/bin/node"],
    ["mise", "/home/a/.local/share/mise/installs/node/22.14.0/bin/node"],
    ["asdf", "/home/a/.asdf/installs/nodejs/22.14.0/bin/node"],
    ["nodenv", "/home/a/.nodenv/versions/22.14.0/bin/node"],
    ["n", "/usr/local/n/versions/node/22.14.0/bin/node"],
  ])("warns of a node that is %s's", (name, node) => {
    expect(place(node)).toMatchObject({ node, warnings: [expect.stringContaining(`is ${name}'s`)] })
  })

  it("takes Homebrew's lasting path, where there is one", () => {
    const cellar = "/opt/homebrew/Cellar/node@22/22.14.0/bin/node"
    const opt = "/opt/homebrew/opt/node@22/bin/node"

    expect(place(cellar, undefined, [opt])).toMatchObject({ node: opt, warnings: [] })
    expect(place(cellar)).toMatchObject({ node: cellar })
    expect(place("/usr/bin/node", "/opt/homebrew/Cellar/credd/0.1.0", ["/opt/homebrew/opt/credd"]).package).toBe(
      "/opt/homebrew/opt/credd",
    )
  })

  it("does not install from npx's cache", () => {
    expect(() => place("/usr/bin/node", "/home/a/.npm/_npx/1f/node_modules/credd")).toThrow("npx's cache")
  })

  it("says that a checkout is one", () => {
    expect(place("/usr/bin/node", "/src/credd", ["/src/credd/.git"]).warnings).toEqual([
      expect.stringContaining("/src/credd is a checkout"),
    ])
  })
})

describe("keptEnvironment", () => {
  it("keeps what the daemon reads, and no key, token or shell's own folder", () => {
    const env = {
      AWS_CONFIG_FILE: "/srv/aws",
      AWS_ACCESS_KEY_ID: "AKIAEXAMPLE",
      AWS_SECRET_ACCESS_KEY: "x",
      AWS_SESSION_TOKEN: "x",
      AWS_CONTAINER_AUTHORIZATION_TOKEN: "x",
      NODE_OPTIONS: "--inspect",
      XDG_RUNTIME_DIR: "/run/user/1000",
      PATH: "/home/a/bin:/run/user/1000/fnm_multishells/1/bin:/tmp/x:bin:/usr/bin:/usr/bin",
    }

    expect(keptEnvironment(env)).toEqual({ AWS_CONFIG_FILE: "/srv/aws", PATH: "/home/a/bin:/usr/bin" })
  })

  it("keeps what an earlier installation kept, unless this shell says otherwise", () => {
    const before = { AWS_REGION: "eu-west-1", HTTPS_PROXY: "http://old", PATH: "/old" }

    expect(keptEnvironment({ HTTPS_PROXY: "http://new" }, before)).toEqual({
      AWS_REGION: "eu-west-1",
      HTTPS_PROXY: "http://new",
    })
  })
})
