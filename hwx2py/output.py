"""Writing files: whole or not at all, never over an input, and never over what somebody else made."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from . import host, marks
from .errors import HwxError, UsageError

#: Stands for standard input and standard output.
STANDARD = "-"

#: How much of a file is compared at a time.
CHUNK_BYTES = 1 << 20

#: How the names of unfinished files begin; the process follows.
TEMPORARY = ".hwx2py-"


class Output(NamedTuple):
    """A file to be written.

    Attributes:
        path: the target; "-" is standard output.
        pieces: its bytes in order.
        verify: reads the file back before it gets its name; what it raises keeps the file from being written.
        owner: the script that has the file's sha256, and thus tells whose it is.
    """

    path: str
    pieces: Sequence[bytes | memoryview]
    verify: Callable[[str], object] | None = None
    owner: str = ""


def write_output(
    path: str,
    pieces: Iterable[bytes | memoryview],
    inputs: Iterable[str] = (),
    verify: Callable[[str], object] | None = None,
    *,
    force: bool = False,
) -> bool:
    """Writes a file; see `write_outputs`.

    Args:
        path: the target; "-" is standard output.
        pieces: its bytes in order.
        inputs: files that must not be written over.
        verify: reads the file back before it gets its name; what it raises keeps the file from being written.
        force: write over a file that somebody else made or edited.

    Returns:
        False where the file has these bytes already.

    Raises:
        UsageError: the target is an input or a directory or somebody else's, or cannot be written.
    """
    return write_outputs([Output(path, list(pieces), verify)], inputs, force=force)


def write_outputs(outputs: Sequence[Output], inputs: Iterable[str] = (), *, force: bool = False) -> bool:
    """Writes files that belong together, all or none: beside the targets under other names first, then renamed.

    A full disk, a file that does not verify and an interrupt leave the old files. So does a kill, but for the moment
    between two renames, when the first file is new and the next still old: coefficients come before their script, which
    then says that they are others, and the same command puts it right. Nothing is forced out to the disk; after a power
    cut the file system decides.

    Args:
        outputs: the files, in the order in which they get their names.
        inputs: files that must not be written over.
        force: write over files that somebody else made or edited.

    Returns:
        False where all files have these bytes already.

    Raises:
        UsageError: a target is an input or a directory or somebody else's, or cannot be written.
    """
    sources = list(inputs)
    files = []
    for output in outputs:
        if output.path == STANDARD:
            sys.stdout.buffer.writelines(output.pieces)
            continue
        check_output(output.path, sources)
        output = output._replace(path=_behind_links(output.path))
        with _told(output.path):
            if os.path.exists(output.path) and not os.path.isfile(output.path):
                with open(output.path, "wb") as device:
                    device.writelines(output.pieces)
                continue
            if _has(output):
                continue
        if not force:
            check_replaceable(output.path, output.owner)
        files.append(output)
    with contextlib.ExitStack() as stack:
        staged = [stack.enter_context(_staged(output)) for output in files]
        for output, temporary in zip(files, staged):
            with _told(output.path):
                os.replace(temporary, output.path)
    return bool(files) or any(output.path == STANDARD for output in outputs)


def _behind_links(path: str) -> str:
    """The file that a name stands for: a link stays a link, and the file that it points to is written.

    Raises:
        UsageError: the link leads to itself, or to a folder that does not exist.
    """
    if not os.path.islink(path):
        return path
    target = os.path.realpath(path)
    if os.path.islink(target) or not (os.path.exists(path) or os.path.isdir(os.path.dirname(target))):
        raise UsageError("is a link that leads nowhere", file=path, hint="remove it, or give another name")
    return path if os.path.exists(path) and not os.path.exists(target) else target


@contextlib.contextmanager
def _told(path: str) -> Iterator[None]:
    """Makes errors of the system ones that name the file."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", file=path) from error


@contextlib.contextmanager
def _staged(output: Output) -> Iterator[str]:
    """The file under another name beside its target, until it is renamed; it is removed where it was not."""
    import tempfile

    with _told(output.path):
        folder = os.path.dirname(output.path) or "."
        _remove_abandoned(folder)
        handle, temporary = tempfile.mkstemp(prefix=f"{TEMPORARY}{os.getpid()}-", dir=folder)
    try:
        with _told(output.path):
            host.lock(handle)
            with open(handle, "wb", closefd=False) as file:
                file.writelines(output.pieces)
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(temporary, 0o666 & ~umask)
            if not output.owner:
                marks.remember(temporary)
        if output.verify:
            _verify(output.verify, temporary, output.path)
        yield temporary
    finally:
        os.close(handle)
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _remove_abandoned(folder: str) -> None:
    """Removes what killed runs left in a folder: files of processes that have ended, and that are not locked.

    Another machine may write into the same folder, so both are needed. Scripts that run by themselves leave folders.
    """
    for name in os.listdir(folder):
        process = name.removeprefix(TEMPORARY).partition("-")[0]
        if not name.startswith(TEMPORARY) or not process.isdecimal() or host.is_running(int(process)):
            continue
        path = os.path.join(folder, name)
        if os.path.isdir(path):
            import shutil

            shutil.rmtree(path, ignore_errors=True)
            continue
        with contextlib.suppress(OSError), open(path, "rb") as file:
            if not host.is_locked(file.fileno()):
                os.unlink(path)


def _verify(verify: Callable[[str], object], temporary: str, path: str) -> None:
    try:
        verify(temporary)
    except HwxError as error:
        error.what = f"would not be readable, and is not written: {error.what}"
        error.file = path
        raise


def _has(output: Output) -> bool:
    """Whether the file is there with the same bytes."""
    if not os.path.isfile(output.path):
        return False
    pieces = [memoryview(piece).cast("B") for piece in output.pieces]
    if os.path.getsize(output.path) != sum(map(len, pieces)):
        return False
    with open(output.path, "rb") as file:
        return all(file.read(len(chunk)) == bytes(chunk) for piece in pieces for chunk in _chunks(piece))


def _chunks(piece: memoryview) -> Iterator[memoryview]:
    return (piece[start : start + CHUNK_BYTES] for start in range(0, len(piece), CHUNK_BYTES))


def check_output(path: str, inputs: Iterable[str] = ()) -> None:
    """Refuses an output that is an input or a directory, or that has no folder to lie in."""
    if path == STANDARD:
        return
    if os.path.isdir(path):
        raise UsageError("is a directory, not a file to write", file=path)
    if not os.path.isdir(os.path.dirname(path) or "."):
        raise UsageError("cannot be written: its folder does not exist", file=path)
    for source in inputs:
        if os.path.exists(path) and os.path.exists(source) and os.path.samefile(path, source):
            raise UsageError("would be written over, but it is an input", file=path, hint="give another -o")


def check_replaceable(path: str, owner: str = "") -> None:
    """Refuses to write over a file that hwx2py did not write, or that was edited since.

    Args:
        path: the target.
        owner: the script that has the file's sha256, where a script tells whose the file is.

    Raises:
        UsageError: it is somebody else's.
    """
    if not os.path.isfile(path):
        return
    with _told(path):
        if owner and marks.is_named_by(path, owner):
            return
        origin = marks.origin(path)
    if origin is not marks.Origin.OURS:
        raise UsageError(origin.value, file=path, hint="--force writes over it, or give another name")
