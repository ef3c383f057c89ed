/** `credd service`: the daemon as a service of this user, that is simply there. */
import { dirname, join } from "node:path"
import type { Status } from "../../daemon/api.ts"
import { commit } from "../../daemon/commit.ts"
import { version } from "../../daemon/version.ts"
import type { Command } from "../command.ts"
import type { Context } from "../context.ts"
import { Failure, usageWrong } from "../failure.ts"
import { note, table, warning } from "../output.ts"
import { replaceFile } from "../replace-file.ts"
import type { Host } from "../service/host.ts"
import { keptEnvironment } from "../service/kept-environment.ts"
import { launchd } from "../service/launchd.ts"
import type { ServiceManager } from "../service/manager.ts"
import { findPlace } from "../service/place.ts"
import { forgetSecrets } from "../service/purge.ts"
import { systemd } from "../service/systemd.ts"

const answerTries = 150
const answerMs = 100

type InstallFlags = { readonly linger: boolean; readonly strict: boolean }

export const install: Command<InstallFlags> = async (context, { linger, strict }) => {
  const { env, files, paths, process: streams } = context
  const { host, manager } = await open(context)
  if ((linger || strict) && manager.linger === undefined) {
    throw usageWrong(`--linger and --strict are systemd's, and this is ${manager.name}`, "run: credd service install")
  }
  const { readSettings } = await import("../../daemon/settings.ts")
  const environment = keptEnvironment(env, manager.environment())
  const { port } = await readSettings({ ...env, ...environment })
  if (port === 0) {
    throw usageWrong("a service needs a port that stays: port 0 takes another at each start", "run: credd config")
  }
  const place = findPlace(host)
  const before = await manager.state()
  await insistOnRoom(context, manager, port)

  // A file system of the service's own is made of folders that are there.
  host.makeFolder(paths.state)
  const socket = env["CREDD_HOME"] ? paths.socket : undefined
  const wanted = manager.files({ place, port, socket, state: paths.state, environment, isStrict: strict })
  const changed = [...wanted].filter(([path, text]) => write(context, path, text)).map(([path]) => path)
  // A unit of an earlier installation that this one does without would hide the packaged one.
  for (const path of manager.units()) if (!wanted.has(path)) files.remove(path)

  const running = before.pid === undefined ? undefined : await statusNow(context)
  const isNewVersion = running !== undefined && !isThisVersion(running)
  try {
    await manager.activate(changed, isNewVersion)
  } catch (error) {
    const opted = strict ? changed.filter((path) => path.endsWith("strict.conf")) : []
    if (opted.length === 0) throw error
    for (const path of opted) files.remove(path)
    await manager.activate(changed, isNewVersion)
    throw new Failure({
      code: "ServiceFailed",
      message: "this system gives a service of yours no file system of its own; it runs without --strict now",
      hint: "run: credd service logs",
    })
  }
  if (linger && before.lingers !== true) await manager.linger?.()
  const { daemon, sessions } = await answering(context, manager)

  for (const each of place.warnings) warning(streams.stderr, each)
  const done = changed.length === 0 && !isNewVersion ? "is installed already" : "is installed"
  note(
    streams.stderr,
    `credd ${done} as a ${manager.name} service: it starts at login, and serves on ${daemon.endpoint}`,
  )
  note(streams.stderr, `next: ${nextStep(sessions)}`)
  return 0
}

type UninstallFlags = { readonly purge: boolean; readonly yes: boolean }

export const uninstall: Command<UninstallFlags> = async (context, { purge, yes }) => {
  const { paths, process: streams } = context
  const { host, manager } = await open(context)
  const settings = dirname(paths.settings)
  if (purge) {
    await insistOnYes(context, yes, `Forget the settings in ${settings}, every access key and every session?`)
    await forgetSecrets(context)
  }
  await manager.deactivate()
  for (const path of [...manager.units(), ...manager.leftovers()]) host.removeAll(path)
  if (manager.name === "systemd") await host.run("systemctl", ["--user", "daemon-reload"])
  for (const name of purge ? [""] : passing) host.removeAll(join(paths.state, name))
  host.removeAll(paths.socket)
  if (purge) host.removeAll(settings)

  note(streams.stderr, "the service is uninstalled; open shells that asked credd have no credentials any more")
  if (!purge) {
    const left = [paths.settings, ...lasting.map((name) => join(paths.state, name))].filter(host.exists)
    note(streams.stderr, `left in place: what your keychain holds of credd${left.map((path) => `, ${path}`).join("")}`)
    note(streams.stderr, "to take these away too: credd service uninstall --purge")
  }
  return 0
}

/** Made anew by the next daemon. */
const passing = ["tokens", "leases.json", "endpoint.json", "settings.json", "compiled"]
/** Settings and secrets, and the record of who took them. */
const lasting = ["store.credd", "keychain-index.json", "imds.json", "audit"]

export const status: Command<{ json: boolean }> = async (context, { json }) => {
  const { stdout, stderr } = context.process
  const { host, manager } = await open(context)
  const { isInstalled, isEnabled, pid, lingers } = await manager.state()
  const daemon = pid === undefined ? undefined : (await statusNow(context))?.daemon
  const place = findPlace(host)
  const facts = {
    manager: manager.name,
    installed: isInstalled,
    enabled: isEnabled,
    pid: pid ?? null,
    lingers: lingers ?? null,
    endpoint: daemon?.endpoint ?? null,
    version: daemon?.version ?? null,
    commit: daemon?.commit ?? null,
    node: place.node,
    package: place.package,
  }
  if (json) stdout.write(`${JSON.stringify(facts, null, 2)}\n`)
  else {
    const rows = [
      ["installed", isInstalled ? `yes, with ${manager.name}` : "no; run: credd service install"],
      ["starts at login", isEnabled ? "yes" : "no"],
      ["running", pid === undefined ? "no" : `yes, pid ${pid}`],
      ...(daemon === undefined ? [] : [["serves on", daemon.endpoint]]),
      ...(lingers === undefined
        ? []
        : [["stays after logout", lingers ? "yes" : "no; credd service install --linger"]]),
      ["node", place.node],
      ["package", place.package],
    ]
    stdout.write(`${table(rows)}\n`)
  }
  for (const each of place.warnings) warning(stderr, each)
  if (daemon !== undefined && !isThisVersion({ daemon })) {
    warning(stderr, `the daemon is version ${daemon.version}, this command ${version}; run: credd service install`)
  }
  return pid === undefined ? 3 : 0
}

export const logs: Command<{ follow: boolean }> = async (context, { follow }) => {
  const { manager } = await open(context)
  return await manager.logs(follow)
}

async function open(context: Context): Promise<{ readonly host: Host; readonly manager: ServiceManager }> {
  const host = await context.host()
  const { files, env, pause } = context
  const manager = host.platform === "darwin" ? launchd(host, files, pause) : systemd(host, files, env)
  await manager.check()
  return { host, manager }
}

/** Neither a daemon that somebody started by hand nor anybody else may stand where the service is to be. */
async function insistOnRoom(context: Context, manager: ServiceManager, port: number): Promise<void> {
  const pid = (await statusNow(context))?.daemon.pid
  // To be asked may have started it.
  const { pid: servicePid } = await manager.state()
  if (pid !== undefined && pid !== servicePid) {
    throw new Failure({
      code: "AlreadyRunning",
      message: `a daemon that you started yourself is running (pid ${pid})`,
      hint: `end it, then run: credd service install   (kill ${pid})`,
    })
  }
  if (servicePid !== undefined) return
  const holder = await (await context.machine()).holderOf(port)
  if (holder === undefined || holder.startsWith("systemd ")) return
  throw new Failure({
    code: "PortTaken",
    message: `port ${port} is held by ${holder}`,
    hint: `set another one (port = ${port + 1} in ${context.paths.settings}), then run: credd service install`,
  })
}

function write({ files }: Context, path: string, text: string): boolean {
  const before = files.read(path)
  if (before !== undefined && String(before) === text) return false
  replaceFile(files, { path, before, after: Buffer.from(text), hint: "run: credd service install" })
  return true
}

async function statusNow({ daemon }: Context): Promise<Status | undefined> {
  try {
    return await daemon("GET /status", {})
  } catch (error) {
    if (error instanceof Failure && ["DaemonNotRunning", "Unavailable"].includes(error.code)) return undefined
    throw error
  }
}

function isThisVersion({ daemon }: Pick<Status, "daemon">): boolean {
  return daemon.version === version && daemon.commit === commit()
}

/** Waits for the service's own daemon to answer. */
async function answering(context: Context, manager: ServiceManager): Promise<Status> {
  for (let i = 0; i < answerTries; i += 1) {
    const [found, { pid }] = [await statusNow(context), await manager.state()]
    if (found !== undefined && found.daemon.pid === pid) return found
    await context.pause(answerMs)
  }
  throw new Failure({
    code: "ServiceFailed",
    message: `the service was started, and did not answer within ${(answerTries * answerMs) / 1_000} s`,
    hint: "run: credd service logs",
  })
}

function nextStep(sessions: Status["sessions"]): string {
  const [first] = sessions
  if (first === undefined) return "credd add PROFILE   (or: credd import)"
  return sessions.some(({ state }) => state === "signed-in")
    ? "credd status"
    : `credd login ${first.sourceProfile}   (the first time: credd add ${first.sourceProfile})`
}

async function insistOnYes(context: Context, yes: boolean, question: string): Promise<void> {
  if (yes) return
  if (!context.isInteractive) throw usageWrong("a purge needs a yes", "run: credd service uninstall --purge --yes")
  const answer = await context.ask({ message: `${question} There is no other copy (y/N)`, isSecret: false })
  if (!/^y(es)?$/i.test(answer.trim())) {
    throw new Failure({ code: "Interrupted", message: "nothing was removed" })
  }
}
