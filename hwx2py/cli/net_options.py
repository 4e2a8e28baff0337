"""`hwx2py net-options`."""

import click

from .files import load_program, outcome, tell, write_output
from .options import FILE, force_option, no_raw_option


@click.command(epilog="Example: hwx2py net-options mul_macos14.hwx -o net_options.plist")
@click.argument("path", metavar="[PROGRAM]", type=FILE, required=False)
@click.option(
    "-o", "--output", metavar="FILE", type=FILE, default="-", help="The property list (default: standard output)."
)
@no_raw_option("a bare stream names no compiler flags; leave PROGRAM out")
@force_option
def command(path: str | None, output: str, force: bool) -> None:
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
        changed = write_output(output, [data], [path] if path else [], force=force)
        tell(outcome(output, f"{len(net_options.options(flags))} options", changed))
    if path and not flags:
        click.echo(f"{legible(path)} names no compiler flags: no {net_options.FLAGS_KEY}", err=True)
    click.echo(f"note: {net_options.NOTE}", err=True)
