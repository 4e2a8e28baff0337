"""What passes did, as lines for people: every changed word, equal changes of neighbours on one line."""

from collections.abc import Iterable, Sequence

from ..program.program import Program
from .edits import Outcome


def report(outcomes: Sequence[Outcome], program: Program) -> list[str]:
    """The lines, without a trailing newline each."""
    lines = []
    for outcome in outcomes:
        name = outcome.cleaning.name
        if not outcome.applied:
            known = ", ".join(outcome.cleaning.architectures)
            lines.append(f"Pass {name}: not for {program.arch.name} (it rests on what is known of {known})")
            continue
        tasks = {edit.task for edit in outcome.edits}
        count = len(outcome.edits)
        lines.append(f"Pass {name}: {_count(count, 'word')} of {_count(len(tasks), 'task')} changed")
        edits = ((edit.task, edit.register, (edit.old, edit.new)) for edit in outcome.edits)
        lines += [f"    {place} {old:#x} -> {new:#x}" for place, (old, new) in _merged(edits)]
        kept = ((entry.task, entry.register, (entry.value, entry.why)) for entry in outcome.kept)
        lines += [f"    {place} {value:#x} left alone: {why}" for place, (value, why) in _merged(kept)]
    return lines


def summary(outcomes: Sequence[Outcome]) -> list[str]:
    """A line for each pass that changed or left something: how many words, of which tasks."""
    lines = []
    for outcome in outcomes:
        parts = [
            f"{_count(len(entries), 'word')} {what} in {_tasks({entry.task for entry in entries})}"
            for entries, what in ((outcome.edits, "changed"), (outcome.kept, "left alone"))
            if entries
        ]
        if parts:
            lines.append(f"Pass {outcome.cleaning.name}: {', '.join(parts)}")
    return lines


#: Ranges of tasks that a summary lists.
MOST_RANGES = 8


def _tasks(numbers: set[int]) -> str:
    """Tasks by number; how many of which where there are many ranges."""
    ranges = _ranges(list(numbers))
    if ranges.count(",") >= MOST_RANGES:
        return f"{len(numbers)} tasks ({min(numbers)} to {max(numbers)})"
    return f"task{'s' if len(numbers) > 1 else ''} {ranges}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _merged(entries: Iterable[tuple[int, str, tuple[object, ...]]]) -> list[tuple[str, tuple[object, ...]]]:
    """Entries with equal facts as one: registers of an array as a range, tasks as ranges."""
    by_task: dict[tuple[int, str, tuple[object, ...]], list[int]] = {}
    for task, register, facts in entries:
        name, _, index = register.rstrip("]").partition("[")
        by_task.setdefault((task, name, facts), []).append(int(index) if index else -1)
    by_place: dict[tuple[str, tuple[object, ...]], list[int]] = {}
    for (task, name, facts), indexes in by_task.items():
        place = name if indexes == [-1] else f"{name}[{_ranges(indexes)}]"
        by_place.setdefault((place, facts), []).append(task)
    return [
        (f"task{'s' if len(tasks) > 1 else ''} {_ranges(tasks)}: {place}", facts)
        for (place, facts), tasks in by_place.items()
    ]


def _ranges(numbers: list[int]) -> str:
    """1, 2, 3, 7 as "1..3, 7"."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}..{last}" for first, last in parts)
