/**
 * systemd's user manager: a socket unit that holds the port, a service that is started by it and at login, and the socket
 * by which the service asks whose a connection is.
 */
import { join } from "node:path"
import { Failure } from "../failure.ts"
import type { Files } from "../files.ts"
import type { Host } from "./host.ts"
import { succeeded, type ServiceManager } from "./manager.ts"

const packaged = "/usr/lib/systemd/user"
const socketUnit = "credd.socket"
const serviceUnit = "credd.service"
/** The service wants it, so nobody need enable or start it. */
const peersUnit = "credd-peers.socket"

type Env = Readonly<Record<string, string | undefined>>

export function systemd(host: Host, files: Files, env: Env): ServiceManager {
  const folder = join(env["XDG_CONFIG_HOME"] || join(host.home, ".config"), "systemd", "user")
  const dropIns = join(folder, `${serviceUnit}.d`)
  const environmentFile = join(dropIns, "environment.conf")
  const strictFile = join(dropIns, "strict.conf")
  const user = async (...args: string[]) => await host.run("systemctl", ["--user", ...args])
  const done = async (what: string, ...args: string[]) =>
    succeeded(what, await user(...args), "run: credd service logs")

  return {
    name: "systemd",
    async check() {
      const { status, stderr } = await user("show-environment")
      if (status === 0) return
      const [line = "systemctl is not there"] = stderr.trim().split("\n")
      throw new Failure({
        code: "ServiceFailed",
        message: `there is no systemd user manager to be reached: ${line}`,
        hint:
          env["XDG_RUNTIME_DIR"] || status === 127
            ? "run: credd daemon"
            : "log in as this user (not through su or sudo), or run: export XDG_RUNTIME_DIR=/run/user/$(id -u)",
      })
    },
    async state() {
      const text = (await user("show", serviceUnit, "--property=LoadState,UnitFileState,MainPID")).stdout
      const facts = Object.fromEntries(text.split("\n").map((line) => line.split("=", 2)))
      const socket = await user("is-enabled", socketUnit)
      const linger = await host.run("loginctl", ["show-user", host.user, "--property=Linger", "--value"])
      const pid = Number(facts["MainPID"])
      return {
        isInstalled: facts["LoadState"] === "loaded",
        isEnabled: facts["UnitFileState"] === "enabled" && socket.status === 0,
        pid: pid > 0 ? pid : undefined,
        lingers: linger.stdout.trim() === "yes",
      }
    },
    environment: () => environmentIn(String(files.read(environmentFile) ?? "")),
    files({ place, port, socket, state, environment, isStrict }) {
      const template = (name: string): string => String(files.read(join(place.package, "systemd", name)) ?? "")
      const launch = `ExecStart=${[join(place.package, "daemon", "launch.sh"), place.node].map(command).join(" ")}`
      const units = new Map([
        [
          socketUnit,
          template(socketUnit)
            .replace(/^ListenStream=127.*$/m, () => `ListenStream=127.0.0.1:${port}`)
            .replace(/^ListenStream=%t.*$/m, (line) =>
              socket === undefined ? line : `ListenStream=${socket.replaceAll("%", "%%")}`,
            ),
        ],
        [serviceUnit, template(serviceUnit).replace(/^ExecStart=.*$/m, () => launch)],
        [peersUnit, template(peersUnit)],
      ])
      const wanted = new Map<string, string>()
      for (const [name, text] of units) {
        // A system package brings its own; a copy of ours would hide its next version.
        if (String(files.read(join(packaged, name)) ?? "") !== text) wanted.set(join(folder, name), text)
      }
      const lines = Object.entries(environment).map(([name, value]) => `Environment=${quoted(`${name}=${value}`)}`)
      wanted.set(environmentFile, ["# Kept by: credd service install", "[Service]", ...lines, ""].join("\n"))
      if (isStrict || files.read(strictFile) !== undefined) {
        const paths = [state, ...(socket === undefined ? ["%t/credd"] : [])].map((path) =>
          path.startsWith("%t") ? path : quoted(path),
        )
        const strict = template("strict.conf").replace(
          /^ReadWritePaths=.*$/m,
          () => `ReadWritePaths=${paths.join(" ")}`,
        )
        wanted.set(strictFile, strict)
      }
      return wanted
    },
    units: () => [socketUnit, serviceUnit, peersUnit].map((name) => join(folder, name)),
    leftovers: () => [dropIns],
    async activate(changed, isNewVersion) {
      await done("make systemd read its units", "daemon-reload")
      await done("enable the service", "--quiet", "enable", socketUnit, serviceUnit)
      const isListening = (await user("is-active", "--quiet", socketUnit)).status === 0
      const moved = changed.some((path) => path.endsWith(`/${socketUnit}`))
      // The service requires its socket, and so stops and starts with it.
      if (isListening && moved) await done("move to another port", "restart", socketUnit)
      else await done("open the port", "start", socketUnit)
      const isStale = changed.length > 0 || isNewVersion
      await done("start the daemon", isStale ? "restart" : "start", serviceUnit)
    },
    async deactivate() {
      await user("--quiet", "disable", "--now", socketUnit, serviceUnit)
      await user("--quiet", "stop", peersUnit)
      await user("reset-failed", socketUnit, serviceUnit, peersUnit)
    },
    async linger() {
      const ended = await host.run("loginctl", ["enable-linger", host.user])
      succeeded("keep the service after logout", ended, `run: sudo loginctl enable-linger ${host.user}`)
    },
    logs: async (isFollowing) =>
      await host.show("journalctl", [
        "--user",
        `--unit=${serviceUnit}`,
        `--unit=${socketUnit}`,
        `--unit=${peersUnit}`,
        "--lines=200",
        "--no-pager",
        ...(isFollowing ? ["--follow"] : []),
      ]),
  }
}

/** A word of a unit file, where `%` begins a specifier. */
function quoted(word: string): string {
  const escaped = word.replaceAll("%", "%%")
  return /^[\w@%+=:,./-]+$/.test(escaped)
    ? escaped
    : `"${escaped.replaceAll("\\", "\\\\").replaceAll('"', String.raw`\"`)}"`
}

/** A word of a command line: `$` begins a variable as well. */
function command(word: string): string {
  return quoted(word).replaceAll("$", "$$$$")
}

/** The reverse, for what `files` wrote. */
function environmentIn(text: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const [, word = ""] of text.matchAll(/^Environment=(.*)$/gm)) {
    const unquoted = word.startsWith('"') ? word.slice(1, -1).replaceAll(/\\(.)/g, "$1") : word
    const plain = unquoted.replaceAll("%%", "%")
    const at = plain.indexOf("=")
    if (at > 0) found[plain.slice(0, at)] = plain.slice(at + 1)
  }
  return found
}
