import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it, onTestFinished } from "vitest"
import { controlServer } from "../client/control-server.ts"
import { run } from "../client/real-process.ts"
import { openTerminal, type Terminal } from "../support/terminal.ts"

const main = fileURLToPath(new URL("../../dist/client/main.js", import.meta.url))

/** Names that a shell would take apart, and one that would do harm if it were ever evaluated. */
const names = ["dev", "with space", "it's", 'quo"te', "a:b", "a=b", "money$HOME", "`touch pwned`", "schön", "team/x@1"]

interface Machine {
  readonly home: string
  readonly env: Readonly<Record<string, string>>
}

/** A home with a `credd` on the PATH and profiles in endpoint.json; no daemon. */
function machine(profiles: readonly string[] = names): Machine {
  const home = mkdtempSync(join(tmpdir(), "credd-completion-"))
  onTestFinished(() => rmSync(home, { recursive: true, force: true, maxRetries: 5 }))
  mkdirSync(join(home, "bin"))
  const bin = join(home, "bin", "credd")
  writeFileSync(bin, `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`)
  chmodSync(bin, 0o755)
  // What a command is given, an argument a line: to see how the shell reads what was completed.
  writeFileSync(join(home, "bin", "show"), `#!/bin/sh\nprintf '<%s>\\n' "$@"\n`)
  chmodSync(join(home, "bin", "show"), 0o755)
  mkdirSync(join(home, "credd"))
  serve(home, profiles)
  writeFileSync(join(home, "accessKeys.csv"), "")
  const env = {
    HOME: home,
    CREDD_HOME: join(home, "credd"),
    PATH: `${join(home, "bin")}:${process.env["PATH"] ?? ""}`,
    XDG_CONFIG_HOME: join(home, "config"),
    XDG_DATA_HOME: join(home, "data"),
  }
  return { home, env }
}

function serve(home: string, profiles: readonly string[]): void {
  const endpoint = {
    endpoint: "http://127.0.0.1:9912",
    tokenFile: join(home, "credd", "tokens", "shell"),
    defaultProfile: null,
    profiles: Object.fromEntries(profiles.map((name) => [name, {}])),
  }
  writeFileSync(join(home, "credd", "endpoint.json"), JSON.stringify(endpoint))
}

const shells = {
  bash: {
    command: ["bash", "--norc", "--noprofile"],
    load: `HISTFILE=; PS1='> '; eval "$(credd completion bash)"; cd; clear`,
  },
  zsh: {
    command: ["zsh", "-f"],
    load: `PS1='> '; autoload -Uz compinit; compinit -u -D; eval "$(credd completion zsh)"; cd; clear`,
  },
  fish: {
    command: ["fish", "--no-config"],
    load: `function fish_prompt; echo '> '; end; credd completion fish | source; cd; clear`,
  },
} as const
type Shell = keyof typeof shells

async function open(shell: Shell, { env }: Machine): Promise<Terminal> {
  const { command, load } = shells[shell]
  const terminal = await openTerminal(command, { env, columns: 100 })
  await terminal.shows(/[$%#>] ?$/)
  await terminal.type(load)
  await terminal.press("Enter")
  await terminal.shows(/^>$/)
  return terminal
}

/** Types the beginning, presses TAB, and gives the line as it is then. */
async function completed(terminal: Terminal, typed: string, wanted: RegExp): Promise<string> {
  await terminal.type(typed)
  await terminal.shows(typed.trimEnd())
  await terminal.press("Tab")
  return await terminal.shows(wanted)
}

describe.each(["bash", "zsh", "fish"] as const)("TAB in a real %s", (shell) => {
  it.each([
    ["a command", "credd who", /^> credd whoami/m],
    ["a command of a command", "credd lease rev", /^> credd lease revoke/m],
    ["what comes after exec's --", "credd exec dev -- unam", /^> credd exec dev -- uname/m],
    ["a command after help", "credd help ref", /^> credd help refresh/m],
    ["a flag", "credd status --wa", /^> credd status --watch/m],
    ["a flag's value", "credd env --shell pow", /^> credd env --shell powershell/m],
    ["a profile", "credd env de", /^> credd env dev/m],
    ["a file", "credd add acme --csv acc", /^> credd add acme --csv accessKeys\.csv/m],
  ])(
    "completes %s",
    async (_, typed, wanted) => {
      const terminal = await open(shell, machine())

      await completed(terminal, typed, wanted)
    },
    60_000,
  )

  it("shows what there is to choose from", async () => {
    const terminal = await open(shell, machine())

    await terminal.type("credd lo")
    await terminal.press("Tab", "Tab")

    expect(await terminal.shows(/\block\b[^]*\blogin\b[^]*\blogout\b/)).toBeTruthy()
  }, 60_000)

  it("writes every name so that the command gets just that", async () => {
    const box = machine()
    const terminal = await open(shell, box)

    for (const name of names) {
      serve(box.home, [name])
      await terminal.type("credd env ")
      await terminal.press("Tab")
      await terminal.shows(/credd env .*\S/)
      // The same line, given to a program that shows its words.
      await terminal.press("C-a")
      await terminal.type("show ")
      await terminal.press("Enter")
      const screen = await terminal.shows(/^<env>$/m)
      expect(screen.split("\n")).toContain(`<${name}>`)
      await terminal.type("clear")
      await terminal.press("Enter")
      await terminal.shows(/^>$/)
    }
  }, 120_000)
})

describe("completion in bash", () => {
  it.each([
    ["credd env 'wi", "<with space>"],
    ['credd env "wi', "<with space>"],
    ["credd env with\\ s", "<with space>"],
    ["credd env a:", "<a:b>"],
    ["credd env a=", "<a=b>"],
    ["ls | credd env wi", "<with space>"],
  ])(
    "goes on where %s stops",
    async (typed, shown) => {
      const box = machine()
      const terminal = await open("bash", box)
      await terminal.type(typed)
      await terminal.press("Tab")
      await terminal.press("C-a")
      await terminal.type('credd() { show "$@"; }; ')
      await terminal.press("Enter")

      expect((await terminal.shows(/^<env>$/m)).split("\n")).toContain(shown)
    },
    60_000,
  )
})

describe("credd __complete", () => {
  it("asks no daemon and no network, and is silent where nothing fits", async () => {
    const { env } = machine()

    expect(await run("credd", ["__complete", "zsh", "env", "nothing-like-it"], { env })).toMatchObject({
      status: 0,
      stdout: "",
      stderr: "",
    })
  })

  it.each([
    ["lease", "show", ""],
    ["lease", "revoke", "ag"],
    ["audit", "--lease", "ag"],
  ])("names the daemon's leases for credd %s %s", async (...words) => {
    const { home } = await controlServer(() => ({ body: { leases: [{ name: "agent" }] } }))
    const { env } = machine()

    const { stdout } = await run("credd", ["__complete", "fish", ...words], { env: { ...env, CREDD_HOME: home } })

    expect(stdout).toMatch(/^agent\b/m)
  })

  it("says nothing on a machine where no daemon ever ran", async () => {
    const { env } = machine()

    const { status, stdout, stderr } = await run("credd", ["__complete", "fish", "logout", "x"], {
      env: { ...env, CREDD_HOME: "/nonexistent" },
    })

    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "", stderr: "" })
  })
})
