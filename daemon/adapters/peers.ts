/** Whose process is at the other end of a connection, looked up once a connection. Linux tells; elsewhere nobody does. */
import type { Connection, Peer, Peers } from "../core/ports.ts"
import { processes, type FindProcess } from "./processes.ts"
import { tcpTable, type FindOwner, type SocketOwner } from "./tcp-table.ts"

export interface PeersOptions {
  /** Who may ask besides our own user, on purpose: `allow_uids` in settings. */
  readonly allowUids: readonly number[]
  readonly platform?: NodeJS.Platform
  readonly ownUid?: number | undefined
  readonly findOwner?: FindOwner
  readonly findProcess?: FindProcess
}

export function peers({
  allowUids,
  platform = process.platform,
  ownUid = process.getuid?.(),
  findOwner = tcpTable(),
  findProcess = processes(),
}: PeersOptions): Peers {
  const isLinux = platform === "linux"
  const allowed = new Set([...allowUids, ...(ownUid === undefined ? [] : [ownUid])])
  const owners = new WeakMap<Connection, Promise<SocketOwner | undefined>>()
  const verdicts = new WeakMap<Connection, boolean>()
  const found = new WeakMap<Connection, Promise<Peer>>()

  async function owner(connection: Connection): Promise<SocketOwner | undefined> {
    let asked = owners.get(connection)
    if (asked === undefined) {
      asked = isLinux ? findOwner(connection) : Promise.resolve(undefined)
      owners.set(connection, asked)
    }
    return await asked
  }

  async function look(connection: Connection): Promise<Peer> {
    const socket = await owner(connection)
    if (socket === undefined) return {}
    const { uid, inode } = socket
    // What another user's process holds is not shown to us.
    const isShown = uid === ownUid || ownUid === 0
    return { uid, ...(isShown ? await findProcess(inode) : undefined) }
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
      const asked = look(connection)
      found.set(connection, asked)
      return asked
    },
  }

  async function decide(connection: Connection): Promise<boolean> {
    const socket = await owner(connection)
    // Nobody there is nobody of ours: a peer that has gone reads no answer.
    const verdict = socket !== undefined && allowed.has(socket.uid)
    verdicts.set(connection, verdict)
    return verdict
  }
}
