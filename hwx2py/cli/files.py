"""Reading inputs and writing outputs, for the commands."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ..errors import HwxError, UsageError

if TYPE_CHECKING:
    from ..formats import File
    from ..program.model import Program

#: Stands for standard input and standard output.
STANDARD = "-"


def check_input(path: str) -> None:
    """Refuses a name that is no file; one that is nearly a command gets a hint."""
    from . import COMMANDS

    if path != STANDARD and not os.path.exists(path):
        import difflib

        near = difflib.get_close_matches(path, COMMANDS, 1)
        raise UsageError("no such file", file=path, hint=f"did you mean the command `{near[0]}`?" if near else "")


def load_file(path: str, arch: str | None = None, raw: str | None = None, run: bool = False) -> "File":
    """Reads a file: its program, and the container around it.

    Args:
        path: the file; "-" is standard input.
        arch: name of the architecture to read an `.hwx` as, instead of the one that it names.
        raw: name of the architecture of a bare task stream.
        run: execute a script, confined, instead of parsing it.

    Raises:
        HwxError: with the file's name, whatever is wrong with it.
    """
    from .. import formats
    from ..registers import by_name

    check_input(path)
    if run and path.endswith(formats.SCRIPT_SUFFIX):
        from .. import emulate

        try:
            return formats.File(emulate.program_of_script(path, bytes(formats.map_file(path))), None)
        except HwxError as error:
            raise error.in_file(path) from error.__cause__
    return formats.load(path, by_name(arch) if arch else None, raw=by_name(raw) if raw else None)


def load_program(path: str, arch: str | None = None, raw: str | None = None, run: bool = False) -> "Program":
    """The program in a file; see `load_file`."""
    return load_file(path, arch, raw, run).program


def write_output(
    path: str,
    pieces: Iterable[bytes | memoryview],
    inputs: Iterable[str] = (),
    verify: Callable[[str], object] | None = None,
) -> None:
    """Writes a file whole or not at all: beside the target under another name first, then renamed.

    Args:
        path: the target; "-" is standard output.
        pieces: its bytes in order.
        inputs: files that must not be written over.
        verify: reads the file back before it gets its name; what it raises keeps the file from being written.

    Raises:
        UsageError: the target is an input or a directory, or cannot be written.
    """
    import tempfile

    if path == STANDARD:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        return
    check_output(path, inputs)
    folder = os.path.dirname(path) or "."
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            with open(path, "wb") as file:
                file.writelines(pieces)
            return
        handle, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=folder)
        try:
            with open(handle, "wb") as file:
                file.writelines(pieces)
            if verify:
                _verify(verify, temporary, path)
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(temporary, 0o666 & ~umask)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", file=path) from error


def _verify(verify: Callable[[str], object], temporary: str, path: str) -> None:
    try:
        verify(temporary)
    except HwxError as error:
        error.what = f"would not be readable, and is not written: {error.what}"
        error.file = path
        raise


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


def tell_written(path: str, program: "Program") -> None:
    """Says on standard error what was written."""
    import click

    from ..names import legible

    counts = [(len(program.tasks), "task"), (len(program.tensors), "tensor")]
    words = ", ".join(f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counts)
    click.echo(legible(f"wrote {'standard output' if path == STANDARD else path}: {words}"), err=True)
