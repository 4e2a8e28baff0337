"""A comparison as data: every difference is of a class, and says why.

Classes: `computes` takes part in computing; `idle` is state that the task does not use, much of which `--clean`
removes, or that hardware ignores; `noise` does not compute whatever it holds.
"""

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Any, NamedTuple


class Class(StrEnum):
    """What a difference is worth; the first that applies to a part of a row is the row's."""

    COMPUTES = "computes"
    IDLE = "idle"
    NOISE = "noise"


class Reason(NamedTuple):
    """Why a difference does not compute: its class, and the words."""

    kind: Class
    words: str


LAYOUT = Reason(Class.NOISE, "layout")
IDENTITY = Reason(Class.NOISE, "compiler identification")
BARS = Reason(Class.NOISE, "BAR numbers")
MASKS = Reason(Class.NOISE, "masks, cycle counts and priorities")
ABSENT = Reason(Class.NOISE, "absent where the register holds the value already")
UNREAD = Reason(Class.IDLE, "the task does not use it")
NOT_USED = Reason(Class.IDLE, "no operation depends on it")
IGNORED = Reason(Class.IDLE, "bits that hardware ignores")


def class_of(reason: Reason | None) -> Class:
    """The class of a difference; without a reason it computes."""
    return Class.COMPUTES if reason is None else reason.kind


class Change(NamedTuple):
    """A difference outside the registers: its name and both values."""

    what: str
    a: Any
    b: Any
    reason: Reason | None = None

    @property
    def kind(self) -> Class:
        """Its class."""
        return class_of(self.reason)


class FieldChange(NamedTuple):
    """A field's two values, as a person reads them; None where one side has no such field or never wrote it."""

    field: str
    a: Any
    b: Any
    reason: Reason | None = None

    @property
    def kind(self) -> Class:
        """Its class."""
        return class_of(self.reason)


class WordChange(NamedTuple):
    """A register that differs: its name, address, both words (None: not written), and its differing fields."""

    register: str
    address: int
    a: int | None
    b: int | None
    fields: tuple[FieldChange, ...]

    @property
    def kind(self) -> Class:
        """That of the field which matters most."""
        kinds = {field.kind for field in self.fields}
        return next((kind for kind in Class if kind in kinds), Class.COMPUTES)

    @property
    def why(self) -> str:
        """Why it does not compute, each reason once; empty where it does."""
        if self.kind is Class.COMPUTES:
            return ""
        return ", ".join(dict.fromkeys(field.reason.words for field in self.fields if field.reason))

    def without(self, kinds: Collection[Class]) -> "WordChange":
        """The change without the fields of some classes."""
        return self._replace(fields=tuple(field for field in self.fields if field.kind not in kinds))


class Place(NamedTuple):
    """Where a register table has a field: `Block.Register`, its byte address, first and last bit."""

    register: str
    address: int
    msb: int
    lsb: int

    def __str__(self) -> str:
        return f"{self.register} ({self.address:#x}) [{self.msb}:{self.lsb}]"


class FieldMove(NamedTuple):
    """A field that two architectures keep in different places: `Block.Field`, and where each has it."""

    field: str
    a: Place
    b: Place


class TaskDifference(NamedTuple):
    """Two tasks that belong together, or one that the other program does not have (its index is None there).

    Attributes:
        a, b: indexes of the tasks.
        does_a, does_b: what they do, in a sentence.
        operation: aspects in which what they do differs.
        changes: registers that differ.
        moved: how many fields hold the same in different places of the two register tables.
        lone: fields that hold something and that the other architecture does not have.
        unknown: what the readers did not understand of either; empty where all is.
    """

    a: int | None
    b: int | None
    does_a: str
    does_b: str
    changes: tuple[WordChange, ...]
    operation: tuple[Change, ...] = ()
    moved: int = 0
    lone: tuple[FieldChange, ...] = ()
    unknown: str = ""

    @property
    def is_paired(self) -> bool:
        """Whether both programs have it."""
        return self.a is not None and self.b is not None

    @property
    def differs(self) -> bool:
        """Whether there is anything to tell."""
        return bool(not self.is_paired or self.changes or self.operation or self.moved or self.lone)

    @property
    def kind(self) -> Class:
        """That of what matters most in it."""
        if not self.is_paired or self.operation:
            return Class.COMPUTES
        kinds = {change.kind for change in self.changes}
        return next((kind for kind in Class if kind in kinds), Class.NOISE)


class OperationCount(NamedTuple):
    """How many pairs of tasks do the same, do something else, or are not understood; and tasks without a partner."""

    equal: int
    different: int
    unknown: int
    alone: int

    @property
    def all_equal(self) -> bool:
        """Whether every task does what its partner does."""
        return not (self.different or self.unknown or self.alone)


class Comparison(NamedTuple):
    """All differences between two programs, level by level; each level is empty where nothing differs.

    Attributes:
        a, b: names of the two files.
        architectures: of both programs.
        identity: architecture, compiler, flags.
        container: sections, text address, sizes.
        tensors: what differs of tensors matched by name; a mere renumbering of BARs is one change.
        tasks: tasks that differ, or that only one side has.
        coefficients: where the coefficients differ.
        notes: what could not be compared, and why.
        operations: how many tasks do the same.
        same_tensors: whether names, roles, shapes and element types agree.
        moved: the fields that some pair of tasks has in different places.
        same_contents: of programs for two architectures, whether their tasks read the same coefficients.
    """

    a: str
    b: str
    architectures: tuple[str, str]
    identity: tuple[Change, ...]
    container: tuple[Change, ...]
    tensors: tuple[Change, ...]
    tasks: tuple[TaskDifference, ...]
    coefficients: tuple[Change, ...]
    notes: tuple[str, ...]
    operations: OperationCount
    same_tensors: bool
    moved: tuple[FieldMove, ...] = ()
    same_contents: bool = False

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
    def is_across(self) -> bool:
        """Whether the programs are for different architectures."""
        return self.architectures[0] != self.architectures[1]

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs at all."""
        return not self.tasks and not any(self.levels.values())

    @property
    def kinds(self) -> set[Class]:
        """The classes of all differences."""
        found = {change.kind for level in self.levels.values() for change in level}
        return found | {task.kind for task in self.tasks} | {word.kind for task in self.tasks for word in task.changes}

    @property
    def computes_same(self) -> bool:
        """Whether every difference is noise."""
        return self.kinds <= {Class.NOISE}

    @property
    def operations_are_equal(self) -> bool:
        """Whether the operations, the tensors and, within an architecture, the coefficients are the same."""
        same_coefficients = self.is_across or not self.coefficients
        return self.operations.all_equal and self.same_tensors and same_coefficients

    @property
    def are_counterparts(self) -> bool:
        """Whether they are the same program for two architectures: operations, tensors and coefficients are equal."""
        return self.is_across and self.operations_are_equal and self.same_contents

    def without(self, *kinds: Class) -> "Comparison":
        """The comparison with differences of some classes left out."""
        levels: dict[str, Any] = {
            name: tuple(change for change in level if change.kind not in kinds) for name, level in self.levels.items()
        }
        tasks = (
            task._replace(changes=tuple(word.without(kinds) for word in task.changes if not _is_only(word, kinds)))
            for task in self.tasks
        )
        kept = tuple(
            task for task in tasks if task.changes or task.operation or task.moved or task.lone or not task.is_paired
        )
        return self._replace(tasks=kept, **levels)

    def reasons(self) -> list[str]:
        """Why what does not compute does not, each reason once."""
        reasons = [change.reason for level in self.levels.values() for change in level]
        reasons += [field.reason for task in self.tasks for change in task.changes for field in change.fields]
        return sorted({reason.words for reason in reasons if reason})

    def verdict(self) -> str:
        """Whether the two compute the same, in a sentence; idle differences and noise are not counted."""
        if self.is_empty:
            return "The two are the same program."
        if self.computes_same:
            return f"The two compute the same: every difference is noise ({', '.join(self.reasons())})."
        if Class.COMPUTES not in self.kinds:
            return (
                "The two compute the same if state that their tasks do not use is disregarded: apart from noise they "
                "differ only in what no task uses."
            )
        if self.are_counterparts:
            one, two = self.architectures
            return (
                f"The two are the same program, for {one} and for {two}: every task does the same, with the same "
                "tensors and coefficients."
            )
        if self.operations_are_equal:
            names = f" ({', '.join(self.architectures)})" if self.is_across else f": they differ in {self._counts()}"
            what = "the coefficients are not" if self.is_across else "the registers are not"
            return f"The operations are equal; {what}{names}."
        if self.is_across:
            names = ", ".join(self.architectures)
            differ = self.operations.different or self.operations.alone or not self.same_tensors
            start = "The operations are not equal" if differ else "Whether the operations are equal is not known"
            return f"{start} ({names}): {self._operation_counts()}."
        return f"The two do not compute the same as far as their registers tell: they differ in {self._counts()}."

    def _counts(self) -> str:
        words = sum(change.kind is Class.COMPUTES for task in self.tasks for change in task.changes)
        pairs = [task for task in self.tasks if task.is_paired]
        lone = len(self.tasks) - len(pairs)
        tasks = sum(task.kind is Class.COMPUTES for task in pairs)
        others = sum(change.kind is Class.COMPUTES for level in self.levels.values() for change in level)
        parts = [f"{counted(words, 'register')} in {counted(tasks, 'task')}"] if words else []
        parts += [f"{counted(lone, 'task')} that only one of them has"] if lone else []
        parts += [f"{counted(others, 'fact')} outside the tasks"] if others else []
        return _joined(parts)

    def _operation_counts(self) -> str:
        equal, different, unknown, alone = self.operations
        parts = [f"{counted(different, 'task')} {_plural(different, 'does', 'do')} something else"] if different else []
        parts += [f"{counted(unknown, 'task')} {_plural(unknown, 'is', 'are')} not understood"] if unknown else []
        parts += [f"only one of them has {counted(alone, 'task')}"] if alone else []
        parts += [f"{counted(equal, 'task')} {_plural(equal, 'does', 'do')} the same"] if equal else []
        parts += [] if self.same_tensors else ["the tensors differ"]
        return _joined(parts)


def counted(number: int, what: str) -> str:
    """`1 task`, `2 tasks`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def _plural(number: int, one: str, many: str) -> str:
    return one if number == 1 else many


def _joined(parts: Iterable[str]) -> str:
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last


def _is_only(word: WordChange, kinds: Collection[Class]) -> bool:
    return all(field.kind in kinds for field in word.fields)
