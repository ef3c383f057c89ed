/** Who made the socket at the other end of a connection, as Linux tells it. */
import type { Connection } from "../core/ports.ts"

export interface SocketOwner {
  readonly uid: number
  readonly inode: string
}

type Found = SocketOwner | undefined

/** Answers undefined when the peer is not there any more, or was never on this machine. At once where that takes no time. */
export type FindOwner = (connection: Connection) => Found | Promise<Found>

/** The four bytes of an IPv4 address, which a socket that was opened for IPv6 writes with a prefix. */
export function ipv4Bytes(address: string | undefined): readonly number[] | undefined {
  const bytes = /^(?:::ffff:)?(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address ?? "")?.slice(1)
  return bytes?.map(Number)
}
