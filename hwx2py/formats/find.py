"""Programs in folders."""

import os
from collections.abc import Iterator

from ..errors import UsageError
from . import ANEC_SUFFIXES

PROGRAM_SUFFIXES = (".hwx", *ANEC_SUFFIXES)


def programs_in(folder: str, suffixes: tuple[str, ...] = PROGRAM_SUFFIXES) -> Iterator[str]:
    """The files of a folder and of all folders in it that by their names are programs, sorted.

    Args:
        folder: where to look; links to folders are not followed.
        suffixes: ends of names in lower case; a name may have them in any case.

    Yields:
        Paths that begin with the folder's.

    Raises:
        UsageError: a folder cannot be searched.
    """
    for parent, folders, names in os.walk(folder, onerror=_raise):
        folders.sort()
        yield from (os.path.join(parent, name) for name in sorted(names) if name.lower().endswith(suffixes))


def _raise(error: OSError) -> None:
    raise UsageError(f"cannot be searched: {error.strerror}", file=str(error.filename), hint="leave it out") from error
