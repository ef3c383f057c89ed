import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it, onTestFinished } from "vitest"
import { allCommands, manPages } from "../../client/man-pages.ts"
import { credd } from "./fake-context.ts"
import { run } from "./real-process.ts"

function written(): { readonly folder: string; readonly files: readonly string[] } {
  const folder = mkdtempSync(join(tmpdir(), "credd-man-"))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const files = [...manPages()].map(([name, text]) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  })
  return { folder, files }
}

describe("the man pages", () => {
  it("are one for credd and one for each command", () => {
    const names = [...manPages().keys()]

    expect(names).toContain("credd.1")
    for (const { words } of allCommands()) expect(names).toContain(`credd-${words.join("-")}.1`)
  })

  it("leave mandoc's lint nothing to say", async () => {
    const { files } = written()

    expect(await run("mandoc", ["-T", "lint", "-W", "warning", ...files])).toMatchObject({ status: 0, stdout: "" })
  })

  it.each(["80", "40"])("are readable with man on %s columns", async (MANWIDTH) => {
    const { folder } = written()

    const { status, stdout } = await run("man", ["-l", join(folder, "credd-login.1")], {
      env: { MANWIDTH, MANPAGER: "cat", LC_ALL: "C.UTF-8" },
    })

    expect(status).toBe(0)
    expect(stdout).toMatch(/SYNOPSIS\n +credd login \[--mfa-code code\]/)
    expect(stdout).toMatch(/EXIT STATUS\n +0 +Done\./)
    expect(stdout).toContain("credd login acme --duration 36h")
  })

  it("are in the package, where npm links them", () => {
    const [packed] = JSON.parse(
      execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"]).toString(),
    ) as [{ files: { path: string }[] }]
    const { man } = JSON.parse(readFileSync("package.json", "utf8")) as { man: string[] }
    const pages = [...manPages().keys()].map((name) => `dist/man/${name}`).toSorted()

    expect(packed.files.map(({ path }) => path)).toEqual(expect.arrayContaining(pages))
    // A new command: put its page into "man" of package.json, too.
    expect(man).toEqual(pages)
  })
})

describe("--help", () => {
  it.each(allCommands().map(({ words, manual }) => [words.join(" "), manual] as const))(
    "of %s tells its examples and exit statuses, as its man page does",
    async (words, manual) => {
      const { status, stdout } = await credd([...words.split(" "), "--help"])

      expect(status).toBe(0)
      expect(manual.examples.length).toBeGreaterThan(0)
      for (const line of manual.examples) expect(stdout).toContain(`  ${line}\n`)
      for (const [code, meaning] of Object.entries(manual.exits))
        expect(stdout).toContain(`  ${code.padEnd(3)} ${meaning}`)
    },
  )

  it.each(allCommands().map(({ words, command }) => [words.join(" "), command] as const))(
    "and TAB know what the names of %s stand for",
    (_, { parameters: { flags = {}, positional } }) => {
      const named = [
        ...Object.values(flags),
        ...(positional === undefined
          ? []
          : positional.kind === "array"
            ? [positional.parameter]
            : positional.parameters),
      ] as readonly { placeholder?: string; proposeCompletions?: unknown }[]

      for (const { placeholder, proposeCompletions } of named) {
        // In client/parameters.ts or routes.ts: add ...proposing("profile") (or "file") to the parameter.
        if (placeholder === "profile" || placeholder === "file") expect(proposeCompletions).toBeDefined()
      }
    },
  )
})
