"""What a process does to itself: ends with its parent, gives up privileges, takes limits."""

import contextlib
import ctypes
import os
import struct
from typing import NamedTuple

from .syscalls import call

_SET_PDEATHSIG, _SET_NO_NEW_PRIVS = 1, 38
_SIGKILL = 9
_CAPABILITIES_VERSION = 0x20080522


class Limits(NamedTuple):
    """What a process may use.

    Attributes:
        address_bytes: address space, mapped files and device memory included.
        data_bytes: memory of its own.
        cpu_seconds: processor time.
        file_bytes: the size of a file that it writes through a descriptor it was given.
        files: open descriptors.
    """

    address_bytes: int
    data_bytes: int
    cpu_seconds: int
    file_bytes: int
    files: int = 64


def die_with(parent: int) -> None:
    """Has the kernel end this process when its parent ends, however that happens.

    Args:
        parent: the parent's process id; if that has ended already, so does this process.
    """
    with contextlib.suppress(OSError):  # another system: the parent ends its children as far as it can
        call("prctl", _SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(2)


def take_no_privileges() -> None:
    """No new privileges from now on; those that this process has, it keeps.

    Raises:
        OSError: the kernel refuses.
    """
    call("prctl", _SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def give_up_privileges() -> None:
    """No new privileges from now on, and none of those that root has.

    Raises:
        OSError: the kernel refuses.
    """
    take_no_privileges()
    header = ctypes.create_string_buffer(struct.pack("<Ii", _CAPABILITIES_VERSION, 0))
    call("capset", header, ctypes.create_string_buffer(bytes(24)))


def limit(limits: Limits) -> None:
    """Takes limits that cannot be raised again; where a lower one is in force, it stays."""
    import resource

    wanted = {
        resource.RLIMIT_AS: limits.address_bytes,
        resource.RLIMIT_DATA: limits.data_bytes,
        resource.RLIMIT_CPU: limits.cpu_seconds,
        resource.RLIMIT_FSIZE: limits.file_bytes,
        resource.RLIMIT_NOFILE: limits.files,
        resource.RLIMIT_CORE: 0,
    }
    for kind, most in wanted.items():
        _, hard = resource.getrlimit(kind)
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (value, value))
