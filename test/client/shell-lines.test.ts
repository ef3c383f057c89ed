import { execFileSync } from "node:child_process"
import { accessSync } from "node:fs"
import { delimiter, join } from "node:path"
import { fc, test } from "@fast-check/vitest"
import { describe, expect, it, type TestContext } from "vitest"
import { evaluation, shellFrom, shellLines, word, type Environment, type Shell } from "../../client/environment.ts"
import { run } from "./real-process.ts"

const hostile = [
  "",
  " ",
  "plain",
  "two words",
  "it's",
  "'''",
  'say "hi"',
  "$HOME ${HOME} $(id) `id`",
  "back\\slash \\' \\\\",
  "a\nb\r\nc\n",
  "tab\tbell\u0007esc\u001b[31m",
  "; rm -rf / #",
  "!! *?[a-z] ~ {a,b}",
  "-n --help",
  "%s %n",
  "ünïcödé 日本 🙂",
  "\u2018curly\u2019 \u201aquotes\u201b",
  "$'x' \\u0041",
  "ends with \\",
  "=", "&&", "|", "<(x)", "@{u}",
] // prettier-ignore

/** Which real shells evaluate which lines; each then prints its environment as JSON. */
const dump = `process.stdout.write(JSON.stringify(process.env))`
const evaluators: readonly { program: string; shell: Shell; args: (lines: string) => readonly string[] }[] = [
  ...["sh", "dash", "bash", "zsh", "ksh", "busybox"].map((program) => ({
    program,
    shell: "sh" as const,
    args: (lines: string) => [...(program === "busybox" ? ["sh"] : []), "-c", `set -eu\neval "$1"\nexec "$2" -e "$3"`, "x", lines],
  })),
  { program: "fish", shell: "fish", args: (lines) => ["--no-config", "-c", "echo -n $argv[1] | source; $argv[2] -e $argv[3]", lines] },
  { program: "pwsh", shell: "powershell", args: (lines) => ["-NoProfile", "-Command", "& { Invoke-Expression $args[0]; & $args[1] -e $args[2] }", lines] },
  { program: "nu", shell: "nu", args: (lines) => ["--no-config-file", "-c", `${lines}\n^$env.TEST_NODE -e $env.TEST_DUMP`] },
] // prettier-ignore

function skipUnlessPresent(context: TestContext, program: string): void {
  const found = (process.env["PATH"] ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program))
      return true
    } catch {
      return false
    }
  })
  if (!found) context.skip(`${program} is not installed here`)
}

describe("shellLines", () => {
  it.for(evaluators)("gives $program the environment and nothing else", async ({ program, shell, args }, context) => {
    skipUnlessPresent(context, program)
    const values = hostile.filter((value) => shell !== "powershell" || value !== "")
    const environment: Environment = new Map<string, string | null>([
      ["T_GONE", null],
      ["T_NEVER_THERE", null],
      ...values.map((value, i): [string, string] => [`T_${i}`, value]),
    ])

    const { status, stdout, stderr } = await run(
      program,
      [...args(shellLines(environment, shell)), process.execPath, dump],
      {
        env: { T_GONE: "still here", HOME: "/nonexistent", TEST_NODE: process.execPath, TEST_DUMP: dump },
      },
    )

    expect({ status, stderr }).toEqual({ status: 0, stderr: "" })
    const seen = Object.entries(JSON.parse(stdout) as Record<string, string>).filter(([name]) => name.startsWith("T_"))
    expect(Object.fromEntries(seen)).toEqual(Object.fromEntries(values.map((value, i) => [`T_${i}`, value])))
  })

  it("covers a universal variable of fish", async (context) => {
    skipUnlessPresent(context, "fish")
    const lines = shellLines(new Map([["T_GONE", null]]), "fish")

    const { stdout } = await run(
      "fish",
      ["-c", "set -Ux T_GONE x; echo $argv[1] | source; env | grep T_GONE; echo done", lines],
      {
        env: { HOME: await (await import("./control-server.ts")).temporaryHome() },
      },
    )

    expect(stdout).toBe("done\n")
  })

  const value = fc.string({ unit: "binary" }).filter((text) => !text.includes("\0"))

  test.prop([fc.array(value, { minLength: 1, maxLength: 20 })], { numRuns: 15 })(
    "gives sh any value back, byte for byte",
    (values) => {
      const lines = shellLines(new Map(values.map((each, i) => [`T_${i}`, each])), "sh")
      const print = values.map((_, i) => `printf '%s\\0' "$T_${i}"`).join("\n")

      const printed = execFileSync("sh", ["-c", `${lines}${print}`], { env: {}, encoding: "utf8" })

      expect(printed).toBe(values.map((each) => `${each}\0`).join(""))
    },
  )

  test.prop([fc.string({ unit: "binary" })])("gives JSON any value back", (text) => {
    expect(JSON.parse(shellLines(new Map([["A", text]]), "json"))).toEqual({ A: text })
  })

  test.prop([value])("keeps a fish, PowerShell or nu value inside its quotes", (text) => {
    const fish = /^set -gx A '((?:[^'\\]|\\[\\'])*)'\n$/.exec(shellLines(new Map([["A", text]]), "fish"))
    const powershell =
      /^\$env:A = '((?:[^'\u2018-\u201b]|''|\u2018\u2018|\u2019\u2019|\u201a\u201a|\u201b\u201b)*)'\n$/.exec(
        shellLines(new Map([["A", text]]), "powershell"),
      )
    const nu = /^\$env\.A = "((?:[^"\\]|\\["\\bfnrt]|\\u\{[0-9a-f]{4}\})*)"\n$/.exec(
      shellLines(new Map([["A", text]]), "nu"),
    )

    expect(fish?.[1]?.replaceAll(/\\([\\'])/g, "$1")).toBe(text)
    expect(powershell?.[1]?.replaceAll(/(['\u2018-\u201b])\1/g, "$1")).toBe(text)
    expect(JSON.parse(`"${nu?.[1]?.replaceAll(/\\u\{([0-9a-f]{4})\}/g, String.raw`\u$1`)}"`)).toBe(text)
  })

  it("marks in JSON what is to be unset", () => {
    expect(JSON.parse(shellLines(new Map([["A", "1"], ["B", null]]), "json"))).toEqual({ A: "1", B: null }) // prettier-ignore
  })
})

describe("shellFrom", () => {
  it.each([
    [undefined, { SHELL: "/bin/bash" }, "sh"],
    [undefined, { SHELL: "/usr/bin/zsh" }, "sh"],
    [undefined, { SHELL: "/opt/homebrew/bin/fish" }, "fish"],
    [undefined, { SHELL: "/usr/bin/nu" }, "nu"],
    [undefined, { SHELL: "/usr/bin/pwsh" }, "powershell"],
    [undefined, { PSModulePath: "x" }, "powershell"],
    [undefined, {}, "sh"],
    ["json", { SHELL: "/usr/bin/fish" }, "json"],
  ])("takes %s and %j for %s", (named, env, shell) => {
    expect(shellFrom(named, env)).toBe(shell)
  })

  it("lists the shells when the named one is unknown", () => {
    expect(() => shellFrom("tcsh", {})).toThrow('there is no shell "tcsh"')
  })
})

describe("word", () => {
  test.prop([fc.string({ unit: "binary", minLength: 1 }).filter((text) => !text.includes("\0"))], {
    numRuns: 20,
  })("is one word to a shell", (text) => {
    expect(execFileSync("sh", ["-c", `printf '%s\\0' ${word(text)}`], { encoding: "utf8" })).toBe(`${text}\0`)
  })
})

describe("evaluation", () => {
  it.each([
    ["/bin/bash", `eval "$(credd env 'a b')"`],
    ["/usr/bin/fish", "credd env 'a b' | source"],
    ["/usr/bin/nu", "credd env 'a b' --shell json | from json | load-env"],
    ["/usr/bin/pwsh", "credd env 'a b' | Out-String | Invoke-Expression"],
  ])("suits %s", (shell, line) => {
    expect(evaluation("a b", { SHELL: shell })).toBe(line)
  })
})
