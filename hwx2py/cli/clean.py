"""`hwx2py clean`."""

import click

from ..errors import HwxError, UsageError
from .files import check_output, load_file, tell_written, write_output
from .options import apply_passes, run_option, show


@click.command(epilog="Example: hwx2py clean mul_macos14.hwx -o mul_clean.hwx")
@click.argument("path", metavar="INPUT")
@click.option("-o", "--output", metavar="OUT", required=True, help="File to write.")
@click.option("--pass", "only", multiple=True, metavar="NAME", help="Run this pass too.")
@click.option("--skip", multiple=True, metavar="NAME", help="Leave out this pass.")
@run_option
def command(path: str, output: str, run: bool, only: tuple[str, ...], skip: tuple[str, ...]) -> None:
    """Writes the program of INPUT, an .hwx or .anec cleaned by the default passes, back into its container."""
    from .. import formats
    from ..formats.replace import replace

    check_output(output, [path])
    file = load_file(path, run=run)
    if file.container is None:
        raise UsageError("has no container to write back into", file=path, hint="convert it, or use `hwx2py assemble`")
    cleaned, _, report = apply_passes(file.program, clean=True, only=only, skip=skip)
    try:
        pieces = replace(file, cleaned)
    except HwxError as error:
        raise error.in_file(path) from error.__cause__
    write_output(output, pieces, [path], verify=formats.load)
    show(report)
    tell_written(output, cleaned)
