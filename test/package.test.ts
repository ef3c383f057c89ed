import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"

interface Locked {
  readonly dev?: boolean
  readonly hasInstallScript?: boolean
}

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), "utf8"))
const buildOnly = ["client/write-man-pages.ts", "daemon/write-commit.ts"]
const beside = [
  "CHANGELOG.md",
  "LICENSE",
  "README.md",
  "SECURITY.md",
  "daemon/launch.sh",
  "launchd/credd.plist",
  "package.json",
  "systemd/credd.service",
  "systemd/credd.socket",
  "systemd/strict.conf",
]

describe("the package", () => {
  it("holds what runs, and nothing else", () => {
    const [packed] = JSON.parse(
      execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { encoding: "utf8" }),
    ) as [{ files: { path: string; mode: number }[] }]
    const sources = execFileSync("git", ["ls-files", "client", "daemon"], { encoding: "utf8" }).trim().split("\n")

    // The manual has its own test; the commit is written by a build from a checkout.
    const paths = packed.files
      .map(({ path }) => path)
      .filter((path) => !/^dist\/(man\/[\w-]+\.1|daemon\/commit)$/.test(path))
    const built = sources.filter((path) => path.endsWith(".ts") && !buildOnly.includes(path))
    expect(paths.toSorted()).toEqual(
      [...beside, ...built.map((path) => `dist/${path.replace(/ts$/, "js")}`)].toSorted(),
    )
    expect(packed.files.find(({ path }) => path === "daemon/launch.sh")?.mode).toBe(0o755)
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
