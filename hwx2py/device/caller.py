"""A process that waits for an answer: its memory, its descriptors, and the paths that it names."""

import os
from typing import NamedTuple

from .host import PathCall
from .notification import Call

#: The longest path of the kernel.
PATH_BYTES = 4096
PAGE_BYTES = 4096
#: "Relative to the current folder" in a call, as a 32-bit number.
AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000


class Identity(NamedTuple):
    """What tells one file from all others: its device and its inode."""

    device: int
    inode: int


def identity(status: os.stat_result) -> Identity:
    """The identity of a file."""
    return Identity(status.st_dev, status.st_ino)


class Caller:
    """The thread that made a call.

    Args:
        call: the call.
    """

    def __init__(self, call: Call):
        self.pid = call.pid

    def read(self, address: int, size: int) -> bytes:
        """Bytes of its memory.

        Raises:
            OSError: the address is not mapped, or the process is gone.
        """
        with open(f"/proc/{self.pid}/mem", "rb", buffering=0) as memory:
            data = os.pread(memory.fileno(), size, address)
        if len(data) < size:
            raise OSError(14, os.strerror(14))
        return data

    def write(self, address: int, data: bytes) -> None:
        """Writes into its memory.

        Raises:
            OSError: the address is not mapped or may not be written, or the process is gone.
        """
        with open(f"/proc/{self.pid}/mem", "r+b", buffering=0) as memory:
            if os.pwrite(memory.fileno(), data, address) < len(data):
                raise OSError(14, os.strerror(14))

    def text(self, address: int) -> bytes:
        """A string up to its zero; it may end at the end of a page, behind which nothing is mapped."""
        found = bytearray()
        with open(f"/proc/{self.pid}/mem", "rb", buffering=0) as memory:
            while len(found) < PATH_BYTES:
                size = PAGE_BYTES - (address + len(found)) % PAGE_BYTES
                piece = os.pread(memory.fileno(), size, address + len(found))
                end = piece.find(b"\0")
                if end >= 0:
                    return bytes(found + piece[:end])
                if not piece:
                    break
                found += piece
        return bytes(found)

    def file(self, descriptor: int) -> Identity | None:
        """What a descriptor of its is; None where it has no such descriptor."""
        try:
            return identity(os.stat(f"/proc/{self.pid}/fd/{descriptor & 0xFFFFFFFF}"))
        except OSError:
            return None

    def path(self, row: PathCall, call: Call) -> str | int | None:
        """The path that a call names, whole; a descriptor where the call means that; None where it cannot be known."""
        given = os.fsdecode(self.text(call.arguments[row.path]))
        folder = _signed(call.arguments[row.folder]) if row.folder is not None else AT_FDCWD
        if not given:
            empty = row.flags is not None and call.arguments[row.flags] & AT_EMPTY_PATH
            return folder if empty and folder >= 0 else None
        if given.startswith("/"):
            return os.path.normpath(given)
        start = "cwd" if folder == AT_FDCWD else f"fd/{folder}"
        try:
            return os.path.normpath(os.path.join(os.readlink(f"/proc/{self.pid}/{start}"), given))
        except OSError:
            return None


def _signed(value: int) -> int:
    """A 32-bit number of a call's argument."""
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value
