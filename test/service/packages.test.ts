import { execFileSync, spawnSync } from "node:child_process"
import { copyFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { bootMachine, must, type Machine } from "./machine.ts"
import { tarball } from "./prepare.ts"

const commit = execFileSync("git", ["rev-parse", "--short=12", "HEAD"], { encoding: "utf8" }).trim()

describe("the npm package on a bare machine", () => {
  let machine: Machine
  beforeAll(async () => {
    machine = await bootMachine({ isBare: true })
  })
  afterAll(async () => await machine.powerOff())

  it("installs in one command without a compiler, tells its commit, and becomes a service", async () => {
    const inside = (...words: string[]): string =>
      execFileSync("chroot", [machine.root, ...words], { encoding: "utf8" })
    copyFileSync(tarball, join(machine.root, "srv/credd.tgz"))
    // The machine itself has no network; its disk has that of this one.
    copyFileSync("/etc/resolv.conf", join(machine.root, "etc/resolv.conf"))
    copyFileSync("/etc/ssl/certs/ca-certificates.crt", join(machine.root, "etc/ssl/certs/ca-certificates.crt"))
    const registry = execFileSync("npm", ["config", "get", "registry"], { encoding: "utf8" }).trim()
    const compiler = spawnSync("chroot", [machine.root, "sh", "-c", "command -v cc gcc make python3"])

    inside("env", `npm_config_registry=${registry}`, "npm", "install", "-g", "/srv/credd.tgz")

    expect(String(compiler.stdout)).toBe("")
    expect((await must(machine.run("credd --version"))).stdout).toMatch(
      new RegExp(`^\\d+\\.\\d+\\.\\d+ \\(${commit}\\+?\\)\n$`),
    )
    await machine.login("owner")
    expect((await must(machine.as("owner", "credd service install"))).stderr).toContain(
      "is installed as a systemd service",
    )
    expect((await must(machine.as("owner", "credd status --json"))).stdout).toContain(`"commit": "${commit}`)
  }, 120_000)
})

describe("the Debian package", () => {
  let machine: Machine
  let file = ""
  beforeAll(async () => {
    file = execFileSync("npm", ["run", "--silent", "package:deb"], { encoding: "utf8" }).trim().split("\n").at(-1) ?? ""
    machine = await bootMachine({ isBare: true })
  })
  afterAll(async () => await machine.powerOff())

  it("has no error that lintian knows", () => {
    const { stdout, status } = spawnSync("lintian", ["--allow-root", "--fail-on", "error", file], { encoding: "utf8" })

    expect(stdout.split("\n").filter((line) => line.startsWith("E:"))).toEqual([])
    expect(status).toBe(0)
  }, 180_000)

  it("brings the units, which a user starts without copies of his own, and goes without a trace", async () => {
    copyFileSync(file, join(machine.root, "srv/credd.deb"))
    // This machine has a node that no package brought.
    await must(machine.run("dpkg --force-depends -i /srv/credd.deb"))
    await machine.login("owner")

    const { stderr } = await must(machine.as("owner", "credd service install"))

    expect(stderr).toContain("is installed as a systemd service")
    expect(readdirSync(join(machine.root, "home/owner/.config/systemd/user")).toSorted()).toEqual([
      "credd.service.d",
      "default.target.wants",
      "sockets.target.wants",
    ])
    const verify = await must(
      machine.as(
        "owner",
        "cd /usr/lib/systemd/user && systemd-analyze --user verify credd.socket credd-peers.socket credd.service",
      ),
    )
    expect(verify.stdout + verify.stderr).toBe("")
    expect((await must(machine.as("owner", "credd status"))).stdout).toContain("127.0.0.1:9912")
    await must(machine.as("owner", "credd service uninstall"))
    await must(machine.run("dpkg --purge credd"))
    expect((await machine.run("find /usr -path '*credd*'")).stdout).toBe("")
  })
})
