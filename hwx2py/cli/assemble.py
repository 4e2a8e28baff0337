"""`hwx2py assemble`."""

import click

from ..errors import HwxError, UsageError
from .files import check_output, load_program, write_output
from .options import run_option


@click.command(
    short_help="An edited script, back into an .hwx",
    epilog="Example: hwx2py assemble mul.py --onto mul_macos14.hwx -o edited.hwx",
)
@click.argument("script", metavar="SCRIPT.py")
@click.option("--onto", metavar="IN.hwx", required=True, help="The container that the program goes into.")
@run_option
@click.option("-o", "--output", metavar="OUT.hwx", required=True, help="File to write.")
def command(script: str, onto: str, output: str, run: bool) -> None:
    """Writes the program of a generated, perhaps edited script into the container IN.hwx.

    An unedited script gives back IN.hwx byte for byte. The script is parsed, or with --run executed.
    """
    from .. import formats
    from ..formats.rewrite import rewrite

    check_output(output, [script, onto])
    new, old = load_program(script, run=run), load_program(onto)
    for path, program, wanted in ((script, new, "script"), (onto, old, "hwx")):
        if program.origin.form != wanted:
            raise UsageError(f"is no {'generated script' if wanted == 'script' else '.hwx file'}", file=path)
    try:
        pieces = rewrite(old, new)
    except HwxError as error:
        raise error.in_file(onto) from error.__cause__
    write_output(output, pieces, [script, onto], verify=formats.load)
