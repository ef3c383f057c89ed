/** Starts a program with the netlink socket that systemd's `credd-peers.socket` opens, as that would hand it over. */

const launcher = `
import os, socket, sys
diag = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 4)
diag.bind((0, 0))
if diag.fileno() != 3:
    os.dup2(diag.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="inet-diag")
os.execvp(sys.argv[1], sys.argv[1:])`

/** What to run in the command's place: it becomes the command. */
export function withInetDiag(...command: readonly string[]): readonly [string, readonly string[]] {
  return ["/usr/bin/python3", ["-c", launcher, ...command]]
}
