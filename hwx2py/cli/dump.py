"""`hwx2py dump`."""

from collections.abc import Iterator
from typing import Any

import click

from ..errors import UsageError
from ..names import legible
from .files import load_program
from .options import arch_option, raw_option, run_option


@click.command(epilog="Example: hwx2py dump mul_macos14.hwx --task 0")
@click.argument("path", metavar="INPUT")
@click.option("--task", type=click.IntRange(min=0), metavar="N", help="Only this task.")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@arch_option
@run_option
@raw_option
def command(path: str, task: int | None, as_json: bool, arch: str | None, raw: str | None, run: bool) -> None:
    """Lists every register that INPUT's tasks write, by name and field; bits without a name are shown."""
    from ..listing import dump

    program = load_program(path, arch, raw, run)
    if task is not None and task >= len(program.tasks):
        raise UsageError(f"no task {task}: there are {len(program.tasks)}", file=path, hint="tasks count from 0")
    entries, notes = dump.tasks(program, task), program.origin.notes
    for line in _json(program.arch.name, notes, entries) if as_json else map(legible, _text(notes, entries)):
        click.echo(line)


def _json(arch: str, notes: tuple[str, ...], entries: Iterator[dict[str, Any]]) -> Iterator[str]:
    """One object, a task a line."""
    import json

    yield f'{{"arch": {json.dumps(arch)}, "notes": {json.dumps(notes)}, "tasks": ['
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
        for word, row in enumerate(entry["header"]):
            yield _line(4 * word, row)
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
