"""`hwx2py anec`."""

import functools
from typing import Any, NamedTuple

import click

from . import batch
from .check import errors_note
from .files import check_kind, content_at, load_file, write_output, written
from .options import FILE, Raw, Run, apply_passes, force_option, pass_options, raw_option, run_option


class Arrangement(NamedTuple):
    """What was asked for: the layout, how to read, which passes, and whether to write over what others made."""

    content_offset: str
    raw: Raw | None
    run: Run
    force: bool
    clean: bool
    only: tuple[str, ...]
    skip: tuple[str, ...]
    in_batch: bool


@batch.command(epilog="Example: hwx2py anec mul_macos14.hwx -o mul.anec")
@click.option(
    "-o",
    "--output",
    metavar="OUT.anec",
    type=FILE,
    required=True,
    help="File to write; a folder for several INPUTs or a folder.",
)
@click.option(
    "--content-offset",
    type=click.Choice(["0x800", "0x1000"]),
    default="0x800",
    show_default=True,
    help="Where the content begins: 0x800 for libane since 23 June 2023, 0x1000 for older ones (anecc writes that).",
)
@pass_options
@raw_option
@run_option
@force_option
def command(paths: tuple[str, ...], output: str, jobs: int | None, **options: Any) -> int:
    """Writes INPUT as a file that libane runs (H13, and H14 as far as its form is known).

    libane binds outputs to BARs from 4 on, then inputs, and the scratch memory to BAR 3; where the file has another
    order, the BARs are renumbered in every task. The order of the BARs and the content offset are always reported.
    """
    given = batch.inputs_for(output, paths, ".anec")
    if not given.several:
        check_kind(output, "an .anec", (".hwx", ".py"), "give -o OUT.anec")
    arrangement = Arrangement(**options, in_batch=given.several)
    return batch.run(given, functools.partial(rewrite, arrangement=arrangement), jobs=jobs)


def rewrite(item: batch.Input, arrangement: Arrangement) -> batch.FileResult:
    """Writes a file as an .anec.

    Args:
        item: the file, and the one to write.
        arrangement: how.

    Raises:
        HwxError: with the file's name, whatever went wrong.
    """
    from ..errors import HwxError
    from ..formats.anec.write import arrange, write

    file = load_file(item.path, raw=arrangement.raw, run=arrangement.run)
    program, _, report = apply_passes(
        file.program, clean=arrangement.clean, only=arrangement.only, skip=arrangement.skip
    )
    try:
        arranged = arrange(program)
        offset = int(arrangement.content_offset, 16)
        pieces = write(arranged.program, offset)
    except HwxError as error:
        raise error.in_file(item.path) from error.__cause__
    if arrangement.in_batch:
        batch.make_folder(item.target)
    changed = write_output(item.target, pieces, [item.path], force=arrangement.force)
    notes = (*report, *(f"note: {note}" for note in program.origin.notes), *arranged.notes)
    told = written(item.target, arranged.program, changed, content_at(offset))
    return batch.FileResult(notes=(*notes, told, *errors_note(file, item.path)))
