"""Several files and folders in one command: which files, where their outputs go, and doing them one after the other.

Outputs come in the order of the files, whatever the number of processes. A file that fails is reported, and
the rest is done.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any, NamedTuple

import click

from ..errors import HwxError, UsageError
from ..names import legible, one_line
from .files import STANDARD, check_input, check_output
from .options import FILE
from .progress import Progress

FAILED = 2

#: Work of fewer bytes than this does not pay for starting processes, nor that of few files (a command says how many).
FEW_BYTES = 1 << 24


def command(metavar: str = "INPUT...", **settings: Any) -> Callable[[Callable[..., object]], click.Command]:
    """A command that takes files and folders as `paths`, and --jobs behind its own options as `jobs`.

    Args:
        metavar: what the help calls the files.
        settings: what `click.command` takes.
    """

    def decorate(function: Callable[..., object]) -> click.Command:
        paths = click.argument("paths", metavar=metavar, type=FILE, nargs=-1, required=True)
        made: click.Command = click.command(**settings)(paths(function))
        what = "Worker processes (default: chosen by the amount of work)."
        made.params.append(click.Option(["--jobs"], metavar="N", type=click.IntRange(1), help=what))
        return made

    return decorate


class Input(NamedTuple):
    """A file to be read.

    Attributes:
        path: where it is; "-" is standard input.
        name: what tells it from the others: its path, from the folder on that they share.
        target: where its output goes, in commands that write.
    """

    path: str
    name: str
    target: str = ""


class Inputs(NamedTuple):
    """The files that a command was given.

    Attributes:
        items: the files.
        several: whether they are a batch: more than one path, or a folder.
    """

    items: tuple[Input, ...]
    several: bool


class FileResult(NamedTuple):
    """What a file gives.

    Attributes:
        text: for standard output.
        notes: lines for standard error.
        code: the exit code.
        error: why the file counts as failed, in a batch; empty where it does not.
    """

    text: str = ""
    notes: tuple[str, ...] = ()
    code: int = 0
    error: str = ""


class Document(NamedTuple):
    """How JSON of several files is put together.

    Attributes:
        start: what precedes the entries, which have commas between them.
        end: what stands behind them.
        failure: the entry of a file that could not be read, from its path and the error.
    """

    start: str
    end: str
    failure: Callable[[str, str], dict[str, Any]]


def _failed_entry(path: str, error: str) -> dict[str, Any]:
    return {"file": path, "error": error}


#: A list with an object for each file.
LIST = Document("[", "]", _failed_entry)


class _Job(NamedTuple):
    place: int
    work: Callable[[Input], FileResult]
    input: Input


class _Outcome(NamedTuple):
    """A job that is done: its result, or the error."""

    place: int
    result: FileResult
    error: str = ""


def inputs(paths: Sequence[str], leave_out: str | None = None) -> Inputs:
    """The files that paths stand for: themselves, or for a folder its .hwx, .anec and .ane files, subfolders included.

    Args:
        paths: files and folders.
        leave_out: a folder that outputs go to, whose files are not inputs.

    Raises:
        UsageError: a file is not there, or a folder holds no programs.
    """
    found: list[str] = []
    for path in paths:
        found += _programs_in(path, leave_out) if path != STANDARD and os.path.isdir(path) else [path]
    several = len(paths) > 1 or any(path != STANDARD and os.path.isdir(path) for path in paths)
    if not several:
        check_input(paths[0])
    shared = _shared_folder(paths) if several else ""
    return Inputs(tuple(Input(path, _name(path, shared)) for path in found), several)


def _programs_in(folder: str, leave_out: str | None) -> list[str]:
    from ..formats import PROGRAM_SUFFIXES, programs_in
    from ..formats.foreign import FOLDERS, GIVE
    from ..formats.foreign import folder as refused

    if os.path.splitext(folder.rstrip(os.sep))[1].lower() in FOLDERS:
        raise refused(folder)
    out = os.path.join(os.path.realpath(leave_out), "") if leave_out else None
    paths = [
        path
        for path in programs_in(folder)
        if (os.path.isfile(path) or os.path.isdir(path)) and not (out and os.path.realpath(path).startswith(out))
    ]
    if not paths:
        raise UsageError(f"is a folder without programs ({', '.join(PROGRAM_SUFFIXES)})", file=folder, hint=GIVE)
    return paths


def _shared_folder(paths: Sequence[str]) -> str:
    """The folder that all inputs lie in."""
    folders = [path if os.path.isdir(path) else os.path.dirname(path) for path in paths if path != STANDARD]
    return os.path.commonpath([os.path.abspath(folder) for folder in folders]) if folders else ""


def _name(path: str, shared: str) -> str:
    if path == STANDARD:
        return "stdin"
    return os.path.relpath(path, shared) if shared else os.path.basename(path)


def with_targets(given: Inputs, folder: str, suffix: str = "") -> Inputs:
    """A batch with a target for each file: its name in a folder.

    Args:
        given: the files.
        folder: where the outputs go; subfolders are as in the inputs.
        suffix: what takes the place of the names' suffixes; where two files differ only there, it follows them.

    Raises:
        UsageError: the folder is standard output or a file, or two inputs have one target.
    """
    if folder == STANDARD:
        raise UsageError("several files cannot go to standard output", hint="give a folder with -o")
    if os.path.isfile(folder):
        raise UsageError("is a file, but several files go into a folder", file=folder, hint="give another -o")
    names = [os.path.splitext(item.name)[0] + suffix if suffix else item.name for item in given.items]
    names = [item.name + suffix if suffix and names.count(name) > 1 else name for item, name in zip(given.items, names)]
    targets = [os.path.join(folder, name) for name in names]
    if doubled := next((target for target in targets if targets.count(target) > 1), None):
        raise UsageError("two inputs would be written to it", file=doubled, hint="convert them one by one")
    return given._replace(items=tuple(item._replace(target=target) for item, target in zip(given.items, targets)))


def inputs_for(output: str, paths: Sequence[str], suffix: str = "") -> Inputs:
    """The programs that are given and their targets: `output`, or a file in it for each of several.

    Args:
        output: what was given to -o.
        paths: what was given as INPUT.
        suffix: see `with_targets`.

    Raises:
        UsageError: there is nothing to read, or it would be written over; see `with_targets`.
    """
    given = inputs(paths, leave_out=output)
    if given.several:
        return with_targets(given, output, suffix)
    check_output(output, paths)
    return given._replace(items=(given.items[0]._replace(target=output),))


def make_folder(target: str) -> None:
    """Makes the folder of a batch's target, and those above it.

    Raises:
        UsageError: it cannot be made.
    """
    folder = os.path.dirname(target) or "."
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot be made: {error.strerror}", file=folder) from error


def run(
    given: Inputs,
    work: Callable[[Input], FileResult],
    *,
    jobs: int | None = None,
    few: int = 64,
    document: Document | None = None,
) -> int:
    """Does the work for every file, and shows what it gives.

    Args:
        given: the files; if they are not a batch, errors are raised.
        work: what is done with one: a function of a module, or a `functools.partial` of one, with arguments that can
            be pickled.
        jobs: how many processes; None: one for few files, else one for each processor.
        few: fewer files than this do not pay for starting processes.
        document: how the results, JSON objects, become one document.

    Returns:
        The exit code: 2 where a file failed, else the highest of the results'.

    Raises:
        HwxError: the only file failed, or a process died.
    """
    if not given.several:
        return show(work(given.items[0]))
    import json

    failed, code = 0, 0
    separator = document.start if document else ""
    with Progress() as progress:
        for outcome in _in_order(given, work, _processes(given, jobs, few), progress):
            path = given.items[outcome.place].path
            text = outcome.result.text
            if outcome.error:
                failed += 1
                click.echo(f"hwx2py: {one_line(outcome.error)}", err=True)
                text = json.dumps(document.failure(path, outcome.error)) if document else ""
            if document:
                text, separator = f"{separator}\n{text}", ","
            if text:
                click.echo(text, nl=not document)
            code = max(code, show(outcome.result._replace(text="")))
    if document:
        click.echo("\n" + document.end)
    _summarise(len(given.items), failed)
    return FAILED if failed else code


def show(result: FileResult) -> int:
    """The text on standard output, the notes on standard error; returns the exit code."""
    if result.text:
        click.echo(result.text)
    for note in result.notes:
        click.echo(legible(note), err=True)
    return result.code


def _summarise(total: int, failed: int) -> None:
    if total == 1:
        return
    if failed:
        click.echo(f"hwx2py: {failed} of {total} files failed", err=True)
    else:
        click.echo(f"{total} files done", err=True)


def _processes(given: Inputs, jobs: int | None, few: int) -> int:
    """How many processes it pays to start; standard input can be read by this one only."""
    paths = [item.path for item in given.items]
    if STANDARD in paths:
        return 1
    if jobs is not None:
        return jobs
    total = sum(os.path.getsize(path) for path in paths if os.path.isfile(path))
    return 1 if len(paths) < few and total < FEW_BYTES else os.cpu_count() or 1


def _in_order(
    given: Inputs, work: Callable[[Input], FileResult], processes: int, progress: Progress
) -> Iterator[_Outcome]:
    """The outcomes in the order of the files; one that comes early waits."""
    from ..tables.workers import each

    jobs = [_Job(place, work, item) for place, item in enumerate(given.items)]
    progress.count(0, len(jobs))
    early: dict[int, _Outcome] = {}
    coming = count()
    turn = next(coming)
    for done, outcome in enumerate(each(_attempt, jobs, processes=processes), 1):
        early[outcome.place] = outcome
        progress.pause()
        while turn in early:
            yield early.pop(turn)
            turn = next(coming)
        progress.count(done, len(jobs))


def _attempt(job: _Job) -> _Outcome:
    """Does a job; what goes wrong with a file is its outcome."""
    try:
        result = job.work(job.input)
        return _Outcome(job.place, result, result.error)
    except HwxError as error:
        return _Outcome(job.place, FileResult(), str(error.in_file(job.input.path)))
    except OSError as error:
        return _Outcome(job.place, FileResult(), f"{error.filename or job.input.path}: {error.strerror}")
    except MemoryError:
        return _Outcome(job.place, FileResult(), f"{job.input.path}: there is not enough memory")
