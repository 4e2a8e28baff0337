"""`hwx2py archs`."""

import click

from ..names import legible


@click.command(epilog="Example: hwx2py archs")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@click.option("--markdown", "as_markdown", is_flag=True, help="The table as the README has it.")
def command(as_json: bool, as_markdown: bool) -> None:
    """Lists the architectures: what works for each, and what that is known from.

    "confirmed" under the virtual ANE: runs on hardware that others recorded gave the same results; "numbers confirmed":
    published limits and errors of that generation come out of its arithmetic.
    """
    from ..listing import archs
    from ..registers import SUBTYPES, every

    rows = [archs.support(arch) for arch in every()]
    if as_json:
        import json

        click.echo(json.dumps([row.as_data() for row in rows], indent=2))
        return
    if as_markdown:
        click.echo(archs.markdown(rows))
        return
    table = [archs.HEADINGS, *map(archs.cells, rows)]
    widths = [max(map(len, column)) for column in zip(*table)]
    for line in table:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
    click.echo("\nknown from")
    for row in rows:
        for source in archs.evidence(row):
            click.echo(legible(f"  {row.arch}  cpusubtype {row.cpusubtype:<2}  {source}"))
    click.echo("\ncompile")
    click.echo(
        "  H13  tested on the virtual ANE and against decoded programs of compiler 9.509; none was run on hardware yet"
    )
    click.echo("\nknown by name only: no register table")
    for subtype in SUBTYPES:
        if not subtype.has_table:
            version = f"descriptor version {subtype.descriptor_version}"
            click.echo(f"  cpusubtype {subtype.number:<2}  {subtype.name}, {version}")
