"""Files in and out: `.hwx`, `.anec` and generated scripts as programs."""

import mmap
import os
from typing import TYPE_CHECKING

from ..errors import HwxError, UsageError

if TYPE_CHECKING:
    from ..program.model import Program
    from ..registers import Architecture

SCRIPT_SUFFIX = ".py"
SIDECAR_SUFFIX = ".coeff.bin"
ANEC_SUFFIXES = (".anec", ".ane")


def map_file(path: str) -> memoryview:
    """A file's bytes without reading them: the pages come as they are looked at.

    Raises:
        UsageError: there is no such file, or it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                return memoryview(b"")
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except IsADirectoryError as error:
        raise UsageError("is a directory, not a file", file=path) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError(f"cannot be read: {reason}", file=path) from error


def load(path: str, arch: "Architecture | None" = None) -> "Program":
    """The program in a file: an `.hwx`, an `.anec` (`.ane`), or a generated script.

    Args:
        path: the file; what it is is told by its content, a script by its suffix.
        arch: read an `.hwx` as this architecture.

    Raises:
        HwxError: with the file's name, whatever is wrong with it.
    """
    data = map_file(path)
    name = os.path.basename(path)
    try:
        if path.endswith(SCRIPT_SUFFIX):
            from . import script

            _only_hwx(arch)
            return script.load(bytes(data), name, path)
        from . import hwx

        if not hwx.looks_like(data):
            from . import anec

            _only_hwx(arch)
            if anec.looks_like(data) or path.endswith(ANEC_SUFFIXES):
                return anec.load(data, name)
        return hwx.load(data, name, arch)
    except HwxError as error:
        raise error.in_file(path) from error.__cause__


def _only_hwx(arch: "Architecture | None") -> None:
    if arch:
        raise UsageError("its architecture is given: --arch reads .hwx files as another one", hint="leave --arch out")
