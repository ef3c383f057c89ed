/** Whose process is at the other end of a loopback connection. Linux tells; elsewhere nobody does. */
import { readFile } from "node:fs/promises"
import type { Socket } from "node:net"

/** The user id behind a connection to us, or undefined where it cannot be told. */
export async function peerUid({ remoteAddress, remotePort, localPort }: Socket): Promise<number | undefined> {
  if (process.platform !== "linux" || remoteAddress === undefined || remotePort === undefined) return undefined
  const address = remoteAddress.replace(/^::ffff:/, "")
  if (!/^\d+\.\d+\.\d+\.\d+$/.test(address)) return undefined
  // The peer's own row: its local address is our remote one. A socket opened for IPv6 stands in the other table.
  const local = `${little(address)}:${port(remotePort)}`
  for (const [table, prefix] of tables) {
    const rows = (await readFile(table, "utf8").catch(() => "")).split("\n")
    for (const row of rows) {
      const [, from = "", to = "", state, , , , uid] = row.trim().split(/\s+/)
      // An orphan on its way out has lost its owner, and reads 0.
      if (from === prefix + local && to.endsWith(`:${port(localPort ?? 0)}`) && state === established)
        return Number(uid)
    }
  }
  return undefined
}

const tables = [
  ["/proc/net/tcp", ""],
  ["/proc/net/tcp6", "0000000000000000FFFF0000"],
] as const
const established = "01"

/** The kernel prints addresses as words of the machine's own byte order. */
function little(address: string): string {
  return address
    .split(".")
    .toReversed()
    .map((byte) => Number(byte).toString(16).toUpperCase().padStart(2, "0"))
    .join("")
}

function port(number: number): string {
  return number.toString(16).toUpperCase().padStart(4, "0")
}
