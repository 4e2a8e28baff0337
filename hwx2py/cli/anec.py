"""`hwx2py anec`."""

import click

from .files import check_output, load_program, write_output
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
def command(path: str, output: str, content_offset: str, run: bool, **options: object) -> None:
    """Writes INPUT as a file that libane runs (H13 only).

    libane binds outputs to BARs from 4 on, then inputs; where the file has another order, the BARs are renumbered in
    every task, and that is said.
    """
    from ..errors import HwxError
    from ..formats import anec
    from ..program import bars

    check_output(output, [path])
    program, report = apply_passes(load_program(path, run=run), **options)
    try:
        numbers = bars.bound_order(program)
        pieces = anec.write(bars.renumber(program, numbers), int(content_offset, 16))
    except HwxError as error:
        raise error.in_file(path) from error.__cause__
    write_output(output, pieces, [path])
    show(report)
    names = {tensor.bar: tensor.name for tensor in program.tensors}
    for old, new in sorted(numbers.items(), key=lambda pair: pair[1]):
        if old != new:
            click.echo(f"{names[old]}: BAR {old} is now {new}", err=True)
