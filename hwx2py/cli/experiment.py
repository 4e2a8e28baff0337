"""`hwx2py experiment`."""

import os

import click

from ..output import Output, write_outputs
from .files import load_program, tell
from .options import FILE, force_option


@click.command(
    short_help="Scripts that settle the 0.0 of macOS 14",
    epilog="Example: hwx2py experiment mul_macos14.hwx -o zero && python zero/run_all.py --emulate",
)
@click.argument("path", metavar="INPUT", type=FILE)
@click.option(
    "-o", "--output", metavar="DIR", type=FILE, required=True, help="Folder for the scripts; made if it is not there."
)
@force_option
def command(path: str, output: str, force: bool) -> None:
    """Writes the scripts that settle why an elementwise program returns 0.0, and run_all.py, which runs them.

    INPUT is an elementwise program of macOS 14 or later. The README says how to run it on an M1 and send the report.
    """
    from .. import experiment
    from ..emulator import direct
    from ..emulator.inputs import input_arrays
    from ..errors import HwxError, UsageError

    program = load_program(path)
    try:
        experiment.check(program)
        outputs = direct.run(program, input_arrays(program.tensors, [])).outputs
        right = float(outputs[program.outputs[0].name].flat[0])
        files = experiment.scripts(experiment.variants(program, right))
    except HwxError as error:
        raise error.in_file(path) from error.__cause__
    try:
        os.makedirs(output, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot be made: {error.strerror}", file=output) from error
    scripts = [Output(os.path.join(output, name), [text.encode()]) for name, text in files.items()]
    write_outputs(scripts, [path], force=force)
    tell(f"wrote {output}: {len(files) - 1} scripts and {experiment.RUNNER}")
