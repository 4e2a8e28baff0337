"""A file that holds a program: its bytes, and what it was read as."""

import os
import sys
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ..errors import UsageError
from ..output import STANDARD

if TYPE_CHECKING:
    from ..program.program import Program

#: Files up to this size are read at once.
READ_BYTES = 1 << 22


class Container(Protocol):
    """What lies around a program in a file."""

    @property
    def form(self) -> str:
        """What the file is: "hwx" or "anec"."""


class ProgramFile(NamedTuple):
    """What a file holds.

    Attributes:
        program: the register program.
        container: what lies around it: the Mach-O image of an `.hwx`, the header of an `.anec`; None for scripts and
            bare task streams.
    """

    program: "Program"
    container: Container | None = None


def map_file(path: str) -> memoryview:
    """A file's bytes; of a large one the pages come as they are looked at.

    A small one is read. What somebody cuts while it is mapped ends the process with a line; see `mapped`.

    Args:
        path: the file; "-" is standard input, which is read to its end.

    Raises:
        UsageError: there is no such file, or it cannot be read.
    """
    if path == STANDARD:
        return memoryview(sys.stdin.buffer.read())
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size <= READ_BYTES:
                return memoryview(file.read())
            from .mapped import mapped

            return mapped(path, file.fileno())
    except IsADirectoryError as error:
        from .foreign import folder

        raise folder(path) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError(f"cannot be read: {reason}", file=path) from error
