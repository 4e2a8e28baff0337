"""`hwx2py graph`."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ..errors import HwxError, UsageError
from .files import STANDARD, check_output, load_file, tell, tell_written, write_output
from .options import FILE, PAGE, Raw, Run, arch_option, force_option, raw_option, run_option, show

if TYPE_CHECKING:
    from ..formats import ProgramFile
    from ..page import Extra

SUFFIXES = (".svg", ".dot", PAGE)


@click.command(epilog="Example: hwx2py graph softmax.hwx -o softmax.html")
@click.argument("path", metavar="INPUT", type=FILE)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=FILE,
    required=True,
    help="Picture to write: .svg, .dot for Graphviz, or .html, a page to walk in; - for SVG on stdout.",
)
@click.option("--values", is_flag=True, help="Run it on the virtual ANE: the page shows what every task wrote.")
@click.option(
    "--input",
    "inputs",
    metavar="NAME=VALUE|FILE.npy|random[:SEED]|ramp",
    multiple=True,
    help="With --values: an input, as for emulate.",
)
@arch_option
@raw_option
@run_option
@force_option
def command(
    path: str,
    output: str,
    values: bool,
    inputs: Sequence[str],
    arch: str | None,
    raw: Raw | None,
    run: Run,
    force: bool,
) -> None:
    """Draws INPUT (.hwx, .anec or a generated script): its tasks, and who hands which data to whom.

    A page (.html) shows all tasks, with their registers, coefficients, cost and the findings of check; it is one file
    that loads nothing. In other pictures programs of more than 60 tasks are folded: runs of tasks become one box.
    """
    suffix = ".svg" if output == STANDARD else os.path.splitext(output)[1].lower()
    if suffix not in SUFFIXES:
        raise UsageError("cannot be drawn: its name ends neither in .svg nor in .dot nor in .html", file=output)
    if values and suffix != PAGE:
        raise UsageError("--values are shown in a page", hint="give -o FILE.html")
    if inputs and not values:
        raise UsageError("--input is for a run", hint="add --values")
    file = load_file(path, arch, raw, run)
    check_output(output, [path])
    if suffix == PAGE:
        text = _page(file, path, values, inputs)
    else:
        from .. import draw

        picture = draw.graph(file.program)
        text = draw.svg(picture) if suffix == ".svg" else draw.dot(picture)
    changed = write_output(output, [text.encode()], [path], force=force)
    show([f"note: {note}" for note in file.program.origin.notes])
    tell_written(output, file.program, changed)


def _page(file: "ProgramFile", path: str, values: bool, inputs: Sequence[str]) -> str:
    from .. import page

    if not values:
        return page.page(file)
    try:
        return page.page(file, _ran(file, inputs))
    except HwxError as error:
        raise error.in_file(path) from error.__cause__


def _ran(file: "ProgramFile", inputs: Sequence[str]) -> "Extra":
    """What a run on the virtual ANE gives: values of tasks, and the faults that they met."""
    import tempfile

    from .. import emulator, page
    from ..emulator import direct
    from ..emulator.inputs import expanded, input_arrays

    program, recorder = file.program, page.Recorder()
    emulator.check_runs(program.arch)
    with tempfile.TemporaryDirectory(prefix="hwx2py-") as folder:
        given = expanded(inputs, program.tensors, folder)
        outcome = direct.run(program, input_arrays(program.tensors, given.options), on_result=recorder)
    for line in (*(f"note: {note}" for note in given.notes), *map(str, outcome.faults)):
        tell(line)
    chosen = f"with {', '.join(inputs)}" if inputs else "with the inputs that emulate takes by itself"
    ended = ("The run did not end: the engine hangs.",) if outcome.hung else ()
    how = f"Run on the virtual ANE {chosen}; no result of it is measured."
    return page.Extra(values=recorder.rows, ran=(how, *ended, *map(str, outcome.faults)))
