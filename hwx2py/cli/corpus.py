"""`hwx2py corpus`."""

import click

from ..names import legible
from .options import FILE, no_raw_option, table_options
from .progress import bar

#: How many files that are not programs are listed one by one; the table has all of them.
MOST_TOLD = 20


@click.command(epilog="Example: hwx2py corpus programs/ -o corpus --jobs 8")
@click.argument("paths", metavar="DIR...", type=FILE, nargs=-1, required=True)
@click.option(
    "-o", "--output", metavar="TABLE", type=FILE, required=True, help="Folder of the tables; made, or added to."
)
@table_options
@no_raw_option("a stream does not say which chip it is for; convert the streams first, and add --scripts")
@click.option("--scripts", is_flag=True, help="Take .py files too, as generated scripts; they are read, not run.")
def command(paths: tuple[str, ...], output: str, format: str, jobs: int, scheduler: str | None, scripts: bool) -> int:
    """Writes every register field of every program in DIR as a row of a table.

    TABLE is a folder with fields/, tasks/, tensors/, programs/ and unreadable/, each with part files. A run that was
    stopped goes on where it was; a program that stands and has not changed is not read again.
    """
    from .. import corpus, tables

    with tables.locked(output):
        plan = corpus.plan(paths, output, format, scripts=scripts)
        parts, unreadable = [], list(plan.unreadable)
        with bar(plan.files, "programs") as advance:
            for part in tables.make_parts(corpus.make_part, plan.store, plan.jobs, processes=jobs, scheduler=scheduler):
                parts.append(part)
                unreadable += part.unreadable
                advance(part.files)
    unreadable.sort(key=lambda row: row.file)
    for row in unreadable[:MOST_TOLD]:
        click.echo(f"hwx2py: {row.file}: {row.error}", err=True)
    if len(unreadable) > MOST_TOLD:
        click.echo(f"hwx2py: {len(unreadable) - MOST_TOLD} more are in {legible(output)}/unreadable", err=True)
    counts = [
        f"{sum(part.programs for part in parts):,} programs",
        f"{sum(part.tasks for part in parts):,} tasks",
        f"{sum(part.fields for part in parts):,} fields",
        *([f"{plan.standing:,} programs stood already"] if plan.standing else []),
        *([f"{len(unreadable):,} files are not programs"] if unreadable else []),
    ]
    click.echo(f"wrote {legible(output)}: {', '.join(counts)}", err=True)
    return 2 if unreadable else 0
