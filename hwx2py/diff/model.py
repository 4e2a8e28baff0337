"""A comparison as data. Every difference carries why it is noise, or nothing where it is not."""

from typing import Any, NamedTuple

#: Reasons why a difference does not take part in computing.
LAYOUT = "layout"
IDENTITY = "compiler identification"
BARS = "BAR numbers"
MASKS = "masks, cycle counts and priorities"
ABSENT = "absent where the register holds the value already"


class Change(NamedTuple):
    """A difference of something that is no register: its name and both values."""

    what: str
    a: Any
    b: Any
    noise: str = ""


class FieldChange(NamedTuple):
    """A field's two values, as a person reads them; None where one side has no such field or never wrote it."""

    field: str
    a: Any
    b: Any
    noise: str = ""


class WordChange(NamedTuple):
    """A register that differs: its name, address, both words (None: not written), and its differing fields.

    `noise` is empty as soon as one difference in the word is none.
    """

    register: str
    address: int
    a: int | None
    b: int | None
    fields: tuple[FieldChange, ...]
    noise: str = ""


class TaskDifference(NamedTuple):
    """Two tasks that belong together, or one that the other program does not have (its index is None there)."""

    a: int | None
    b: int | None
    does_a: str
    does_b: str
    changes: tuple[WordChange, ...]

    @property
    def is_noise(self) -> bool:
        """Whether both are there and every change is noise."""
        return self.a is not None and self.b is not None and all(change.noise for change in self.changes)


class Report(NamedTuple):
    """All differences between two programs, level by level; each level is empty where nothing differs.

    Attributes:
        a, b: names of the two files.
        identity: architecture, compiler, flags.
        container: sections, text address, sizes.
        tensors: what differs of tensors matched by name; a mere renumbering of BARs is one change.
        tasks: tasks that differ, or that only one side has.
        coefficients: where the coefficients differ.
        notes: what could not be compared, and why.
    """

    a: str
    b: str
    identity: tuple[Change, ...]
    container: tuple[Change, ...]
    tensors: tuple[Change, ...]
    tasks: tuple[TaskDifference, ...]
    coefficients: tuple[Change, ...]
    notes: tuple[str, ...]

    @property
    def levels(self) -> dict[str, tuple[Change, ...]]:
        """The levels that are plain changes, by name."""
        return {
            "identity": self.identity,
            "container": self.container,
            "tensors": self.tensors,
            "coefficients": self.coefficients,
        }

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs at all."""
        return not self.tasks and not any(self.levels.values())

    @property
    def computes_same(self) -> bool:
        """Whether every difference is noise."""
        changes = (change for level in self.levels.values() for change in level)
        return all(change.noise for change in changes) and all(task.is_noise for task in self.tasks)

    def without_noise(self) -> "Report":
        """The report with noise left out."""
        kept = {name: tuple(change for change in level if not change.noise) for name, level in self.levels.items()}
        tasks = tuple(
            task._replace(changes=tuple(_plain(change) for change in task.changes if not change.noise))
            for task in self.tasks
            if not task.is_noise
        )
        return self._replace(tasks=tasks, **kept)

    def noise_reasons(self) -> list[str]:
        """Why what is noise is noise, each reason once."""
        reasons = [change.noise for level in self.levels.values() for change in level]
        for task in self.tasks:
            reasons += [field.noise for change in task.changes for field in change.fields]
            reasons += [change.noise for change in task.changes]
        return sorted({reason for reason in reasons if reason})

    def verdict(self) -> str:
        """Whether the two compute the same, in a sentence."""
        if self.is_empty:
            return "The two are the same program."
        if self.computes_same:
            return f"The two compute the same: every difference is noise ({', '.join(self.noise_reasons())})."
        words = sum(not change.noise for task in self.tasks for change in task.changes)
        lone = sum(None in (task.a, task.b) for task in self.tasks)
        tasks = sum(not task.is_noise for task in self.tasks) - lone
        others = sum(not change.noise for level in self.levels.values() for change in level)
        parts = [f"{_count(words, 'register')} in {_count(tasks, 'task')}"] if words else []
        parts += [f"{_count(lone, 'task')} that only one of them has"] if lone else []
        parts += [f"{_count(others, 'fact')} outside the tasks"] if others else []
        return f"The two do not compute the same as far as their registers tell: they differ in {' and '.join(parts)}."


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _plain(change: WordChange) -> WordChange:
    return change._replace(fields=tuple(field for field in change.fields if not field.noise))
