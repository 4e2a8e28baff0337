"""What ran, task by task: as lines, and as data."""

from collections.abc import Sequence
from typing import Any

from ..operations.wording import Names, action, engine, operand_name, result_name, sentence, shapes
from .engine import Step


def as_data(steps: Sequence[Step], names: Names) -> list[dict[str, Any]]:
    """The steps, ready for JSON.

    Args:
        steps: what ran.
        names: how buffers are called.
    """
    return [
        {
            "task": step.task,
            "engine": engine(step.operation),
            "does": action(step.operation, names),
            "sources": [operand_name(operand, names) for operand in step.operation.inputs],
            "result": result_name(step.operation.result, names),
            "shapes": shapes(step.operation),
            "read": [{"name": move.name, "bytes": move.bytes} for move in step.moves if move.direction == "read"],
            "written": [{"name": move.name, "bytes": move.bytes} for move in step.moves if move.direction == "write"],
        }
        for step in steps
    ]


def as_lines(steps: Sequence[Step], names: Names) -> list[str]:
    """One line for each step."""
    return [f"task {step.task}: {sentence(step.operation, names)}; {_moved(step)}" for step in steps]


def _moved(step: Step) -> str:
    totals: dict[tuple[str, str], int] = {}
    for move in step.moves:
        key = (move.direction, move.name)
        totals[key] = totals.get(key, 0) + move.bytes
    return ", ".join(f"{direction} {name} {size} bytes" for (direction, name), size in totals.items())
