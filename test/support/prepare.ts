/** Runs once before all tests: builds what the end-to-end tests start, and installs what they need beyond npm. */
import { execFileSync, spawnSync } from "node:child_process"
import { existsSync } from "node:fs"

/** Programs of the tests with a real keyring and real shells, and Debian's packages that bring them. */
const needed: Readonly<Record<string, string>> = {
  "/usr/bin/python3": "python3",
  "dbus-daemon": "dbus-daemon",
  "dbus-send": "dbus-bin",
  "gnome-keyring-daemon": "gnome-keyring",
  faketime: "faketime",
  fish: "fish",
  man: "man-db",
  openssl: "openssl",
  mandoc: "mandoc",
  pass: "pass",
  "pinentry-tty": "pinentry-tty",
  python3: "python3",
  "secret-tool": "libsecret-tools",
  tmux: "tmux",
  vim: "vim",
  "systemd-socket-activate": "systemd",
  zsh: "zsh",
}

export default function prepare(): void {
  installMissing(needed)
  build()
}

export function build(): void {
  execFileSync("npm", ["run", "--silent", "build"], { stdio: "inherit" })
}

/** A program's name, or the path of a file, and the package that brings it. */
export function installMissing(programs: Readonly<Record<string, string>>): void {
  const packages = Object.entries(programs)
    .filter(([program]) => !isThere(program))
    .map(([, name]) => name)
  if (packages.length === 0) return
  const line = `apt-get update && apt-get install -y -o Acquire::Retries=3 --no-install-recommends ${packages.join(" ")}`
  const asRoot = process.getuid?.() === 0 ? [] : ["sudo", "-n"]
  const canInstall =
    existsSync("/usr/bin/apt-get") && (asRoot.length === 0 || spawnSync("sudo", ["-n", "true"]).status === 0)
  if (!canInstall) throw new Error(`the tests need ${packages.join(", ")}; run: sudo sh -c '${line}'`)
  console.log(`installing ${packages.join(", ")} for the tests`)
  const [program, ...rest] = [...asRoot, "sh", "-c", line]
  execFileSync(program, rest, {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  })
}

function isThere(program: string): boolean {
  if (program.startsWith("/")) return existsSync(program)
  return (process.env["PATH"] ?? "").split(":").some((folder) => folder !== "" && existsSync(`${folder}/${program}`))
}
