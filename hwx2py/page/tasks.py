"""Tasks as the page shows them: what each does, with which operands and words, and what it costs."""

from collections.abc import Iterator, Sequence
from typing import Any

from ..cost import CostReport, TaskCost
from ..names import legible
from ..operations import Dma, Element, InL2, Names, Operand, Planar, Result, Shape
from ..operations.places import coefficient_span, span
from ..operations.wording import engine, narrated, operand_name, place_name, setting, statement
from ..program.program import Program
from .words import Words

#: What a place in L2 has instead of a BAR.
L2 = "L2"
#: The figures of a task's cost that the page has.
COSTS = tuple(name for name in TaskCost._fields if name not in ("index", "sentence", "engines_us"))


class Layouts:
    """Layouts of tensors that many operands share, each once: shape, strides, format, and what goes with them."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self.rows: list[dict[str, Any]] = []

    def number(self, row: dict[str, Any]) -> int:
        """The number of a layout."""
        key = repr(row)
        if key not in self._numbers:
            self._numbers[key] = len(self.rows)
            self.rows.append(row)
        return self._numbers[key]


def tasks(program: Program, costs: CostReport, words: Words, layouts: Layouts) -> Iterator[dict[str, Any]]:
    """A row for each task, ready for JSON.

    Args:
        program: the program.
        costs: what its tasks cost.
        words: takes the words of each.
        layouts: takes the layouts of operands.
    """
    for task, told, cost in zip(program.tasks, narrated(program), costs.tasks):
        operation, names = told
        coefficients = coefficient_span(operation)
        row = {
            "does": legible(statement(operation, names)),
            "with": legible(setting(operation, names)),
            "planar": isinstance(operation, Planar),
            "engine": words.texts.number(engine(operation)),
            "at": task.offset,
            "bytes": task.size_bytes,
            "operands": [
                *(_operand(operand, legible(operand_name(operand, names)), layouts) for operand in operation.inputs),
                *(_stored(operation.result, place, names, layouts) for place in _places(operation.result)),
            ],
            "cost": _cost(cost),
            **words.take(task),
        }
        if coefficients:
            row["fetches"] = [coefficients.memory, coefficients.start, coefficients.end]
        if operation.unknowns:
            row["unknown"] = [
                [legible(unknown.register), legible(str(unknown.value)), legible(unknown.why)]
                for unknown in operation.unknowns
            ]
        yield row


def _places(result: Result) -> Sequence[Dma | InL2]:
    return [place for place in (result.memory, result.l2) if place]


def _operand(operand: Operand, name: str, layouts: Layouts) -> dict[str, Any]:
    stored = operand.stored
    remarks = [
        *(["clamped at 0"] if operand.relu else []),
        *(["stored with channels and columns exchanged"] if operand.exchanged else []),
        *([f"one element serves all of {', '.join(operand.broadcast)}"] if operand.broadcast else []),
        *([f"passes through L2 at {operand.stage.base_bytes:#x}"] if operand.stage else []),
        *(["a copy stays there"] if operand.keeps else []),
    ]
    return {"name": name, **_placed("reads", operand.where, stored, operand.element, remarks, layouts)}


def _stored(result: Result, place: Dma | InL2, names: Names, layouts: Layouts) -> dict[str, Any]:
    stored = result.stored
    remarks = ["stored with channels and columns exchanged"] if result.exchanged else []
    name = legible(place_name(place, stored, result.element, names))
    return {"name": name, **_placed("writes", place, stored, result.element, remarks, layouts)}


def _placed(
    use: str, where: Dma | InL2, stored: Shape, element: Element, remarks: list[str], layouts: Layouts
) -> dict[str, Any]:
    """Where a tensor lies: its bytes from the first to the last element, and its layout there."""
    place = span(where, stored, element)
    bar: int | str | None
    if isinstance(where, InL2):
        bar = L2
        remarks = [*(["handed on tile by tile"] if where.chained else []), *remarks]
    else:
        bar = where.bar
        remarks = [
            *([] if where.enabled else ["the BAR is not enabled"]),
            *([f"{where.interleave} channels side by side"] if where.interleave > 1 else []),
            *remarks,
        ]
    layout = {"use": use, "shape": list(stored), "strides": list(where.strides), "format": element.name}
    number = layouts.number(layout | ({"remarks": remarks} if remarks else {}))
    return {"bar": bar, "from": place.start, "to": place.end, "layout": number}


def _cost(cost: TaskCost) -> list[Any]:
    """What a task costs, in the order of `COSTS`."""
    return [getattr(cost, name) for name in COSTS]
