/** The daemon, its port, its store, its clock, and the service that starts it. */
import { join } from "node:path"
import { version } from "../../../daemon/version.ts"
import { span } from "../../output.ts"
import { word } from "../../environment.ts"
import type { Check } from "../finding.ts"

export const running: Check = async ({ daemonFailure, machine, port }) => {
  if (daemonFailure === undefined) return []
  const holder = port === 0 ? undefined : await machine.holderOf(port)
  if (daemonFailure.code === "DaemonNotRunning" && holder !== undefined) {
    return [
      {
        id: "port-held",
        level: "problem",
        what: `port ${port} is held by ${holder}, and the daemon is not running`,
        why: "the daemon keeps to its port, since open shells hold its address: it cannot start",
        fix: "end that program, or set another port: CREDD_PORT=9913 credd daemon",
      },
    ]
  }
  const hint = daemonFailure.hint?.replace(/^run: /, "") ?? "credd daemon"
  return [
    {
      id: daemonFailure.code === "DaemonNotRunning" ? "daemon-not-running" : "daemon-unreachable",
      level: "problem",
      what: daemonFailure.message,
      why: "nobody serves credentials",
      fix: hint,
    },
  ]
}

export const otherVersion: Check = ({ status }) =>
  status === undefined || status.daemon.version === version
    ? []
    : [
        {
          id: "daemon-version",
          level: "warning",
          what: `the daemon is credd ${status.daemon.version}, this command ${version}`,
          why: "after an upgrade the old daemon runs on until it is started again",
          fix: `credd service install   (or: kill ${status.daemon.pid}, and start it again)`,
        },
      ]

export const store: Check = ({ status }) => {
  if (status === undefined || status.daemon.storeState === "ready") return []
  const { store: kind, storeState } = status.daemon
  return [
    {
      id: `store-${storeState}`,
      level: status.sessions.some(({ state }) => state === "signed-in") ? "warning" : "problem",
      what: `the ${kind === "file" ? "file store" : "keychain"} is ${storeState}`,
      why: "sessions that are in memory are served on; the others, and every login, need it",
      fix:
        kind === "file"
          ? "credd unlock"
          : storeState === "locked"
            ? "unlock the keychain by logging in to the desktop"
            : 'choose another store: store = "file" in config.toml; see credd config',
    },
  ]
}

const skewMs = { warning: 30_000, problem: 4 * 60_000 }

export const clock: Check = ({ status }) => {
  const offset = status?.daemon.clockOffsetMs ?? 0
  const distance = Math.abs(offset)
  if (distance < skewMs.warning) return []
  return [
    {
      id: "clock",
      level: distance < skewMs.problem ? "warning" : "problem",
      what: `this machine's clock is ${span(distance)} ${offset > 0 ? "behind" : "ahead of"} AWS's`,
      why: "MFA codes count for 30 s, and AWS refuses signatures that are 5 minutes off; credd makes up for it, other tools do not",
      fix: "sudo timedatectl set-ntp true",
    },
  ]
}

/** Where a unit or an agent of credd's may lie. */
export const service: Check = ({ context: { env }, machine }) => {
  const home = env["HOME"] ?? "/"
  const places =
    machine.platform === "darwin"
      ? [join(home, "Library", "LaunchAgents"), "/Library/LaunchAgents"]
      : [
          join(env["XDG_CONFIG_HOME"] || join(home, ".config"), "systemd", "user"),
          join(env["XDG_DATA_HOME"] || join(home, ".local", "share"), "systemd", "user"),
          "/etc/systemd/user",
          "/usr/lib/systemd/user",
        ]
  if (places.some((folder) => machine.list(folder).some((name) => /credd.*\.(service|plist)$/.test(name)))) return []
  return [
    {
      id: "no-service",
      level: "note",
      what: "credd is not installed as a service",
      why: "after a reboot nobody starts the daemon",
      fix: "credd service install",
      mend: { question: "install the service (credd service install)?", how: ["service", "install"] },
    },
  ]
}

const oldMs = 90 * 86_400_000

/** The age since credd was given the key; only IAM knows when it was made. */
export const keyAge: Check = ({ keys, context }) =>
  keys
    .map((key) => ({ ...key, ageMs: context.now() - Date.parse(key.addedAt) }))
    .filter(({ ageMs }) => ageMs > oldMs)
    .map(({ profile, accessKeyId, ageMs }) => ({
      id: "key-old",
      level: "warning" as const,
      what: `the access key ${accessKeyId} of "${profile}" has been with credd for ${Math.floor(ageMs / 86_400_000)} days`,
      why: "keys are to be replaced every 90 days; this counts from the day that credd got it, and IAM may have made it earlier",
      fix: `credd rotate ${word(profile)}`,
    }))
