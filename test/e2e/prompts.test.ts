import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it, vi } from "vitest"
import { accessKeyLines, install, type Installation } from "../support/daemon.ts"
import { openTerminal, type Terminal } from "../support/terminal.ts"

const main = fileURLToPath(new URL("../../dist/client/main.js", import.meta.url))
const [keyId = "", secret = ""] = accessKeyLines.split("\n")

/** A shell in which credd runs, so that what becomes of the terminal afterwards is seen, too. */
async function shell(box: Installation, columns = 80): Promise<Terminal> {
  const bin = join(box.home, "bin")
  mkdirSync(bin, { recursive: true })
  writeFileSync(join(bin, "credd"), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`, { mode: 0o755 })
  const env = { ...box.env, PATH: `${bin}:${box.env["PATH"]}`, PS1: "$ ", ENV: "", SHELL: "/bin/sh" }
  const terminal = await openTerminal(["/bin/sh", "-i"], { env, columns })
  await terminal.shows("$")
  return terminal
}

async function enter(terminal: Terminal, line: string): Promise<void> {
  await terminal.type(line)
  await terminal.press("Enter")
}

/** Echo is on again, and no paste in brackets is left: what is typed is a command. */
async function isAsBefore(terminal: Terminal): Promise<void> {
  await enter(terminal, "stty -a | grep -o ' echo ' ; echo back $((20+22))")
  expect(await terminal.shows("back 42")).toMatch(/^ echo$/m)
}

async function setup(columns?: number) {
  const box = await install()
  await box.start()
  return { box, terminal: await shell(box, columns) }
}

describe("a prompt at a terminal", () => {
  it.each([40, 80, 200])(
    "takes both halves of an access key in one paste and shows neither, at %i columns",
    async (columns) => {
      const { terminal } = await setup(columns)
      await enter(terminal, "credd add acme; echo status $?")
      await terminal.shows(/Access key ID\n>/)

      await terminal.paste(`  ${keyId}\n${secret}\n`)
      await terminal.shows(/Secret access key\n> \*{20,}/)
      await terminal.press("Enter")

      const screen = await terminal.shows("status 0")
      expect(screen).not.toContain(keyId)
      expect(screen).not.toContain(secret.slice(0, 20))
      await isAsBefore(terminal)
    },
  )

  it("takes a paste where the terminal knows no brackets, and a secret that is typed and mended", async () => {
    const { terminal } = await setup()
    await enter(terminal, "credd add acme; echo status $?")
    await terminal.shows(/Access key ID\n>/)
    await terminal.type(`x${keyId.slice(1)}`)
    await terminal.press("C-u")
    await terminal.type(keyId)
    await terminal.press("Enter")
    await terminal.shows(/Secret access key\n>/)
    await terminal.type(`${secret}é`)
    await terminal.press("BSpace", "Left", "Enter")

    await terminal.shows("status 0")
  })

  it("counts the seconds of an MFA code, and asks again after a wrong one, three times in all", async () => {
    const { box, terminal } = await setup()
    await box.run(["add", "acme"], accessKeyLines)
    await enter(terminal, "credd login acme; echo status $?")
    const seconds = /> +\( ?(\d+) s\)/
    const first = seconds.exec(await terminal.shows(seconds))?.[1]
    await vi.waitFor(async () => expect(seconds.exec(await terminal.screen())?.[1]).not.toBe(first), {
      timeout: 10_000,
    })

    const right = box.sandbox.mfaCode("alice")
    const wrong = right === "000000" ? "111111" : "000000"
    await enter(terminal, "12345")
    await terminal.shows("an MFA code is six digits")
    await enter(terminal, wrong)
    await terminal.shows("refused the MFA code")
    await terminal.paste(` ${box.sandbox.nextUnusedCode("alice").code.replace(/(...)/, "$1 ")}\n`)
    await terminal.press("Enter")

    await terminal.shows("status 0")
    await isAsBefore(terminal)
  })

  it.each(["C-c", "C-d"])("leaves nothing half done on %s", async (key) => {
    const { box, terminal } = await setup()
    await enter(terminal, "credd add acme; echo status $?")
    await terminal.shows(/Access key ID\n>/)
    await terminal.type(keyId)
    await terminal.press("Enter")
    await terminal.shows(/Secret access key\n>/)
    await terminal.press(key)

    await terminal.shows("status 130")
    await isAsBefore(terminal)
    expect(box.sandbox.calls).toEqual([])
  })

  it("gives the terminal back when it is killed", async () => {
    const { terminal } = await setup()
    await enter(terminal, "credd add acme & sleep 0; fg; echo status $?")
    await terminal.shows(/Access key ID\n>/)
    await terminal.press("C-z")
    await enter(terminal, "kill -TERM %1; fg; echo status $?")

    await terminal.shows(/status (143|15)/)
    await isAsBefore(terminal)
  })
})

/** Programs in the place of the machine's, and no terminal. */
async function desktop(programs: Readonly<Record<string, string>>, env: Readonly<Record<string, string>>) {
  const box = await install()
  await box.start()
  await box.run(["add", "acme"], accessKeyLines)
  const bin = join(box.home, "desktop")
  mkdirSync(bin)
  for (const [name, script] of Object.entries(programs)) {
    if (script.startsWith("/")) symlinkSync(script, join(bin, name))
    else writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  }
  for (const tool of ["sh", "cat", "echo"]) symlinkSync(`/bin/${tool}`, join(bin, tool))
  Object.assign(box.env, env, { PATH: bin })
  return box
}

describe("credd login --gui", () => {
  it("asks by the real pinentry, in the terminal that GPG_TTY names", async () => {
    const box = await desktop({ pinentry: "/usr/bin/pinentry-tty" }, {})
    const elsewhere = await openTerminal(["sh", "-c", "tty; exec sleep 1000"])
    box.env["GPG_TTY"] = /\/dev\/\S+/.exec(await elsewhere.shows("/dev/"))?.[0] ?? ""

    const login = box.run(["login", "acme", "--gui"])
    await elsewhere.shows("MFA code for arn:aws:iam::123456789012:mfa/alice")
    await enter(elsewhere, "000000")
    await elsewhere.shows(/MFA code for[^]*; MFA code for/)
    await enter(elsewhere, box.sandbox.nextUnusedCode("alice").code)

    expect(await login).toMatchObject({ status: 0, stderr: expect.stringContaining("signed in") })
  })

  it.each(["zenity", "kdialog"])("asks by %s where there is no pinentry, or one that cannot", async (program) => {
    const box = await desktop(
      { pinentry: "exit 1", [program]: 'for a in "$@"; do echo "$a" >> "$HOME/asked"; done; cat "$HOME/code"' },
      { DISPLAY: ":99" },
    )
    writeFileSync(join(box.home, "code"), `${box.sandbox.mfaCode("alice")}\n`)

    expect(await box.run(["login", "acme", "--gui"])).toMatchObject({ status: 0 })
  })

  it("ends with 130 when the person presses Cancel", async () => {
    const box = await desktop({ zenity: "exit 1" }, { DISPLAY: ":99" })

    expect((await box.run(["login", "acme", "--gui"])).status).toBe(130)
    expect(box.sandbox.count("GetSessionToken")).toBe(0)
  })

  it("says what is missing where nothing can ask", async () => {
    const box = await desktop({}, {})

    expect(await box.run(["login", "acme", "--gui"])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("could not ask in a window: there is no display, or no program that opens one"),
    })
  })
})
