/** What a person sees in a real terminal: prompts, the watched status, and what shows that work takes its time. */
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { accessKeyLines, install, type Installation } from "../support/daemon.ts"
import { openTerminal, type Terminal } from "../support/terminal.ts"

const main = fileURLToPath(new URL("../../dist/client/main.js", import.meta.url))
const widths = [40, 80, 200] as const
const [accessKeyId = "", secret = ""] = accessKeyLines.trim().split("\n")

async function machine(): Promise<Installation> {
  const box = await install()
  await box.start()
  return box
}

/** Runs the command and then says how it ended: `ended 0`. */
async function terminalWith(
  box: Installation,
  args: readonly string[],
  columns: number,
  env: Readonly<Record<string, string>> = {},
): Promise<Terminal> {
  // The shell outlives Ctrl-C; what it runs does not.
  const script = `trap : INT; "$@"; echo "ended $?"; exec sleep 1000`
  return await openTerminal(["sh", "-c", script, "sh", process.execPath, main, ...args], {
    env: { ...box.env, ...env },
    columns,
  })
}

describe.each(widths)("on %i columns", (columns) => {
  it("login asks, takes a wrong code with a word, asks again, and signs in", async () => {
    const box = await machine()
    await box.run(["add", "acme"], accessKeyLines)
    const terminal = await terminalWith(box, ["login", "acme"], columns)

    await terminal.shows(/MFA code/)
    await terminal.type("000000")
    await terminal.press("Enter")
    await terminal.shows(/refused the MFA code[^]*MFA code/)
    await terminal.type(box.sandbox.mfaCode("alice"))
    await terminal.press("Enter")

    const screen = await terminal.shows("ended 0")
    expect(screen).toContain('signed in to "acme"')
    for (const line of screen.split("\n")) expect(line.length).toBeLessThanOrEqual(columns)
  }, 60_000)

  it("add shows neither half of the key", async () => {
    const box = await machine()
    const terminal = await terminalWith(box, ["add", "acme"], columns)

    await terminal.shows("Access key ID")
    await terminal.type(accessKeyId)
    await terminal.press("Enter")
    await terminal.shows("Secret access key")
    await terminal.type(secret)
    const typed = await terminal.screen()
    await terminal.press("Enter")
    const screen = await terminal.shows("ended 0")

    for (const seen of [typed, screen]) {
      expect(seen.replaceAll("\n", "")).not.toContain(accessKeyId)
      expect(seen.replaceAll("\n", "")).not.toContain(secret.slice(0, 12))
    }
  }, 60_000)

  it("Ctrl-C at a prompt leaves nothing half done", async () => {
    const box = await machine()
    await box.run(["add", "acme"], accessKeyLines)
    const terminal = await terminalWith(box, ["remove", "acme"], columns)

    await terminal.shows("(y/N)")
    await terminal.press("C-c")

    expect(await terminal.shows(/ended \d+/)).toContain("ended 130")
    expect((await box.run(["login", "acme", "--mfa-code", box.sandbox.mfaCode("alice")])).status).toBe(0)
  }, 60_000)

  it("status --watch draws over itself, fits, and ends with Ctrl-C", async () => {
    const box = await machine()
    await box.run(["add", "acme"], accessKeyLines)
    const terminal = await terminalWith(box, ["status", "--watch"], columns)

    await terminal.shows(/acme +signed-out/)
    await box.run(["login", "acme"], `${box.sandbox.mfaCode("alice")}\n`)
    const screen = await terminal.shows(/acme +█+/)

    expect(screen.match(/^sessions$/gm)).toHaveLength(1)
    expect(screen).not.toContain("signed-out")
    for (const line of screen.split("\n")) expect(line.length).toBeLessThanOrEqual(columns)
    await terminal.press("C-c")
    await terminal.shows(/ended (130|0)/)
  }, 60_000)
})

describe("in a terminal", () => {
  it("a call that takes its time shows a spinner, and nothing of it stays", async () => {
    const box = await machine()
    await box.run(["add", "acme"], accessKeyLines)
    box.sandbox.faults.add({ kind: "latency", ms: 3_000, action: "GetSessionToken" })
    const terminal = await terminalWith(box, ["login", "acme", "--mfa-code", box.sandbox.mfaCode("alice")], 80)

    await terminal.shows(/^[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] asking AWS for a session$/m)
    const screen = await terminal.shows("ended 0")

    expect(screen).not.toContain("asking AWS")
    expect(screen.split("\n")[0]).toContain("signed in")
  }, 60_000)

  it("Ctrl-C while it spins leaves a clean line", async () => {
    const box = await machine()
    await box.run(["add", "acme"], accessKeyLines)
    box.sandbox.faults.add({ kind: "latency", ms: 8_000, action: "GetSessionToken" })
    const terminal = await terminalWith(box, ["login", "acme", "--mfa-code", box.sandbox.mfaCode("alice")], 80)

    await terminal.shows("asking AWS for a session")
    await terminal.press("C-c")
    const screen = await terminal.shows("ended 130")

    expect(screen).not.toContain("asking AWS")
  }, 60_000)

  it("the spinner is of plain letters where the locale has no others", async () => {
    const box = await machine()
    await box.run(["add", "acme"], accessKeyLines)
    box.sandbox.faults.add({ kind: "latency", ms: 3_000, action: "GetSessionToken" })
    const args = ["login", "acme", "--mfa-code", box.sandbox.mfaCode("alice")]
    const terminal = await terminalWith(box, args, 80, { LANG: "C" })

    expect(await terminal.shows(/^[|/\\-] asking AWS for a session$/m)).toBeTruthy()
  }, 60_000)

  it("--plain asks and waits in words, and draws nothing", async () => {
    const box = await machine()
    await box.run(["add", "acme"], accessKeyLines)
    box.sandbox.faults.add({ kind: "latency", ms: 2_000, action: "GetSessionToken" })
    const terminal = await terminalWith(box, ["--plain", "login", "acme"], 80)

    await terminal.shows(/MFA code for .*:$/m)
    await terminal.type(box.sandbox.mfaCode("alice"))
    await terminal.press("Enter")

    const screen = await terminal.shows("ended 0")
    expect(screen).toMatch(/^asking AWS for a session, please wait\nsigned in to/m)
    expect(screen).not.toMatch(/[◆◇│└⠋]/)
  }, 60_000)

  it("--plain takes a secret without showing it", async () => {
    const box = await machine()
    const terminal = await terminalWith(box, ["add", "acme"], 80, { CREDD_PLAIN: "1" })

    await terminal.shows("Access key ID (what you type is not shown)")
    await terminal.type(accessKeyId)
    await terminal.press("Enter")
    await terminal.shows("Secret access key (what you type is not shown)")
    await terminal.type(secret)
    await terminal.press("Enter")

    const screen = await terminal.shows("ended 0")
    expect(screen).not.toContain(accessKeyId)
    expect(screen).not.toContain(secret)
  }, 60_000)

  it("--plain --watch says what is new, and repeats nothing", async () => {
    const box = await machine()
    await box.run(["add", "acme"], accessKeyLines)
    const terminal = await terminalWith(box, ["status", "--watch", "--plain"], 120)

    await terminal.shows("session acme: signed-out")
    await box.run(["login", "acme"], `${box.sandbox.mfaCode("alice")}\n`)
    const screen = await terminal.shows("session acme: signed in, 12h left")

    expect(screen.match(/^credd \d/gm)).toHaveLength(1)
    expect(screen.match(/signed-out/g)).toHaveLength(1)
    expect(screen).not.toMatch(/[█░]/)
  }, 60_000)
})

it("a log file gets neither colour nor spinner", async () => {
  const box = await machine()
  await box.run(["add", "acme"], accessKeyLines)
  box.sandbox.faults.add({ kind: "latency", ms: 1_000, action: "GetSessionToken" })

  const { status, stdout, stderr } = await box.run(["login", "acme"], `${box.sandbox.mfaCode("alice")}\n`)

  expect(status).toBe(0)
  for (const drawn of ["\u001b", "\r", "⠋", "asking"]) expect(stdout + stderr).not.toContain(drawn)
  expect(stdout + stderr).toContain("signed in")
}, 60_000)
