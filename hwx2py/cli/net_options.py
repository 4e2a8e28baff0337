"""`hwx2py net-options`."""

import click

from .files import load_program, write_output


@click.command(epilog="Example: hwx2py net-options mul_macos14.hwx -o net_options.plist")
@click.argument("path", metavar="[PROGRAM]", required=False)
@click.option("-o", "--output", metavar="FILE", default="-", help="The property list (default: standard output).")
def command(path: str | None, output: str) -> None:
    """Writes a candidate net_options.plist for compiling a network again on macOS.

    With PROGRAM its own compiler flags go in as ModuleCompilationFlags. This is an unverified hypothesis;
    docs/net_options.md has the five steps that would decide.
    """
    from .. import net_options
    from ..names import legible

    origin = load_program(path).origin if path else None
    flags = origin.flags if origin else ()
    data = net_options.write(flags)
    if output == "-":
        click.echo(data, nl=False)
    else:
        write_output(output, [data], [path] if path else [])
        click.echo(f"wrote {legible(output)}: {len(net_options.options(flags))} options", err=True)
    if path and not flags:
        click.echo(f"{legible(path)} names no compiler flags: no {net_options.FLAGS_KEY}", err=True)
    click.echo(f"note: {net_options.NOTE}", err=True)
