"""`hwx2py cost`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ..names import legible
from .files import check_output, load_program, tell_written, write_output
from .options import FILE, Raw, arch_option, force_option, raw_option

if TYPE_CHECKING:
    from ..cost import CostReport, Range, TaskCost

HEADINGS = ("task", "read", "written", "coefficients", "L2 read", "L2 written", "MACs", "elementwise", "ExeCycles",
            "engines", "at least", "bound by")  # fmt: skip
COUNTED = ("read_bytes", "written_bytes", "coefficient_bytes", "l2_read_bytes", "l2_written_bytes", "macs",
           "elementwise", "exe_cycles")  # fmt: skip
TIMES = ("engines_us", "estimate_us")


@click.command(epilog="Example: hwx2py cost softmax.hwx --svg ranges.svg")
@click.argument("path", metavar="PROGRAM", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@click.option("--svg", "picture", metavar="FILE", help="Draw the live ranges of L2 and scratch, too.")
@arch_option
@raw_option
@force_option
def command(path: str, as_json: bool, picture: str | None, arch: str | None, raw: Raw | None, force: bool) -> None:
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
    totals = {name: report.total(name) for name in (*COUNTED, "engines_us", "estimate_us")}
    return {
        "arch": arch,
        "tasks": [task._asdict() for task in report.tasks],
        "total": totals,
        "basis": list(report.basis),
        "chips": [chip._asdict() for chip in report.chips],
        "l2": [part._asdict() for part in report.l2],
        "scratch": [part._asdict() for part in report.scratch],
    }


def _text(report: "CostReport") -> list[str]:
    total = [*(str(report.total(name)) for name in COUNTED), *(_us(report.total(name)) for name in TIMES), ""]
    rows = [list(HEADINGS), *(_row(task) for task in report.tasks), ["total", *total]]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    lines += ["", "bytes: read and written by tile DMA, coefficients by kernel DMA; L2 where a tensor lies there"]
    lines += ["engines: the multiply-accumulates at the highest peak that was measured on a chip of this generation"]
    lines += [f"at least: {line}" for line in report.basis]
    for chip in report.chips:
        if chip.most_us:
            least, most = f"{chip.least_us:.4g}", f"{chip.most_us:.4g}"
            lines.append(f"{chip.chip}: at least {least if least == most else f'{least} to {most}'} us: {chip.rates}")
        if chip.submit:
            lines.append(f"{chip.chip}: a submit takes {chip.submit} besides")
    return [*lines, *_ranges("L2", report.l2), *_ranges("scratch", report.scratch)]


def _row(task: "TaskCost") -> list[str]:
    counted = (str(getattr(task, name)) for name in COUNTED)
    return [str(task.index), *counted, *(_us(getattr(task, name)) for name in TIMES), task.bound_by]


def _us(time: float | None) -> str:
    return "-" if time is None else f"{time:.4g} us"


def _ranges(name: str, ranges: "Sequence[Range]") -> list[str]:
    if not ranges:
        return [f"{name}: not used"]
    lines = [f"{name}:"]
    for part in ranges:
        use = f"written by task {part.first_task}" if part.is_written else f"first read by task {part.first_task}"
        lines.append(f"  {part.start:#08x} to {part.end:#08x}  {use}, in use until task {part.last_task}")
    return lines
