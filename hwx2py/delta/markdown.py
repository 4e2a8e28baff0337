"""A comparison as Markdown, with a table for each level."""

from collections.abc import Iterable, Iterator, Sequence

from .comparison import Comparison, TaskDifference
from .text import TITLES, field_text, merged, value, word


def as_markdown(comparison: Comparison, verdict: str) -> Iterator[str]:
    """Lines of Markdown; the verdict comes first.

    Args:
        comparison: what differs.
        verdict: whether the two compute the same, in a sentence.
    """
    yield f"# {_cell(comparison.a)} and {_cell(comparison.b)}"
    yield ""
    yield verdict
    for name, changes in comparison.levels.items():
        if changes:
            rows = ((c.what, c.a, c.b, c.kind, c.reason.words if c.reason else "") for c in changes)
            yield from ["", f"## {TITLES[name].capitalize()}", "", *_table(("what", *_SIDES, "class", "why"), rows)]
    for task in comparison.tasks:
        yield from ["", f"## {_cell(_title(task))}"]
        yield from _tables(task, comparison)
    if comparison.moved:
        moves = ((move.field, move.a, move.b) for move in comparison.moved)
        yield from ["", "## Moved fields", "", *_table(("field", *comparison.architectures), moves)]
    if comparison.notes:
        yield from ["", *(f"Note: {_cell(note)}." for note in comparison.notes)]


_SIDES = ("first", "second")


def _tables(task: TaskDifference, comparison: Comparison) -> Iterator[str]:
    if task.operation:
        rows = ((change.what, change.a, change.b) for change in task.operation)
        yield from ["", *_table(("operation", *_SIDES), rows)]
    elif task.is_paired and comparison.is_across:
        yield from ["", f"Not understood: {_cell(task.unknown)}." if task.unknown else "Same operation."]
    if task.changes:
        words = (
            (register, word(c.a), word(c.b), c.kind, c.why or "; ".join(field_text(field) for field in c.fields))
            for register, c in merged(task.changes)
        )
        yield from ["", *_table(("register", *_SIDES, "class", "fields, or why they do not compute"), words)]
    if task.lone:
        lone = ((field.field, field.a, field.b) for field in task.lone)
        yield from ["", *_table(("field of one only", *comparison.architectures), lone)]


def _title(task: TaskDifference) -> str:
    if task.b is None:
        return f"Only in the first: task {task.a}, {task.does_a}"
    if task.a is None:
        return f"Only in the second: task {task.b}, {task.does_b}"
    both = f"Task {task.a}" if task.a == task.b else f"Tasks {task.a} and {task.b}"
    return f"{both}: {task.does_a}"


def _table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield f"| {' | '.join(titles)} |"
    yield f"| {' | '.join('---' for _ in titles)} |"
    for row in rows:
        yield "| " + " | ".join(_cell(value(cell)) for cell in row) + " |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("_", "\\_").replace("*", "\\*")
