"""`hwx2py clean`."""

import functools
from typing import Any, NamedTuple

import click

from ..errors import HwxError, UsageError
from . import batch
from .files import load_file, write_output, written
from .options import FILE, PASS_NAMES, Raw, Run, apply_passes, force_option, raw_option, run_option


class Cleaning(NamedTuple):
    """What was asked for: how to read, which passes, and whether to write over what others made."""

    raw: Raw | None
    run: Run
    force: bool
    only: tuple[str, ...]
    skip: tuple[str, ...]
    in_batch: bool


@batch.command(epilog="Example: hwx2py clean mul_macos14.hwx -o mul_clean.hwx")
@click.option(
    "-o",
    "--output",
    metavar="OUT",
    type=FILE,
    required=True,
    help="File to write; a folder for several INPUTs or a folder.",
)
@click.option("--pass", "only", multiple=True, metavar="NAME", help=f"Run this pass too: {PASS_NAMES}.")
@click.option("--skip", multiple=True, metavar="NAME", help="Leave out this pass.")
@raw_option
@run_option
@force_option
def command(paths: tuple[str, ...], output: str, jobs: int | None, **options: Any) -> int:
    """Writes the program of INPUT, an .hwx or .anec cleaned by the default passes, back into its container.

    A bare task stream (--raw) stays one, in binary.
    """
    given = batch.inputs_for(output, paths)
    cleaning = Cleaning(**options, in_batch=given.several)
    return batch.run(given, functools.partial(clean, cleaning=cleaning), jobs=jobs)


def clean(item: batch.Input, cleaning: Cleaning) -> batch.FileResult:
    """Cleans a file.

    Args:
        item: the file, and the one to write.
        cleaning: how.

    Raises:
        HwxError: with the file's name, whatever went wrong.
    """
    from ..formats import replace

    file = load_file(item.path, raw=cleaning.raw, run=cleaning.run)
    if file.container is None and not cleaning.raw:
        raise UsageError(
            "has no container to write back into", file=item.path, hint="convert it, or use `hwx2py assemble`"
        )
    cleaned, _, report = apply_passes(file.program, clean=True, only=cleaning.only, skip=cleaning.skip)
    try:
        pieces = [cleaned.text.to_bytes()] if cleaning.raw else replace(file, cleaned)
    except HwxError as error:
        raise error.in_file(item.path) from error.__cause__
    verify = functools.partial(load_file, raw=cleaning.raw)
    if cleaning.in_batch:
        batch.make_folder(item.target)
    changed = write_output(item.target, pieces, [item.path], verify=verify, force=cleaning.force)
    return batch.FileResult(notes=(*report, written(item.target, cleaned, changed)))
