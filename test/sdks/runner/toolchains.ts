/** The ways in which programs come onto this machine: Go, Cargo, Maven, npm and pip build them; Debian has some ready. */
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import { built, cacheFolder, sourceOf, tool } from "./cache.ts"
import { goClock, goClockRecipe } from "./go-clock.ts"
import { answering, eachTime } from "./programs.ts"
import type { Prepared, Program, Shell } from "./sdk.ts"

export function go(name: string, module: string): Program {
  return {
    missing: () => unlessOnPath("go"),
    async prepare() {
      const folder = await built(name, (await versionOf("go", "version")) + goClockRecipe, async (at) => {
        await tool(at, ["go", "build", "-trimpath", "-overlay", await goClock(), "-o", "probe", "."])
      })
      return { version: versionIn(name, "go.mod", `${module} v(\\S+)`), start: answering([join(folder, "probe")]) }
    },
  }
}

export function cargo(name: string, crate: string): Program {
  return {
    missing: () => unlessOnPath("cargo"),
    async prepare() {
      // One target folder for all: they share most of what they are built from.
      const env = { CARGO_TARGET_DIR: join(cacheFolder, "cargo") }
      const folder = await built(name, await versionOf("rustc", "--version"), async (at) => {
        await tool(at, ["cargo", "build", "--locked", "--quiet"], { env })
        await tool(at, ["cp", join(cacheFolder, "cargo", "debug", `credd-probe-${name}`), "probe"])
      })
      const version = versionIn(name, "Cargo.toml", `^${crate} = .*?version = "=([^"]+)"`)
      return { version, start: answering([join(folder, "probe")]) }
    },
  }
}

export function maven(name: string, artifact: string): Program {
  return {
    missing: () => unlessOnPath("mvn") ?? unlessOnPath("java"),
    async prepare() {
      const folder = await built(name, await versionOf("java", "--version"), async (at) => {
        await tool(at, ["mvn", "--batch-mode", "--quiet", "package"], { lock: "maven" })
      })
      const version = versionIn(name, "pom.xml", `<artifactId>${artifact}</artifactId>\\s*<version>([^<]+)`)
      // A short life: no time for the second compiler, and two cores for all.
      const jvm = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m"]
      return { version, start: answering([...jvm, "-jar", join(folder, "target", "probe.jar")]) }
    },
  }
}

export function npm(name: string, dependency: string): Program {
  return {
    missing: () => undefined,
    async prepare() {
      const folder = await built(name, process.version, async (at) => {
        await tool(at, ["npm", "ci", "--silent", "--no-audit", "--no-fund"])
      })
      const { version } = JSON.parse(
        readFileSync(join(folder, "node_modules", dependency, "package.json"), "utf8"),
      ) as { version: string }
      return { version, start: answering([process.execPath, join(folder, "main.mjs")]) }
    },
  }
}

/** A virtual environment; `line` makes a command of its `bin` folder, and without it `main.py` is the program. */
export function pip(name: string, dependency: string, line?: (bin: string, shell: Shell) => string[]): Program {
  return {
    missing: () => unlessOnPath("python3"),
    async prepare() {
      const folder = await built(name, await versionOf("python3", "--version"), async (at) => {
        await tool(at, ["python3", "-m", "venv", "venv"])
        await tool(at, ["venv/bin/pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"])
      })
      const bin = join(folder, "venv", "bin")
      return {
        version: versionIn(name, "requirements.txt", `^${dependency}==(\\S+)$`),
        start:
          line === undefined
            ? answering([join(bin, "python"), join(folder, "main.py")])
            : eachTime((shell) => line(bin, shell)),
      }
    },
  }
}

/** A program that Debian's packages bring; `test/sdks/runner/prepare.ts` installs them. */
export function debian(file: string, package_: string, start: Prepared["start"]): Program {
  return {
    missing: () => (existsSync(file) ? undefined : `Debian's ${package_} is not installed`),
    prepare: async () => await Promise.resolve({ version: `${upstreamVersion(package_)} (Debian)`, start }),
  }
}

export function source(...path: readonly string[]): string {
  return join(sourceOf(path[0] ?? ""), ...path.slice(1))
}

function upstreamVersion(package_: string): string {
  const version = execFileSync("dpkg-query", ["-W", "-f", "${Version}", package_], { encoding: "utf8" })
  return version
    .replace(/^\d+:/, "")
    .replace(/[-+~][^-]*$/, "")
    .replace(/[+~].*$/, "")
}

async function versionOf(...line: readonly string[]): Promise<string> {
  return await tool(cacheFolder, line)
}

/** The version that the manifest pins. */
function versionIn(name: string, manifest: string, pattern: string): string {
  const [, version] = new RegExp(pattern, "m").exec(readFileSync(join(sourceOf(name), manifest), "utf8")) ?? []
  if (version === undefined) throw new Error(`${name}/${manifest} has no ${pattern}`)
  return version
}

function unlessOnPath(program: string): string | undefined {
  const isThere = (process.env["PATH"] ?? "")
    .split(delimiter)
    .some((folder) => folder !== "" && existsSync(join(folder, program)))
  return isThere ? undefined : `there is no ${program} on this machine`
}
