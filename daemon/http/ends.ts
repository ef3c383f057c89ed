/** The ends of a connection apart from its socket, which holds much and is to be forgotten when it is over. */
import type { Server, Socket } from "node:net"
import type { Connection } from "../core/ports.ts"

export interface Ends extends Connection {
  hasLeft: boolean
}

/** Takes our own end from the server: to ask each socket anew is a system call. */
export function endsOf(server: Server): (socket: Socket) => Ends {
  let own: { readonly address?: string; readonly port?: number } = {}
  server.on("listening", () => {
    const address = server.address()
    own = typeof address === "object" && address !== null ? address : {}
  })
  return ({ remoteAddress, remotePort }) => ({
    remoteAddress,
    remotePort,
    localAddress: own.address,
    localPort: own.port,
    hasLeft: false,
  })
}
