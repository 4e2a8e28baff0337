"""`hwx2py info`."""

from typing import Any

import click

from ..names import legible
from .check import tell_errors
from .files import load_file
from .options import arch_option, raw_option, run_option

#: How the compiler's flags are wrapped: never inside one.
WHOLE_FLAGS: dict[str, Any] = {
    "initial_indent": " " * 14,
    "subsequent_indent": " " * 14,
    "break_on_hyphens": False,
    "break_long_words": False,
}


@click.command(epilog="Example: hwx2py info mul_macos14.hwx")
@click.argument("path", metavar="INPUT")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@arch_option
@run_option
@raw_option
def command(path: str, as_json: bool, arch: str | None, raw: str | None, run: bool) -> None:
    """Shows what INPUT is: container, compiler, sections, tensors with their BARs, a line for each task."""
    from ..listing import info

    file = load_file(path, arch, raw, run)
    summary = info.summary(file.program)
    if as_json:
        import json

        click.echo(json.dumps(summary, indent=2))
    else:
        click.echo("\n".join(map(legible, _text(summary))))
    tell_errors(file, path)


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
