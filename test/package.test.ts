import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { isBuiltin } from "node:module"
import { dirname, join } from "node:path"
import { describe, expect, it } from "vitest"

interface Locked {
  readonly dev?: boolean
  readonly hasInstallScript?: boolean
}

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), "utf8"))
const beside = [
  "CHANGELOG.md",
  "LICENSE",
  "README.md",
  "SECURITY.md",
  "daemon/launch.sh",
  "dist/THIRD-PARTY-LICENSES",
  "dist/package.json",
  "launchd/credd.plist",
  "package.json",
  "systemd/credd-peers.socket",
  "systemd/credd.service",
  "systemd/credd.socket",
  "systemd/strict.conf",
]

const entries = ["client/main.js", "daemon/keychain-helper.js", "daemon/watchdog-thread.js"]

/** What the built programs load, now or later, from the files beside them; and by name. */
function loaded(): { readonly files: ReadonlySet<string>; readonly packages: ReadonlySet<string> } {
  const files = new Set(entries.map((entry) => join("dist", entry)))
  const packages = new Set<string>()
  for (const file of files) {
    for (const [, name = ""] of readFileSync(file, "utf8").matchAll(/\brequire\("([^"]+)"\)/g)) {
      if (name.startsWith(".")) files.add(join(dirname(file), name))
      else if (!name.startsWith("node:") && !isBuiltin(name)) packages.add(name)
    }
  }
  return { files, packages }
}

describe("the package", () => {
  it("holds what runs, and nothing else", () => {
    const [packed] = JSON.parse(
      execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { encoding: "utf8" }),
    ) as [{ files: { path: string; mode: number }[] }]

    // The manual has its own test; the commit is written by a build from a checkout.
    const paths = packed.files
      .map(({ path }) => path)
      .filter((path) => !/^dist\/(man\/[\w-]+\.1|daemon\/commit)$/.test(path))
    expect(paths.toSorted()).toEqual([...beside, ...loaded().files].toSorted())
    expect(packed.files.find(({ path }) => path === "daemon/launch.sh")?.mode).toBe(0o755)
  })

  it("loads no package but the one that it asks npm for", () => {
    const { dependencies } = read("package.json") as { dependencies: Record<string, string> }

    expect([...loaded().packages]).toEqual(["@napi-rs/keyring"])
    expect(Object.keys(dependencies)).toEqual(["@napi-rs/keyring"])
  })

  it("brings the licence of each package whose code it holds", () => {
    const text = readFileSync("dist/THIRD-PARTY-LICENSES", "utf8")

    for (const name of ["@aws-sdk/client-sts", "@smithy/core", "hono", "pino", "undici", "valibot"]) {
      expect(text).toMatch(new RegExp(`^  ${name} \\d+\\.\\d+\\.\\d+ \\([\\w.-]+\\)$`, "m"))
    }
    for (const author of ["Matteo Collina", "Yusuke Wada", "Fabian Hiller"]) expect(text).toContain(author)
  })

  it("runs no script when it is installed, and neither does anything that it brings", () => {
    const { scripts } = read("package.json") as { scripts: Record<string, string> }
    const { packages } = read("package-lock.json") as { packages: Record<string, Locked> }

    for (const name of ["preinstall", "install", "postinstall", "prepare"]) expect(scripts).not.toHaveProperty(name)
    const scripted = Object.entries(packages).filter(
      ([, { dev, hasInstallScript }]) => dev !== true && hasInstallScript,
    )
    expect(scripted.map(([name]) => name)).toEqual([])
  })
})
