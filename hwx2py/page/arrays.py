"""Coefficients and results as the page shows them: figures, a histogram and a small picture of each."""

from typing import Any

from .. import spread, weights
from ..emulator import values
from ..emulator.engine import Step
from ..names import legible
from ..operations.tables import Curve
from ..program.program import Program

#: Cells of all small pictures together, and of one of them at most.
ALL_CELLS, MOST_CELLS = 600_000, 1536
#: Smaller pictures say nothing: where arrays are so many that this is all they get, they have histograms only.
LEAST_CELLS = 48
#: Cells of the picture of what a task wrote.
VALUE_CELLS = 256
#: Arrays whose figures are shown; beyond it they are only named.
MOST_ARRAYS = 10_000
#: Parts of a lookup table that its curve makes superfluous.
IN_CURVE = ("table_limits", "table_outside", "table_lines", "table_shift", "table_mode")


def coefficients(program: Program) -> dict[str, Any]:
    """The logical arrays of a program, ready for JSON.

    Args:
        program: the program.

    Returns:
        `arrays`, each with the tasks that use it, and `notes` on what could not be taken apart.
    """
    found = weights.find(program)
    shown = [array for array in found.arrays if array.kind not in IN_CURVE]
    cells = min(MOST_CELLS, ALL_CELLS // max(len(shown), 1))
    rows = [_array(program, array, cells, number < MOST_ARRAYS) for number, array in enumerate(shown)]
    return {"arrays": rows, "notes": [legible(note) for note in found.notes]}


def _array(program: Program, array: weights.LogicalArray, cells: int, in_full: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": legible(array.name),
        "kind": array.kind,
        "shape": list(array.shape),
        "tasks": list(array.tasks),
        "buffer": legible(array.buffer),
    }
    if not in_full:
        return row
    if array.kind == "table" and array.table_start is not None:
        row["curve"] = _curve(weights.table_of(program, array))
    elements = weights.values(program, array)
    summed = spread.spread(elements)
    row["figures"] = figures(summed)
    if summed.bins and elements.size > spread.FIRST and cells >= LEAST_CELLS and "curve" not in row:
        picture = spread.thumbnail(elements, cells)
        row["picture"] = [picture.rows, picture.columns, picture.cells, number(picture.most)]
    return row


def _curve(curve: Curve) -> dict[str, Any]:
    """A table's samples, and the arguments between which they lie."""
    return {"low": number(curve.low), "high": number(curve.high), "samples": [number(y) for y in curve.samples]}


def figures(summed: spread.Spread) -> dict[str, Any]:
    """A summary, ready for JSON: six digits are enough to look at."""
    return {
        "count": summed.count,
        "smallest": number(summed.smallest),
        "largest": number(summed.largest),
        "mean": number(summed.mean),
        "zeros": summed.zeros,
        "odd": summed.odd,
        "first": [number(value) for value in summed.first],
        "bins": list(summed.bins),
    }


def number(value: float | int | None) -> float | int | str | None:
    """A number with six digits; text where JSON has none."""
    if value is None or isinstance(value, int):
        return value
    return float(f"{value:.6g}") if value - value == 0 else str(value)


class Recorder:
    """Takes down what tasks write, as the engine's `on_result`; arrays are summed up at once, and not kept."""

    def __init__(self) -> None:
        self.rows: dict[int, dict[str, Any]] = {}

    def __call__(self, step: Step, bits: Any) -> None:
        """Takes down one result."""
        summary = values.summary(step, bits)
        elements = bits.view(step.operation.result.element.dtype)
        summed = spread.spread(elements)
        row = self.rows[step.task] = {
            "places": [legible(place) for place in summary.places],
            "shape": list(summary.shape),
            "dtype": summary.dtype,
            "figures": figures(summed),
        }
        if summed.bins and elements.size > spread.FIRST:
            picture = spread.thumbnail(elements.reshape(-1, elements.shape[-1]), VALUE_CELLS)
            row["picture"] = [picture.rows, picture.columns, picture.cells, number(picture.most)]
