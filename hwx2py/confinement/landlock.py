"""Landlock: which files a process may still read, once and for all.

Source: `landlock(7)`, `linux/landlock.h`.
"""

import contextlib
import ctypes
import os
import stat
import struct
from collections.abc import Iterable

from .syscalls import call

_VERSION_FLAG, _PATH_BENEATH = 1, 1

_READ_FILE, _READ_DIR = 1 << 2, 1 << 3

#: Rights over files, in the order of their bits: how many a version of Landlock knows.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}

#: TCP: to bind, to connect; since version 4.
_NET_RIGHTS = 0b11
#: Nothing outside: abstract sockets, signals; since version 6.
_SCOPES = 0b11


def version() -> int:
    """Which version of Landlock the kernel has; 0 for none."""
    try:
        return call("landlock_create_ruleset", None, 0, _VERSION_FLAG)
    except OSError:
        return 0


def restrict(readable: Iterable[str]) -> None:
    """Takes from this thread every right over files but to read some, and with a newer kernel TCP and signals.

    The process must have given up new privileges before. Threads that run already are not restricted.

    Args:
        readable: files, and folders with all that is in them; what does not exist is left out.

    Raises:
        OSError: the kernel has no Landlock.
    """
    known = version()
    if not known:
        raise OSError(38, "the kernel has no Landlock")
    rights = (1 << _FILE_RIGHTS[min(known, 5)]) - 1
    attributes = [rights, _NET_RIGHTS if known >= 4 else None, _SCOPES if known >= 6 else None]
    given = [value for value in attributes if value is not None]
    packed = struct.pack(f"<{len(given)}Q", *given)
    rules = call("landlock_create_ruleset", packed, len(packed), 0)
    try:
        for path in readable:
            with contextlib.suppress(FileNotFoundError):
                _allow(rules, path)
        call("landlock_restrict_self", rules, 0)
    finally:
        os.close(rules)


def _allow(rules: int, path: str) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rights = _READ_FILE | (_READ_DIR if stat.S_ISDIR(os.fstat(place).st_mode) else 0)
        packed = ctypes.create_string_buffer(struct.pack("<Qi", rights, place))
        call("landlock_add_rule", rules, _PATH_BENEATH, packed, 0)
    finally:
        os.close(place)
