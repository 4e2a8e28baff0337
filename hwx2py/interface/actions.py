"""What can be done with programs as a whole: read, write, clean, compare, check, and emit as a script."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .. import formats
from ..errors import HwxError
from ..output import Output, write_output, write_outputs
from ..program import program as programs
from ..registers import by_name
from ..version import VERSION
from .program import File, Program, content_of

if TYPE_CHECKING:
    from ..checks import Finding
    from ..delta import Comparison


def load(path: str | os.PathLike[str], arch: str = "", *, raw: str = "") -> File:
    """Reads a file: an `.hwx`, an `.anec`, a generated script (which is parsed, not run), or a bare task stream.

    Args:
        path: the file; "-" is standard input.
        arch: read an `.hwx` as this architecture instead of the one that it names.
        raw: the file is a bare task stream of this architecture.

    Raises:
        HwxError: with the file's name, whatever is wrong with it.
    """
    name = os.fspath(path)
    source = formats.load(name, by_name(arch) if arch else None, raw=by_name(raw) if raw else None)
    return File(name, source)


def save(program: File | Program, path: str | os.PathLike[str], *, force: bool = False) -> None:
    """Writes a program as the file that the name asks for: `.py`, `.anec` (`.ane`), or else an `.hwx`.

    A program that came out of a file of that form goes back into its container, which keeps everything else; otherwise
    the container is fresh. The file is written whole or not at all, and not over one that hwx2py did not write or that
    was edited since.

    Args:
        program: what to write.
        path: the file.
        force: write over a file that somebody else made or edited.

    Raises:
        UnsupportedError: the form cannot hold the program.
        UsageError: the file cannot be written.
    """
    name, content = os.fspath(path), content_of(program)
    try:
        if name.endswith(formats.SCRIPT_SUFFIX):
            _save_script(content, name, force)
        else:
            write_output(name, _pieces(content, program.source, name), verify=formats.load, force=force)
    except HwxError as error:
        raise error.in_file(name) from error.__cause__


def _save_script(program: programs.Program, path: str, force: bool) -> None:
    from ..emitter import emit as written

    script = written(program)
    sidecar = os.path.splitext(path)[0] + formats.SIDECAR_SUFFIX
    beside = [] if script.sidecar is None else [Output(sidecar, script.sidecar, owner=path)]
    write_outputs([*beside, Output(path, [script.text.encode()])], force=force)


def _pieces(program: programs.Program, source: formats.ProgramFile | None, path: str) -> list[bytes | memoryview]:
    """The bytes of an `.hwx` or `.anec` with a program in it."""
    wanted = "anec" if path.endswith(formats.ANEC_SUFFIXES) else "hwx"
    if source is not None and source.container is not None and source.container.form == wanted:
        return formats.replace(source, program)
    if wanted == "anec":
        from ..formats.anec.write import arrange, write

        return write(arrange(program).program)
    from ..formats.hwx.create import create

    return create(program, f"hwx2py v{VERSION}")


def emit(program: File | Program) -> str:
    """The program as a standalone Python script, coefficients of any size in its text.

    Args:
        program: what to write.
    """
    from ..emitter import emit as written

    return written(content_of(program), inline=True).text


def clean(program: File | Program, only: Sequence[str] = (), skip: Sequence[str] = ()) -> Program:
    """The program after the cleaning passes.

    Args:
        program: what to clean.
        only: names of further passes than the default ones.
        skip: names of passes to leave out.

    Raises:
        UsageError: a name is unknown.
    """
    from .. import passes

    content, _ = passes.run(content_of(program), passes.chosen(True, only, skip))
    return Program(content, program.source)


def port(program: File | Program, arch: str) -> Program:
    """The program for another architecture: every task does the same there, and gives the same bits.

    Args:
        program: a program for H13 or H14.
        arch: the other architecture.

    Returns:
        The program, with a note for each task. Nothing is known of how it runs on hardware.

    Raises:
        ArchitectureError: there are no rules from one to the other.
        UnsupportedError: something has no place there: each thing by task, register, value and reason.
    """
    from ..compiler.generations import port as ported

    return Program(ported(content_of(program), arch))


def diff(a: File | Program, b: File | Program) -> "Comparison":
    """What differs between two programs, noise separated.

    Args:
        a: a program.
        b: another one.
    """
    from ..delta import compare

    return compare(content_of(a), content_of(b))


def check(program: File | Program) -> "list[Finding]":
    """Findings: why the program would hang, give 0.0 or give garbage; notes included.

    Args:
        program: a file, with its container; or a program, whose container counts where it is as the file has it.
    """
    from ..checks import check as found

    content, source = content_of(program), program.source
    if source is not None and source.program is content:
        return found(source)
    return found(formats.ProgramFile(content))
