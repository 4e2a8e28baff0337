"""What operating systems have, and where one lacks it: locks, processes, memory whose untouched pages are known.

Linux has all of it, macOS has locks, Windows has none of it. What needs more than this module says so by name.
"""

import os

#: What works on Linux only, and the line that says so elsewhere. Everything else works where Python does.
LINUX_ONLY = {
    "device": "the virtual device node needs Linux",
    "confined scripts": "it is read, not executed: a process that runs it, confined or not, needs Linux",
    "the engine": "The driver that scripts use is one of Linux.",
}


def lock(file: int) -> None:
    """Waits until no other process has locked a file, and locks it while the descriptor is open.

    Args:
        file: a descriptor; nothing happens where the system has no such locks.
    """
    try:
        import fcntl
    except ImportError:
        return
    fcntl.flock(file, fcntl.LOCK_EX)


def is_locked(file: int) -> bool:
    """Whether another process has locked a file; True where the system does not say.

    Args:
        file: a descriptor; if the file is not locked, it is from now on.
    """
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def is_running(process: int) -> bool:
    """Whether a process of this number is there; True where the system cannot be asked without harm."""
    if os.name != "posix":
        return True  # signal 0 ends a process of Windows
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def can_execute_scripts() -> bool:
    """Whether a script can have a process of its own that shares memory with this one."""
    return hasattr(os, "memfd_create")


def knows_holes() -> bool:
    """Whether the system has files without a name, and tells which of their pages were never written."""
    return hasattr(os, "memfd_create") and hasattr(os, "SEEK_HOLE")
