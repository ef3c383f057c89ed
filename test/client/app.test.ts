import { describe, expect, it } from "vitest"
import { allCommands } from "../../client/man-pages.ts"
import type { ErrorCode } from "../../daemon/api.ts"
import { version } from "../../daemon/version.ts"
import { credd, refuse } from "./fake-context.ts"

const commands = [...new Set(allCommands().map(({ words: [first = ""] }) => first))]

describe("the command line", () => {
  it.each(["--version", "-v"])("prints the version for %s", async (flag) => {
    const { status, stdout } = await credd([flag])

    expect({ status, stdout }).toEqual({ status: 0, stdout: `${version}\n` })
  })

  it.each([[[]], [["--help"]], [["help"]]])("shows every command for %j", async (args) => {
    const { status, stdout, stderr } = await credd(args)

    expect(status).toBe(0)
    expect(stderr).toBe("")
    for (const command of commands) expect(stdout).toMatch(new RegExp(`^  ${command} +\\w`, "m"))
  })

  it.each(commands)("explains %s with an example", async (command) => {
    const { status, stdout } = await credd([command, "--help"])

    expect(status).toBe(0)
    expect(stdout).toContain("EXAMPLE")
    expect(stdout).toContain(`credd ${command}`)
    expect((await credd(["help", command])).stdout).toBe(stdout)
  })

  it("proposes the command that was meant, and ends with 2", async () => {
    const { status, stdout, stderr } = await credd(["stauts"])

    expect({ status, stdout }).toEqual({ status: 2, stdout: "" })
    expect(stderr).toBe(
      'credd: error: there is no command "stauts"; did you mean "status"?\ncredd: hint: run: credd --help\n',
    )
  })

  it.each([
    [["status", "--jsno"], "--json"],
    [["add"], "expected argument for profile"],
    [["whoami", "a", "b"], "too many arguments"],
    [["login", "--duration"], "duration"],
  ])("ends with 2 for %j", async (args, words) => {
    const { status, stderr } = await credd(args)

    expect(status).toBe(2)
    expect(stderr).toMatch(/^credd: error: [^A-Z]/)
    expect(stderr).toContain(words)
  })

  it.each<[ErrorCode, number]>([
    ["LoginRequired", 10],
    ["SessionExpired", 10],
    ["ProfileRequired", 2],
    ["ProfileNotFound", 1],
    ["KeychainLocked", 13],
    ["KeychainUnavailable", 13],
    ["DaemonNotRunning", 3],
    ["SettingsInvalid", 1],
    ["Interrupted", 130],
    ["CodeOfTheFuture" as ErrorCode, 1],
  ])("turns %s into exit status %i, in two lines", async (code, status) => {
    const outcome = await credd(["lock"], {
      daemon: { "POST /lock": () => refuse({ code, message: "it could not be done", hint: "run: credd status" }) },
    })

    expect(outcome.status).toBe(status)
    expect(outcome.stdout).toBe("")
    expect(outcome.stderr).toBe("credd: error: it could not be done\ncredd: hint: run: credd status\n")
  })

  it("says no more than needed of a defect of its own", async () => {
    const { status, stderr } = await credd(["lock"])

    expect(status).toBe(1)
    expect(stderr).toMatch(/^credd: error: credd met an error of its own\ncredd: hint: /)
  })
})
