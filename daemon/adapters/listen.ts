/** Opens the two doors: the loopback port and the Unix socket; and says who is in the way when one cannot be opened. */
import { lstatSync, mkdirSync } from "node:fs"
import { chmod, lstat, unlink } from "node:fs/promises"
import { connect, type AddressInfo, type Server } from "node:net"
import { dirname } from "node:path"
import { CreddError, alreadyRunning, portTaken, socketUnusable } from "../core/errors.ts"
import { socketPathLimit } from "../paths.ts"
import { errnoCode } from "./errno.ts"
import { holderOf } from "./port-holder.ts"

export const loopback = "127.0.0.1"

/** Listens on 127.0.0.1 only; 0 takes any free port. Throws `PortTaken`, naming the holder; never moves to another port. */
export async function listenOnPort(server: Server, port: number): Promise<number> {
  try {
    await listening(server, { host: loopback, port, backlog: 511 })
  } catch (error) {
    if (["EADDRINUSE", "EACCES"].includes(errnoCode(error))) throw portTaken(port, await holderOf(port))
    throw error
  }
  return addressOf(server).port
}

/**
 * Listens on a Unix socket that only this user can reach. A socket that nobody answers on (a daemon that was killed) is
 * taken over; one that answers means `AlreadyRunning`. The caller holds the port by now, so no other start races us.
 */
export async function listenOnSocket(server: Server, path: string): Promise<void> {
  privateFolder(dirname(path))
  if (await isSocket(path)) {
    if (await answers(path)) throw alreadyRunning(undefined)
    await unlink(path)
  }
  await listening(server, { path })
  await chmod(path, 0o600)
}

/**
 * Whether a daemon answers on the socket now. Throws `SocketUnusable` where that cannot be told: "already running" would
 * send people after a daemon that is not there.
 */
export async function answers(path: string): Promise<boolean> {
  insistOnLength(path)
  return await new Promise((resolve, reject) => {
    const probe = connect({ path })
    probe.once("connect", () => {
      probe.destroy()
      resolve(true)
    })
    probe.once("error", (error) => {
      const code = errnoCode(error)
      if (["ECONNREFUSED", "ENOENT", "ENOTSOCK"].includes(code)) resolve(false)
      // A daemon whose queue of callers is full is a daemon.
      else if (code === "EAGAIN") resolve(true)
      else reject(socketUnusable(path, code, error))
    })
  })
}

/** Asked before anything connects: Node's releases differ on what they make of a path that is too long. */
function insistOnLength(path: string): void {
  const limit = socketPathLimit()
  if (Buffer.byteLength(path) > limit) {
    throw socketUnusable(path, `the path has ${Buffer.byteLength(path)} bytes, and the system allows ${limit}`)
  }
}

/** Makes the folder 0700, or insists that it is ours and nobody else's. */
export function privateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const { uid, mode } = lstatSync(path)
  if (uid !== process.getuid?.()) throw socketUnusable(path, "the folder belongs to another user")
  if ((mode & 0o077) !== 0) throw socketUnusable(path, "other users can reach the folder; run: chmod 700 on it")
}

/** Whether a socket stands there. Throws where something else does. */
export async function isSocket(path: string): Promise<boolean> {
  try {
    const found = await lstat(path)
    if (!found.isSocket()) throw socketUnusable(path, "something that is not a socket stands there")
    return true
  } catch (error) {
    if (error instanceof CreddError) throw error
    return false
  }
}

async function listening(
  server: Server,
  where: { host: string; port: number; backlog: number } | { path: string },
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen(where, () => {
      server.off("error", reject)
      resolve()
    })
  })
}

function addressOf(server: Server): AddressInfo {
  const address = server.address()
  if (address === null || typeof address === "string") throw new TypeError("the server does not listen on a port")
  return address
}
