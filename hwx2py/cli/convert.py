"""`hwx2py convert`, the default command."""

import functools
import os
from typing import TYPE_CHECKING, Any

import click

from ..errors import UsageError
from .files import check_output, load_program, write_output
from .options import apply_passes, arch_option, pass_options, raw_option, run_option, show
from .progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..program.model import Program


@click.command(epilog="Example: hwx2py mul_macos14.hwx --clean -o mul.py")
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option("-o", "--output", metavar="OUT.py", help="Script to write; a folder for several INPUTs; - for stdout.")
@pass_options
@arch_option
@raw_option
@run_option
def command(
    inputs: tuple[str, ...], output: str | None, arch: str | None, raw: str | None, run: bool, **options: Any
) -> None:
    """Writes INPUT (.hwx, .anec or a generated script) as a standalone Python script.

    Without -o the script is out/<stem>.py. Coefficients over 64 KiB go into <stem>.coeff.bin beside it.
    """
    targets = [_target(path, output, len(inputs)) for path in inputs]
    if doubled := next((target for target in targets if targets.count(target) > 1 and target != "-"), None):
        raise UsageError("two inputs would be written to it", file=doubled, hint="convert them one by one")
    for path, target in zip(inputs, targets):
        _convert(path, target, functools.partial(load_program, arch=arch, raw=raw, run=run), options)


def _target(path: str, output: str | None, count: int) -> str:
    stem = "stdin" if path == "-" else os.path.splitext(os.path.basename(path))[0]
    script = stem + ".py"
    if output is None:
        return os.path.join("out", script)
    if output != "-" and (count > 1 or os.path.isdir(output) or output.endswith(os.sep)):
        return os.path.join(output, script)
    return output


def _convert(path: str, target: str, load: "Callable[[str], Program]", options: dict[str, Any]) -> None:
    with Progress() as progress:
        progress.stage(f"reading {path}")
        program = load(path)
        program, summary, report = apply_passes(program, **options)
        _prepare(target, path)
        progress.stage(f"writing {target}")

        from .. import emitter
        from ..formats import SIDECAR_SUFFIX

        script = emitter.emit(program, summary, inline=target == "-")
        if target == "-":
            click.echo(script.text, nl=False)
            show(report)
            return
        sidecar = os.path.splitext(target)[0] + SIDECAR_SUFFIX
        if script.sidecar is not None:
            write_output(sidecar, script.sidecar, [path])
        write_output(target, [script.text.encode()], [path])
    show(report)


def _prepare(target: str, path: str) -> None:
    """Makes the default folder, or the one that several inputs go to; says early what cannot be written."""
    if target == "-":
        return
    folder = os.path.dirname(target)
    if folder and not os.path.exists(folder) and os.path.isdir(os.path.dirname(folder) or "."):
        try:
            os.mkdir(folder)
        except OSError as error:
            raise UsageError(f"cannot be made: {error.strerror}", file=folder) from error
    check_output(target, [path])
