"""Reading inputs and writing outputs, for the commands."""

import os
from typing import TYPE_CHECKING

from ..errors import HwxError, UsageError
from ..output import STANDARD, check_output, write_output
from .options import Raw, Run

if TYPE_CHECKING:
    from ..formats import ProgramFile
    from ..program.program import Program

__all__ = [
    "STANDARD",
    "check_input",
    "check_kind",
    "check_output",
    "content_at",
    "load_file",
    "load_program",
    "outcome",
    "tell",
    "tell_written",
    "write_output",
    "written",
]


def check_input(path: str) -> None:
    """Refuses a name that is not a file; one that is nearly a command gets a hint."""
    from . import COMMANDS

    if path != STANDARD and not os.path.exists(path):
        import difflib

        near = difflib.get_close_matches(path, COMMANDS, 1)
        raise UsageError("no such file", file=path, hint=f"did you mean the command `{near[0]}`?" if near else "")


def check_kind(path: str, writes: str, others: tuple[str, ...], hint: str) -> None:
    """Refuses an output whose name says that it is a file of another kind.

    Args:
        path: the output.
        writes: what the command writes, with its article.
        others: ends of names that mean something else.
        hint: what to do instead.
    """
    if path.lower().endswith(others):
        suffix = os.path.splitext(path)[1]
        raise UsageError(f"would be {writes} with a name that ends in {suffix}", file=path, hint=hint)


def load_file(path: str, arch: str | None = None, raw: Raw | None = None, run: Run = Run.NO) -> "ProgramFile":
    """Reads a file: its program, and the container around it.

    Args:
        path: the file; "-" is standard input.
        arch: name of the architecture to read an `.hwx` as, instead of the one that it names.
        raw: the architecture of a bare task stream, and its tensors.
        run: whether a script is parsed or executed.

    Raises:
        HwxError: with the file's name, whatever is wrong with it.
    """
    from .. import formats
    from ..registers import by_name

    check_input(path)
    if run is not Run.NO and path.endswith(formats.SCRIPT_SUFFIX):
        from .. import emulator

        try:
            access = emulator.Access(trusted=run is Run.TRUSTED)
            program = emulator.program_of_script(path, bytes(formats.map_file(path)), access=access)
            return formats.ProgramFile(program, None)
        except HwxError as error:
            raise error.in_file(path) from error.__cause__
    if raw:
        return formats.load(path, by_name(arch) if arch else None, raw=by_name(raw.arch), tensors=raw.tensors)
    return formats.load(path, by_name(arch) if arch else None)


def load_program(path: str, arch: str | None = None, raw: Raw | None = None, run: Run = Run.NO) -> "Program":
    """The program in a file; see `load_file`."""
    return load_file(path, arch, raw, run).program


def content_at(offset: int) -> str:
    """What the line about a new `.anec` says of its form: libane reads the content at one place only."""
    return f"content at {offset:#x}"


def written(path: str, program: "Program", changed: bool = True, detail: str = "") -> str:
    """The line that says what was written.

    Args:
        path: the file; "-" is standard output.
        program: what is in it.
        changed: whether it was not there already, byte for byte.
        detail: what else there is to say of it; see `content_at`.
    """
    counts = [(len(program.tasks), "task"), (len(program.buffers), "tensor")]
    words = [f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counts]
    return outcome(path, ", ".join([*words, *([detail] if detail else [])]), changed)


def outcome(path: str, what: str, changed: bool) -> str:
    """The line that says what a file holds now.

    Args:
        path: the file; "-" is standard output.
        what: what is in it.
        changed: whether it was not there already, byte for byte.
    """
    name = "standard output" if path == STANDARD else path
    return f"wrote {name}: {what}" if changed else f"{name} is up to date: {what}"


def tell_written(path: str, program: "Program", changed: bool = True, detail: str = "") -> None:
    """Says on standard error what was written; see `written`."""
    tell(written(path, program, changed, detail))


def tell(line: str) -> None:
    """A line on standard error."""
    import click

    from ..names import legible

    click.echo(legible(line), err=True)
