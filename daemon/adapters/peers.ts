/** Whose process is at the other end of a connection, looked up once a connection. Linux tells; elsewhere nobody does. */
import type { Connection, Peer, Peers } from "../core/ports.ts"
import { inetDiag, isNonBlocking } from "./inet-diag.ts"
import { processes, type FindProcess } from "./processes.ts"
import type { FindOwner, SocketOwner } from "./socket-owner.ts"
import { tcpTable } from "./tcp-table.ts"

type Found = SocketOwner | undefined

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
  const owners = new WeakMap<Connection, Found | Promise<Found>>()
  const verdicts = new WeakMap<Connection, boolean>()
  const found = new WeakMap<Connection, Promise<Peer>>()

  function owner(connection: Connection): Found | Promise<Found> {
    if (!isLinux || owners.has(connection)) return owners.get(connection)
    const asked = findOwner(connection)
    owners.set(connection, asked)
    return asked
  }

  async function peerOf(asked: Found | Promise<Found>): Promise<Peer> {
    const socket = asked instanceof Promise ? await asked : asked
    if (socket === undefined) return {}
    const { uid, inode } = socket
    // What another user's process holds is not shown to us.
    const isShown = uid === ownUid || ownUid === 0
    return { uid, ...(isShown ? await findProcess(inode) : undefined) }
  }

  /** Without a promise where the owner is known at once: an answer then needs none either. */
  function decide(connection: Connection): boolean | Promise<boolean> {
    const asked = owner(connection)
    return asked instanceof Promise ? decideLater(connection, asked) : verdict(connection, asked)
  }

  async function decideLater(connection: Connection, asked: Promise<Found>): Promise<boolean> {
    return verdict(connection, await asked)
  }

  function verdict(connection: Connection, socket: Found): boolean {
    // Nobody there is nobody of ours: a peer that has gone reads no answer.
    const isAllowed = socket !== undefined && allowed.has(socket.uid)
    verdicts.set(connection, isAllowed)
    return isAllowed
  }

  return {
    mayAsk(connection) {
      if (!isLinux) return true
      return verdicts.get(connection) ?? decide(connection)
    },
    async isOurs(connection) {
      return !isLinux || (await owner(connection))?.uid === ownUid
    },
    who(connection) {
      const known = found.get(connection)
      if (known !== undefined) return known
      const asked = peerOf(owner(connection))
      found.set(connection, asked)
      return asked
    },
  }
}

function ownersOf(inetDiagFd: number | undefined): FindOwner {
  const table = tcpTable()
  return inetDiagFd === undefined || !isNonBlocking(inetDiagFd) ? table : inetDiag(inetDiagFd, table)
}
