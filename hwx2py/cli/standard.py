"""Standard streams as a command needs them: open, and able to write whatever a name has in it."""

import io
import os
import sys

CLOSED = "standard output: it is closed; redirect it to a file, or to /dev/null"


def prepare() -> bool:
    """Puts nothing in the place of standard streams that are closed.

    What a stream's encoding does not have is written as an escape.

    Returns:
        False where standard output was closed: nobody could read it.
    """
    closed = [descriptor for descriptor in range(3) if not _is_open(descriptor)]
    for _ in closed:  # the lowest descriptors that are free, so no file that is opened later takes their places
        os.open(os.devnull, os.O_RDWR)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115 - as long as the process
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    return 1 not in closed


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
