/** Whose process is at the other end of a connection, looked up once a connection. Linux tells; elsewhere nobody does. */
import type { Connection, Peer, Peers } from "../core/ports.ts"
import { inetDiag, isNonBlocking } from "./inet-diag.ts"
import { processes, type FindProcess, type FoundProcess } from "./processes.ts"
import type { FindOwner, SocketOwner } from "./socket-owner.ts"
import { tcpTable } from "./tcp-table.ts"

type Found = SocketOwner | undefined

/** What was found out about a connection, once. */
interface Known {
  owner: Found | Promise<Found>
  isAllowed: boolean | undefined
  peer: Peer | Promise<Peer> | undefined
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

const nobody: Peer = {}

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
  // With the connection itself: a WeakMap of all of them costs a crowd a twentieth of its time.
  const field = Symbol("known")
  const unfound = new Map<number, Peer>()
  const found = new WeakMap<FoundProcess, Peer>()

  function knownOf(connection: Connection): Known {
    const kept: Connection & { [field]?: Known } = connection
    return (kept[field] ??= {
      owner: isLinux ? findOwner(connection) : undefined,
      isAllowed: undefined,
      peer: undefined,
    })
  }

  function who(connection: Connection): Peer | Promise<Peer> {
    const about = knownOf(connection)
    if (about.peer !== undefined) return about.peer
    const { owner } = about
    if (owner instanceof Promise) return (about.peer = whoLater(about, owner, connection))
    if (owner === undefined) return nobody
    const { uid, inode } = owner
    // What another user's process holds is not shown to us.
    const isShown = uid === ownUid || ownUid === 0
    const process = isShown ? findProcess(inode, connection) : undefined
    if (process instanceof Promise) return (about.peer = process.then((each) => peerWith(uid, each)))
    const peer = peerWith(uid, process)
    // In a crowd nobody may have looked: with the next request somebody does.
    if (process !== undefined || !isShown) about.peer = peer
    return peer
  }

  async function whoLater(about: Known, owner: Promise<Found>, connection: Connection): Promise<Peer> {
    about.owner = await owner
    about.peer = undefined
    return await who(connection)
  }

  /** The same object for the same peer: the audit trail writes each out once. */
  function peerWith(uid: number, process: FoundProcess | undefined): Peer {
    const known = process === undefined ? unfound.get(uid) : found.get(process)
    if (known?.uid === uid) return known
    const peer: Peer = { uid, ...process }
    if (process === undefined) unfound.set(uid, peer)
    else found.set(process, peer)
    return peer
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
    who,
  }
}

function ownersOf(inetDiagFd: number | undefined): FindOwner {
  const table = tcpTable()
  return inetDiagFd === undefined || !isNonBlocking(inetDiagFd) ? table : inetDiag(inetDiagFd, table)
}
