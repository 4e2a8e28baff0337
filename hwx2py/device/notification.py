"""The kernel's user notification: a filter for a command and its children, and the listener that answers their calls.

Needs no privilege (`PR_SET_NO_NEW_PRIVS`), and Linux 5.9 or later. Source: `linux/seccomp.h`, `linux/filter.h`.
"""

import errno
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

from ..confinement import seccomp
from ..confinement.seccomp import Rule
from ..errors import UnsupportedError, UsageError
from ..own_python import PACKAGE_FOLDER
from . import launch
from .host import IOCTL, Host

#: A notification: id, process id, flags, then the call: number, architecture, place, six arguments.
NOTIFICATION = struct.Struct("<QIIiIQ6Q")
#: An answer: id, result, error, flags.
ANSWER = struct.Struct("<QqiI")
#: A descriptor for the caller: id, flags, ours, theirs, flags of theirs.
DESCRIPTOR = struct.Struct("<QIIII")

RECEIVE, SEND, IS_VALID, ADD_DESCRIPTOR = 0xC0502100, 0xC0182101, 0x40082102, 0x40182103
#: In an answer: the kernel makes the call as if it had not been looked at.
CONTINUE = 1

#: The type of the driver's ioctls, and those that DRM answers for every driver.
IOCTL_TYPE = ord("d")


class Call(NamedTuple):
    """A call that waits for an answer.

    Attributes:
        id: the kernel's number for it.
        pid: the thread that made it.
        name: the call.
        arguments: its six arguments.
    """

    id: int
    pid: int
    name: str
    arguments: tuple[int, ...]


def program(host: Host) -> bytes:
    """The filter: calls that name files and the driver's ioctls wait for the listener, all others go on.

    Calls of another architecture go on too: what makes them finds no node.
    """
    the_drivers = seccomp.Has(1, IOCTL_TYPE << 8, among=0xFF00)
    rules = [Rule(name, seccomp.NOTIFY, [the_drivers] if name == IOCTL else ()) for name in host.calls.values()]
    return seccomp.program(rules, seccomp.ALLOW, host.machine, foreign=seccomp.ALLOW)


class Listener:
    """The end that answers the calls of a command and of all its children.

    Args:
        descriptor: as the kernel gave it.
        host: the machine.
    """

    def __init__(self, descriptor: int, host: Host):
        import fcntl

        self.descriptor = descriptor
        self.host = host
        self._ioctl = fcntl.ioctl

    def receive(self) -> Call | None:
        """The next call; None where its caller left before it was read."""
        data = bytearray(NOTIFICATION.size)
        try:
            self._ioctl(self.descriptor, RECEIVE, data)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EINTR):
                return None
            raise
        number, pid, _, call, _, _, *arguments = NOTIFICATION.unpack(data)
        return Call(number, pid, self.host.calls[call], tuple(arguments))

    def waits(self, call: Call) -> bool:
        """Whether the caller is still there, and what was read of its memory is therefore its own."""
        try:
            self._ioctl(self.descriptor, IS_VALID, struct.pack("<Q", call.id))
        except OSError as error:
            if error.errno == errno.ENOENT:
                return False
            raise
        return True

    def go_on(self, call: Call) -> None:
        """Lets the kernel make the call."""
        self._send(call, 0, 0, CONTINUE)

    def answer(self, call: Call, value: int = 0, error: int = 0) -> None:
        """Ends the call with a result, or with an errno."""
        self._send(call, value, -error, 0)

    def _send(self, call: Call, value: int, error: int, flags: int) -> None:
        try:
            self._ioctl(self.descriptor, SEND, bytearray(ANSWER.pack(call.id, value, error, flags)))
        except OSError as gone:
            if gone.errno != errno.ENOENT:  # the caller was killed, or left for a signal
                raise

    def hand_over(self, call: Call, descriptor: int, close_on_exec: bool) -> None:
        """Ends the call with a copy of a descriptor in the caller."""
        flags = os.O_CLOEXEC if close_on_exec else 0
        wanted = bytearray(DESCRIPTOR.pack(call.id, 0, descriptor, 0, flags))
        try:
            theirs = self._ioctl(self.descriptor, ADD_DESCRIPTOR, wanted)
        except OSError as error:
            if error.errno == errno.ENOENT:
                return
            self.answer(call, error=error.errno or errno.EIO)
            return
        self.answer(call, theirs)


class Started:
    """A command that runs.

    Attributes:
        listener: where its calls arrive.
        process: its process.
    """

    def __init__(self, command: Sequence[str], host: Host):
        """Starts the command under the filter.

        Args:
            command: the program, as the shell would find it, and its arguments.
            host: the machine.

        Raises:
            UnsupportedError: the kernel has no user notification, or the process is under a listener already.
        """
        self._link, theirs = socket.socketpair()
        self._name = command[0]
        with theirs:
            options = [PACKAGE_FOLDER, str(theirs.fileno()), str(os.getpid()), program(host).hex()]
            launched = [sys.executable, "-I", launch.__file__, *options, *command]
            self.process = subprocess.Popen(launched, pass_fds=[theirs.fileno()])
        first, descriptors, _, _ = socket.recv_fds(self._link, launch.FAILURE.size, 1)
        if not descriptors:
            self._fail(first)
        self.listener = Listener(descriptors[0], host)

    def ended(self) -> int:
        """The command's exit code, once it has ended; minus the signal's number where a signal ended it.

        Raises:
            UsageError: the command could not be started.
        """
        code = self.process.wait()
        with self._link:
            last = self._link.recv(launch.FAILURE.size)
        if last:
            self._fail(last)
        return code

    def _fail(self, message: bytes) -> NoReturn:
        """Says why the command did not start."""
        self.process.wait()
        stage, code = launch.FAILURE.unpack(message) if message else (b"s", errno.EIO)
        if stage == b"e":
            raise UsageError(f"the command cannot be started: {os.strerror(code)}", file=self._name)
        if code == errno.EBUSY:
            raise UnsupportedError(
                "this process already runs under a listener for system calls", hint="one `hwx2py device` at a time"
            )
        raise UnsupportedError(
            f"the kernel has no user notification of seccomp ({os.strerror(code)})",
            hint="it needs Linux 5.9 or later, and a container that allows it; `hwx2py emulate` works without",
        )
