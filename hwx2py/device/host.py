"""System calls and structures of the machines that a command can run on, as rows.

Source: the kernel's own tables and headers (`unistd.h`, `stat.h`, `audit.h`), x86-64 and arm64.
"""

import platform
import struct
from collections.abc import Mapping
from typing import NamedTuple

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
    """A machine as the filter sees it.

    Attributes:
        audit: the number that the kernel gives the architecture (AUDIT_ARCH).
        seccomp: number of the call `seccomp`.
        calls: number -> name of the calls that are looked at.
        stat: layout of `struct stat` up to the device number: dev, ino, then nlink, mode, uid, gid in this machine's
            order, then rdev.
        stat_order: the order of nlink and mode in it.
        stat_bytes: size of the whole structure.
    """

    audit: int
    seccomp: int
    calls: Mapping[int, str]
    stat: struct.Struct
    stat_order: tuple[str, ...]
    stat_bytes: int


X86_64 = Host(
    audit=0xC000003E,
    seccomp=317,
    calls={
        2: "open", 4: "stat", 5: FSTAT, 6: "lstat", 16: IOCTL, 21: "access", 89: "readlink", 257: "openat",
        191: "getxattr", 192: "lgetxattr", 194: "listxattr", 195: "llistxattr",
        262: "newfstatat", 267: "readlinkat", 269: "faccessat", 332: "statx", 437: "openat2", 439: "faccessat2",
    },
    stat=struct.Struct("<QQQIII4xQ"),
    stat_order=("dev", "ino", "nlink", "mode", "uid", "gid", "rdev"),
    stat_bytes=144,
)  # fmt: skip

AARCH64 = Host(
    audit=0xC00000B7,
    seccomp=277,
    calls={
        8: "getxattr", 9: "lgetxattr", 11: "listxattr", 12: "llistxattr", 29: IOCTL, 48: "faccessat", 56: "openat",
        78: "readlinkat", 79: "newfstatat", 80: FSTAT, 291: "statx", 437: "openat2", 439: "faccessat2",
    },
    stat=struct.Struct("<QQIIIIQ"),
    stat_order=("dev", "ino", "mode", "nlink", "uid", "gid", "rdev"),
    stat_bytes=128,
)  # fmt: skip

HOSTS = {("Linux", "x86_64"): X86_64, ("Linux", "aarch64"): AARCH64}


def here() -> Host:
    """The machine that this process runs on.

    Raises:
        UnsupportedError: no row describes it.
    """
    system, machine = platform.system(), platform.machine()
    if (system, machine) not in HOSTS:
        raise UnsupportedError(
            f"{LINUX_ONLY['device']}, on x86-64 or arm64; this is {system} on {machine}",
            hint="`hwx2py emulate` runs programs and scripts everywhere",
        )
    return HOSTS[system, machine]
