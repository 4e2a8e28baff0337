"""`hwx2py registers`."""

import click

from ..names import legible


@click.command(epilog="Example: hwx2py registers h13 PE.Cfg")
@click.argument("arch", metavar="ARCH")
@click.argument("name", metavar="[NAME]", default="")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@click.option("--markdown", is_flag=True, help="The same as a Markdown page.")
def command(arch: str, name: str, as_json: bool, markdown: bool) -> None:
    """Shows the registers of ARCH: address, fields, bits, values, meaning, and where that is known from.

    NAME is a block (PE), a register (PE.Cfg), a field (OpMode, PE.OpMode) or an address (0x8800).
    """
    from ..listing import page, registers
    from ..registers import by_name

    table = by_name(arch)
    entries = registers.select(table, name)
    if as_json:
        import json

        click.echo(json.dumps(registers.as_data(table, entries), indent=2))
        return
    for line in page.as_markdown(table, entries) if markdown else registers.as_text(table, entries):
        click.echo(legible(line))
