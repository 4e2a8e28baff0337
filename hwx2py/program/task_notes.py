"""Notes on the tasks of a program as text: a line for each note that tasks share, with the tasks that it is about."""

import re
from collections.abc import Iterable, Sequence

_LINE = re.compile(r"([0-9,-]+) (.+)")


def grouped(notes: Sequence[str]) -> dict[str, list[int]]:
    """Each note with the tasks that have it, in order of first use."""
    found: dict[str, list[int]] = {}
    for task, note in enumerate(notes):
        found.setdefault(note, []).append(task)
    return found


def ranges(tasks: Iterable[int]) -> str:
    """Numbers of tasks, ascending, as text: "0,3-7"."""
    runs: list[list[int]] = []
    for task in tasks:
        if runs and task == runs[-1][-1] + 1:
            runs[-1][1:] = [task]
        else:
            runs.append([task])
    return ",".join("-".join(map(str, run)) for run in runs)


def as_text(notes: Sequence[str]) -> str:
    """All notes, a line each.

    Args:
        notes: a note for each task.
    """
    return "".join(f"{ranges(tasks)} {note}\n" for note, tasks in grouped(notes).items())


def from_text(text: str, count: int) -> tuple[str, ...]:
    """The inverse of `as_text`.

    Args:
        text: the lines.
        count: tasks of the program.

    Returns:
        A note for each task; nothing if the text is not about so many tasks.
    """
    notes = [""] * count
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            return ()
        for run in match[1].split(","):
            first, _, last = run.partition("-")
            if not first or int(last or first) >= count or (last and int(last) < int(first)):
                return ()
            for task in range(int(first), int(last or first) + 1):
                notes[task] = match[2]
    return tuple(notes) if all(notes) else ()
