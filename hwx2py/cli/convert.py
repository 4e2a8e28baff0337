"""`hwx2py convert`, the default command."""

import functools
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ..errors import UsageError
from . import batch
from .files import STANDARD, check_kind, check_output, load_program, written
from .options import FILE, Raw, Run, apply_passes, arch_option, force_option, pass_options, raw_option, run_option
from .progress import Progress

if TYPE_CHECKING:
    from ..program.program import Program

#: This many conversions take about as long as starting a process for them.
FEW_FILES = 4


class Conversion(NamedTuple):
    """What was asked for: how to read, which passes, and whether to write over what others made."""

    arch: str | None
    raw: Raw | None
    run: Run
    force: bool
    clean: bool
    only: tuple[str, ...]
    skip: tuple[str, ...]
    in_batch: bool


@batch.command(epilog="Example: hwx2py mul_macos14.hwx --clean -o mul.py")
@click.option(
    "-o",
    "--output",
    metavar="OUT.py",
    type=FILE,
    help="Script to write; a folder for several INPUTs or a folder; - for stdout.",
)
@pass_options
@arch_option
@raw_option
@run_option
@force_option
def command(paths: tuple[str, ...], output: str | None, jobs: int | None, **options: Any) -> int:
    """Writes INPUT (.hwx, .anec or a generated script) as a standalone Python script.

    Without -o the script is out/<stem>.py. Coefficients over 64 KiB go into <stem>.coeff.bin beside it. An INPUT that
    is a folder stands for all programs in it, whose scripts go into subfolders of the same names.
    """
    given = batch.inputs(paths)
    conversion = Conversion(**options, in_batch=given.several)
    if given.several:
        given = batch.with_targets(given, "out" if output is None else output, ".py")
        return batch.run(given, functools.partial(convert, conversion=conversion), jobs=jobs, few=FEW_FILES)
    (item,) = given.items
    with Progress() as progress:
        result = convert(item._replace(target=_target(item.path, output)), conversion, progress.stage)
    if result.text:
        click.echo(result.text, nl=False)
    return batch.show(result._replace(text=""))


def _target(path: str, output: str | None) -> str:
    script = ("stdin" if path == STANDARD else os.path.splitext(os.path.basename(path))[0]) + ".py"
    if output is None:
        return os.path.join("out", script)
    if output != STANDARD and (os.path.isdir(output) or output.endswith(os.sep)):
        return os.path.join(output, script)
    return output


def convert(
    item: batch.Input, conversion: Conversion, stage: Callable[[str], object] = lambda text: None
) -> batch.FileResult:
    """Converts a file.

    Args:
        item: the file, and the script to write.
        conversion: how.
        stage: called with what begins.

    Raises:
        HwxError: with the file's name, whatever went wrong.
    """
    stage(f"reading {item.path}")
    program = load_program(item.path, conversion.arch, conversion.raw, conversion.run)
    notes = _lost(program, item.path)
    program, summary, report = apply_passes(program, clean=conversion.clean, only=conversion.only, skip=conversion.skip)
    _prepare(item, conversion.in_batch)
    stage(f"writing {item.target}")

    from .. import emitter
    from ..formats import SIDECAR_SUFFIX
    from ..output import Output, write_outputs

    script = emitter.emit(program, summary, inline=item.target == STANDARD)
    if item.target == STANDARD:
        return batch.FileResult(script.text, (*report, *notes, written(item.target, program)))
    sidecar = os.path.splitext(item.target)[0] + SIDECAR_SUFFIX
    beside = [] if script.sidecar is None else [Output(sidecar, script.sidecar, owner=item.target)]
    changed = write_outputs([*beside, Output(item.target, [script.text.encode()])], [item.path], force=conversion.force)
    return batch.FileResult(notes=(*report, *notes, written(item.target, program, changed)))


def _lost(program: "Program", path: str) -> tuple[str, ...]:
    """What a script that is converted again does not keep."""
    from .. import marks

    if program.origin.form != "script" or marks.is_signed(bytes(program.origin.data)):
        return ()
    return (f"note: {path} was edited: your comments, constants and loops are not kept",)


def _prepare(item: batch.Input, in_batch: bool) -> None:
    """Makes the default folder, or those of a batch; says early what cannot be written."""
    if item.target == STANDARD:
        return
    folder = os.path.dirname(item.target)
    if in_batch:
        batch.make_folder(item.target)
    elif folder and not os.path.exists(folder) and os.path.isdir(os.path.dirname(folder) or "."):
        try:
            os.mkdir(folder)
        except OSError as error:
            raise UsageError(f"cannot be made: {error.strerror}", file=folder) from error
    check_output(item.target, [item.path])
    hint = "give -o OUT.py; `hwx2py clean`, `anec` and `assemble` write programs"
    check_kind(item.target, "a script", (".hwx", ".anec", ".ane"), hint)
