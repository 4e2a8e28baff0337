"""`hwx2py cost`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ..names import legible
from .files import check_output, load_program, tell_written, write_output
from .options import arch_option, force_option, raw_option

if TYPE_CHECKING:
    from ..cost import CostReport, Range, TaskCost

HEADINGS = ("task", "read", "written", "coefficients", "L2 read", "L2 written", "MACs", "elementwise", "ExeCycles",
            "estimate", "bound by")  # fmt: skip
COUNTED = ("read_bytes", "written_bytes", "coefficient_bytes", "l2_read_bytes", "l2_written_bytes", "macs",
           "elementwise", "exe_cycles")  # fmt: skip


@click.command(epilog="Example: hwx2py cost softmax.hwx --svg ranges.svg")
@click.argument("path", metavar="PROGRAM")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@click.option("--svg", "picture", metavar="FILE", help="Draw the live ranges of L2 and scratch, too.")
@arch_option
@raw_option
@force_option
def command(path: str, as_json: bool, picture: str | None, arch: str | None, raw: str | None, force: bool) -> None:
    """Counts, for every task, bytes moved, operations and the estimated time, and says what bounds it."""
    from .. import cost

    program = load_program(path, arch, raw)
    if picture:
        check_output(picture, [path])
    report = cost.cost(program)
    if as_json:
        import json

        click.echo(json.dumps(_data(program.arch.name, report), indent=2))
    else:
        click.echo("\n".join(map(legible, _text(report))))
    if picture:
        drawn = cost.svg(report, f"{program.origin.name}: memory in use").encode()
        tell_written(picture, program, write_output(picture, [drawn], [path], force=force))


def _data(arch: str, report: "CostReport") -> dict[str, Any]:
    totals = {name: report.total(name) for name in (*COUNTED, "estimate_us")}
    return {
        "arch": arch,
        "tasks": [task._asdict() for task in report.tasks],
        "total": totals,
        "basis": list(report.basis),
        "l2": [part._asdict() for part in report.l2],
        "scratch": [part._asdict() for part in report.scratch],
    }


def _text(report: "CostReport") -> list[str]:
    total = [*(str(report.total(name)) for name in COUNTED), f"{report.total('estimate_us'):.4g} us", ""]
    rows = [list(HEADINGS), *(_row(task) for task in report.tasks), ["total", *total]]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    lines += ["", "bytes: read and written by tile DMA, coefficients by kernel DMA; L2 where a tensor lies there"]
    lines += [f"estimate: {line}" for line in report.basis]
    return [*lines, *_ranges("L2", report.l2), *_ranges("scratch", report.scratch)]


def _row(task: "TaskCost") -> list[str]:
    estimate = "-" if task.estimate_us is None else f"{task.estimate_us:.4g} us"
    return [str(task.index), *(str(getattr(task, name)) for name in COUNTED), estimate, task.bound_by]


def _ranges(name: str, ranges: "Sequence[Range]") -> list[str]:
    if not ranges:
        return [f"{name}: not used"]
    lines = [f"{name}:"]
    for part in ranges:
        use = f"written by task {part.first_task}" if part.is_written else f"first read by task {part.first_task}"
        lines.append(f"  {part.start:#08x} to {part.end:#08x}  {use}, in use until task {part.last_task}")
    return lines
