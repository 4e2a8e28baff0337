"""A comparison as text for a terminal."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from .comparison import Change, Class, Comparison, FieldChange, Reason, TaskDifference, WordChange, counted

TITLES = {"identity": "compiler", "container": "container", "tensors": "tensors", "coefficients": "coefficients"}
COLUMNS = 110


def as_text(comparison: Comparison, verdict: str, context: Mapping[int, str] | None = None) -> Iterator[str]:
    """Lines for a terminal; the verdict comes last.

    Args:
        comparison: what differs.
        verdict: whether the two compute the same, in a sentence.
        context: tasks of the first program that do not differ and are shown nevertheless: index -> what it does.
    """
    yield f"--- {comparison.a}"
    yield f"+++ {comparison.b}"
    for name, changes in comparison.levels.items():
        if changes and name != "coefficients":
            yield from _level(TITLES[name], changes)
    same = sorted((context or {}).items(), reverse=True)
    for task in comparison.tasks:
        while same and task.a is not None and same[-1][0] < task.a:
            yield _same(*same.pop())
        yield from _task(task, comparison)
    yield from (_same(*same.pop()) for _ in range(len(same)))
    if comparison.coefficients:
        yield from _level("coefficients", comparison.coefficients)
    if comparison.moved:
        yield from _moved(comparison)
    yield from (f"note: {note}" for note in comparison.notes)
    yield verdict


def _same(index: int, does: str) -> str:
    return f"  task {index}, the same: {does}"


def _level(title: str, changes: tuple[Change, ...]) -> Iterator[str]:
    yield title
    for change in changes:
        line = f"  {change.what}: {pair(change.a, change.b)}{_reason(change.reason)}"
        if len(line) <= COLUMNS:
            yield line
            continue
        yield f"  {change.what}:{_reason(change.reason)}"
        for sign, text in (("-", change.a), ("+", change.b)):
            yield from _wrapped(value(text), f"    {sign} ", "      ")


def _wrapped(text: str, first: str, further: str) -> list[str]:
    """The text broken at spaces only."""
    if len(first) + len(text) <= COLUMNS:
        return [first + text]
    import textwrap

    return textwrap.wrap(
        text,
        COLUMNS,
        initial_indent=first,
        subsequent_indent=further,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _task(task: TaskDifference, comparison: Comparison) -> Iterator[str]:
    if not task.is_paired:
        sign, index, does = ("-", task.a, task.does_a) if task.b is None else ("+", task.b, task.does_b)
        yield f"{sign} task {index}: {does}"
        return
    yield f"task {task.a}" + (f" and {task.b}" if task.b != task.a else "") + f": {task.does_a}"
    if task.does_a != task.does_b:
        yield f"  now: {task.does_b}"
    yield from _operation(task, comparison)
    yield from _registers(merged(change for change in task.changes if change.kind is not Class.IDLE))
    idle = merged(change for change in task.changes if change.kind is Class.IDLE)
    if idle:
        count = sum(change.kind is Class.IDLE for change in task.changes)
        names = ", ".join(register for register, _ in idle)
        yield from _wrapped(f"{counted(count, 'idle register')}: {names}", "  ", "      ")
    yield from _places(task, comparison)


def _registers(changes: list[tuple[str, WordChange]]) -> Iterator[str]:
    """A line for each register; why a difference does not compute stands in one column, as far as the lines let it."""
    lines = []
    for register, change in changes:
        fields = ", ".join(field_text(field) for field in change.fields)
        words = "" if change.a is change.b is None else f"{word(change.a)} {word(change.b)}  "
        why = f"  (noise: {change.why})" if change.kind is Class.NOISE else ""
        lines.append((f"  {register:<40} {words}{fields}", why))
    explained = [len(line) for line, why in lines if why and len(line) <= COLUMNS]
    width = max(explained, default=0)
    yield from (f"{line:<{width}}{why}".rstrip() for line, why in lines)


def as_stat(comparison: Comparison, verdict: str) -> Iterator[str]:
    """A line for each task that differs, with how many registers of each class; the verdict comes last.

    Args:
        comparison: what differs.
        verdict: whether the two compute the same, in a sentence.
    """
    for name, changes in comparison.levels.items():
        if changes:
            yield f"{TITLES[name]:<16}{_counts(change.kind for change in changes)}"
    for task in comparison.tasks:
        if not task.is_paired:
            index, whose = (task.a, comparison.a) if task.b is None else (task.b, comparison.b)
            yield f"{f'task {index}':<16}only in {whose}"
            continue
        label = f"task {task.a}" + (f" and {task.b}" if task.b != task.a else "")
        operation = "does something else, " if task.operation else ""
        registers = _counts(change.kind for change in task.changes)
        yield f"{label:<16}{operation}{registers or 'same registers'}".rstrip(", ")
    yield verdict


def _counts(kinds: Iterable[Class]) -> str:
    """How many there are of each class: "2 computes, 43 idle"."""
    numbers = Counter(kinds)
    return ", ".join(f"{numbers[kind]} {kind}" for kind in Class if numbers[kind])


def _operation(task: TaskDifference, comparison: Comparison) -> Iterator[str]:
    """Where the architectures differ, whether the task does the same; where not, in what it does something else."""
    for change in task.operation:
        yield f"  {change.what}: {pair(change.a, change.b)}"
    if comparison.is_across and not task.operation:
        yield f"  not understood: {task.unknown}" if task.unknown else "  same operation"


def _places(task: TaskDifference, comparison: Comparison) -> Iterator[str]:
    if task.moved:
        yield f"  {counted(task.moved, 'field')} moved"
    gone = [f"{field.field}={field.a}" for field in task.lone if field.b is None]
    new = [f"{field.field}={field.b}" for field in task.lone if field.a is None]
    for name, fields in zip(comparison.architectures, (gone, new)):
        if fields:
            yield from _wrapped(f"{name} only: {', '.join(fields)}", "  ", "      ")


def _moved(comparison: Comparison) -> Iterator[str]:
    """Where the fields of each register of the first architecture have gone."""
    yield f"registers of {comparison.architectures[0]} that moved in {comparison.architectures[1]}"
    homes: dict[str, dict[str, None]] = {}
    for move in comparison.moved:
        one, two = (f"{place.register} ({place.address:#x})" for place in (move.a, move.b))
        homes.setdefault(one, {})[two if one != two else "the same, other bits"] = None
    for one, places in homes.items():
        yield from _wrapped(f"{one}: {', '.join(places)}", "  ", "      ")


def merged(changes: Iterable[WordChange]) -> list[tuple[str, WordChange]]:
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


def word(number: int | None) -> str:
    """A word in hex, or dashes where none was written."""
    return "--------" if number is None else f"{number:08x}"


def field_text(field: FieldChange) -> str:
    """A field's change, such as `CacheHint 0 -> 2`."""
    return f"{field.field} {pair(field.a, field.b)}".strip()


def pair(a: object, b: object) -> str:
    """Both values."""
    return f"{value(a)} -> {value(b)}"


def value(something: object) -> str:
    """A value; "none" for one that a side lacks."""
    return "none" if something is None else str(something)


def _reason(reason: Reason | None) -> str:
    return f"  ({reason.kind}: {reason.words})" if reason else ""
