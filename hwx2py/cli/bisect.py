"""`hwx2py bisect`."""

import os
import sys
from typing import TYPE_CHECKING

import click

from ..errors import HwxError, UsageError
from ..names import legible
from .files import check_input, load_file, write_output
from .options import FILE, Raw, Run, raw_option, run_option

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..bisect import Difference, Log, Plan
    from ..formats import ProgramFile
    from ..program.program import Program


@click.command(epilog="Example: hwx2py bisect mul.hwx edited.hwx --json")
@click.argument("good", metavar="GOOD", type=FILE)
@click.argument("bad", metavar="BAD", type=FILE)
@click.option("--test", "test", metavar="COMMAND", help="A command that gets a file ({} or last), and fails with it.")
@click.option(
    "--golden", metavar="FILE.npz", type=FILE, help="Outputs that a program must give (default: those of GOOD)."
)
@click.option("--atol", metavar="X", type=float, default=0.0, help="Largest difference from --golden.")
@click.option(
    "--input",
    "inputs",
    metavar="NAME=VALUE|FILE.npy|random[:SEED]|ramp",
    multiple=True,
    help="An input (default: random).",
)
@click.option("--log", "log_path", metavar="FILE", help="A line for each test; an interrupted bisection goes on there.")
@click.option("--json", "as_json", is_flag=True, help="The differences as JSON.")
@raw_option
@run_option
def command(
    good: str,
    bad: str,
    test: str | None,
    golden: str | None,
    atol: float,
    inputs: tuple[str, ...],
    log_path: str | None,
    as_json: bool,
    raw: Raw | None,
    run: Run,
) -> None:
    """Finds the fewest register differences between GOOD and BAD that still fail.

    By default a program fails that gives other outputs on the virtual ANE than GOOD does, for the same random inputs.
    COMMAND fails with an exit code other than 0; it gets files of GOOD's kind, so that scripts run on a device.
    """
    from .. import bisect

    if test and (golden or inputs or atol):
        raise UsageError("--test replaces --golden, --atol and --input", hint="leave out --golden, --atol and --input")
    for path in (good, bad):
        check_input(path)
    one, two = load_file(good, raw=raw, run=run), load_file(bad, raw=raw, run=run)
    subject: dict[str, object] = {
        "good": one.program.origin.sha256(),
        "bad": two.program.origin.sha256(),
        "test": [test or "", golden or "", atol, *inputs],
    }
    try:
        plan = bisect.plan(one.program, two.program)
        fails = _command(test, one, good) if test else _on_virtual_ane(one.program, golden, atol, inputs)
        log = bisect.Log(log_path or "", subject)
        found = _searched(plan, fails, log)
    except HwxError as error:
        raise error.in_file(bad) from error.__cause__
    _show(found, len(plan.differences), log.tests, as_json)


def _searched(plan: "Plan", fails: "Callable[[Program], bool]", log: "Log") -> "tuple[Difference, ...]":
    """Runs the search with a progress bar: how many of the differences are ruled out."""
    from .. import bisect

    total = len(plan.differences)
    hidden = not sys.stderr.isatty()
    with click.progressbar(length=total, label=f"{total} differences", file=sys.stderr, hidden=hidden) as bar:
        left = total

        def on_test(chosen: "Sequence[int]", failed: bool) -> None:
            nonlocal left
            if failed and len(chosen) < left:
                bar.update(left - len(chosen))
                left = len(chosen)

        return bisect.search(plan, fails, log, on_test)


def _command(test: str, file: "ProgramFile", path: str) -> "Callable[[Program], bool]":
    from .. import bisect
    from ..interface import Program, save

    if file.program.origin.form == "raw":
        return bisect.Command(test, ".bin", lambda program, target: _save_stream(program, target))
    suffix = os.path.splitext(path)[1] or ".hwx"
    return bisect.Command(test, suffix, lambda program, target: save(Program(program, file), target, force=True))


def _save_stream(program: "Program", target: str) -> None:
    write_output(target, [program.text.to_bytes()], force=True)


def _on_virtual_ane(
    program: "Program", golden: str | None, atol: float, inputs: tuple[str, ...]
) -> "Callable[[Program], bool]":
    from .. import bisect
    from ..emulator import check_runs
    from ..emulator.arrays import read_npz
    from ..emulator.inputs import input_arrays

    check_runs(program.arch)
    arrays = input_arrays(program.tensors, inputs, default="random")
    if not golden:
        return bisect.OnVirtualAne.like(program, arrays)
    return bisect.OnVirtualAne(arrays, read_npz(golden), atol)


def _show(found: "tuple[Difference, ...]", total: int, tests: int, as_json: bool) -> None:
    if as_json:
        import json

        click.echo(json.dumps([difference.as_data() for difference in found], indent=2))
    else:
        for difference in found:
            click.echo(legible(str(difference)))
    click.echo(f"{len(found)} of {total} differences, {tests} tests", err=True)
