"""How long a program takes from its exec: to the first credentials that it serves, or to its end.

usage: first_credentials.py MODE, with what is to be done as JSON on stdin; prints milliseconds.

A small program, so that the two cores are left to what is measured: a caller in Node, which tries again every
millisecond, costs a daemon that starts a fifth of its time.
"""
import json
import os
import resource
import signal
import socket
import sys
import time

DEADLINE = 10
NETLINK_SOCK_DIAG = 4


def start(command, env, handed_over=()):
    """Forks and execs; what is handed over becomes the descriptors from 3 on, as systemd has it."""
    pid = os.fork()
    if pid:
        return pid
    null = os.open("/dev/null", os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
    # Out of the way first: the numbers that they are to have may be taken.
    high = [os.dup2(each.fileno(), 50 + i) for i, each in enumerate(handed_over)]
    for i, fd in enumerate(high):
        os.dup2(fd, 3 + i, inheritable=True)
    os.closerange(3 + len(high), 100)
    if handed_over:
        # As the units have it.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        env = dict(env, LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(high)), LISTEN_FDNAMES="credd:credd:inet-diag")
    os.execve(command[0], command, env)


def answer(caller):
    text = b""
    while True:
        part = caller.recv(65536)
        if not part:
            return text
        text += part


def as_service(asked):
    """The sockets are open before the daemon is, and somebody waits already."""
    port = socket.socket()
    port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    port.bind(("127.0.0.1", asked["port"]))
    port.listen(511)
    control = socket.socket(socket.AF_UNIX)
    if os.path.exists(asked["socket"]):
        os.unlink(asked["socket"])
    control.bind(asked["socket"])
    control.listen(511)
    diag = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, NETLINK_SOCK_DIAG)
    diag.bind((0, 0))
    caller = socket.create_connection(("127.0.0.1", asked["port"]), DEADLINE)
    caller.sendall(asked["request"].encode())
    started = time.monotonic()
    pid = start(asked["command"], asked["env"], (port, control, diag))
    return started, pid, caller


def by_hand(asked):
    """The caller tries again every millisecond."""
    started = time.monotonic()
    pid = start(asked["command"], asked["env"])
    while time.monotonic() < started + DEADLINE:
        try:
            caller = socket.create_connection(("127.0.0.1", asked["port"]), DEADLINE)
            break
        except ConnectionRefusedError:
            time.sleep(0.001)
    else:
        raise SystemExit("the daemon did not start")
    caller.sendall(asked["request"].encode())
    return started, pid, caller


def served(begin, asked):
    started, pid, caller = begin(asked)
    try:
        text = answer(caller)
        took = time.monotonic() - started
    finally:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
    if not text.startswith(b"HTTP/1.1 200 "):
        raise SystemExit("the daemon did not serve: " + text.split(b"\r\n", 1)[0].decode())
    return took


def ended(asked):
    started = time.monotonic()
    _, status = os.waitpid(start(asked["command"], asked["env"]), 0)
    if status:
        raise SystemExit("the program failed")
    return time.monotonic() - started


asked = json.load(sys.stdin)
modes = {
    "service": lambda: served(as_service, asked),
    "by-hand": lambda: served(by_hand, asked),
    "whole": lambda: ended(asked),
}
print(modes[sys.argv[1]]() * 1000)
