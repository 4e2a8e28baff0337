"""`hwx2py assemble`."""

from typing import TYPE_CHECKING

import click

from ..errors import HwxError, UsageError
from .files import check_output, content_at, load_file, load_program, tell_written, write_output
from .options import FILE, Run, force_option, run_option, show

if TYPE_CHECKING:
    from ..program.program import Program


@click.command(
    short_help="A script as an .hwx or .anec",
    epilog="Example: hwx2py assemble mul.py --onto mul_macos14.hwx -o edited.hwx",
)
@click.argument("script", metavar="SCRIPT.py", type=FILE)
@click.option("--onto", metavar="FILE", help="The .hwx or .anec that the program goes into; without it, a fresh one.")
@run_option
@force_option
@click.option(
    "-o", "--output", metavar="OUT", type=FILE, required=True, help="File to write: .anec, .ane, or else an .hwx."
)
def command(script: str, onto: str | None, output: str, run: Run, force: bool) -> None:
    """Writes the program of a generated, perhaps edited script as an .hwx or .anec (by the name of OUT).

    With --onto FILE the program goes into that container, and an unedited script gives back FILE byte for byte.
    Without it the container is fresh and takes any shape and any buffers. The script is parsed, or with --run
    executed.
    """
    from .. import formats

    check_output(output, [script, *([onto] if onto else [])])
    program = load_program(script, run=run)
    if program.origin.form != "script":
        raise UsageError("is not a script that hwx2py made", file=script)
    notes: tuple[str, ...] = ()
    detail = ""
    try:
        if onto:
            pieces = _onto(onto, program)
        elif output.endswith(formats.ANEC_SUFFIXES):
            from ..formats.anec.header import CONTENT_OFFSETS
            from ..formats.anec.write import arrange, write

            arranged = arrange(program)
            notes, pieces = arranged.notes, write(arranged.program, CONTENT_OFFSETS[0])
            detail = content_at(CONTENT_OFFSETS[0])
        else:
            from ..formats.hwx.create import create
            from ..version import VERSION

            pieces = create(program, f"hwx2py v{VERSION}, assemble")
    except HwxError as error:
        raise error.in_file(script) from error.__cause__
    sources = [script, *([onto] if onto else [])]
    changed = write_output(output, pieces, sources, verify=formats.load, force=force)
    show(list(notes))
    tell_written(output, program, changed, detail)


def _onto(path: str, program: "Program") -> list[bytes | memoryview]:
    from ..formats import replace

    file = load_file(path)
    if file.container is None:
        raise UsageError(
            "has no container for the program", file=path, hint="give an .hwx or .anec, or leave out --onto"
        )
    try:
        return replace(file, program)
    except HwxError as error:
        raise error.in_file(path) from error.__cause__
