/** How a server ends: with grace for what is under way, and for a moment more for what is on its way. */
import type { Server } from "node:http"
import { Server as NetServer } from "node:net"

/** What is under way when the daemon is told to stop has this long; the units wait a little longer. */
const graceMs = 4_500
/** Connections that are kept alive have this long to bring a request that is on its way. */
const lastRequestMs = 150

/** Stops accepting, lets what is under way finish, then ends it. */
export async function closeServer(server: Server): Promise<void> {
  const idle = setInterval(() => server.closeIdleConnections(), lastRequestMs)
  const late = setTimeout(() => server.closeAllConnections(), graceMs)
  await new Promise((resolve) => {
    // Not http's own close, which cuts connections whose next request may be on its way.
    NetServer.prototype.close.call(server, resolve)
  })
  clearInterval(idle)
  clearTimeout(late)
}
