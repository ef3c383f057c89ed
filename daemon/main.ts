/** The hall: reads settings, builds the adapters, hands them to the core, opens both doors, and closes them with grace. */
import "./no-inspector.ts"
import { access, readFile } from "node:fs/promises"
import type { Server } from "node:http"
import { Server as NetServer } from "node:net"
import { dirname, join } from "node:path"
import { sweepTemporaries, writeFileAtomic } from "./adapters/atomic-file.ts"
import { auditTrail } from "./adapters/audit.ts"
import { awsConfig, awsFilesFrom } from "./adapters/aws-config.ts"
import { breathe, systemClock } from "./adapters/clock.ts"
import { forbidCoreDumps } from "./adapters/core-dumps.ts"
import { fileStore } from "./adapters/file-store.ts"
import { inheritedSockets, type Inherited } from "./adapters/inherited.ts"
import type { ItemStore } from "./adapters/item-store.ts"
import { keychain } from "./adapters/keychain.ts"
import { leaseFiles } from "./adapters/lease-files.ts"
import { lockRecord } from "./adapters/lock-record.ts"
import { answers, isSocket, listenOnPort, listenOnSocket, loopback, privateFolder } from "./adapters/listen.ts"
import { isJournal, pinoLog, type DaemonLog } from "./adapters/log.ts"
import { memoryStore } from "./adapters/memory-store.ts"
import { changedSettings } from "./adapters/settings-memory.ts"
import { secretStore } from "./adapters/secret-store.ts"
import { awsIam } from "./adapters/iam.ts"
import { federationSignIn } from "./adapters/sign-in.ts"
import { awsSts } from "./adapters/sts.ts"
import { peers as peersOf } from "./adapters/peers.ts"
import { outsideCredentials } from "./adapters/outside-credentials.ts"
import { notifier } from "./adapters/notifier.ts"
import { imdsPorts } from "./adapters/imds-ports.ts"
import { watchEventLoop } from "./adapters/watchdog.ts"
import { openImds } from "./imds.ts"
import { endpointFileOf } from "./control/environment.ts"
import { createHolds } from "./control/exec.ts"
import { controlHandlers } from "./control/handlers.ts"
import type { ControlOptions } from "./control/options.ts"
import { accessOf } from "./core/access.ts"
import { createBroker } from "./core/broker.ts"
import { calmRefusals } from "./core/calm-refusals.ts"
import { CreddError, alreadyRunning, codeOf } from "./core/errors.ts"
import { heartbeat } from "./core/heartbeat.ts"
import { createLeases, shellName } from "./core/leases.ts"
import { whole } from "./core/scope.ts"
import { controlApp } from "./http/control-app.ts"
import { credentialsApp } from "./http/credentials-app.ts"
import { hostsOf } from "./http/guards.ts"
import type { Fetching } from "./http/servers.ts"
import { endpointFile } from "./paths.ts"
import { controlEntrance, credentialsEntrance, type Credentials, type Entrance } from "./entrance.ts"
import { refusingControl, refusingCredentials } from "./refusing.ts"
import { awaitingRestart, describeSettings, readSettings, type Settings } from "./settings.ts"
import { steadily } from "./steady-heap.ts"
import { version } from "./version.ts"

type Env = Readonly<Record<string, string | undefined>>

/** What is under way when the daemon is told to stop has this long; the units wait a little longer. */
const graceMs = 4_500
/** Connections that are kept alive have this long to bring a request that is on its way. */
const lastRequestMs = 150
/** A `credd exec` tries every second or two to reach a daemon that went away. */
const returnMs = 30_000
/** Between two starts in vain: a service manager would not wait, and a wrong setting is mended by a person. */
const refusingMs = 10_000

export interface DaemonOptions {
  /** Under a service manager, which starts the daemon again when it ends. */
  readonly isSupervised: boolean
}

/** Runs until a signal ends it; answers with the exit status. Throws a CreddError when it cannot start. */
export async function runDaemon({ isSupervised }: DaemonOptions, env: Env = process.env): Promise<number> {
  process.umask(0o077)
  // A diagnostic report holds the whole environment.
  Object.assign(process.report, { reportOnSignal: false, reportOnFatalError: false, reportOnUncaughtException: false })
  let started: Started | undefined
  // Before anything else, and not lost while the daemon starts: a signal without a handler ends the process.
  let isReloadWanted = false
  const reload = (): void => {
    if (started === undefined) isReloadWanted = true
    else started.reload().catch(() => undefined)
  }
  process.on("SIGHUP", reload)
  const signalled = new Promise<string>((resolve) => {
    process.once("SIGTERM", resolve).once("SIGINT", resolve)
  })
  if (isSupervised) watchEventLoop({ prefix: isJournal(2, env) ? "<2>" : "" })
  let log: DaemonLog
  const entrances = { credentials: credentialsEntrance(), control: controlEntrance() }
  let inherited: Inherited<Server> = { ports: new Map(), control: undefined }
  try {
    inherited = inheritedSockets(process.env, {
      port: entrances.credentials.door,
      control: entrances.control.door,
    })
    const settings = await readSettings(env)
    log = pinoLog(settings.logLevel, env)
    forbidCoreDumps(log)
    endOnDefect(log)
    started = await start({ settings, env, log, inherited, entrances, isSupervised })
  } catch (error) {
    if (!isSupervised || !(error instanceof CreddError)) throw error
    pinoLog("error", env).error("not_started", { message: error.message, hint: error.hint })
    entrances.credentials.lead({ app: refusingCredentials, onRefused: () => undefined, mayAsk: () => true })
    entrances.control.lead(refusingControl(error))
    await Promise.race([signalled, new Promise((resolve) => setTimeout(resolve, refusingMs))])
    const { ports, control } = inherited
    await Promise.all([...ports.values(), ...(control === undefined ? [] : [control])].map(closed))
    return 1
  }
  if (isReloadWanted) reload()
  const signal = await signalled
  log.info("stopping", { signal })
  await started.stop()
  return 0
}

/** In a state that nobody has thought of there is no going on. Node would print the error's message, whatever it holds. */
function endOnDefect(log: DaemonLog): void {
  process.once("uncaughtException", (error) => {
    log.error("crashed", { error: error instanceof Error ? error.name : "unknown", at: placeOf(error) })
    process.exit(defectStatus)
  })
}

function placeOf(error: unknown): string | undefined {
  return error instanceof Error ? /^ +at .*$/m.exec(error.stack ?? "")?.[0]?.trim() : undefined
}

/** `EX_SOFTWARE` of sysexits(3). */
const defectStatus = 70

interface StartOptions {
  readonly settings: Settings
  readonly env: Env
  readonly log: DaemonLog
  readonly inherited: Inherited<Server>
  readonly isSupervised: boolean
  readonly entrances: { readonly credentials: Entrance<Credentials>; readonly control: Entrance<Fetching> }
}

interface Started {
  /** Reads the settings and the AWS files again. */
  reload(): Promise<void>
  stop(): Promise<void>
}

async function start({ settings, env, log, inherited, entrances, isSupervised }: StartOptions): Promise<Started> {
  const { paths } = settings
  // A socket that was handed over answers before anybody listens on it.
  if (inherited.control === undefined && (await answers(paths.socket))) throw alreadyRunning(undefined)
  await privateFolder(paths.state)
  await sweepTemporaries([paths.state, join(paths.state, "tokens")])

  const clock = systemClock()
  const http = once(async () => await (await import("./adapters/aws-http.ts")).openAwsHttp({ clock, env }))
  const store = secretStore(itemStore(settings, env), {
    onDamaged: (error) => log.error("session_damaged", { message: error.message }),
  })
  const lock = lockRecord(paths.state)
  const locked = await lock.read()
  const source = awsConfig(awsFilesFrom(env))
  const broker = createBroker({
    clock,
    store,
    source,
    log,
    sts: awsSts({ clock, http }),
    iam: awsIam({ clock, http }),
    signIn: federationSignIn(http),
    signInEndpoint: env["AWS_ENDPOINT_URL_SIGNIN"] || undefined,
    outside: outsideCredentials(env),
    notify: notifier(process.platform, env, log),
    breathe,
    random: Math.random,
    locked: locked.sessions,
    defaults: {
      region: env["AWS_REGION"] || env["AWS_DEFAULT_REGION"],
      endpoint: env["AWS_ENDPOINT_URL_STS"] || env["AWS_ENDPOINT_URL"],
      iamEndpoint: env["AWS_ENDPOINT_URL_IAM"] || env["AWS_ENDPOINT_URL"],
      ignoreEndpoints: env["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] || undefined,
      regionalEndpoints: env["AWS_STS_REGIONAL_ENDPOINTS"] || undefined,
      fips: env["AWS_USE_FIPS_ENDPOINT"] || undefined,
      dualstack: env["AWS_USE_DUALSTACK_ENDPOINT"] || undefined,
      hasEnvironmentKey: Boolean(env["AWS_ACCESS_KEY_ID"] && env["AWS_SECRET_ACCESS_KEY"]),
    },
  })
  const files = leaseFiles(paths.state)
  const kept = (await files.read()).filter(({ id }) => !locked.leases.includes(id))
  const leases = createLeases(kept, { clock, log, records: files })
  leases.onEnd((lease) => broker.forgetAccess(accessOf(lease)))
  const peers = peersOf({ allowUids: settings.allowUids })
  const trail = auditTrail({ state: paths.state, clock, log, peers })
  const audit = calmRefusals(trail, clock)
  leases.onEnd(({ name, id }) => audit.record("lease-end", { outcome: "ok", lease: name, leaseId: id }))
  // Whoever restarts the service has callers that wait: what asks AWS is read while the keychain is asked. And an upgrade
  // replaces these files under a daemon that runs.
  if (isSupervised) void Promise.all([http(), import("@aws-sdk/client-sts")]).catch(() => undefined)
  await steadily(broker.settle)

  // The port's own number decides which Host headers are ours, so it comes before the app that checks them.
  const wanted = portOf(settings, inherited)
  const held = inherited.ports.get(wanted)
  const data = held ?? entrances.credentials.door()
  const port = held === undefined ? await listenOnPort(data, wanted) : wanted
  const hosts = new Set(hostsOf(port))
  const app = credentialsApp({
    hosts,
    leases,
    peers,
    isProfile: (name) => broker.profiles().has(name),
    credentialsFor: (profile, lease) => broker.credentialsFor(profile, accessOf(lease)),
    audit,
    log,
  })
  entrances.credentials.lead({
    app,
    onRefused: (error, socket) => audit.record("refused", { outcome: codeOf(error), via: "endpoint" }, socket),
    mayAsk: peers.mayAsk,
  })

  const imds = await openImds({
    broker,
    clock,
    audit,
    log,
    peers,
    ports: imdsPorts(paths.state),
    port: settings.port,
    always: settings.imds,
  })
  let current = settings
  let unread: string | undefined
  const options: ControlOptions = {
    broker,
    imds,
    leases,
    store,
    clock,
    audit: trail,
    endpoint: `http://${loopback}:${port}`,
    tokenFile: files.tokenFile(shellName),
    startedAt: clock.now(),
    clockOffsetMs: () => (clock.isDoubtful() ? undefined : clock.offsetMs()),
    get defaultProfile() {
      return current.defaultProfile
    },
    notices() {
      const waiting = awaitingRestart(settings, current)
      if (current.port !== 0 && port !== current.port && !waiting.includes("port")) waiting.push("port")
      return [
        ...(unread === undefined ? [] : [`the settings could not be read again: ${unread}`]),
        ...(waiting.length === 0
          ? []
          : [`the daemon must start again for ${waiting.join(", ")} of the settings; run: credd service install`]),
      ]
    },
    async rememberLock() {
      await lock.write({ sessions: [...broker.heldSessions()], leases: leases.all().map(({ id }) => id) })
    },
    async renewLeases() {
      const ended = await leases.revokeAll()
      await renewShell()
      return ended
    },
    renewShell,
    onProfilesChanged: writeEndpoint,
  }
  let shellTurn: Promise<void> = Promise.resolve()
  /** One at a time: the token file must hold what the record does. */
  async function renewShell(): Promise<void> {
    const before = shellTurn
    const turn = (async () => {
      await before
      const { lease, token } = leases.draft({ name: shellName, profiles: ["*"], scope: whole }, true)
      await files.writeToken(shellName, token)
      await leases.add(lease, true)
    })()
    shellTurn = turn.catch(() => undefined)
    await turn
  }
  async function reread(): Promise<void> {
    const before = broker.profiles()
    await steadily(() => broker.reread())
    if (broker.profiles() !== before) await writeEndpoint()
  }
  let written = ""
  async function writeEndpoint(): Promise<void> {
    const text = `${JSON.stringify(endpointFileOf(options))}\n`
    if (text === written) return
    await writeFileAtomic(endpointFile(paths), text)
    written = text
  }

  const holds = createHolds(options)
  leases.onEnd(holds.ended)
  entrances.control.lead(controlApp({ handlers: controlHandlers(options), held: holds.handlers, before: reread, log }))
  const controls: Server[] = []
  async function openControl(inheritedControl?: Server): Promise<void> {
    const control = inheritedControl ?? entrances.control.door()
    controls.push(control)
    await (inheritedControl === undefined
      ? listenOnSocket(control, paths.socket)
      : privateFolder(dirname(paths.socket)))
  }
  async function keepToken(): Promise<void> {
    const shell = leases.find(shellName)
    if (shell === undefined || !(await files.holdsTokenOf(shell))) await renewShell()
  }
  try {
    await openControl(inherited.control)
    await keepToken()
    await writeEndpoint()
  } catch (error) {
    for (const server of [data, ...controls, ...imds.servers()]) server.close()
    throw error
  }

  /** Somebody may have cleared the runtime folder, or the state. */
  async function mendFiles(): Promise<void> {
    if (!(await isSocket(paths.socket))) {
      await openControl()
      log.warn("socket_opened_again", { socket: paths.socket })
    }
    if (await isMissing(endpointFile(paths))) {
      written = ""
      await privateFolder(paths.state)
      await keepToken()
    }
    await writeEndpoint()
  }

  async function beat(): Promise<{ isCalm: boolean }> {
    const storeState = await steadily(broker.settle)
    await imds.retry().catch((error: unknown) => log.error("imds_not_opened", { message: messageOf(error) }))
    await mendFiles().catch((error: unknown) => log.error("files_not_written", { message: messageOf(error) }))
    // A full disk may have kept one from being made.
    if (leases.find(shellName) === undefined) await renewShell().catch(() => undefined)
    await leases.tidy().catch((error: unknown) => log.error("leases_not_written", { message: messageOf(error) }))
    // Its calls to AWS may take their time; the next beat does not wait for them.
    broker.beat().catch((error: unknown) => log.error("beat_failed", { message: messageOf(error) }))
    return { isCalm: storeState !== "locked" }
  }
  const stopHeart = heartbeat({ clock, random: Math.random, beat })
  clock.after(returnMs, holds.endUnheld)
  audit.record("started", { outcome: "ok", version, pid: process.pid })
  await tellSettings()
  log.info("listening", { endpoint: options.endpoint, socket: paths.socket, store: store.kind, node: process.version })

  return {
    async reload() {
      try {
        current = await readSettings(env)
        unread = undefined
        log.setLevel(current.logLevel)
        log.info("settings_read_again", { awaitingRestart: awaitingRestart(settings, current) })
        await tellSettings()
      } catch (error) {
        // The daemon goes on with what it has; `credd status` says why.
        unread = messageOf(error)
        log.error("settings_not_read", { message: unread })
      }
      await beat()
    },
    async stop() {
      stopHeart()
      holds.close()
      await Promise.all([data, ...controls, ...imds.servers()].map(closed))
      audit.close()
      trail.record("stopped", { outcome: "ok" })
      await trail.close()
    },
  }

  async function tellSettings(): Promise<void> {
    const values = Object.fromEntries(describeSettings(current).map(({ name, value }) => [name, value]))
    try {
      const changed = await changedSettings(paths.state, values)
      if (Object.keys(changed).length > 0) audit.record("settings", { outcome: "ok", changed })
    } catch (error) {
      log.error("settings_not_kept", { message: messageOf(error) })
    }
  }
}

function itemStore(settings: Settings, env: Env): ItemStore {
  const { store, paths, passphraseFile } = settings
  if (store === "memory") return memoryStore()
  if (store === "keychain") return keychain({ indexFile: join(paths.state, "keychain-index.json"), env })
  const credentials = env["CREDENTIALS_DIRECTORY"]
  const file = passphraseFile ?? (credentials === undefined ? undefined : join(credentials, "credd-passphrase"))
  return fileStore({
    path: join(paths.state, "store.credd"),
    async passphrase() {
      if (file === undefined) return undefined
      const text = await readFile(file, "utf8").catch(() => undefined)
      return text?.replace(/\r?\n$/, "")
    },
  })
}

async function isMissing(path: string): Promise<boolean> {
  return await access(path).then(
    () => false,
    () => true,
  )
}

/** The unit's port where there is one: it is held for us, and shells know it. */
function portOf({ port }: Settings, { ports }: Inherited<Server>): number {
  const [first = port] = ports.keys()
  return ports.has(port) ? port : first
}

/** Stops accepting, lets what is under way finish, then ends it. */
async function closed(server: Server): Promise<void> {
  const idle = setInterval(() => server.closeIdleConnections(), lastRequestMs)
  const late = setTimeout(() => server.closeAllConnections(), graceMs)
  await new Promise((resolve) => {
    // Not http's own close, which cuts connections whose next request may be on its way.
    NetServer.prototype.close.call(server, resolve)
  })
  clearInterval(idle)
  clearTimeout(late)
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make().catch((error: unknown) => {
      // A CA bundle that cannot be read today may be readable tomorrow.
      made = undefined
      throw error
    })
    return made
  }
}

function messageOf(error: unknown): string {
  return error instanceof CreddError ? error.message : "an error of its own"
}
