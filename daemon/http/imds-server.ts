/** The metadata servers' door: for whom `mayAsk` lets in, and nobody else. */
import { getRequestListener } from "@hono/node-server"
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { peerRejected } from "../core/errors.ts"
import { silentRefusal } from "./answer.ts"
import { guard } from "./guards.ts"
import { write } from "./bounds.ts"
import { loopbackServer, type OnRefused } from "./loopback-server.ts"

const idleStrangerMs = 50

/**
 * A metadata server: only for whom `mayAsk` lets in, looked up once a connection and as soon as there is one. Somebody
 * else's connections are closed even while they say nothing, or a few hundred of them would leave no room for ours.
 */
export function imdsServer(
  app: { readonly fetch: Parameters<typeof getRequestListener>[0] },
  hosts: ReadonlySet<string>,
  mayAsk: (socket: Socket) => Promise<boolean>,
  onRefused: OnRefused,
): Server {
  const verdicts = new WeakMap<Socket, Promise<boolean>>()
  const asking = new WeakSet<Socket>()
  const verdictOn = (socket: Socket): Promise<boolean> => {
    const verdict = verdicts.get(socket) ?? mayAsk(socket).catch(() => false)
    verdicts.set(socket, verdict)
    return verdict
  }
  const closeUnlessAllowed = async (socket: Socket): Promise<void> => {
    if (await verdictOn(socket)) return
    // A request that is on its way is still to get its 403.
    setTimeout(() => asking.has(socket) || socket.destroy(), idleStrangerMs).unref()
  }
  // Nothing to clean up: a request with a body is refused before it comes here.
  const listener = getRequestListener(app.fetch, { autoCleanupIncoming: false })
  const admit = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    asking.add(request.socket)
    if (await verdictOn(request.socket)) await listener(request, response)
    else refuse(response, peerRejected())
  }
  const refuse = (response: ServerResponse, error: unknown): void => {
    onRefused(error, response.req.socket)
    write(response, silentRefusal(error))
  }
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    try {
      guard(request, hosts)
    } catch (error) {
      refuse(response, error)
      return
    }
    void admit(request, response)
  }
  return loopbackServer({ word: silentRefusal, onRefused, handle, onOpen: (socket) => void closeUnlessAllowed(socket) })
}
