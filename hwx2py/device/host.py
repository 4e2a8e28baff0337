"""Calls that name files, and structures of the machines that a command can run on, as rows.

Source: the kernel's own headers (`stat.h`), x86-64 and arm64. Numbers of calls are those of `confinement.syscalls`.
"""

import functools
import platform
import struct
from collections.abc import Mapping
from typing import NamedTuple

from ..confinement.syscalls import MACHINES, Machine, machine, number
from ..errors import UnsupportedError
from ..host import LINUX_ONLY


class PathCall(NamedTuple):
    """A system call that names a file by its path.

    Attributes:
        name: the call.
        folder: index of the argument with the descriptor that the path is relative to; None for the current folder.
        path: index of the argument with the path's address.
        flags: index of the argument that may hold AT_EMPTY_PATH; None where the call has none.
        place: index of the argument with the address of what the kernel fills in; None where it fills in nothing.
    """

    name: str
    folder: int | None
    path: int
    flags: int | None = None
    place: int | None = None


#: Calls that take a path, on every machine that has them.
PATH_CALLS = {
    call.name: call
    for call in (
        PathCall("open", None, 0),
        PathCall("openat", 0, 1),
        PathCall("openat2", 0, 1),
        PathCall("stat", None, 0, place=1),
        PathCall("lstat", None, 0, place=1),
        PathCall("newfstatat", 0, 1, flags=3, place=2),
        PathCall("statx", 0, 1, flags=2, place=4),
        PathCall("access", None, 0),
        PathCall("faccessat", 0, 1),
        PathCall("faccessat2", 0, 1),
        PathCall("readlink", None, 0),
        PathCall("readlinkat", 0, 1),
        PathCall("getxattr", None, 0),
        PathCall("lgetxattr", None, 0),
        PathCall("listxattr", None, 0),
        PathCall("llistxattr", None, 0),
    )
}
#: Calls on a descriptor of the node.
FSTAT, IOCTL = "fstat", "ioctl"


class Host(NamedTuple):
    """A machine that a command can run on.

    Attributes:
        machine: as the kernel sees it.
        stat: layout of `struct stat` up to the device number: dev, ino, then nlink, mode, uid, gid in this machine's
            order, then rdev.
        stat_order: the order of nlink and mode in it.
        stat_bytes: size of the whole structure.
    """

    machine: Machine
    stat: struct.Struct
    stat_order: tuple[str, ...]
    stat_bytes: int

    @property
    def calls(self) -> Mapping[int, str]:
        """Number -> name of the calls that are looked at."""
        return _calls(self.machine)


@functools.cache
def _calls(machine: Machine) -> Mapping[int, str]:
    numbers = ((number(name, machine), name) for name in (*PATH_CALLS, FSTAT, IOCTL))
    return {place: name for place, name in numbers if place is not None}


X86_64, AARCH64 = MACHINES
HOSTS = (
    Host(X86_64, struct.Struct("<QQQIII4xQ"), ("dev", "ino", "nlink", "mode", "uid", "gid", "rdev"), 144),
    Host(AARCH64, struct.Struct("<QQIIIIQ"), ("dev", "ino", "mode", "nlink", "uid", "gid", "rdev"), 128),
)


def here() -> Host:
    """The machine that this process runs on.

    Raises:
        UnsupportedError: no row describes it.
    """
    known = find_here()
    if known is None:
        raise UnsupportedError(
            f"{LINUX_ONLY['device']}, on x86-64 or arm64; this is {platform.system()} on {platform.machine()}",
            hint="`hwx2py emulate` runs programs and scripts everywhere",
        )
    return known


def find_here() -> Host | None:
    """The machine that this process runs on, or None where no row describes it."""
    own = machine()
    return next((host for host in HOSTS if host.machine == own), None)
