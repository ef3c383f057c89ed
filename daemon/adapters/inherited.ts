/**
 * Sockets that a service manager opened before us and holds across our restarts (systemd's sd_listen_fds protocol,
 * https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html). Those that listen tell themselves which is
 * which, since a name is one for the whole unit; the one that does not has a unit, and so a name, of its own.
 */
import type { Server } from "node:net"
import { socketUnusable } from "../core/errors.ts"

export interface Doors<S extends Server> {
  readonly port: () => S
  readonly control: () => S
}

export interface Inherited<S extends Server> {
  /** Listening on 127.0.0.1, in the order of the unit. */
  readonly ports: ReadonlyMap<number, S>
  /** Listening on the Unix socket. Node does not tell its path. */
  readonly control: S | undefined
  /** The descriptor of a netlink socket that asks the kernel about connections. */
  readonly inetDiag: number | undefined
}

const inetDiagName = "inet-diag"
const firstDescriptor = 3
const variables = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]

/** Takes what is meant for this process, and takes the variables away: no child is to believe that they are its own. */
export function inheritedSockets<S extends Server>(
  env: Record<string, string | undefined>,
  doors: Doors<S>,
  pid: number = process.pid,
): Inherited<S> {
  const count = env["LISTEN_PID"] === String(pid) ? Number(env["LISTEN_FDS"]) : 0
  const names = (env["LISTEN_FDNAMES"] ?? "").split(":")
  for (const name of variables) delete env[name]
  const ports = new Map<number, S>()
  let control: S | undefined
  let inetDiag: number | undefined
  for (let fd = firstDescriptor; fd < firstDescriptor + count; fd += 1) {
    if (names[fd - firstDescriptor] === inetDiagName) {
      inetDiag = fd
      continue
    }
    // Only what listens tells what it is. Node moves no Unix socket from one server to another, so each is opened as one;
    // a port moves to its own server before this turn ends, so that nobody on it ever meets the control plane.
    const server = doors.control().on("error", () => undefined)
    server.listen({ fd })
    const address = server.address()
    if (!server.listening) throw socketUnusable(`descriptor ${fd}`, "the service manager handed over no open socket")
    if (address === null || typeof address === "string") control = server
    else if (address.address === "127.0.0.1") ports.set(address.port, doors.port().listen(server))
    else throw socketUnusable(`${address.address}:${address.port}`, "the unit may listen on 127.0.0.1 only")
  }
  return { ports, control, inetDiag }
}
