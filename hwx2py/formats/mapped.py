"""Mapped files, and what happens when somebody cuts one while it is read."""

import mmap
import os
import signal
from typing import Any

#: The exit code of a process whose input was cut.
CUT = 2

#: Path -> size of every file that was mapped, as it was then.
_sizes: dict[str, int] = {}
#: What ctypes calls has to be kept.
_kept: list[Any] = []


def mapped(path: str, file: int) -> memoryview:
    """A file's bytes; the pages come as they are looked at.

    If the file is cut, the kernel sends SIGBUS to whoever looks at a page that is gone, which ends a process without
    a word. Here it ends with a line.

    Args:
        path: how a message calls the file.
        file: its descriptor.

    Raises:
        OSError: it cannot be mapped.
        ValueError: it is empty.
    """
    view = memoryview(mmap.mmap(file, 0, access=mmap.ACCESS_READ))
    _sizes[path] = len(view)
    bus_error = getattr(signal, "SIGBUS", None)  # not on every system
    if not _kept and bus_error and signal.getsignal(bus_error) is signal.SIG_DFL:
        import ctypes

        # A handler of Python's would run after the instruction that cannot go on, which is never.
        _kept.append(ctypes.CFUNCTYPE(None, ctypes.c_int)(_end))
        ctypes.CDLL(None).signal(int(bus_error), _kept[0])
    return view


def _end(_: int) -> None:
    """Says which files are shorter than they were, and ends the process."""
    gone = [path for path, size in _sizes.items() if not os.path.exists(path) or os.path.getsize(path) < size]
    line = f"hwx2py: {', '.join(gone) or 'an input'}: was cut while it was read; run it again\n"
    os.write(2, line.encode(errors="backslashreplace"))
    os._exit(CUT)
