/** The metadata servers: one for each profile that is on, opened and closed as the user says. */
import type { Server } from "node:http"
import type { ImdsEndpoint } from "./api.ts"
import type { ImdsPorts } from "./adapters/imds-ports.ts"
import { listenOnPort, loopback } from "./adapters/listen.ts"
import type { Broker } from "./core/broker.ts"
import type { Credentials } from "./core/credentials.ts"
import { CreddError, imdsInSettings, imdsNotEnabled, imdsPortTaken } from "./core/errors.ts"
import type { Clock, Log, Peers } from "./core/ports.ts"
import { hostsOf } from "./http/guards.ts"
import { imdsApp } from "./http/imds-app.ts"
import { imdsServer } from "./http/servers.ts"

export interface ImdsOptions {
  readonly broker: Broker
  readonly clock: Clock
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
  servers(): readonly Server[]
}

const candidates = 1_000

interface Open {
  readonly server: Server | undefined
  readonly endpoint: ImdsEndpoint
}

/** Opens what is on. A port that is taken is said and not moved away from; the rest is served. */
export async function openImds({ broker, clock, log, peers, ports, port: first, always }: ImdsOptions): Promise<Imds> {
  const known = await ports.read()
  const open = new Map<string, Open>()

  async function start(profile: string): Promise<Open> {
    const enabledBy = always.includes(profile) ? "settings" : "command"
    const hosts = new Set<string>()
    const region = (): string => {
      const found = broker.profiles().get(profile)
      return found === undefined || found.kind === "unsupported" ? "us-east-1" : (found.region ?? found.target.region)
    }
    const credentials = async (): Promise<Credentials> => await broker.credentialsForImds(profile)
    const server = imdsServer(imdsApp({ hosts, profile, region, credentials, clock, log }), peers.isOurs)
    try {
      const port = await listen(server, known.get(profile)?.port)
      for (const host of hostsOf(port)) hosts.add(host)
      known.set(profile, { port: first === 0 ? 0 : port, isEnabled: known.get(profile)?.isEnabled === true })
      const endpoint = `http://${loopback}:${port}`
      log.info("imds_listening", { profile, endpoint })
      return { server, endpoint: { profile, endpoint, enabledBy } }
    } catch (error) {
      if (!(error instanceof CreddError)) throw error
      log.error("imds_not_listening", { profile, message: error.message })
      return { server: undefined, endpoint: { profile, endpoint: "", enabledBy, problem: error.message } }
    }
  }

  /** On the profile's own port; the first time, on the next that nobody has. */
  async function listen(server: Server, own: number | undefined): Promise<number> {
    if (own !== undefined || first === 0) return await listenOnPort(server, own ?? 0)
    const reserved = new Set([...known.values()].map(({ port }) => port))
    for (let port = first + 1; ; port += 1) {
      if (reserved.has(port)) continue
      try {
        return await listenOnPort(server, port)
      } catch (error) {
        if (port >= first + candidates) throw error
      }
    }
  }

  const enabled = [...known].filter(([, { isEnabled }]) => isEnabled).map(([name]) => name)
  for (const profile of new Set([...always, ...enabled])) open.set(profile, await start(profile))
  await ports.write(known)

  return {
    endpoints: () => [...open.values()].map(({ endpoint }) => endpoint),
    async enable(profile) {
      broker.checkImds(profile)
      const already = open.get(profile)
      if (already?.server !== undefined) return already.endpoint
      const opened = await start(profile)
      open.set(profile, opened)
      if (opened.server === undefined) throw imdsPortTaken(profile, opened.endpoint.problem ?? "it could not be opened")
      known.set(profile, { port: known.get(profile)?.port ?? 0, isEnabled: true })
      await ports.write(known)
      return opened.endpoint
    },
    async disable(profile) {
      if (always.includes(profile)) throw imdsInSettings(profile)
      const opened = open.get(profile)
      if (opened === undefined) throw imdsNotEnabled(profile)
      opened.server?.close()
      opened.server?.closeAllConnections()
      open.delete(profile)
      known.delete(profile)
      await ports.write(known)
    },
    servers: () => [...open.values()].flatMap(({ server }) => (server === undefined ? [] : [server])),
  }
}
