/** The hall: reads settings, builds the adapters, hands them to the core, opens both doors, and closes them with grace. */
import "./no-inspector.ts"
import "./steady-heap.ts"
import { readFile } from "node:fs/promises"
import type { Server } from "node:http"
import { join } from "node:path"
import { writeFileAtomic } from "./adapters/atomic-file.ts"
import { auditTrail } from "./adapters/audit.ts"
import { awsConfig, awsFilesFrom } from "./adapters/aws-config.ts"
import { breathe, systemClock } from "./adapters/clock.ts"
import { fileStore } from "./adapters/file-store.ts"
import type { ItemStore } from "./adapters/item-store.ts"
import { keychain } from "./adapters/keychain.ts"
import { leaseFiles } from "./adapters/lease-files.ts"
import { answers, listenOnPort, listenOnSocket, loopback, privateFolder } from "./adapters/listen.ts"
import { pinoLog } from "./adapters/log.ts"
import { memoryStore } from "./adapters/memory-store.ts"
import { changedSettings } from "./adapters/settings-memory.ts"
import { secretStore } from "./adapters/secret-store.ts"
import { federationSignIn } from "./adapters/sign-in.ts"
import { awsSts } from "./adapters/sts.ts"
import { peers as peersOf } from "./adapters/peers.ts"
import { outsideCredentials } from "./adapters/outside-credentials.ts"
import { notifier } from "./adapters/notifier.ts"
import { imdsPorts } from "./adapters/imds-ports.ts"
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
import type { Log } from "./core/ports.ts"
import { whole } from "./core/scope.ts"
import { controlApp } from "./http/control-app.ts"
import { credentialsApp } from "./http/credentials-app.ts"
import { hostsOf } from "./http/guards.ts"
import { controlServer, credentialsServer } from "./http/servers.ts"
import { endpointFile } from "./paths.ts"
import { describeSettings, readSettings, type Settings } from "./settings.ts"
import { version } from "./version.ts"

type Env = Readonly<Record<string, string | undefined>>

const graceMs = 2_000
/** A `credd exec` tries every second or two to reach a daemon that went away. */
const returnMs = 30_000

/** Runs until a signal ends it; answers with the exit status. Throws a CreddError when it cannot start. */
export async function runDaemon(env: Env = process.env): Promise<number> {
  process.umask(0o077)
  const settings = await readSettings(env)
  const log = pinoLog(settings.logLevel)
  const stop = await start(settings, env, log)
  const signal = await new Promise<string>((resolve) => {
    process.once("SIGTERM", resolve).once("SIGINT", resolve)
  })
  log.info("stopping", { signal })
  await stop()
  return 0
}

async function start(settings: Settings, env: Env, log: Log): Promise<() => Promise<void>> {
  const { paths } = settings
  if (await answers(paths.socket)) throw alreadyRunning(undefined)
  await privateFolder(paths.state)

  const clock = systemClock()
  const http = once(async () => await (await import("./adapters/aws-http.ts")).openAwsHttp({ clock, env }))
  const store = secretStore(itemStore(settings, env), {
    onDamaged: (error) => log.error("session_damaged", { message: error.message }),
  })
  const source = awsConfig(awsFilesFrom(env))
  const broker = createBroker({
    clock,
    store,
    source,
    log,
    sts: awsSts({ clock, http }),
    signIn: federationSignIn(http),
    signInEndpoint: env["AWS_ENDPOINT_URL_SIGNIN"] || undefined,
    outside: outsideCredentials(env),
    notify: notifier(process.platform, env, log),
    breathe,
    random: Math.random,
    defaults: {
      region: env["AWS_REGION"] || env["AWS_DEFAULT_REGION"],
      endpoint: env["AWS_ENDPOINT_URL_STS"] || env["AWS_ENDPOINT_URL"],
      ignoreEndpoints: env["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] || undefined,
      regionalEndpoints: env["AWS_STS_REGIONAL_ENDPOINTS"] || undefined,
      fips: env["AWS_USE_FIPS_ENDPOINT"] || undefined,
      dualstack: env["AWS_USE_DUALSTACK_ENDPOINT"] || undefined,
      hasEnvironmentKey: Boolean(env["AWS_ACCESS_KEY_ID"] && env["AWS_SECRET_ACCESS_KEY"]),
    },
  })
  const files = leaseFiles(paths.state)
  const leases = createLeases(await files.read(), { clock, log, records: files })
  leases.onEnd((lease) => broker.forgetAccess(accessOf(lease)))
  const peers = peersOf({ allowUids: settings.allowUids })
  const trail = auditTrail({ state: paths.state, clock, log, peers })
  const audit = calmRefusals(trail, clock)
  leases.onEnd(({ name, id }) => audit.record("lease-end", { outcome: "ok", lease: name, leaseId: id }))
  await broker.settle()

  // The port's own number decides which Host headers are ours, so it comes before the app that checks them.
  const hosts = new Set<string>()
  const data = credentialsServer(
    credentialsApp({
      hosts,
      leases,
      peers,
      credentialsFor: (profile, lease) => broker.credentialsFor(profile, accessOf(lease)),
      audit,
      log,
    }),
    (error, socket) => audit.record("refused", { outcome: codeOf(error), via: "endpoint" }, socket),
  )
  const port = await listenOnPort(data, settings.port)
  for (const host of hostsOf(port)) hosts.add(host)

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
    defaultProfile: settings.defaultProfile,
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
    await broker.reread()
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
  const control = controlServer(
    controlApp({ handlers: controlHandlers(options), held: holds.handlers, before: reread, log }),
  )
  try {
    await listenOnSocket(control, paths.socket)
    const shell = leases.find(shellName)
    if (shell === undefined || !(await files.holdsTokenOf(shell))) await renewShell()
    await writeEndpoint()
  } catch (error) {
    for (const server of [data, control, ...imds.servers()]) server.close()
    throw error
  }

  async function beat(): Promise<{ isCalm: boolean }> {
    const storeState = await broker.settle()
    await imds.retry().catch((error: unknown) => log.error("imds_not_opened", { message: messageOf(error) }))
    await writeEndpoint().catch((error: unknown) => log.error("endpoint_not_written", { message: messageOf(error) }))
    // A full disk may have kept one from being made.
    if (leases.find(shellName) === undefined) await renewShell().catch(() => undefined)
    await leases.tidy().catch((error: unknown) => log.error("leases_not_written", { message: messageOf(error) }))
    // Its calls to AWS may take their time; the next beat does not wait for them.
    broker.beat().catch((error: unknown) => log.error("beat_failed", { message: messageOf(error) }))
    return { isCalm: storeState !== "locked" }
  }
  const stopHeart = heartbeat({ clock, random: Math.random, beat })
  clock.after(returnMs, holds.endUnheld)
  process.on("SIGHUP", () => void beat().catch(() => undefined))
  audit.record("started", { outcome: "ok", version, pid: process.pid })
  await tellSettings()
  log.info("listening", { endpoint: options.endpoint, socket: paths.socket, store: store.kind, node: process.version })

  return async () => {
    stopHeart()
    holds.close()
    await Promise.all([data, control, ...imds.servers()].map((server) => closed(server)))
    audit.close()
    trail.record("stopped", { outcome: "ok" })
    await trail.close()
  }

  async function tellSettings(): Promise<void> {
    const values = Object.fromEntries(describeSettings(settings).map(({ name, value }) => [name, value]))
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

/** Stops accepting, lets what is under way finish for a moment, then ends it. */
async function closed(server: Server): Promise<void> {
  const timer = setTimeout(() => server.closeAllConnections(), graceMs)
  await new Promise((resolve) => {
    server.close(resolve)
    server.closeIdleConnections()
  })
  clearTimeout(timer)
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
