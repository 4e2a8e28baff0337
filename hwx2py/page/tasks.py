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


def tasks(program: Program, costs: CostReport, words: Words) -> Iterator[dict[str, Any]]:
    """A row for each task, ready for JSON.

    Args:
        program: the program.
        costs: what its tasks cost.
        words: takes the words of each.
    """
    for task, told, cost in zip(program.tasks, narrated(program), costs.tasks):
        operation, names = told
        coefficients = coefficient_span(operation)
        row = {
            "does": legible(statement(operation, names)),
            "with": legible(setting(operation, names)),
            "planar": isinstance(operation, Planar),
            "engine": engine(operation),
            "at": task.offset,
            "bytes": task.size_bytes,
            "operands": [
                *(_operand(operand, legible(operand_name(operand, names))) for operand in operation.inputs),
                *(_stored(operation.result, place, names) for place in _places(operation.result)),
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


def _operand(operand: Operand, name: str) -> dict[str, Any]:
    stored = operand.shape.exchanged() if operand.exchanged else operand.shape
    row = _placed(operand.where, stored, operand.shape, operand.element)
    remarks = [
        *(["clamped at 0"] if operand.relu else []),
        *(["stored with channels and columns exchanged"] if operand.exchanged else []),
        *([f"one element serves all of {', '.join(operand.broadcast)}"] if operand.broadcast else []),
        *([f"passes through L2 at {operand.stage.base_bytes:#x}"] if operand.stage else []),
        *(["a copy stays there"] if operand.keeps else []),
    ]
    return {"use": "reads", "name": name, **row, **({"remarks": remarks} if remarks else {})}


def _stored(result: Result, place: Dma | InL2, names: Names) -> dict[str, Any]:
    stored = result.shape.exchanged() if result.exchanged else result.shape
    row = _placed(place, stored, result.shape, result.element)
    remarks = ["stored with channels and columns exchanged"] if result.exchanged else []
    name = legible(place_name(place, stored, result.element, names))
    return {"use": "writes", "name": name, **row, **({"remarks": remarks} if remarks else {})}


def _placed(where: Dma | InL2, stored: Shape, shape: Shape, element: Element) -> dict[str, Any]:
    """Where a tensor lies: its bytes from the first to the last element, and the strides between them."""
    place = span(where, stored, element)
    row: dict[str, Any] = {
        "bar": L2 if isinstance(where, InL2) else where.bar,
        "from": place.start,
        "to": place.end,
        "strides": list(where.strides),
        "shape": list(shape),
        "format": element.name,
    }
    if isinstance(where, InL2):
        return row | ({"chained": True} if where.chained else {})
    if not where.enabled:
        row["off"] = True
    return row | ({"interleave": where.interleave} if where.interleave > 1 else {})


def _cost(cost: TaskCost) -> dict[str, Any]:
    """What a task costs; what is 0 or not known is left out."""
    row = cost._asdict()
    return {name: value for name, value in row.items() if name not in ("index", "sentence") and value}
