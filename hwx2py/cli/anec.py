"""`hwx2py anec`."""

from typing import Any

import click

from .check import tell_errors
from .files import check_output, load_file, tell_written, write_output
from .options import apply_passes, pass_options, run_option, show


@click.command(epilog="Example: hwx2py anec mul_macos14.hwx -o mul.anec")
@click.argument("path", metavar="INPUT")
@click.option("-o", "--output", metavar="OUT.anec", required=True, help="File to write.")
@click.option(
    "--content-offset",
    type=click.Choice(["0x1000", "0x800"]),
    default="0x1000",
    show_default=True,
    help="Where the content begins: 0x1000 as anecc writes it, 0x800 as libane reads it since June 2023.",
)
@pass_options
@run_option
def command(path: str, output: str, content_offset: str, run: bool, **options: Any) -> None:
    """Writes INPUT as a file that libane runs (H13, and H14 as far as its form is known).

    libane binds outputs to BARs from 4 on, then inputs, and the scratch memory to BAR 3; where the file has another
    order, the BARs are renumbered in every task. The order of the BARs is always told.
    """
    from ..errors import HwxError
    from ..formats.anec.write import arrange, write

    check_output(output, [path])
    file = load_file(path, run=run)
    program, _, report = apply_passes(file.program, **options)
    try:
        arranged = arrange(program)
        pieces = write(arranged.program, int(content_offset, 16))
    except HwxError as error:
        raise error.in_file(path) from error.__cause__
    write_output(output, pieces, [path])
    show([*report, *(f"note: {note}" for note in program.origin.notes), *arranged.notes])
    tell_written(output, arranged.program)
    tell_errors(file, path)
