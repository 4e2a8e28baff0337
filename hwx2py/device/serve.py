"""Runs a command that finds the virtual ANE at the node, and answers its calls until it and its children have ended."""

import contextlib
import errno
import os
import queue
import select
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence

from ..emulator import child
from ..errors import UsageError
from . import node
from .caller import Caller, Identity
from .clients import Device
from .host import FSTAT, IOCTL, PATH_CALLS, Host, here
from .notification import Call, Listener, Started

#: Bits of an ioctl's number that say how large its structure is.
SIZE_SHIFT, SIZE_MASK = 16, 0x3FFF
#: First bytes of an ELF file, and where it says whether it is one of 64 bits.
ELF_MAGIC, ELF_CLASS, ELF_64 = b"\x7fELF", 4, 2
#: Calls that open, and those whose answer is only that the file is there.
OPENS = ("open", "openat", "openat2")
LOOKS = ("access", "faccessat", "faccessat2")
READS_LINK = ("readlink", "readlinkat")
READS_ATTRIBUTES = ("getxattr", "lgetxattr", "listxattr", "llistxattr")


def run(command: Sequence[str], device: Device) -> int:
    """Runs a command with the virtual ANE at /dev/accel/accel0.

    Its other files, its sockets and its terminal are its own: this is not a sandbox.

    Args:
        command: the program and its arguments.
        device: what answers.

    Returns:
        The command's exit code; 128 and its number where a signal ended it.

    Raises:
        UsageError: the command does not exist, cannot be started, or is one that the node cannot be shown to.
        UnsupportedError: the machine or its kernel cannot do it.
    """
    host = here()
    check_command(command[0])
    with tempfile.TemporaryDirectory(prefix="hwx2py-accel-") as folder:
        with open(os.path.join(folder, node.NAME), "wb"):
            pass
        started = Started(command, host)
        with _forwarded(started.process), _Server(started.listener, host, device, folder) as server:
            server.serve()
    code = started.ended()
    return code if code >= 0 else 128 - code


def check_command(name: str) -> None:
    """Refuses commands that the node cannot be shown to, before they run.

    Args:
        name: as the shell would find it.

    Raises:
        UsageError: there is none, it has 32 bits, or it runs with another user's rights.
    """
    path = shutil.which(name)
    if path is None:
        raise UsageError("there is no such command", file=name)
    mode = os.stat(path).st_mode
    if mode & (stat.S_ISUID | stat.S_ISGID):
        raise UsageError("the command is set-uid or set-gid, which it would not be under the device", file=name)
    try:
        with open(path, "rb") as file:
            first = file.read(ELF_CLASS + 1)
    except PermissionError:  # it may be executed, but not read
        return
    if first.startswith(ELF_MAGIC) and first[ELF_CLASS] != ELF_64:
        raise UsageError(
            "the command has 32 bits, and the node is shown to 64-bit programs only",
            file=name,
            hint="build it for 64 bits",
        )


@contextlib.contextmanager
def _forwarded(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """While a command runs, the terminal's Ctrl-C is its own business, and a request to end is handed on to it."""

    def hand_on(number: int, _: object) -> None:
        process.send_signal(number)

    old = {number: signal.signal(number, hand_on) for number in (signal.SIGTERM, signal.SIGHUP)}
    old[signal.SIGINT] = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


class _Server:
    """Answers calls: what names files at once, what the engine does in a thread of its own, one call at a time."""

    def __init__(self, listener: Listener, host: Host, device: Device, folder: str):
        self.listener, self.host, self.device, self.folder = listener, host, device, folder
        self._jobs: queue.SimpleQueue[tuple[Call, Identity] | None] = queue.SimpleQueue()
        self._failure: BaseException | None = None
        self._worker = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> "_Server":
        self._worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._jobs.put(None)
        self._worker.join()
        os.close(self.listener.descriptor)
        if self._failure:
            raise self._failure

    def serve(self) -> None:
        """Answers until no process is left that could ask."""
        poll = select.poll()
        poll.register(self.listener.descriptor, select.POLLIN)
        while not self._failure:
            for _, event in poll.poll():
                if event & select.POLLIN:
                    call = self.listener.receive()
                    if call:
                        self._answer(call)
                elif event & (select.POLLHUP | select.POLLERR):
                    return

    def _answer(self, call: Call) -> None:
        caller = Caller(call)
        try:
            if call.name == IOCTL:
                self._ioctl(call, caller)
            elif call.name == FSTAT:
                self._fstat(call, caller)
            else:
                self._path(call, caller)
        except (
            OSError
        ):  # an address that is not mapped, or a caller that is gone: the kernel says what is wrong with it
            self.listener.go_on(call)

    def _ioctl(self, call: Call, caller: Caller) -> None:
        file = caller.file(call.arguments[0])
        if file is None or not self.device.is_node(file):
            self.listener.go_on(call)
        else:
            self._jobs.put((call, file))

    def _fstat(self, call: Call, caller: Caller) -> None:
        if not self.device.is_node(caller.file(call.arguments[0])):
            self.listener.go_on(call)
            return
        caller.write(call.arguments[1], node.as_stat(node.NODE, self.host))
        self.listener.answer(call)

    def _path(self, call: Call, caller: Caller) -> None:
        row = PATH_CALLS[call.name]
        named = caller.path(row, call)
        if isinstance(named, int):
            path = node.NODE if self.device.is_node(caller.file(named)) else None
        else:
            path = self._own(named)
        if path is None or not self.listener.waits(call):
            self.listener.go_on(call)
        elif call.name in OPENS:
            self._open(call, caller, path)
        elif call.name in LOOKS:
            self.listener.answer(call)
        elif call.name in READS_LINK:
            self.listener.answer(call, error=errno.EINVAL)
        elif call.name in READS_ATTRIBUTES:
            self.listener.answer(call, error=errno.EOPNOTSUPP)
        elif row.place is not None:
            data = node.as_statx(path) if call.name == "statx" else node.as_stat(path, self.host)
            caller.write(call.arguments[row.place], data)
            self.listener.answer(call)

    def _own(self, path: str | None) -> str | None:
        """The node or its folder, if a path is one of them, also through the folder that stands for it."""
        if path is None:
            return None
        if path == self.folder or path.startswith(self.folder + "/"):
            path = node.FOLDER + path.removeprefix(self.folder)
        return path if path in (node.NODE, node.FOLDER) else None

    def _open(self, call: Call, caller: Caller, path: str) -> None:
        flags = _flags(call, caller)
        close_on_exec = bool(flags & os.O_CLOEXEC)
        if path == node.FOLDER:
            descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
            self.listener.hand_over(call, descriptor, close_on_exec)
            os.close(descriptor)
        elif flags & os.O_DIRECTORY:
            self.listener.answer(call, error=errno.ENOTDIR)
        elif flags & os.O_CREAT and flags & os.O_EXCL:
            self.listener.answer(call, error=errno.EEXIST)
        else:
            self.listener.hand_over(call, self.device.open(), close_on_exec)

    def _work(self) -> None:
        try:
            while job := self._jobs.get():
                self._execute(*job)
        except BaseException as failure:
            self._failure = failure
            raise

    def _execute(self, call: Call, file: Identity) -> None:
        """A call of the driver's: its structure comes out of the caller's memory, and goes back there."""
        caller, number, address = Caller(call), call.arguments[1] & 0xFFFFFFFF, call.arguments[2]
        try:
            data = caller.read(address, number >> SIZE_SHIFT & SIZE_MASK)
            if number == child.VERSION:
                code, back = 0, child.version(data, caller.write)
            else:
                request = child.with_tables(number, data, lambda size, place: caller.read(place, size))
                code, back = self.device.ioctl(file, number, request)
            if not code:
                caller.write(address, back)
        except OSError:
            code = errno.EFAULT
        self.listener.answer(call, error=code)


def _flags(call: Call, caller: Caller) -> int:
    """The flags that a file is opened with."""
    if call.name == "openat2":
        return int.from_bytes(caller.read(call.arguments[2], 8), "little")
    return call.arguments[1 if call.name == "open" else 2]
