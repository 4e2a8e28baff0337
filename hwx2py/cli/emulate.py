"""`hwx2py emulate`."""

import functools
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from .. import host, own_python
from ..errors import HwxError, UsageError
from ..names import legible
from . import batch
from .check import tell_errors
from .files import check_input, check_output, load_file, write_output
from .options import FILE, Raw, force_option, raw_option, trust_option

if TYPE_CHECKING:
    from ..emulator import Result, Subject
    from ..emulator.values import Values

FAILED, FAULTY = 1, 3

#: Options that name a file to be written.
WRITES = ("save", "save_all", "trace")

#: Every run starts a process, so two at a time pay off at once.
FEW_FILES = 2


class _Emulate(click.Command):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """A file may follow --trace, or not; its suffix distinguishes it from the program."""
        follower = [*args[1:], ""]
        bare = [arg == "--trace" and not after.endswith(".json") for arg, after in zip(args, follower)]
        return super().parse_args(ctx, ["--trace=-" if alone else arg for arg, alone in zip(args, bare)])


@batch.command(
    cls=_Emulate, epilog="Example: hwx2py emulate mul.py --input image=ramp --input image2=2", metavar="PROGRAM.."
)
@click.option(
    "--input",
    "inputs",
    metavar="NAME=VALUE|FILE.npy|random[:SEED]|ramp",
    multiple=True,
    help="An input, or FILE.npz with several by name (default: 3, 2, 1, 1 ..).",
)
@click.option("--save", metavar="FILE.npz", type=FILE, help="Write the outputs, by name, in their shapes.")
@click.option("--save-all", metavar="FILE.npz", help="Write what every task wrote.")
@click.option("--fill", metavar="VALUE", type=float, help="What outputs hold before the run (default: a pattern).")
@click.option(
    "--golden",
    metavar="FILE.npz",
    help="Compare the outputs: PASS or FAIL; with a file of --save-all the first task and element that differ.",
)
@click.option("--atol", metavar="X", type=float, default=0.0, help="Largest difference for --golden.")
@click.option(
    "--trace", metavar="[FILE.json]", type=FILE, help="A line for each task; with a file, the same as JSON in it."
)
@click.option("--values", is_flag=True, help="Smallest, largest, mean and first elements of what every task wrote.")
@click.option("--stop-after", metavar="N", type=click.IntRange(0), help="End the run with this task.")
@click.option(
    "--numbers",
    type=click.Choice(["chip", "wide"]),
    default="chip",
    show_default=True,
    help="The chip's arithmetic, or float64 sums and one rounding.",
)
@raw_option
@trust_option
@force_option
def command(paths: tuple[str, ...], jobs: int | None, **options: Any) -> int:
    """Runs a generated script, or an .hwx or .anec file, on a virtual ANE.

    It follows the registers and BARs that it is given. Faults that the chip would survive do not stop the run: they
    follow the results, and the exit code is 3. A folder stands for all programs in it.
    """
    given = batch.inputs(paths)
    if not given.several:
        return _run(given.items[0].path, **options)
    if written := next((name for name in WRITES if options[name] not in (None, "-")), None):
        option = "--" + written.replace("_", "-")
        raise UsageError(f"{option} names one file, and there are several programs", hint="run them one by one")
    return batch.run(given, functools.partial(_in_process, arguments=_given(**options)), jobs=jobs, few=FEW_FILES)


def _given(
    inputs: tuple[str, ...],
    fill: float | None,
    golden: str | None,
    atol: float,
    trace: str | None,
    values: bool,
    stop_after: int | None,
    numbers: str,
    raw: Raw | None,
    trust: bool,
    **_: object,
) -> tuple[str, ...]:
    """The options that a batch hands on, as they are typed."""
    valued = {"fill": fill, "golden": golden, "atol": atol, "stop-after": stop_after, "numbers": numbers}
    texts = [f"--{name}={value}" for name, value in valued.items() if value is not None]
    flags = [flag for flag, is_set in (("--values", values), ("--trace=-", trace), ("--trust", trust)) if is_set]
    stream = [f"--raw={raw.arch}", *(f"--tensor={tensor}" for tensor in raw.tensors)] if raw else []
    return (*(f"--input={option}" for option in inputs), *texts, *flags, *stream)


def _in_process(item: batch.Input, arguments: tuple[str, ...]) -> batch.FileResult:
    """Runs a file of a batch in a process of its own, as scripts and programs print while they run."""
    command = own_python.command_line(["emulate", *arguments, "--", item.path])
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="backslashreplace", check=False)
    text = "\n".join([legible(f"{item.path}:"), *done.stdout.splitlines()])
    notes = done.stderr.splitlines()
    if done.returncode in (0, FAILED, FAULTY):
        return batch.FileResult(text, tuple(notes), done.returncode)
    last = notes.pop() if notes else f"{item.path}: it failed without a word"
    return batch.FileResult(text if done.stdout else "", tuple(notes), batch.FAILED, last.removeprefix("hwx2py: "))


def _run(
    path: str,
    inputs: tuple[str, ...],
    save: str | None,
    save_all: str | None,
    fill: float | None,
    golden: str | None,
    atol: float,
    trace: str | None,
    values: bool,
    stop_after: int | None,
    numbers: str,
    raw: Raw | None,
    trust: bool,
    force: bool,
) -> int:
    """Runs a file; returns the exit code."""
    from .. import emulator
    from ..emulator.values import Recorder, as_npz

    check_input(path)
    read = [path, golden or "", *(option.rpartition("=")[2] for option in inputs)]
    for target in (save, save_all, trace):
        if target and target != "-":
            check_output(target, read)
    recorder = Recorder(keep=bool(save_all or golden)) if save_all or golden or values or trace else None
    try:
        expected = _expected_of_tasks(golden)
        subject = _subject(path, raw)
        options: dict[str, object] = {"fill": fill}
        if golden and not expected:
            options |= {"golden": golden, "atol": atol}
        with tempfile.TemporaryDirectory(prefix="hwx2py-") as folder:
            arguments = _arguments(subject, inputs, options, folder)
            readable = [folder, *(name for name in read[1:] if os.path.isfile(name))]
            access = emulator.Access(readable, trust)
            request = emulator.Request(arguments, access, bool(save), stop_after)
            result = subject.run(request, emulator.POLICIES[numbers], recorder)
    except HwxError as error:
        raise error.in_file(path) from error.__cause__
    _show_prints(result, path)
    if result.code not in (0, FAILED) and not result.faults:  # nothing of it is a result
        _tell_faults(result, path)
        return result.code
    if save and result.saved:
        write_output(save, [result.saved], read, force=force)
    recorded = recorder.values if recorder else []
    if values:
        click.echo("\n".join(legible(str(value)) for value in recorded))
    _trace(trace, result, recorded, path, force)
    if save_all:
        write_output(save_all, [as_npz(recorded)], [path], force=force)
    code = 0 if stop_after is not None and result.code == FAILED else result.code
    if expected:
        code = _compare(recorded, expected, atol) or code
    _tell_faults(result, path)
    _tell_doubts(subject, path)
    if not inputs and not result.faults and stop_after is None:
        _tell_mixed_elements(subject, path)
    return FAULTY if result.faults else code


def _show_prints(result: "Result", path: str) -> None:
    """What a script's process printed. A line with more than text in it could pass for another, or steer a terminal."""
    for line in result.printed.removesuffix("\n").split("\n") if result.printed else ():
        if line.isprintable():
            click.echo(line)
        else:
            click.echo(legible(f"{path}: it printed: {line}"), err=True)
    for line in result.complained.splitlines():
        click.echo(legible(line), err=True)


def _expected_of_tasks(golden: str | None) -> Mapping[str, Any]:
    """What every task shall write, where the golden file is one of --save-all; else nothing."""
    if not golden:
        return {}
    from ..emulator.arrays import check_numbers, read_npz
    from ..emulator.values import are_of_tasks

    arrays = read_npz(golden)
    for array in arrays.values():
        check_numbers(array, golden)
    return arrays if are_of_tasks(arrays) else {}


def _subject(path: str, raw: Raw | None) -> "Subject":
    from ..emulator import ProgramSubject, ScriptSubject
    from ..formats import SCRIPT_SUFFIX

    if path.endswith(SCRIPT_SUFFIX) and raw is None:
        if host.can_execute_scripts():
            return ScriptSubject.of(path)
        click.echo(legible(f"note: {path}: {host.LINUX_ONLY['confined scripts']}"), err=True)
    return ProgramSubject(load_file(path, raw=raw))


def _arguments(subject: "Subject", inputs: tuple[str, ...], options: dict[str, object], folder: str) -> list[str]:
    """The options as a script's command line; arrays that need another shape are put into the folder."""
    from ..emulator.inputs import expanded

    given = expanded(inputs, subject.tensors, folder)
    for note in given.notes:
        click.echo(legible(f"note: {note}"), err=True)
    arguments = [f"--input={option}" for option in given.options]
    return [*arguments, *(f"--{name}={value}" for name, value in options.items() if value is not None)]


def _trace(target: str | None, result: "Result", recorded: "Sequence[Values]", path: str, force: bool) -> None:
    """What ran, as lines or as JSON in a file."""
    from .. import emulator

    if target == "-":
        click.echo("\n".join(map(legible, emulator.as_lines(result.steps, result.names))))
    elif target:
        import json

        rows = emulator.as_data(result.steps, result.names)
        data = [row | {"values": value.as_data()} for row, value in zip(rows, recorded)]
        write_output(target, [json.dumps(data, indent=2).encode()], [path], force=force)


def _compare(recorded: "Sequence[Values]", expected: Mapping[str, Any], atol: float) -> int:
    """Says where a run leaves an earlier one first; returns the exit code."""
    from ..emulator.values import first_divergence

    divergence = first_divergence(recorded, expected, atol)
    click.echo(f"FAIL: {divergence}" if divergence else f"PASS: {len(recorded)} tasks")
    return FAILED if divergence else 0


def _tell_faults(result: "Result", path: str) -> None:
    """The faults of a run, and an error that ended it."""
    for fault in result.faults:
        click.echo(legible(str(fault)), err=True)
    if result.error:
        error = UsageError(result.error, file=path)
        if not result.faults:
            raise error
        click.echo(legible(f"hwx2py: {error}"), err=True)


def _tell_doubts(subject: "Subject", path: str) -> None:
    """What speaks against a result: findings of `check`, and that no hardware run has confirmed such results."""
    from .. import emulator

    if note := emulator.unconfirmed(subject.arch):
        click.echo(note, err=True)
    if isinstance(subject, emulator.ProgramSubject):
        tell_errors(subject.file, path)


def _tell_mixed_elements(subject: "Subject", path: str) -> None:
    """Warns where constant inputs hide that elements are mixed up."""
    from ..emulator.elementwise import mixed_elements
    from ..errors import ScriptError

    try:
        mixed = mixed_elements(subject.program())
    except ScriptError:  # it is Python that only runs
        return
    if mixed:
        click.echo(legible(f"warning: {path}: with inputs that are not constant, {mixed}"), err=True)
