"""`hwx2py sweep`."""

import click

from ..errors import UsageError
from ..names import legible
from .files import STANDARD, check_input
from .options import FILE, no_raw_option, table_options
from .progress import bar


@click.command(epilog="Example: hwx2py sweep mul.hwx --vary PE.Cfg.OpMode=Add,Mul,Max -o modes")
@click.argument("path", metavar="PROGRAM", type=FILE)
@click.option(
    "--vary",
    metavar="REGISTER.FIELD=A..B|V,V,..",
    multiple=True,
    required=True,
    help="Values, by number or name, for every task that writes the field, or for one: 'task 1: PE.Cfg.OpMode=Add'.",
)
@click.option(
    "--input",
    "inputs",
    metavar="NAME=VALUE|FILE.npy|random[:SEED]|ramp",
    multiple=True,
    help="An input (default: 3, 2, 1, 1 ..).",
)
@click.option("-o", "--output", metavar="TABLE", type=FILE, required=True, help="Folder of the table.")
@table_options
@no_raw_option("a table says which file its rows come from, and a stream does not say how to read it; convert it first")
def command(
    path: str,
    vary: tuple[str, ...],
    inputs: tuple[str, ...],
    output: str,
    format: str,
    jobs: int,
    scheduler: str | None,
) -> None:
    """Emulates PROGRAM once for each point of a grid of register values, and writes a row for each.

    A row has the values, digest and statistics of each output, the faults, and why the virtual ANE refused. A
    sweep that was stopped goes on where it was.
    """
    from .. import sweep, tables

    if path == STANDARD:
        raise UsageError("every worker reads the program: it cannot come from standard input", hint="give a file")
    check_input(path)
    parts = []
    with tables.locked(output):
        plan = sweep.plan(path, vary, output, format, inputs)
        with bar(plan.points, "points") as advance:
            for part in tables.make_parts(sweep.make_part, plan.store, plan.jobs, processes=jobs, scheduler=scheduler):
                parts.append(part)
                advance(part.points)
    if plan.unconfirmed:
        click.echo(f"note: no hardware run has confirmed results of {plan.unconfirmed}", err=True)
    counts = [
        f"{plan.points:,} points",
        f"{sum(part.faulty for part in parts):,} with faults",
        f"{sum(part.refused for part in parts):,} refused",
        *([f"{plan.standing:,} points stood already"] if plan.standing else []),
    ]
    click.echo(f"wrote {legible(output)}: {', '.join(counts)}", err=True)
