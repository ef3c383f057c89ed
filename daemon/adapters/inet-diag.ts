/**
 * Asks the kernel for one connection and not for its whole table (sock_diag(7)): some microseconds, on the spot. Node opens no
 * netlink socket; a service manager can open one for us, and to read and write it needs no more than its descriptor.
 */
import { randomInt } from "node:crypto"
import { readFileSync, readSync, writeSync } from "node:fs"
import { endianness } from "node:os"
import { ipv4Bytes, type FindOwner, type SocketOwner } from "./socket-owner.ts"

/** `linux/netlink.h`, `linux/sock_diag.h`, `linux/inet_diag.h`: numbers are the machine's, ports and addresses the network's. */
const isLittle = endianness() === "LE"
const headerBytes = 16
const requestBytes = headerBytes + 56
const answerBytes = headerBytes + 72
const [sockDiagByFamily, nlmRequest] = [20, 1]
const [afInet, afInet6, ipProtoTcp] = [2, 10, 6]
const [listening, allStates, noCookie] = [10, 0xff_ff_ff_ff, 0xff_ff_ff_ff]
/** The device of 127.0.0.1 in every network namespace: a socket that is bound to it is found by its name only. */
const loopbackDevice = 1
/** `struct inet_diag_sockid`, which request and answer have in different places. */
const [askedId, answeredId] = [headerBytes + 8, headerBytes + 4]
const at = { sourcePort: 0, targetPort: 2, source: 4, target: 20, device: 36, cookie: 40 } as const
const lastSequence = 0x7f_ff_ff_ff
const wordBytes = 4
/** What stands before an IPv4 address where it is written as one of IPv6. */
const mapped = [0, 0, 0xff_ff]

/** Asks `otherwise` whenever the kernel does not tell. The socket outlives us, and may hold what another was answered. */
export function inetDiag(fd: number, otherwise: FindOwner, before: number = randomInt(lastSequence)): FindOwner {
  const request = Buffer.alloc(requestBytes)
  const asking = viewOf(request)
  asking.setUint32(0, requestBytes, isLittle)
  asking.setUint16(4, sockDiagByFamily, isLittle)
  asking.setUint16(6, nlmRequest, isLittle)
  request.set([afInet, ipProtoTcp], headerBytes)
  asking.setUint32(headerBytes + 4, allStates, isLittle)
  asking.setUint32(askedId + at.device, loopbackDevice, isLittle)
  for (const half of [0, 4]) asking.setUint32(askedId + at.cookie + half, noCookie, isLittle)
  let sequence = before

  const answer = Buffer.alloc(8_192)
  const told = viewOf(answer)

  /** The answer to this very question, about this very connection, or undefined. */
  function ask(): { readonly owner: SocketOwner | undefined } | undefined {
    sequence = (sequence + 1) % lastSequence
    asking.setUint32(8, sequence, isLittle)
    let length: number
    try {
      writeSync(fd, request)
      // The kernel answers while we write, or never; where nothing (more) is there, this throws.
      do length = readSync(fd, answer)
      while (length >= headerBytes && told.getUint32(8, isLittle) !== sequence)
    } catch {
      return undefined
    }
    if (length < answerBytes || told.getUint32(0, isLittle) < answerBytes) return undefined
    if (told.getUint16(4, isLittle) !== sockDiagByFamily) return undefined
    // Where no connection fits, the kernel takes a socket that listens on the port.
    if (told.getUint8(headerBytes + 1) === listening || !isAsked(asking, told)) return undefined
    const inode = told.getUint32(answeredId + 64, isLittle)
    // A socket that its process has closed has no inode any more, and its uid may read 0.
    return { owner: inode === 0 ? undefined : { uid: told.getUint32(answeredId + 60, isLittle), inode: String(inode) } }
  }

  return (connection) => {
    const { remoteAddress, remotePort, localAddress, localPort } = connection
    const source = ipv4Bytes(remoteAddress)
    const target = ipv4Bytes(localAddress)
    if (source === undefined || target === undefined) return undefined
    // The peer's own socket: its local end is our remote one.
    asking.setUint32(askedId + at.source, wordOf(source))
    asking.setUint32(askedId + at.target, wordOf(target))
    asking.setUint16(askedId + at.sourcePort, remotePort ?? 0)
    asking.setUint16(askedId + at.targetPort, localPort ?? 0)
    const answered = ask()
    return answered === undefined ? otherwise(connection) : answered.owner
  }
}

/** Whether to read the socket could never keep us waiting: everybody waits while this process does. */
export function isNonBlocking(fd: number): boolean {
  try {
    const flags = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "latin1"))?.[1]
    return (Number.parseInt(flags ?? "", 8) & oNonBlock) !== 0
  } catch {
    return false
  }
}

/** O_NONBLOCK of every architecture that node has a Linux build for. */
const oNonBlock = 0o4000

function isAsked(asking: DataView, told: DataView): boolean {
  const isSamePorts = told.getUint32(answeredId) === asking.getUint32(askedId)
  return isSamePorts && isSameAddress(at.source, asking, told) && isSameAddress(at.target, asking, told)
}

function isSameAddress(offset: number, asking: DataView, told: DataView): boolean {
  const asked = asking.getUint32(askedId + offset)
  const answered = answeredId + offset
  const family = told.getUint8(headerBytes)
  if (family === afInet) return told.getUint32(answered) === asked
  const isMapped = mapped.every((word, i) => told.getUint32(answered + i * wordBytes) === word)
  return family === afInet6 && isMapped && told.getUint32(answered + mapped.length * wordBytes) === asked
}

function wordOf([a = 0, b = 0, c = 0, d = 0]: readonly number[]): number {
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length)
}
