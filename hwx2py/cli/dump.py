"""`hwx2py dump`."""

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import click

from ..errors import RegisterError, UsageError
from ..names import legible
from . import batch
from .files import load_program
from .options import Raw, Run, arch_option, raw_option, run_option


class Question(NamedTuple):
    """What is asked: which task and registers, the form of the answer, and how to read."""

    task: int | None
    wanted: tuple[str, ...]
    as_json: bool
    arch: str | None
    raw: Raw | None
    run: Run


@batch.command(epilog="Example: hwx2py dump mul_macos14.hwx --task 0")
@click.option("--task", type=click.IntRange(min=0), metavar="N", help="Only this task.")
@click.option(
    "--register", "wanted", multiple=True, metavar="NAME", help="Only this: a block, a register, a field, an address."
)
@click.option("--json", "as_json", is_flag=True, help="The same as JSON; a list for several INPUTs or a folder.")
@arch_option
@run_option
@raw_option
def command(paths: tuple[str, ...], jobs: int | None, **options: Any) -> int:
    """Lists every register that INPUT's tasks write, by name and field; bits without a name are shown.

    A folder stands for all programs in it.
    """
    given, question = batch.inputs(paths), Question(**options)
    if given.several:
        work = functools.partial(listing, question=question)
        return batch.run(given, work, jobs=jobs, document=batch.LIST if question.as_json else None)
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
    name = [] if question.as_json else [legible(f"{item.path}:")]
    return batch.FileResult("\n".join([*name, *_lines(item.path, question, json_name=item.path)]))


def _lines(path: str, question: Question, json_name: str = "") -> Iterator[str]:
    from ..listing import dump

    program = load_program(path, question.arch, question.raw, question.run)
    task = question.task
    if task is not None and task >= len(program.tasks):
        raise UsageError(f"no task {task}: there are {len(program.tasks)}", file=path, hint="tasks count from 0")
    try:
        entries, notes = dump.tasks(program, task, question.wanted), program.origin.notes
    except RegisterError as error:
        raise error.in_file(path) from error.__cause__
    if question.as_json:
        return _json({"file": json_name} if json_name else {}, program.arch.name, notes, entries)
    return map(legible, _text(notes, entries))


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
