"""`hwx2py dump`."""

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ..errors import RegisterError, UnsupportedError, UsageError
from ..names import legible
from . import batch
from .files import load_program
from .options import Raw, Run, arch_option, raw_option, run_option

if TYPE_CHECKING:
    from ..program.program import Program


FORMATS = ("text", "json", "words", "c")
ONE_FILE = ("words", "c")


class Question(NamedTuple):
    """What is asked: which task and registers, the form of the answer, and how to read."""

    task: int | None
    wanted: tuple[str, ...]
    form: str
    arch: str | None
    raw: Raw | None
    run: Run


@batch.command(epilog="Example: hwx2py dump mul_macos14.hwx --task 0")
@click.option("--task", type=click.IntRange(min=0), metavar="N", help="Only this task.")
@click.option(
    "--register", "wanted", multiple=True, metavar="NAME", help="Only this: a block, a register, a field, an address."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    help="Lines to read (text), JSON, the task stream as a Python list (words), or all that a client of the driver "
    "needs as a C header (c). --raw reads the last two back.",
)
@click.option("--json", "form", flag_value="json", help="--format json; a list for several INPUTs or a folder.")
@arch_option
@run_option
@raw_option
def command(paths: tuple[str, ...], jobs: int | None, **options: Any) -> int:
    """Lists every register that INPUT's tasks write, by name and field; bits without a name are shown.

    A folder stands for all programs in it.
    """
    given, question = batch.inputs(paths), Question(**options)
    if question.form in ONE_FILE and given.several:
        raise UsageError(f"--format {question.form} takes one file", hint="call it for each of them")
    if given.several:
        work = functools.partial(listing, question=question)
        return batch.run(given, work, jobs=jobs, document=batch.LIST if question.form == "json" else None)
    for line in _lines(given.items[0].path, question):
        click.echo(line)
    return 0


def listing(item: batch.Input, question: Question) -> batch.FileResult:
    """The registers of a file in a batch, with its name.

    Args:
        item: the file.
        question: what is asked.

    Raises:
        HwxError: with the file's name, whatever went wrong.
    """
    name = [] if question.form == "json" else [legible(f"{item.path}:")]
    return batch.FileResult("\n".join([*name, *_lines(item.path, question, json_name=item.path)]))


def _lines(path: str, question: Question, json_name: str = "") -> Iterator[str]:
    from ..listing import dump

    program = load_program(path, question.arch, question.raw, question.run)
    task = question.task
    if task is not None and task >= len(program.tasks):
        raise UsageError(f"no task {task}: there are {len(program.tasks)}", file=path, hint="tasks count from 0")
    if question.form in ONE_FILE:
        return _numbers(program, path, question)
    try:
        entries, notes = dump.tasks(program, task, question.wanted), program.origin.notes
    except RegisterError as error:
        raise error.in_file(path) from error.__cause__
    if question.form == "json":
        return _json({"file": json_name} if json_name else {}, program.arch.name, notes, entries)
    return map(legible, _text(notes, entries))


def _numbers(program: "Program", path: str, question: Question) -> Iterator[str]:
    """The program as numbers to paste."""
    from ..listing import words

    if question.wanted:
        raise UsageError(f"--register goes with text and JSON, not with --format {question.form}")
    if question.form == "words":
        return words.as_list(program, question.task)
    if question.task is not None:
        raise UsageError("--format c has all tasks", hint="leave --task out, or use --format words")
    try:
        return words.as_header(program)
    except UnsupportedError as error:
        raise error.in_file(path) from error.__cause__


def _json(head: dict[str, str], arch: str, notes: tuple[str, ...], entries: Iterator[dict[str, Any]]) -> Iterator[str]:
    """One object, a task a line."""
    import json

    yield json.dumps(head | {"arch": arch, "notes": notes}).removesuffix("}") + ', "tasks": ['
    previous = None
    for entry in entries:
        if previous:
            yield f"  {previous},"
        previous = json.dumps(entry)
    if previous:
        yield f"  {previous}"
    yield "]}"


def _text(notes: tuple[str, ...], entries: Iterator[dict[str, Any]]) -> Iterator[str]:
    yield from (f"note: {note}" for note in notes)
    for entry in entries:
        yield f"task {entry['index']} at {entry['offset']:#x}, {entry['size_bytes']} bytes: {entry['does']}"
        for row in entry["header"]:
            yield _line(row["offset"], row)
        for row in entry["writes"]:
            yield _line(row["address"], row)
        yield ""


def _line(address: int, row: dict[str, Any]) -> str:
    fields = " ".join(
        f"{name}={_value(value)}" + (f"({row['buffers'][name]})" if name in row.get("buffers", ()) else "")
        for name, value in row["fields"].items()
        if value not in (0, "None")
    )
    unnamed = f" unnamed bits {row['unnamed_bits']:#x}" if "unnamed_bits" in row else ""
    slot = f" relative to {row['slot']}" if "slot" in row else ""
    return f"  {address:05x}  {row['value']:08x}  {row['register']:<38} {fields}{unnamed}{slot}".rstrip()


def _value(value: object) -> str:
    return hex(value) if isinstance(value, int) and value > 9 else str(value)
