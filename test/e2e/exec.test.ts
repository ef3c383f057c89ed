import { spawn, type ChildProcess } from "node:child_process"
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import { fetchCredentials, finished, install, killed, signIn, type Installation } from "../support/daemon.ts"
import { openTerminal, type Terminal } from "../support/terminal.ts"

const credd = fileURLToPath(new URL("../../dist/client/main.js", import.meta.url))

const managed = "arn:aws:iam::aws:policy/ReadOnlyAccess"

async function signedIn(): Promise<Installation> {
  const box = await install()
  await box.start()
  await signIn(box)
  return box
}

function start(box: Installation, ...args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [credd, "exec", ...args], { env: box.env })
  onTestFinished(() => void child.kill("SIGKILL"))
  return child
}

async function leases(box: Installation): Promise<readonly string[]> {
  const { stdout } = await box.run(["lease", "list", "--json"])
  return (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name).filter((name) => name !== "shell")
}

/** A child that writes what it needs to be asked for, and then waits for its stdin to end. */
const waits = 'echo "$AWS_CONTAINER_CREDENTIALS_FULL_URI $AWS_CONTAINER_AUTHORIZATION_TOKEN $$"; cat >/dev/null'

async function firstLine(child: ChildProcess): Promise<string> {
  let text = ""
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => (text += chunk))
  await vi.waitFor(() => expect(text).toContain("\n"), { timeout: 10_000, interval: 20 })
  return text.trim()
}

async function statusOf(line: string, endpoint?: string): Promise<number> {
  const [uri = "", token = ""] = line.split(" ")
  const url = endpoint === undefined ? uri : `${endpoint}${new URL(uri).pathname}`
  return (await fetch(url, { headers: { authorization: token } })).status
}

describe("credd exec", () => {
  it("runs a command with the environment of credd env, and leaves its streams alone", async () => {
    const box = await signedIn()
    const bytes = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join("")

    const echoed = await box.run(["exec", "dev", "--", "sh", "-c", "cat; echo err >&2"], bytes)
    const variables = await box.run(["exec", "dev", "--", "env"])

    expect(echoed).toEqual({ status: 0, stdout: bytes, stderr: "err\n" })
    expect(variables.stdout).toContain("AWS_REGION=eu-central-1\n")
    expect(variables.stdout).toMatch(/^AWS_CONTAINER_AUTHORIZATION_TOKEN=[\w-]{43}$/m)
  })

  it("passes arguments on as they are", async () => {
    const box = await signedIn()
    const args = ["--help", "--", "a b", "", "$HOME", "*", "é", "-x=1"]

    const { stdout } = await box.run([
      "exec",
      "dev",
      "--",
      process.execPath,
      "-p",
      "JSON.stringify(process.argv.slice(1))",
      "--",
      ...args,
    ])

    expect(JSON.parse(stdout)).toEqual(args)
  })

  it.each([
    ["exit 0", 0],
    ["exit 7", 7],
    ["exit 255", 255],
    ["kill -TERM $$", 143],
    ["kill -KILL $$", 137],
    ["kill -INT $$", 130],
  ])("ends as %s ends", async (script, status) => {
    const box = await signedIn()

    expect(await box.run(["exec", "dev", "--", "sh", "-c", script])).toMatchObject({ status, stderr: "" })
  })

  it("says 127 for what is not there and 126 for what cannot be run, and leaves no lease", async () => {
    const box = await signedIn()
    const script = join(box.home, "script")
    writeFileSync(script, "#!/no/such/interpreter\n")
    chmodSync(script, 0o755)

    expect(await box.run(["exec", "dev", "--", "nope"])).toMatchObject({
      status: 127,
      stderr: expect.stringContaining("command not found: nope"),
    })
    expect(await box.run(["exec", "dev", "--", "./nope"])).toMatchObject({ status: 127 })
    expect(await box.run(["exec", "dev", "--", "/etc/passwd"])).toMatchObject({ status: 126 })
    expect(await box.run(["exec", "dev", "--", box.home])).toMatchObject({ status: 126 })
    expect(await box.run(["exec", "dev", "--", script])).toMatchObject({
      status: 126,
      stderr: expect.stringContaining("interpreter"),
    })

    await vi.waitFor(async () => expect(await leases(box)).toEqual([]))
  })

  it("asks for a login with exit status 10 before it runs anything", async () => {
    const box = await install()
    await box.start()
    const file = join(box.home, "ran")

    expect(await box.run(["exec", "dev", "--", "touch", file])).toMatchObject({
      status: 10,
      stderr: expect.stringContaining("credd login acme"),
    })
    expect(existsSync(file)).toBe(false)
  })

  it("says 3 without a daemon", async () => {
    expect(await (await install()).run(["exec", "dev", "--", "true"])).toMatchObject({ status: 3 })
  })

  it("has a lease named after the command and its process, for its profile only, which ends with it", async () => {
    const box = await signedIn()
    const child = start(box, "dev", "--", "sh", "-c", waits)
    const line = await firstLine(child)
    expect(await leases(box)).toEqual([`sh-${child.pid}`])
    expect(await statusOf(line)).toBe(200)
    expect(await statusOf(line.replace("/dev", "/acme"))).toBe(403)

    const ended = finished(child)
    expect((await ended).status).toBe(0)

    await vi.waitFor(async () => expect(await statusOf(line)).toBe(401), { timeout: 2_000, interval: 20 })
  })

  it("loses its lease when it is killed with -9, while the command lives on", async () => {
    const box = await signedIn()
    const child = start(box, "dev", "--", "sh", "-c", waits)
    const line = await firstLine(child)
    const pid = Number(line.split(" ")[2])
    onTestFinished(() => {
      try {
        process.kill(pid, "SIGKILL")
      } catch {
        // It ended with its stdin.
      }
    })

    await killed(child, "SIGKILL")

    await vi.waitFor(async () => expect(await statusOf(line)).toBe(401), { timeout: 2_000, interval: 20 })
    expect(await leases(box)).toEqual([])
  })

  it("keeps its lease over a daemon that is killed and started again", async () => {
    const box = await install()
    const daemon = await box.start()
    await signIn(box)
    const child = start(box, "dev", "--", "sh", "-c", waits)
    const line = await firstLine(child)
    await killed(daemon, "SIGKILL")
    await box.start()
    const { endpoint } = JSON.parse(readFileSync(join(box.env["CREDD_HOME"] ?? "", "endpoint.json"), "utf8")) as {
      endpoint: string
    }

    // The session went with the memory store; the token is known.
    expect(await statusOf(line, endpoint)).toBe(403)
    await vi.waitFor(async () => expect((await box.run(["lease", "list"])).stdout).toContain(`sh-${child.pid}`))
    // Held again, it ends with its holder.
    await vi.waitFor(() => expect(box.log().match(/"event":"listening"/g)).toHaveLength(2))
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    await killed(child, "SIGKILL")
    await vi.waitFor(async () => expect(await statusOf(line, endpoint)).toBe(401), { timeout: 5_000, interval: 50 })
  }, 60_000)

  it("is not brought back by its command once it is revoked, nor by a daemon that is started again", async () => {
    const box = await install()
    const daemon = await box.start()
    await signIn(box)
    const child = start(box, "dev", "--", "sh", "-c", waits)
    const line = await firstLine(child)
    const [name = ""] = await leases(box)

    expect(await box.run(["lease", "revoke", name])).toMatchObject({ status: 0 })
    expect(await statusOf(line)).toBe(401)
    await killed(daemon, "SIGKILL")
    await box.start()
    const { endpoint } = JSON.parse(readFileSync(join(box.env["CREDD_HOME"] ?? "", "endpoint.json"), "utf8")) as {
      endpoint: string
    }

    expect(await statusOf(line, endpoint)).toBe(401)
    expect(await leases(box)).toEqual([])
    expect(child.exitCode).toBe(null)
  }, 60_000)

  it("does not make a stopping daemon wait, nor lose its lease by it", async () => {
    const box = await install()
    const daemon = await box.start()
    await signIn(box)
    const child = start(box, "dev", "--", "sh", "-c", waits)
    await firstLine(child)

    await killed(daemon, "SIGTERM")

    expect(readFileSync(join(box.env["CREDD_HOME"] ?? "", "leases.json"), "utf8")).toContain(`sh-${child.pid}`)
  })

  it("nests: the inner command has the inner profile, the outer lease stays", async () => {
    const box = await signedIn()
    const inner =
      'echo $AWS_CONTAINER_CREDENTIALS_FULL_URI; "$0" "$1" exec acme -- sh -c \'echo $AWS_CONTAINER_CREDENTIALS_FULL_URI; exit 5\''

    const { status, stdout } = await box.run(["exec", "dev", "--", "sh", "-c", inner, process.execPath, credd])

    expect([
      status,
      stdout
        .trim()
        .split("\n")
        .map((uri) => uri.split("/").at(-1)),
    ]).toEqual([5, ["dev", "acme"]])
  })

  it("gives no more inside a scoped lease than that lease has", async () => {
    const box = await signedIn()
    const inside = async (inner: string): Promise<string> =>
      (await box.run(["exec", "dev", "--read-only", "--", "sh", "-c", inner, process.execPath, credd])).stdout

    expect(await inside('"$0" "$1" exec dev -- "$0" "$1" lease list')).toMatch(/^node-\d+ +dev +read-only/m)
    expect(await inside('"$0" "$1" exec acme -- true; echo $?')).toBe("1\n")
    expect(await inside(`"$0" "$1" exec dev --policy-arn ${managed} -- true; echo $?`)).toBe("1\n")
    expect(await inside('"$0" "$1" lease new more --profile dev >/dev/null; "$0" "$1" lease show more')).toContain(
      "scope     read-only",
    )
  }, 60_000)

  it("makes no lease in vain when fifty run at once, and one role session serves them all", async () => {
    const box = await signedIn()
    const script =
      'curl -s -o /dev/null -w "%{http_code}" -H "Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN" "$AWS_CONTAINER_CREDENTIALS_FULL_URI"'

    // The first of all asks AWS; under this load an answer may come too late for it.
    await box.run(["exec", "dev", "--", "sh", "-c", script])
    const ran = await Promise.all(Array.from({ length: 50 }, () => box.run(["exec", "dev", "--", "sh", "-c", script])))

    expect(new Set(ran.map(({ status, stdout, stderr }) => `${status} ${stdout} ${stderr}`))).toEqual(
      new Set(["0 200 "]),
    )
    expect(
      box.sandbox.calls
        .filter(({ action }) => action === "AssumeRole")
        .map(({ parameters }) => parameters["RoleSessionName"]),
    ).toEqual(["credd-sh"])
    await vi.waitFor(async () => expect(await leases(box)).toEqual([]), { timeout: 10_000 })
    expect(await fetchCredentials(box, "dev")).toMatchObject({ status: 200 })
  }, 120_000)

  it.each(["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGINT", "SIGQUIT", "SIGALRM", "SIGWINCH"] as const)(
    "passes %s on to the command, once",
    async (signal) => {
      const box = await signedIn()
      const name = signal.slice(3)
      const script = `process.on("${signal}", () => console.log("${name}")); process.stdin.resume(); console.log("ready")`
      const child = start(box, "dev", "--", process.execPath, "-e", script)
      let text = ""
      child.stdout?.setEncoding("utf8").on("data", (chunk: string) => (text += chunk))
      await vi.waitFor(() => expect(text).toContain("ready"), { timeout: 10_000, interval: 20 })

      child.kill(signal)

      await vi.waitFor(() => expect(text.split("\n").filter((line) => line === name)).toHaveLength(1), {
        timeout: 5_000,
        interval: 20,
      })
      child.stdin?.end("\n")
      expect((await finished(child)).status).toBe(0)
      expect(text.split("\n").filter((line) => line === name)).toHaveLength(1)
    },
  )
})

async function shell(box: Installation): Promise<Terminal> {
  const terminal = await openTerminal(["bash", "--norc", "--noprofile"], {
    env: { ...box.env, PS1: "$ ", HISTFILE: "" },
  })
  await terminal.shows("$")
  await terminal.type(`PS1='ready> '; credd() { "${process.execPath}" "${credd}" "$@"; }`)
  await terminal.press("Enter")
  await terminal.shows("ready>")
  return terminal
}
async function run(terminal: Terminal, line: string): Promise<void> {
  await terminal.type(line)
  await terminal.press("Enter")
}

describe("credd exec in a terminal", () => {
  it("gives Ctrl-C to the command once, and to the shell its status", async () => {
    const box = await signedIn()
    const terminal = await shell(box)
    await run(
      terminal,
      `credd exec dev -- bash -c 'trap "echo got-it" INT; echo u""p; read x; read x; read x'; echo "status $?"`,
    )
    await terminal.shows(/^up$/m)

    await terminal.press("C-c")
    await terminal.shows("got-it")
    await run(terminal, "a")
    await run(terminal, "b")
    await run(terminal, "c")
    const screen = await terminal.shows(/status \d/)
    expect(screen.match(/^(\^C)?got-it$/gm)).toHaveLength(1)

    await run(terminal, `clear; credd exec dev -- sleep 100; echo "status $?"`)
    await vi.waitFor(async () => expect(await leases(box)).toHaveLength(1), { timeout: 10_000 })
    await terminal.press("C-c")
    await terminal.shows("status 130")
  }, 60_000)

  it("stops on Ctrl-Z and goes on with fg, as the command does", async () => {
    const box = await signedIn()
    const terminal = await shell(box)
    await run(terminal, `credd exec dev -- bash -c 'echo u""p; read x; echo "read $x"'; echo "status $?"`)
    await terminal.shows(/^up$/m)

    await terminal.press("C-z")
    await terminal.shows("Stopped")
    await run(terminal, "fg")
    await run(terminal, "hello")

    await terminal.shows("read hello")
  }, 60_000)

  it("stops when the command stops itself, as less and vim do", async () => {
    const box = await signedIn()
    const terminal = await shell(box)
    await run(terminal, `credd exec dev -- bash -c 'kill -STOP $$; echo went-on'`)

    await terminal.shows("Stopped")
    await run(terminal, "fg")

    await terminal.shows(/^went-on$/m)
  }, 60_000)

  it("runs an interactive shell with its own jobs, and comes back from it", async () => {
    const box = await signedIn()
    const terminal = await shell(box)
    await run(terminal, `credd exec dev -- bash --norc --noprofile -i; echo "status $?"`)
    await run(terminal, "PS1='inner> '")
    await terminal.shows(/^inner>/m)
    await run(terminal, "sh -c 'echo asl\"\"eep; exec sleep 100'")
    // Before it has the terminal, the keys are the shell's.
    await terminal.shows(/^asleep$/m)
    await terminal.press("C-z")
    await terminal.shows("Stopped")
    await run(terminal, "kill %1; wait; echo ${AWS_CONTAINER_CREDENTIALS_FULL_URI##*/}")
    await terminal.shows(/^dev$/m)
    await terminal.press("C-c")
    await run(terminal, "exit 9")

    await terminal.shows("status 9")
    await run(terminal, "echo back-again")
    await terminal.shows(/^back-again$/m)
  }, 60_000)

  it("runs a full-screen editor: it sees the terminal's size and its changes, and is suspended and resumed", async () => {
    const box = await signedIn()
    const terminal = await shell(box)
    const file = join(box.home, "text")
    await run(terminal, `credd exec dev -- vim -u NONE -N -c 'set laststatus=0' ${file}`)
    await terminal.shows(/^~$/m)
    await terminal.resize(100, 30)
    await terminal.type(":put =&columns.'x'.&lines")
    await terminal.press("Enter")
    await terminal.shows("100x30")
    await terminal.press("C-z")
    await terminal.shows("Stopped")
    await run(terminal, 'fg; echo "status $?"')
    await terminal.shows("100x30")
    await terminal.type(":wq")
    await terminal.press("Enter")

    await terminal.shows("status 0")
    expect(readFileSync(file, "utf8")).toContain("100x30")
  }, 60_000)

  it("takes its place in a pipeline, with process substitution beside it", async () => {
    const box = await signedIn()
    const terminal = await shell(box)

    await run(
      terminal,
      `seq 1000 | credd exec dev -- grep 9 | credd exec dev -- wc -l; credd exec dev -- cat <(echo substituted)`,
    )

    await terminal.shows(/^271$/m)
    await terminal.shows(/^substituted$/m)
    await run(terminal, `credd exec dev -- yes | head -1; echo "statuses \${PIPESTATUS[0]}"`)
    await terminal.shows(/^statuses (141|0|1)$/m)
  }, 60_000)
})
