"""`hwx2py graph`."""

import os

import click

from ..errors import UsageError
from .files import check_output, load_program, write_output
from .options import arch_option, run_option, show

SUFFIXES = (".svg", ".dot")


@click.command(epilog="Example: hwx2py graph softmax.hwx -o softmax.svg")
@click.argument("path", metavar="INPUT")
@click.option("-o", "--output", metavar="FILE", required=True, help="Picture to write: .svg, or .dot for Graphviz.")
@arch_option
@run_option
def command(path: str, output: str, arch: str | None, run: bool) -> None:
    """Draws INPUT (.hwx, .anec or a generated script): its tasks, and who hands which data to whom.

    Programs of more than 60 tasks are folded: runs of tasks become one box.
    """
    suffix = os.path.splitext(output)[1].lower()
    if suffix not in SUFFIXES:
        raise UsageError("cannot be drawn: its name ends neither in .svg nor in .dot", file=output)
    program = load_program(path, arch, run=run)
    check_output(output, [path])

    from .. import draw

    picture = draw.graph(program)
    text = draw.svg(picture) if suffix == ".svg" else draw.dot(picture)
    write_output(output, [text.encode()], [path])
    show([f"note: {note}" for note in program.origin.notes])
