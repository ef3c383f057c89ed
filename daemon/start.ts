/** From settings to a daemon that answers: builds the adapters, hands them to the core, opens both doors. */
import type { Server } from "node:http"
import { dirname, join } from "node:path"
import { sweepTemporaries } from "./adapters/atomic-file.ts"
import { auditTrail } from "./adapters/audit.ts"
import { awsConfig, awsFilesFrom } from "./adapters/aws-config.ts"
import { breathe, systemClock } from "./adapters/clock.ts"
import { forbidCoreDumps } from "./adapters/core-dumps.ts"
import { errnoCode } from "./adapters/errno.ts"
import type { Inherited } from "./adapters/inherited.ts"
import type { Helper } from "./adapters/keychain-process.ts"
import { leaseFiles } from "./adapters/lease-files.ts"
import { lockRecord } from "./adapters/lock-record.ts"
import { answers, isSocket, listenOnPort, listenOnSocket, loopback, privateFolder } from "./adapters/listen.ts"
import { isJournal, type DaemonLog } from "./adapters/log.ts"
import { secretStore } from "./adapters/secret-store.ts"
import { awsIam } from "./adapters/iam.ts"
import { federationSignIn } from "./adapters/sign-in.ts"
import { awsSts } from "./adapters/sts.ts"
import { peers as peersOf } from "./adapters/peers.ts"
import { outsideCredentials } from "./adapters/outside-credentials.ts"
import { notifier } from "./adapters/notifier.ts"
import type { OwnModules } from "./adapters/own-modules.ts"
import { watchEventLoop } from "./adapters/watchdog.ts"
import { imdsPorts } from "./adapters/imds-ports.ts"
import { endpointFileOf } from "./control/environment.ts"
import { createHolds } from "./control/exec.ts"
import type { ControlOptions } from "./control/options.ts"
import { accessOf } from "./core/access.ts"
import { createBroker } from "./core/broker.ts"
import { calmRefusals } from "./core/calm-refusals.ts"
import { CreddError, alreadyRunning, codeOf, filesGone } from "./core/errors.ts"
import { heartbeat } from "./core/heartbeat.ts"
import { createLeases, shellName } from "./core/leases.ts"
import { credentialsApp } from "./http/credentials-app.ts"
import { hostsOf } from "./http/guards.ts"
import type { Handle } from "./http/servers.ts"
import type { Credentials, Entrance } from "./entrance.ts"
import { refusingControl } from "./refusing.ts"
import type { Settings } from "./settings.ts"
import { steadily } from "./steady-heap.ts"
import { version } from "./version.ts"
import { closeServer } from "./close-server.ts"
import { itemStore } from "./item-stores.ts"
import { liveSettings } from "./live-settings.ts"
import { shellFiles } from "./shell-files.ts"

type Env = Readonly<Record<string, string | undefined>>

/** A `credd exec` tries every second or two to reach a daemon that went away. */
const returnMs = 30_000

/** Whoever waited for the start is answered within this time. */
const firstAnswersMs = 25

export interface StartOptions {
  readonly settings: Settings
  readonly env: Env
  readonly log: DaemonLog
  readonly inherited: Inherited<Server>
  readonly helper: Helper | undefined
  readonly modules: OwnModules
  readonly isSupervised: boolean
  readonly entrances: { readonly credentials: Entrance<Credentials>; readonly control: Entrance<Handle> }
}

export interface Started {
  /** Reads the settings and the AWS files again. */
  reload(): Promise<void>
  stop(): Promise<void>
}

export async function start({
  settings,
  env,
  log,
  inherited,
  entrances,
  helper,
  modules,
  isSupervised,
}: StartOptions): Promise<Started> {
  const { paths } = settings
  const lock = lockRecord(paths.state)
  const files = leaseFiles(paths.state)
  // A socket that was handed over answers before anybody listens on it.
  if (inherited.control === undefined && (await answers(paths.socket))) throw alreadyRunning(undefined)
  privateFolder(paths.state)
  sweepTemporaries([paths.state, join(paths.state, "tokens")])
  const locked = lock.read()

  const clock = systemClock()
  const http = once(async () => await (await import("./adapters/aws-http.ts")).openAwsHttp({ clock, env }))
  const store = secretStore(itemStore(settings, env, helper), {
    onDamaged: (error) => log.error("session_damaged", { message: error.message }),
  })
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
  const kept = files.read().filter(({ id }) => !locked.leases.includes(id))
  const leases = createLeases(kept, { clock, log, records: files })
  leases.onEnd((lease) => broker.forgetAccess(accessOf(lease)))
  const peers = peersOf({ allowUids: settings.allowUids, inetDiagFd: inherited.inetDiag })
  const trail = auditTrail({ state: paths.state, clock, log, peers })
  const audit = calmRefusals(trail, clock)
  leases.onEnd(({ name, id }) => audit.record("lease-end", { outcome: "ok", lease: name, leaseId: id }))
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
    onRefused: (error, from) => audit.record("refused", { outcome: codeOf(error), via: "endpoint" }, from),
    mayAsk: peers.mayAsk,
  })

  // Credentials are served from here on: what they do without is read behind the first answers.
  await new Promise((resolve) => setTimeout(resolve, firstAnswersMs))
  forbidCoreDumps(log)
  const { openImds } = await import("./imds.ts")
  if (isSupervised) {
    watchEventLoop({ prefix: isJournal(2, env) ? "<2>" : "" })
    // An upgrade takes files from under a daemon that runs. Those that wait for their first need are held, not read: that
    // would be 13 MiB.
    modules.hold()
  }
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
  const live = liveSettings({ settings, env, port, log, audit })
  const shell = shellFiles({ paths, leases, files, endpoint: () => endpointFileOf(options) })
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
      return live.current().defaultProfile
    },
    notices: live.notices,
    async rememberLock() {
      await lock.write({ sessions: [...broker.heldSessions()], leases: leases.all().map(({ id }) => id) })
    },
    async renewLeases() {
      const ended = await leases.revokeAll()
      await shell.renewToken()
      return ended
    },
    renewShell: shell.renewToken,
    onProfilesChanged: shell.writeEndpoint,
  }
  async function reread(): Promise<void> {
    const before = broker.profiles()
    await steadily(() => broker.reread())
    if (broker.profiles() !== before) await shell.writeEndpoint()
  }

  const holds = createHolds(options)
  leases.onEnd(holds.ended)
  const controls: Server[] = []
  async function openControl(inheritedControl?: Server): Promise<void> {
    const control = inheritedControl ?? entrances.control.door()
    controls.push(control)
    if (inheritedControl === undefined) await listenOnSocket(control, paths.socket)
    else privateFolder(dirname(paths.socket))
  }
  try {
    await openControl(inherited.control)
    await shell.keepToken()
    await shell.writeEndpoint()
    const control = once(async () => {
      const [{ controlListener }, { controlHandlers }] = await controlFiles()
      return controlListener({ handlers: controlHandlers(options), held: holds.handlers, before: reread, log })
    })
    entrances.control.lead((request, response) => {
      control().then(
        (handle) => handle(request, response),
        (error: unknown) => {
          log.error("control_not_read", { error: errnoCode(error) })
          refusingControl(filesGone(error))(request, response)
        },
      )
    })
  } catch (error) {
    for (const server of [data, ...controls, ...imds.servers()]) server.close()
    throw error
  }

  /** Somebody may have cleared the runtime folder. */
  async function keepSocket(): Promise<void> {
    if (await isSocket(paths.socket)) return
    await openControl()
    log.warn("socket_opened_again", { socket: paths.socket })
  }

  async function beat(): Promise<{ isCalm: boolean }> {
    const storeState = await steadily(broker.settle)
    await imds.retry().catch((error: unknown) => log.error("imds_not_opened", { message: messageOf(error) }))
    await keepSocket()
      .then(shell.mend)
      .catch((error: unknown) => log.error("files_not_written", { message: messageOf(error) }))
    await leases.tidy().catch((error: unknown) => log.error("leases_not_written", { message: messageOf(error) }))
    // Its calls to AWS may take their time; the next beat does not wait for them.
    broker.beat().catch((error: unknown) => log.error("beat_failed", { message: messageOf(error) }))
    return { isCalm: storeState !== "locked" }
  }
  const stopHeart = heartbeat({ clock, random: Math.random, beat })
  clock.after(returnMs, holds.endUnheld)
  audit.record("started", { outcome: "ok", version, pid: process.pid })
  await live.record()
  log.info("listening", { endpoint: options.endpoint, socket: paths.socket, store: store.kind, node: process.version })

  return {
    async reload() {
      await live.reload()
      await beat()
    },
    async stop() {
      stopHeart()
      holds.close()
      await Promise.all([data, ...controls, ...imds.servers()].map(closeServer))
      audit.close()
      trail.record("stopped", { outcome: "ok" })
      await trail.close()
    },
  }
}

/** The unit's port where there is one: it is held for us, and shells know it. */
function portOf({ port }: Settings, { ports }: Inherited<Server>): number {
  const [first = port] = ports.keys()
  return ports.has(port) ? port : first
}

/** A router, web Requests and the checks of every body: read with the first command. */
const controlFiles = async () =>
  await Promise.all([import("./http/control-app.ts"), import("./control/handlers.ts")] as const)

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
