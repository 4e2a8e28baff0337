"""Files in and out: `.hwx`, `.anec`, generated scripts and bare task streams as programs."""

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..errors import HwxError, UnsupportedError, UsageError
from ..output import STANDARD
from .file import ProgramFile, map_file

if TYPE_CHECKING:
    from ..program.program import Program
    from ..registers import Architecture

__all__ = [
    "ANEC_SUFFIXES",
    "PROGRAM_SUFFIXES",
    "SCRIPT_SUFFIX",
    "SIDECAR_SUFFIX",
    "STANDARD",
    "ProgramFile",
    "load",
    "map_file",
    "programs_in",
    "replace",
]

SCRIPT_SUFFIX = ".py"
SIDECAR_SUFFIX = ".coeff.bin"
ANEC_SUFFIXES = (".anec", ".ane")
PROGRAM_SUFFIXES = (".hwx", *ANEC_SUFFIXES)


def load(
    path: str, arch: "Architecture | None" = None, *, raw: "Architecture | None" = None, tensors: Sequence[str] = ()
) -> ProgramFile:
    """Reads the program in a file: an `.hwx`, an `.anec` (`.ane`), a generated script, or a bare task stream.

    Args:
        path: the file, or "-" for standard input; its content says what it is, for a script its suffix too.
        arch: read an `.hwx` as this architecture instead of the one that its header names.
        raw: the file is a bare task stream of this architecture: binary, hex text, or a Python list of words.
        tensors: its buffers, as NAME=ROLE:BAR:NxCxHxW.

    Returns:
        The program, and the container that it lies in.

    Raises:
        HwxError: with the file's name, whatever is wrong with it.
    """
    data = map_file(path)
    name = "stdin" if path == STANDARD else os.path.basename(path)
    try:
        return _load(data, name, path, arch, raw, tensors)
    except HwxError as error:
        raise error.in_file("standard input" if path == STANDARD else path) from error.__cause__


def _load(
    data: memoryview,
    name: str,
    path: str,
    arch: "Architecture | None",
    raw: "Architecture | None",
    tensors: Sequence[str],
) -> ProgramFile:
    if raw:
        from .raw import load_raw

        if arch:
            raise UsageError("--raw names the architecture already", hint="leave --arch out")
        return load_raw(data, name, raw, tensors)

    from .hwx import looks_like_hwx

    if looks_like_hwx(data):
        from .hwx import read as hwx

        return ProgramFile(*hwx.load(data, name, arch))
    if arch:
        raise UsageError("its architecture is given: --arch reads .hwx files as another one", hint="leave --arch out")
    if path.endswith(SCRIPT_SUFFIX) or (path == STANDARD and _looks_like_script(data)):
        from . import script

        return ProgramFile(script.load(bytes(data), name, path))

    from .anec.header import looks_like_anec

    if looks_like_anec(data) or path.endswith(ANEC_SUFFIXES):
        from .anec import read as anec

        return ProgramFile(*anec.load(data, name))

    from .foreign import refuse

    raise refuse(data, path, PROGRAM_SUFFIXES)


def _looks_like_script(data: memoryview) -> bool:
    """Whether bytes begin like the scripts that hwx2py writes."""
    return bytes(data[:22]).startswith((b"#!/usr/bin/env python", b'"""'))


def replace(file: ProgramFile, program: "Program") -> list[bytes | memoryview]:
    """The file with another program in it, as pieces to write one after another.

    Args:
        file: an `.hwx` or `.anec`; its own program gives back its bytes.
        program: the program that it shall hold.

    Raises:
        UnsupportedError: the file has no container, or none that can take the program.
    """
    from .anec.header import Anec
    from .hwx.image import Image

    match file.container:
        case Image() as image:
            from .hwx import replace as hwx

            return hwx.replace(image, file.program, program)
        case Anec() as header:
            from .anec import write as anec

            return anec.replace(header, file.program, program)
    raise UnsupportedError("there is no container to put the program into", hint="give an .hwx or .anec file")


def programs_in(folder: str, suffixes: tuple[str, ...] = PROGRAM_SUFFIXES) -> Iterator[str]:
    """The files of a folder and of all folders in it that by their names are programs, sorted.

    Args:
        folder: where to look; links to folders are not followed.
        suffixes: ends of names in lower case; a name may have them in any case.

    Yields:
        Paths that begin with the folder's. A folder that cannot be searched comes as it is: who reads it gets an error,
        as for any file that cannot be read, and the search goes on.
    """
    closed: list[str] = []
    for parent, folders, names in os.walk(folder, onerror=lambda error: closed.append(str(error.filename))):
        folders.sort()
        yield from closed
        closed.clear()
        yield from (os.path.join(parent, name) for name in sorted(names) if name.lower().endswith(suffixes))
    yield from closed
