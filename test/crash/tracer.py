"""
A program's effects on the outside, as the kernel is asked for them, and the program's death right before one of them.
The program knows nothing of it, and the call that is hit does not happen any more. (strace can kill at the n-th call of a
name; but how many calls a thread makes differs from run to run, by what the runtime does for itself.)

usage: tracer.py LOG KILL --pid PID          tells "attached" on stdout, until it is sent a SIGTERM
       tracer.py LOG KILL -- COMMAND...      from the command's start to its end
LOG gets a line of JSON for each effect: thread, shape, nth. KILL is such a line, or "" to watch only.
"""

import ctypes
import json
import os
import platform
import re
import signal
import struct
import sys

# What changes a file system, and what goes to others over sockets and pipes or starts them. Not fsync: whether it came
# before a kill cannot be seen after it, only after a power cut.
CALLS = {
    "x86_64": {
        1: "write", 18: "pwrite64", 20: "writev", 44: "sendto", 46: "sendmsg", 56: "clone", 57: "fork", 58: "vfork",
        77: "ftruncate", 82: "rename", 83: "mkdir", 84: "rmdir", 87: "unlink", 90: "chmod", 91: "fchmod",
        258: "mkdirat", 263: "unlinkat", 264: "renameat", 268: "fchmodat", 316: "renameat2", 435: "clone3",
    },
    "aarch64": {
        34: "mkdirat", 35: "unlinkat", 38: "renameat", 46: "ftruncate", 52: "fchmod", 53: "fchmodat", 64: "write",
        66: "writev", 68: "pwrite64", 206: "sendto", 211: "sendmsg", 220: "clone", 276: "renameat2", 435: "clone3",
    },
}[platform.machine()]

SYSCALL, SEIZE, INTERRUPT, GET_SYSCALL_INFO = 24, 0x4206, 0x4207, 0x420E
TRACE_SYSGOOD, TRACE_CLONE = 0x1, 0x8
CLONE_THREAD = 0x10000

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ptrace(request, tid, address=0, data=0):
    if libc.ptrace(request, tid, address, data) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def syscall_info(tid):
    """At its entry: the call's number and arguments. At its exit: what it gave."""
    buffer = ctypes.create_string_buffer(88)
    libc.ptrace(GET_SYSCALL_INFO, tid, 88, ctypes.addressof(buffer))
    op = buffer.raw[0]
    if op == 1:
        return "entry", struct.unpack_from("<7Q", buffer.raw, 24)
    if op == 2:
        return "exit", struct.unpack_from("<q", buffer.raw, 24)[0]
    return "none", None


class Tracer:
    def __init__(self, pid, log, kill):
        self.pid, self.log, self.kill = pid, log, kill
        self.counts, self.under_way = {}, {}

    def read(self, address, length):
        with open(f"/proc/{self.pid}/mem", "rb", buffering=0) as memory:
            memory.seek(address)
            return memory.read(length)

    def string(self, address):
        return self.read(address, 512).split(b"\0")[0].decode()

    def shape(self, number, args):
        """The call and what it works on, less what differs from run to run. Nothing for what nobody outside sees."""
        call = CALLS[number]
        if call.startswith("clone"):
            is_thread = args[0] & CLONE_THREAD if call == "clone" else self.read(args[0], 8)[2] & 1
            return None if is_thread else call
        if call in ("fork", "vfork"):
            return call
        if call in ("rename", "mkdir", "rmdir", "unlink", "chmod"):
            target = self.string(args[0])
        elif call in ("renameat", "renameat2", "mkdirat", "unlinkat", "fchmodat"):
            target = self.string(args[1])
        else:
            target = os.readlink(f"/proc/{self.pid}/fd/{args[0]}")
            # The log comes behind, in its own time; the counter wakes the loop.
            if args[0] in (1, 2) or target == "anon_inode:[eventfd]":
                return None
        # So does the audit trail, which has tests of its own.
        if "/audit/" in target:
            return None
        return f"{call} {named(target)}" if target.startswith("/") else self.sent(call, args)

    def sent(self, call, args):
        if call == "sendmsg":
            return call
        start, length = args[1], args[2]
        if call == "writev":
            start, length = struct.unpack("<2Q", self.read(args[1], 16))
        text = self.read(start, min(length, 32))
        # The runtime's own pipes: its lock, and a signal's way to its loop (a pointer and a number).
        if call == "write" and (text == b"*" or (length == 16 and text.endswith(b"\0" * 7))):
            return None
        words = re.match(rb"[\x20-\x7e]*", text)[0].decode()
        return f"{call} {re.sub('[0-9]+', 'N', words)}"

    def entered(self, tid, args):
        self.under_way.pop(tid, None)
        if args[0] not in CALLS:
            return
        shape = self.shape(args[0], args[1:])
        if shape is None:
            return
        thread = "main" if tid == self.pid else "pool"
        nth = self.counts[thread, shape] = self.counts.get((thread, shape), 0) + 1
        effect = {"thread": thread, "shape": shape, "nth": nth}
        if effect == self.kill:
            os.kill(self.pid, signal.SIGKILL)
        self.under_way[tid] = effect

    def left(self, tid, result):
        effect = self.under_way.pop(tid, None)
        if effect is not None and result >= 0:
            print(json.dumps(effect), file=self.log, flush=True)

    def follow(self):
        """Until the program's end."""
        while True:
            tid, status = os.waitpid(-1, 0x40000000)
            if not os.WIFSTOPPED(status):
                if tid == self.pid:
                    return
                continue
            stop, event = os.WSTOPSIG(status), status >> 16
            passed = 0
            try:
                if stop == signal.SIGTRAP | 0x80:
                    what, told = syscall_info(tid)
                    if what == "entry":
                        self.entered(tid, told)
                    elif what == "exit":
                        self.left(tid, told)
                elif event == 0:
                    passed = stop
                ptrace(SYSCALL, tid, 0, passed)
            except (OSError, ValueError):
                # It has died in the meantime; its end comes next.
                continue


def named(path):
    return re.sub(r"\.[0-9]+-[0-9a-f]+\.tmp$", ".TMP", os.path.basename(path))


def attach(pid):
    for tid in map(int, os.listdir(f"/proc/{pid}/task")):
        try:
            ptrace(SEIZE, tid, 0, TRACE_SYSGOOD | TRACE_CLONE)
            ptrace(INTERRUPT, tid)
        except OSError:
            continue


def started(command):
    """The program, stopped at its start."""
    pid = os.fork()
    if pid == 0:
        devnull = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(devnull, number)
        os.kill(os.getpid(), signal.SIGSTOP)
        os.execvp(command[0], command)
    os.waitpid(pid, os.WUNTRACED)
    return pid


def main(log, kill, how, *rest):
    kill = json.loads(kill) if kill else None
    with open(log, "w") as file:
        pid = int(rest[0]) if how == "--pid" else started(rest)
        attach(pid)
        if how == "--pid":
            print("attached", flush=True)
        else:
            os.kill(pid, signal.SIGCONT)
        Tracer(pid, file, kill).follow()


main(*sys.argv[1:])
