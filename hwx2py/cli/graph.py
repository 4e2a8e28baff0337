"""`hwx2py graph`."""

import os

import click

from ..errors import UsageError
from .files import STANDARD, check_output, load_program, tell_written, write_output
from .options import FILE, Raw, Run, arch_option, force_option, raw_option, run_option, show

SUFFIXES = (".svg", ".dot")


@click.command(epilog="Example: hwx2py graph softmax.hwx -o softmax.svg")
@click.argument("path", metavar="INPUT", type=FILE)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=FILE,
    required=True,
    help="Picture to write: .svg, or .dot for Graphviz; - for SVG on stdout.",
)
@arch_option
@raw_option
@run_option
@force_option
def command(path: str, output: str, arch: str | None, raw: Raw | None, run: Run, force: bool) -> None:
    """Draws INPUT (.hwx, .anec or a generated script): its tasks, and who hands which data to whom.

    Programs of more than 60 tasks are folded: runs of tasks become one box.
    """
    suffix = ".svg" if output == STANDARD else os.path.splitext(output)[1].lower()
    if suffix not in SUFFIXES:
        raise UsageError("cannot be drawn: its name ends neither in .svg nor in .dot", file=output)
    program = load_program(path, arch, raw, run)
    check_output(output, [path])

    from .. import draw

    picture = draw.graph(program)
    text = draw.svg(picture) if suffix == ".svg" else draw.dot(picture)
    changed = write_output(output, [text.encode()], [path], force=force)
    show([f"note: {note}" for note in program.origin.notes])
    tell_written(output, program, changed)
