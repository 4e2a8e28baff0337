"""A comparison as data for JSON."""

from typing import Any

from .comparison import Change, Comparison, FieldChange, TaskDifference, WordChange


def as_data(comparison: Comparison, verdict: str) -> dict[str, Any]:
    """The comparison as dictionaries and lists; every row has its class and, where it does not compute, why.

    Args:
        comparison: what differs.
        verdict: whether the two compute the same, in a sentence.
    """
    return {
        "a": comparison.a,
        "b": comparison.b,
        "architectures": list(comparison.architectures),
        **{name: [_row("what", change) for change in changes] for name, changes in comparison.levels.items()},
        "tasks": [_task(task) for task in comparison.tasks],
        "moved": [{"field": move.field, "a": move.a._asdict(), "b": move.b._asdict()} for move in comparison.moved],
        "notes": list(comparison.notes),
        "operations": comparison.operations._asdict(),
        "operations_equal": comparison.operations_are_equal,
        "computes_same": comparison.computes_same,
        "same": comparison.is_empty,
        "verdict": verdict,
    }


def _row(name: str, change: Change | FieldChange) -> dict[str, Any]:
    why = change.reason.words if change.reason else ""
    return {name: change[0], "a": change.a, "b": change.b, "class": str(change.kind), "why": why}


def _task(task: TaskDifference) -> dict[str, Any]:
    return {
        "a": task.a,
        "b": task.b,
        "does_a": task.does_a,
        "does_b": task.does_b,
        "class": str(task.kind),
        "same_operation": task.is_paired and not task.operation and not task.unknown,
        "not_understood": task.unknown,
        "operation": [_row("what", change) for change in task.operation],
        "changes": [_word(change) for change in task.changes],
        "moved": task.moved,
        "lone": [{"field": field.field, "a": field.a, "b": field.b} for field in task.lone],
    }


def _word(change: WordChange) -> dict[str, Any]:
    return {
        "register": change.register,
        "address": change.address,
        "a": change.a,
        "b": change.b,
        "class": str(change.kind),
        "why": change.why,
        "fields": [_row("field", field) for field in change.fields],
    }
