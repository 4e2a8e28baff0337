"""A comparison as text, and as Markdown."""

from collections.abc import Iterator

from .model import Change, FieldChange, Report, TaskDifference, WordChange

TITLES = {"identity": "compiler", "container": "container", "tensors": "tensors", "coefficients": "coefficients"}


def as_text(report: Report, verdict: str) -> Iterator[str]:
    """Lines for a terminal; the verdict comes last."""
    yield f"--- {report.a}"
    yield f"+++ {report.b}"
    for name, changes in report.levels.items():
        if changes and name != "coefficients":
            yield from _level(TITLES[name], changes)
    for task in report.tasks:
        yield from _task(task)
    if report.coefficients:
        yield from _level("coefficients", report.coefficients)
    yield from (f"note: {note}" for note in report.notes)
    yield verdict


def _level(title: str, changes: tuple[Change, ...]) -> Iterator[str]:
    yield title
    for change in changes:
        yield f"  {change.what}: {_pair(change.a, change.b)}{_noise(change.noise)}"


def _task(task: TaskDifference) -> Iterator[str]:
    if task.a is None or task.b is None:
        side, index, does = ("-", task.a, task.does_a) if task.b is None else ("+", task.b, task.does_b)
        yield f"{side} task {index}: {does}"
        return
    same = task.does_a == task.does_b
    yield f"task {task.a}" + (f" and {task.b}" if task.b != task.a else "") + f": {task.does_a}"
    if not same:
        yield f"  now: {task.does_b}"
    for register, change in merged(task.changes):
        fields = ", ".join(field_text(field) for field in change.fields)
        yield f"  {register:<40} {word(change.a)} {word(change.b)}  {fields}{_noise(change.noise)}".rstrip()


def merged(changes: tuple[WordChange, ...]) -> list[tuple[str, WordChange]]:
    """Register names and changes; equal changes of neighbours in an array as one, `Block.Register[0..15]`."""
    found: list[tuple[str, WordChange]] = []
    runs: list[tuple[str, int, int]] = []
    for change in changes:
        name, _, index = change.register.rstrip("]").partition("[")
        number = int(index) if index else -1
        if found and number > 0:
            last_name, first, last = runs[-1]
            if last_name == name and last == number - 1 and found[-1][1][2:] == change[2:]:
                runs[-1] = (name, first, number)
                found[-1] = (f"{name}[{first}..{number}]", found[-1][1])
                continue
        runs.append((name, number, number))
        found.append((change.register, change))
    return found


def word(value: int | None) -> str:
    """A word in hex, or dashes where none was written."""
    return "--------" if value is None else f"{value:08x}"


def field_text(field: FieldChange) -> str:
    """A field's change, such as `CacheHint 0 -> 2`."""
    return f"{field.field} {_pair(field.a, field.b)}".strip()


def _pair(a: object, b: object) -> str:
    return f"{_value(a)} -> {_value(b)}"


def _value(value: object) -> str:
    return "none" if value is None else str(value)


def _noise(reason: str) -> str:
    return f"  (noise: {reason})" if reason else ""


def as_markdown(report: Report, verdict: str) -> Iterator[str]:
    """Markdown with a table for each level."""
    yield f"# {_cell(report.a)} and {_cell(report.b)}"
    yield ""
    yield verdict
    for name, changes in report.levels.items():
        if changes:
            yield from ["", f"## {TITLES[name].capitalize()}", "", *_table("what", ((c.what, c.a, c.b, c.noise)
                        for c in changes))]  # fmt: skip
    for task in report.tasks:
        yield from ["", f"## {_cell(task_title(task))}"]
        if task.changes:
            rows = (
                (register, word(c.a), word(c.b), c.noise or "; ".join(field_text(field) for field in c.fields))
                for register, c in merged(task.changes)
            )
            yield from ["", *_table("register", rows, "fields, or why it is noise")]
    if report.notes:
        yield from ["", *(f"Note: {_cell(note)}." for note in report.notes)]


def task_title(task: TaskDifference) -> str:
    """A line about two tasks."""
    if task.b is None:
        return f"Only in the first: task {task.a}, {task.does_a}"
    if task.a is None:
        return f"Only in the second: task {task.b}, {task.does_b}"
    both = f"Task {task.a}" if task.a == task.b else f"Tasks {task.a} and {task.b}"
    return f"{both}: {task.does_a}"


def _table(first: str, rows, last: str = "noise") -> Iterator[str]:
    yield f"| {first} | first | second | {last} |"
    yield "| --- | --- | --- | --- |"
    for row in rows:
        yield "| " + " | ".join(_cell(_value(cell) if cell != "" else "") for cell in row) + " |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("_", "\\_").replace("*", "\\*")
