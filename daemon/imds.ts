/** The metadata servers: one for each profile that is on, opened and closed as the user says. */
import { randomBytes } from "node:crypto"
import type { Server } from "node:http"
import type { ImdsEndpoint } from "./api.ts"
import type { ImdsPort, ImdsPorts } from "./adapters/imds-ports.ts"
import { listenOnPort, loopback } from "./adapters/listen.ts"
import type { Broker } from "./core/broker.ts"
import { codeOf, CreddError, imdsInSettings, imdsNotEnabled, imdsPortTaken, portTaken } from "./core/errors.ts"
import type { Audit, Clock, Log, Peers } from "./core/ports.ts"
import { hostsOf } from "./http/guards.ts"
import type * as appFile from "./http/imds-app.ts"
import type * as serverFile from "./http/imds-server.ts"

export interface ImdsOptions {
  readonly broker: Pick<Broker, "place" | "checkImds" | "credentialsForImds">
  readonly clock: Clock
  readonly audit: Audit
  readonly log: Log
  readonly peers: Pick<Peers, "isOurs">
  readonly ports: ImdsPorts
  /** The data plane's port: the first metadata port is the next one. 0 takes free ones, others at each start. */
  readonly port: number
  /** Profiles of the settings. */
  readonly always: readonly string[]
}

export interface Imds {
  endpoints(): readonly ImdsEndpoint[]
  enable(profile: string): Promise<ImdsEndpoint>
  disable(profile: string): Promise<void>
  /** Tries again what could not be opened: whoever held the port may be gone. */
  retry(): Promise<void>
  servers(): readonly Server[]
}

/** More profiles than anybody has; behind them come the ports that outgoing connections take. */
const candidates = 1_000
const lastPort = 65_535

interface Open {
  readonly server: Server
  readonly port: number
}

/** Read with the first port: a router and web Requests, which a daemon without metadata does without. */
async function imdsDoor(): Promise<typeof appFile & typeof serverFile> {
  const [app, server] = await Promise.all([import("./http/imds-app.ts"), import("./http/imds-server.ts")])
  return { ...app, ...server }
}

/** Opens what is on. A port that is taken is said and not moved away from; the rest is served. */
export async function openImds({
  broker,
  clock,
  audit,
  log,
  peers,
  ports,
  port: first,
  always,
}: ImdsOptions): Promise<Imds> {
  const known = await ports.read()
  /** What is on, and why it is not served where it is not. */
  const on = new Map<string, Open | CreddError>()
  /** One change at a time: two of the same profile must not race for its port. */
  let turn: Promise<unknown> = Promise.resolve()

  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work, work)
    turn = mine
    return await mine
  }

  async function open(profile: string): Promise<Open | CreddError> {
    const hosts = new Set<string>()
    const tokenKey = known.get(profile)?.tokenKey ?? randomBytes(32).toString("base64url")
    const { imdsApp, imdsServer } = await imdsDoor()
    const app = imdsApp({
      profile,
      tokenKey,
      clock,
      audit,
      log,
      place: () => broker.place(profile),
      credentials: async () => await broker.credentialsForImds(profile),
    })
    const server = imdsServer(app, hosts, peers.isOurs, (error, socket) =>
      audit.record("refused", { outcome: codeOf(error), via: "imds", profile }, socket),
    )
    try {
      const port = await listen(server, portOf(profile))
      for (const host of hostsOf(port)) hosts.add(host)
      // Where every start takes what is free, a number is no promise to keep.
      remember(profile, { tokenKey, ...(first === 0 ? {} : { port }) })
      log.info("imds_listening", { profile, endpoint: endpointOf(port) })
      return { server, port }
    } catch (error) {
      if (!(error instanceof CreddError)) throw error
      log.error("imds_not_listening", { profile, message: error.message })
      return imdsPortTaken(profile, error.message)
    }
  }

  /** On the profile's own port; the first time, on the next that nobody has. */
  async function listen(server: Server, own: number | undefined): Promise<number> {
    if (own !== undefined || first === 0) return await listenOnPort(server, own ?? 0)
    const reserved = new Set([...known.values()].map(({ port }) => port))
    let why: unknown = portTaken(first, "the daemon itself, and no port above it is left")
    for (let port = first + 1; port <= Math.min(first + candidates, lastPort); port += 1) {
      if (reserved.has(port)) continue
      try {
        return await listenOnPort(server, port)
      } catch (error) {
        why = error
      }
    }
    throw why
  }

  function portOf(profile: string): number | undefined {
    const port = known.get(profile)?.port
    return first === 0 || port === 0 ? undefined : port
  }

  function remember(profile: string, change: Partial<ImdsPort>): void {
    known.set(profile, { port: 0, isEnabled: false, ...known.get(profile), ...change })
  }

  async function openAndSay(profile: string): Promise<Open | CreddError> {
    const opened = await open(profile)
    on.set(profile, opened)
    return opened
  }

  function describe(profile: string): ImdsEndpoint {
    const opened = on.get(profile)
    const problem = opened instanceof CreddError ? opened.message : whyNotServed(profile)
    return {
      profile,
      endpoint: opened === undefined || opened instanceof CreddError ? "" : endpointOf(opened.port),
      enabledBy: always.includes(profile) ? "settings" : "command",
      ...(problem === undefined ? {} : { problem }),
    }
  }

  /** The port is there all the same: the profile may come (back) into the config file. */
  function whyNotServed(profile: string): string | undefined {
    try {
      broker.checkImds(profile)
      return undefined
    } catch (error) {
      if (error instanceof CreddError) return error.message
      throw error
    }
  }

  const enabled = [...known].filter(([, { isEnabled }]) => isEnabled).map(([name]) => name)
  for (const profile of new Set([...always, ...enabled])) await openAndSay(profile)
  await ports.write(known)

  return {
    endpoints: () => [...on.keys()].map(describe),
    enable: async (profile) =>
      await inTurn(async () => {
        broker.checkImds(profile)
        const before = on.get(profile)
        const opened = before === undefined || before instanceof CreddError ? await openAndSay(profile) : before
        if (opened instanceof CreddError) {
          // What was not on is not on now: the person has been told.
          if (before === undefined) on.delete(profile)
          throw opened
        }
        remember(profile, { isEnabled: true })
        await ports.write(known)
        return describe(profile)
      }),
    disable: async (profile) =>
      await inTurn(async () => {
        if (always.includes(profile)) throw imdsInSettings(profile)
        const opened = on.get(profile)
        if (opened === undefined) throw imdsNotEnabled(profile)
        if (!(opened instanceof CreddError)) {
          opened.server.close()
          opened.server.closeAllConnections()
        }
        on.delete(profile)
        // Its port stays its own: a shell that still has the URL must not meet another profile there.
        remember(profile, { isEnabled: false })
        await ports.write(known)
      }),
    retry: async () =>
      await inTurn(async () => {
        const closed = [...on].filter(([, opened]) => opened instanceof CreddError).map(([profile]) => profile)
        for (const profile of closed) await openAndSay(profile)
        if (closed.length > 0) await ports.write(known)
      }),
    servers: () => [...on.values()].flatMap((opened) => (opened instanceof CreddError ? [] : [opened.server])),
  }
}

function endpointOf(port: number): string {
  return `http://${loopback}:${port}`
}
