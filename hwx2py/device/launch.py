"""Becomes a command under a filter for system calls; runs as a plain file in a Python that knows no folder of its own.

Arguments: the folder that hwx2py lies in, the socket to the listener's end, the process that starts it, the filter as
hex, then the command. Over the socket goes the listener, and then, if the command cannot be started, `s` (the filter)
or `e` (the command) with an errno.
"""

import errno
import os
import socket
import struct
import sys

FAILURE = struct.Struct("<ci")


def main() -> None:
    """Installs the filter, hands its listener over, and becomes the command."""
    folder, descriptor, parent, lines, *command = sys.argv[1:]
    sys.path.insert(0, folder)
    from hwx2py.confinement import process, seccomp

    link = socket.socket(fileno=int(descriptor))
    os.set_inheritable(link.fileno(), False)
    process.die_with(int(parent))
    try:
        process.take_no_privileges()
        listener = seccomp.install(bytes.fromhex(lines), listener=True)
    except OSError as error:
        link.send(FAILURE.pack(b"s", error.errno or errno.EIO))
        sys.exit(2)
    socket.send_fds(link, [b"+"], [listener])
    os.close(listener)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        link.send(FAILURE.pack(b"e", error.errno or errno.EIO))
        sys.exit(2)


if __name__ == "__main__":
    main()
