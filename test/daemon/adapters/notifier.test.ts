import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import { notifier } from "../../../daemon/adapters/notifier.ts"
import { fakeLog } from "../../fakes/log.ts"

/** A folder with a program of this name that writes its arguments down, one a line. */
function desktop(program: string): { readonly env: Record<string, string>; readonly told: () => string[] } {
  const folder = mkdtempSync(join(tmpdir(), "credd-desktop-"))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, "told")
  writeFileSync(
    join(folder, program),
    `#!/bin/sh\nprintf '%s\\n' "$@" > "${file}.part" && mv "${file}.part" "${file}"\n`,
    {
      mode: 0o755,
    },
  )
  const path = `${folder}:/usr/bin:/bin`
  return { env: { PATH: path }, told: () => readFileSync(file, "utf8").trimEnd().split("\n") }
}

const title = 'the MFA session for profile "a<b>&c" ends at 17:40, in 60 min'
const text = "Run: credd login 'a<b>&c'"

describe(notifier.name, () => {
  it("tells notify-send, with markup made harmless", async () => {
    const { env, told } = desktop("notify-send")

    notifier("linux", env, fakeLog())(title, text)

    await vi.waitFor(() => expect(told().slice(-3)).toEqual(["--", title, "Run: credd login 'a&lt;b&gt;&amp;c'"]))
  })

  it("tells osascript, which gets the texts as arguments and not as a script", async () => {
    const { env, told } = desktop("osascript")

    notifier("darwin", env, fakeLog())(title, text)

    await vi.waitFor(() => expect(told().slice(-2)).toEqual([title, text]))
    expect(told().slice(0, 2)).toEqual(["-e", "on run argv"])
  })

  it("is silent where there is no such program, or none that works", async () => {
    const { env } = desktop("notify-send")
    writeFileSync(join(env["PATH"]?.split(":")[0] ?? "", "notify-send"), "#!/bin/sh\necho EXAMPLE-canary >&2; exit 1\n")
    const log = fakeLog()

    notifier("linux", { PATH: "/nowhere" }, log)(title, text)
    notifier("linux", env, log)(title, text)

    await vi.waitFor(() => expect(log.lines).toHaveLength(2))
    expect(log.lines.join("")).toMatch(/debug notification_not_shown.*ENOENT/)
    expect(log.lines.join("")).not.toContain("canary")
  })
})
