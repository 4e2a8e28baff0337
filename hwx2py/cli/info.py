"""`hwx2py info`."""

import functools
from typing import Any, NamedTuple

import click

from ..names import legible
from . import batch
from .check import errors_note
from .files import load_file
from .options import Raw, Run, arch_option, raw_option, run_option

#: How the compiler's flags are wrapped: never inside one.
WHOLE_FLAGS: dict[str, Any] = {
    "initial_indent": " " * 14,
    "subsequent_indent": " " * 14,
    "break_on_hyphens": False,
    "break_long_words": False,
}


class Question(NamedTuple):
    """What is asked: the form of the answer, and how to read."""

    as_json: bool
    arch: str | None
    raw: Raw | None
    run: Run
    in_batch: bool


@batch.command(epilog="Example: hwx2py info mul_macos14.hwx")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON; a list for several INPUTs or a folder.")
@arch_option
@run_option
@raw_option
def command(paths: tuple[str, ...], jobs: int | None, as_json: bool, **options: Any) -> int:
    """Shows what INPUT is: container, compiler, sections, tensors with their BARs, a line for each task.

    A folder stands for all programs in it.
    """
    given = batch.inputs(paths)
    question = Question(as_json, **options, in_batch=given.several)
    work = functools.partial(describe, question=question)
    return batch.run(given, work, jobs=jobs, document=batch.LIST if as_json else None)


def describe(item: batch.Input, question: Question) -> batch.FileResult:
    """Says what a file is.

    Args:
        item: the file.
        question: what is asked.

    Raises:
        HwxError: with the file's name, whatever went wrong.
    """
    from ..listing import info

    file = load_file(item.path, question.arch, question.raw, question.run)
    summary = info.summary(file)
    if question.in_batch:
        summary["file"] = item.path
    if question.as_json:
        import json

        text = json.dumps(summary, indent=2)
    else:
        text = "\n".join([*map(legible, _text(summary)), *([""] if question.in_batch else [])])
    return batch.FileResult(text, errors_note(file, item.path))


def _text(summary: dict[str, Any]) -> list[str]:
    import textwrap

    lines = [
        f"{summary['file']}: {summary['format']}, {summary['size_bytes']} bytes",
        f"architecture  {summary['arch']} ({', '.join(summary['chips'])})",
        f"              register table: {summary['confidence']} confidence; {summary['evidence']}",
        *(f"              also called {name}" for name in summary["also_called"]),
        f"compiler      {summary['compiler'] or 'not named in the file'}",
        *textwrap.wrap(" ".join(summary["flags"]), 100, **WHOLE_FLAGS),
        *(f"note          {note}" for note in summary["notes"]),
    ]
    if header := summary["header"]:
        sizes = ", ".join(f"{name} {header[name]:#x}" for name in ("size", "td_size", "tsk_size", "krn_size"))
        counts = ", ".join(f"{name} {header[name]}" for name in ("td_count", "src_count", "dst_count"))
        tiles = ", ".join(f"{buffer}: {tiles}" for buffer, tiles in header["tiles"].items())
        lines.append(f"header        content at {header['content_offset']:#x}; {sizes}; {counts}")
        lines.append(f"              tiles of 0x4000 bytes by BAR: {tiles}")
    if summary["sections"]:
        lines.append("sections")
    for section in summary["sections"]:
        place = f"at {section['file_offset']:#x} of the file" if section["file_offset"] else "no bytes in the file"
        lines.append(f"  {section['name']:<24} {section['address']:#011x}  {section['size_bytes']:#9x} bytes, {place}")
    lines.append(f"text          {summary['text_bytes']:#x} bytes")
    for stream in summary["streams"]:
        tasks = f"{stream['task_count']} task{'s' if stream['task_count'] > 1 else ''} from {stream['first_task']} on"
        lines.append(f"stream        {stream['name']}: at {stream['offset']:#x}, {tasks}")
    if summary["const_bytes"]:
        place = f"{summary['const_offset']:#x} behind the start of the text"
        lines.append(f"coefficients  {summary['const_bytes']:#x} bytes, {place}")
    lines += [f"kernels       {k['name']}: BAR {k['bar']}, {k['size_bytes']:#x} bytes" for k in summary["kernels"]]
    lines += ["tensors", *_table([_tensor(tensor) for tensor in summary["tensors"]])]
    lines.append("tasks")
    width = len(str(len(summary["tasks"])))
    for task in summary["tasks"]:
        lines.append(f"  {task['index']:>{width}}  {task['offset']:#07x} +{task['size_bytes']:<4} {task['does']}")
    if notes := [task["words"] for task in summary["tasks"] if task["words"]]:
        from ..program.task_notes import grouped, ranges

        lines.append("where the words come from")
        lines += [f"  {note}: tasks {ranges(tasks)}" for note, tasks in grouped(notes).items()]
    return lines


def _tensor(tensor: dict[str, Any]) -> list[str]:
    shape = " x ".join(map(str, tensor["shape"])) if tensor["shape"] else "-"
    strides = " ".join(map(str, tensor["strides_bytes"])) if tensor["strides_bytes"] else "-"
    return [
        tensor["name"],
        tensor["role"],
        "BAR " + ", ".join(map(str, [tensor["bar"], *tensor["further_bars"]])),
        shape,
        f"strides {strides}",
        tensor["dtype"] or "-",
        f"{tensor['size_bytes']} bytes",
    ]


def _table(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    return ["  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
