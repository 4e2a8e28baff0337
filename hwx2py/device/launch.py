"""Becomes a command under a filter for system calls; runs as a plain file and imports nothing of hwx2py.

Arguments: the socket to the listener's end, the number of the call `seccomp`, the filter as hex, then the command. Over
the socket goes the listener, and then, if the command cannot be started, `s` (the filter) or `e` (the command) with an
errno.
"""

import ctypes
import errno
import os
import socket
import struct
import sys

SET_MODE_FILTER = 1
NEW_LISTENER, WAIT_KILLABLE = 1 << 3, 1 << 5
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
SIGKILL = 9
FAILURE = struct.Struct("<ci")


class FilterProgram(ctypes.Structure):
    """`struct sock_fprog`: how many instructions, and where they are."""

    _fields_ = (("length", ctypes.c_ushort), ("lines", ctypes.c_void_p))


def main() -> None:
    """Installs the filter, hands its listener over, and becomes the command."""
    descriptor, seccomp, lines, *command = sys.argv[1:]
    link = socket.socket(fileno=int(descriptor))
    os.set_inheritable(link.fileno(), False)
    listener, code = _installed(int(seccomp), bytes.fromhex(lines))
    if listener < 0:
        link.send(FAILURE.pack(b"s", code))
        sys.exit(2)
    socket.send_fds(link, [b"+"], [listener])
    os.close(listener)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        link.send(FAILURE.pack(b"e", error.errno or errno.EIO))
        sys.exit(2)


def _installed(seccomp: int, lines: bytes) -> tuple[int, int]:
    """The listener's descriptor, or -1 and an errno."""
    libc = ctypes.CDLL(None, use_errno=True)
    text = ctypes.create_string_buffer(lines, len(lines))
    program = FilterProgram(len(lines) // 8, ctypes.addressof(text))
    libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for flags in (NEW_LISTENER | WAIT_KILLABLE, NEW_LISTENER):  # the second flag came with Linux 5.19
        listener = libc.syscall(seccomp, SET_MODE_FILTER, flags, ctypes.byref(program))
        if listener >= 0 or ctypes.get_errno() != errno.EINVAL:
            break
    return listener, ctypes.get_errno()


if __name__ == "__main__":
    main()
