/**
 * Linux's table of TCP connections: who made the socket at the other end of ours. Each look costs the kernel a walk
 * through its whole hash table (2 to 4 ms, on a thread of its own), so all that wait share one.
 */
import { open } from "node:fs/promises"
import { endianness } from "node:os"
import { ipv4Bytes, type FindOwner, type SocketOwner } from "./socket-owner.ts"

type Answer = (owner: SocketOwner | undefined) => void
type Sought = Map<string, Answer[]>

/** A peer may have opened its socket for IPv6 (Java does); it then stands in the other table. */
const tables = ["/proc/net/tcp", "/proc/net/tcp6"]
/** The kernel fills a page at most. */
const pageBytes = 4_096

export function tcpTable(files: readonly string[] = tables): FindOwner {
  let waiting: Sought = new Map()
  let isLooking = false

  async function look(): Promise<void> {
    isLooking = true
    while (waiting.size > 0) {
      // Who comes while we read waits for the next look: this one may be past the row already.
      const sought = waiting
      waiting = new Map()
      for (const file of files) if (sought.size > 0) await scan(file, sought).catch(() => undefined)
      for (const answers of sought.values()) for (const answer of answers) answer(undefined)
    }
    isLooking = false
  }

  return async ({ remoteAddress, remotePort, localAddress, localPort }) => {
    // The peer's own row: its local end is our remote one.
    const [from, to] = [endOf(remoteAddress, remotePort), endOf(localAddress, localPort)]
    if (from === undefined || to === undefined) return undefined
    return await new Promise((resolve) => {
      const key = `${from} ${to}`
      waiting.set(key, [...(waiting.get(key) ?? []), resolve])
      if (!isLooking) void look()
    })
  }
}

/** Reads a table until everybody who is sought is found; those are answered and taken off the list. */
async function scan(path: string, sought: Sought): Promise<void> {
  const file = await open(path, "r")
  try {
    const page = Buffer.allocUnsafe(pageBytes)
    let rest = ""
    while (sought.size > 0) {
      const { bytesRead } = await file.read(page, 0, pageBytes, null)
      if (bytesRead === 0) return
      const lines = (rest + page.toString("latin1", 0, bytesRead)).split("\n")
      rest = lines.pop() ?? ""
      for (const line of lines) seek(line, sought)
    }
  } finally {
    await file.close()
  }
}

/** `sl: local remote state queues timer retransmits uid timeout inode …` */
function seek(line: string, sought: Sought): void {
  const start = line.indexOf(": ") + 2
  const middle = line.indexOf(" ", start)
  const end = line.indexOf(" ", middle + 1)
  const key = `${unmapped(line.slice(start, middle))} ${unmapped(line.slice(middle + 1, end))}`
  const answers = sought.get(key)
  if (answers === undefined) return
  const [, , , , uid, , inode = "0"] = line.slice(end + 1).split(/ +/)
  sought.delete(key)
  // A socket that its process has closed has no inode any more, and its uid reads 0.
  const owner = inode === "0" ? undefined : { uid: Number(uid), inode }
  for (const answer of answers) answer(owner)
}

const mapped = "0000000000000000FFFF0000"

function unmapped(end: string): string {
  return end.startsWith(mapped) ? end.slice(mapped.length) : end
}

/** `127.0.0.1`, 9912 as `0100007F:26B8`: the kernel prints an address as a number of the machine's own byte order. */
function endOf(address: string | undefined, port: number | undefined): string | undefined {
  const bytes = ipv4Bytes(address)
  if (bytes === undefined || port === undefined) return undefined
  const ordered = endianness() === "LE" ? bytes.toReversed() : bytes
  return `${ordered.map((byte) => hex(byte, 2)).join("")}:${hex(port, 4)}`
}

function hex(number: number, digits: number): string {
  return number.toString(16).toUpperCase().padStart(digits, "0")
}
