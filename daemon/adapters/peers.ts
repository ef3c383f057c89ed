/** Whose process is at the other end of a connection, looked up once a connection. Linux tells; elsewhere nobody does. */
import type { Connection, Peer, Peers } from "../core/ports.ts"
import { inetDiag, isNonBlocking } from "./inet-diag.ts"
import { processes, type FindProcess } from "./processes.ts"
import type { FindOwner, SocketOwner } from "./socket-owner.ts"
import { tcpTable } from "./tcp-table.ts"

type Found = SocketOwner | undefined

/** What was found out about a connection, once. */
interface Known {
  readonly owner: Found | Promise<Found>
  isAllowed: boolean | undefined
  peer: Promise<Peer> | undefined
}

export interface PeersOptions {
  /** Who may ask besides our own user, on purpose: `allow_uids` in settings. */
  readonly allowUids: readonly number[]
  readonly platform?: NodeJS.Platform
  readonly ownUid?: number | undefined
  /** A netlink socket, where a service manager has opened one for us. */
  readonly inetDiagFd?: number | undefined
  readonly findOwner?: FindOwner
  readonly findProcess?: FindProcess
}

export function peers({
  allowUids,
  platform = process.platform,
  ownUid = process.getuid?.(),
  inetDiagFd,
  findOwner = ownersOf(inetDiagFd),
  findProcess = processes(),
}: PeersOptions): Peers {
  const isLinux = platform === "linux"
  const allowed = new Set([...allowUids, ...(ownUid === undefined ? [] : [ownUid])])
  const known = new WeakMap<Connection, Known>()

  function knownOf(connection: Connection): Known {
    const before = known.get(connection)
    if (before !== undefined) return before
    const now: Known = { owner: isLinux ? findOwner(connection) : undefined, isAllowed: undefined, peer: undefined }
    known.set(connection, now)
    return now
  }

  async function peerOf(asked: Found | Promise<Found>): Promise<Peer> {
    const socket = asked instanceof Promise ? await asked : asked
    if (socket === undefined) return {}
    const { uid, inode } = socket
    // What another user's process holds is not shown to us.
    const isShown = uid === ownUid || ownUid === 0
    return { uid, ...(isShown ? await findProcess(inode) : undefined) }
  }

  function verdict(socket: Found): boolean {
    // Nobody there is nobody of ours: a peer that has gone reads no answer.
    return socket !== undefined && allowed.has(socket.uid)
  }

  async function decideLater(about: Known, asked: Promise<Found>): Promise<boolean> {
    about.isAllowed = verdict(await asked)
    return about.isAllowed
  }

  return {
    // Without a promise where the owner is known at once: an answer then needs none either.
    mayAsk(connection) {
      if (!isLinux) return true
      const about = knownOf(connection)
      if (about.owner instanceof Promise) return about.isAllowed ?? decideLater(about, about.owner)
      return (about.isAllowed ??= verdict(about.owner))
    },
    async isOurs(connection) {
      return !isLinux || (await knownOf(connection).owner)?.uid === ownUid
    },
    who(connection) {
      const about = knownOf(connection)
      return (about.peer ??= peerOf(about.owner))
    },
  }
}

function ownersOf(inetDiagFd: number | undefined): FindOwner {
  const table = tcpTable()
  return inetDiagFd === undefined || !isNonBlocking(inetDiagFd) ? table : inetDiag(inetDiagFd, table)
}
