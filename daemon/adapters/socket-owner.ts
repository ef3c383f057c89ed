/** Who made the socket at the other end of a connection, as Linux tells it. */
import type { Connection } from "../core/ports.ts"

export interface SocketOwner {
  readonly uid: number
  readonly inode: string
}

type Found = SocketOwner | undefined

/** Answers undefined when the peer is not there any more, or was never on this machine. At once where that takes no time. */
export type FindOwner = (connection: Connection) => Found | Promise<Found>

/** Nearly all are the same. */
const addresses = new Map<string, readonly number[] | undefined>()
const mostAddresses = 256

/** The four bytes of an IPv4 address, which a socket that was opened for IPv6 writes with a prefix. */
export function ipv4Bytes(address = ""): readonly number[] | undefined {
  if (addresses.has(address)) return addresses.get(address)
  const bytes = /^(?:::ffff:)?(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)?.slice(1).map(Number)
  if (addresses.size < mostAddresses) addresses.set(address, bytes)
  return bytes
}
