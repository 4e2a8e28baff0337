"""What ran, task by task: as lines, and as data."""

from collections.abc import Sequence
from typing import Any

from .engine import Step


def as_data(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The steps, ready for JSON."""
    return [
        {
            "task": step.task,
            "engine": step.operation.engine,
            "does": step.operation.action,
            "sources": list(step.operation.sources),
            "result": step.operation.result,
            "coefficients": step.operation.coefficients or None,
            "shapes": step.operation.shapes,
            "read": [{"name": move.name, "bytes": move.bytes} for move in step.moves if move.direction == "read"],
            "written": [{"name": move.name, "bytes": move.bytes} for move in step.moves if move.direction == "write"],
        }
        for step in steps
    ]


def as_lines(steps: Sequence[Step]) -> list[str]:
    """One line for each step."""
    return [f"task {step.task}: {step.operation.sentence}; {_moved(step)}" for step in steps]


def _moved(step: Step) -> str:
    totals: dict[tuple[str, str], int] = {}
    for move in step.moves:
        key = (move.direction, move.name)
        totals[key] = totals.get(key, 0) + move.bytes
    return ", ".join(f"{direction} {name} {size} bytes" for (direction, name), size in totals.items())
