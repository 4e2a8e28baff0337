"""What the page shows, worked out: the template only lays it out."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..delta import Change, Class, Comparison, FieldChange, FieldMove, Reason, TaskDifference, WordChange
from ..delta.comparison import counted
from ..delta.text import TITLES, merged, value, word
from ..program.program import Program
from ..registers.architecture import Architecture

#: Differing tasks that are shown in full.
MOST_TASKS = 200
#: Classes that are folded, what matters more first.
FOLDED = (Class.IDLE, Class.NOISE)


class Row(NamedTuple):
    """A fact with both values.

    Attributes:
        what: its name.
        a: the first value.
        b: the second one.
        tag: "changed", or its class and why it does not compute.
        is_quiet: whether it does not compute.
        meaning: of a field, in the words of the register table.
    """

    what: str
    a: str
    b: str
    tag: str = ""
    is_quiet: bool = False
    meaning: str = ""


class FactFold(NamedTuple):
    """Facts of a class that is folded: its title, with how many there are and why."""

    title: str
    rows: tuple[Row, ...]


class Level(NamedTuple):
    """A level of plain changes: those that matter, and the folded ones."""

    key: str
    title: str
    changed: tuple[Row, ...]
    folds: tuple[FactFold, ...]


class Word(NamedTuple):
    """A register's words as runs of hex digits, each with whether it differs; no runs where words say nothing."""

    a: tuple[tuple[str, bool], ...]
    b: tuple[tuple[str, bool], ...]


class Register(NamedTuple):
    """A register that differs, with its differing fields."""

    name: str
    meaning: str
    word: Word
    fields: tuple[Row, ...]


class Block(NamedTuple):
    """Registers of a block."""

    name: str
    meaning: str
    registers: tuple[Register, ...]


class Fold(NamedTuple):
    """Registers of a class that is folded: its title, with how many there are and why."""

    title: str
    blocks: tuple[Block, ...]


class Task(NamedTuple):
    """Two tasks that differ, or one that only one program has.

    Attributes:
        key: for the link to it.
        mark: "changed", "idle", "noise", "same operation", "only in the first" or "only in the second".
        sign: the mark as one character.
        title: which tasks.
        a: what the first does; empty where there is none.
        b: what the second does.
        says: whether both do the same, where the architectures differ; else empty.
        operation: aspects in which what they do differs.
        changed: blocks with registers that matter.
        folds: those that do not, by class.
        lone: fields that only one architecture has.
        lone_title: how many there are, and how many moved.
    """

    key: str
    mark: str
    sign: str
    title: str
    a: str
    b: str
    says: str
    operation: tuple[Row, ...]
    changed: tuple[Block, ...]
    folds: tuple[Fold, ...]
    lone: tuple[Row, ...]
    lone_title: str

    @property
    def css(self) -> str:
        """The class of the mark."""
        if self.mark == "only in the second":
            return "second"
        return "" if self.is_open else "of-noise"

    @property
    def is_open(self) -> bool:
        """Whether it matters, and is shown unfolded."""
        return self.mark not in ("idle", "noise", "same operation")

    @property
    def is_lone(self) -> bool:
        """Whether there is nothing to unfold."""
        return not (self.operation or self.changed or self.folds or self.says)


class Page(NamedTuple):
    """Everything on the page but the pictures.

    Attributes:
        names: of both files.
        verdict: the sentence.
        counts: what differs, in numbers.
        facts: what the two programs are.
        levels: by level.
        tasks: those shown in full, in order.
        listed: titles of the others.
        total: differing tasks.
        moved: fields that lie elsewhere on the other architecture, with both places.
        notes: what could not be compared.
        marks: for both pictures, task index -> mark.
    """

    names: tuple[str, str]
    verdict: str
    counts: tuple[str, ...]
    facts: tuple[Row, ...]
    levels: tuple[Level, ...]
    tasks: tuple[Task, ...]
    listed: tuple[str, ...]
    total: int
    moved: tuple[Row, ...]
    notes: tuple[str, ...]
    marks: tuple[dict[int, str], dict[int, str]]


def page(comparison: Comparison, verdict: str, programs: tuple[Program, Program]) -> Page:
    """What the page shows of a comparison.

    Args:
        comparison: what differs.
        verdict: whether the two compute the same, in a sentence.
        programs: the two programs, for what they are.
    """
    shown = _chosen(comparison.tasks)
    arch = programs[0].arch
    tasks = [_task(task, comparison, arch) for number, task in enumerate(comparison.tasks) if number in shown]
    rest = [task for number, task in enumerate(comparison.tasks) if number not in shown]
    return Page(
        names=(comparison.a, comparison.b),
        verdict=verdict,
        counts=tuple(_counts(comparison)),
        facts=tuple(_facts(programs)),
        levels=tuple(_level(name, changes) for name, changes in comparison.levels.items()),
        tasks=tuple(tasks),
        listed=tuple(_listed(task, comparison) for task in rest),
        total=len(comparison.tasks),
        moved=tuple(_moved(move, arch) for move in comparison.moved),
        notes=comparison.notes,
        marks=(_marks(comparison, 0), _marks(comparison, 1)),
    )


def _chosen(tasks: Sequence[TaskDifference]) -> set[int]:
    """Numbers of those that are shown in full: what matters first, the rest where there is room."""
    classes = list(Class)
    order = sorted(range(len(tasks)), key=lambda number: classes.index(tasks[number].kind))
    return set(order[:MOST_TASKS])


def _counts(comparison: Comparison) -> list[str]:
    """What differs, in numbers; nothing where nothing does."""
    tasks = comparison.tasks
    lone = [sum(getattr(task, side) is None for task in tasks) for side in "ba"]
    kinds = [task.kind for task in tasks]
    words = sum(change.kind is Class.COMPUTES for task in tasks for change in task.changes)
    facts = sum(change.kind is Class.COMPUTES for level in comparison.levels.values() for change in level)
    same = sum(_does_the_same(task, comparison) for task in tasks)
    numbers = {
        "task with the same operation": same,
        "task changed": kinds.count(Class.COMPUTES) - sum(lone) - same if not comparison.is_across else 0,
        "task with another operation": comparison.operations.different if comparison.is_across else 0,
        "register changed": words,
        "task only in the first": lone[0],
        "task only in the second": lone[1],
        "task with idle registers only": 0 if comparison.is_across else kinds.count(Class.IDLE),
        "task with noise only": 0 if comparison.is_across else kinds.count(Class.NOISE),
        "fact outside the tasks changed": facts,
    }
    return [_counted(count, *what.split(" ", 1)) for what, count in numbers.items() if count]


def _counted(number: int, what: str, rest: str) -> str:
    return f"{counted(number, what)} {rest}"


def _does_the_same(task: TaskDifference, comparison: Comparison) -> bool:
    """Whether tasks of two architectures do the same."""
    return comparison.is_across and task.is_paired and not task.operation and not task.unknown


def _facts(programs: tuple[Program, Program]) -> Iterable[Row]:
    facts = [dict(_facts_of(program)) for program in programs]
    for name in facts[0]:
        yield Row(name, facts[0][name], facts[1][name])


def _facts_of(program: Program) -> Iterable[tuple[str, str]]:
    origin = program.origin
    yield "format", f".{origin.form}" if origin.form in ("hwx", "anec") else origin.form
    yield "architecture", f"{program.arch.name} ({', '.join(program.arch.chips)})"
    yield "compiler", origin.compiler or "not named in the file"
    yield "tasks", str(len(program.tasks))
    yield "inputs", _tensors(program, "input")
    yield "outputs", _tensors(program, "output")
    yield "coefficients", counted(len(program.const) + sum(len(kernel.data) for kernel in program.kernels), "byte")
    yield "SHA-256", origin.sha256() if len(origin.data) else "-"


def _tensors(program: Program, role: str) -> str:
    shown = [
        f"{tensor.name} ({' x '.join(map(str, tensor.shape))})" for tensor in program.tensors if tensor.role == role
    ]
    return ", ".join(shown) or "none"


def _row(what: str, change: Change | FieldChange, meaning: str = "") -> Row:
    reason = change.reason
    tag = f"{reason.kind}: {reason.words}" if reason else "changed"
    return Row(what, value(change.a), value(change.b), tag, reason is not None, meaning)


def _level(name: str, changes: tuple[Change, ...]) -> Level:
    folds = []
    for kind in FOLDED:
        of_kind = [change for change in changes if change.kind is kind]
        if of_kind:
            title = f"{str(kind).capitalize()}, {counted(len(of_kind), 'fact')}: {_reasons(c.reason for c in of_kind)}"
            folds.append(FactFold(title, tuple(_row(change.what, change) for change in of_kind)))
    computing = tuple(_row(change.what, change) for change in changes if change.kind is Class.COMPUTES)
    return Level(name, TITLES[name].capitalize(), computing, tuple(folds))


def _reasons(reasons: Iterable[Reason | None]) -> str:
    return ", ".join(dict.fromkeys(reason.words for reason in reasons if reason))


def _task(task: TaskDifference, comparison: Comparison, arch: Architecture) -> Task:
    mark, sign = _mark(task, comparison)
    by_class = {kind: tuple(change for change in task.changes if change.kind is kind) for kind in Class}
    folds = []
    for kind in FOLDED:
        if by_class[kind]:
            reasons = _reasons(field.reason for change in by_class[kind] for field in change.fields)
            title = f"{str(kind).capitalize()}, {counted(len(by_class[kind]), 'register')}: {reasons}"
            folds.append(Fold(title, tuple(_blocks(by_class[kind], arch))))
    says = ""
    if comparison.is_across and task.is_paired and not task.operation:
        says = f"Not understood: {task.unknown}." if task.unknown else "Same operation."
    return Task(
        key=f"task-{'x' if task.a is None else task.a}-{'x' if task.b is None else task.b}",
        mark=mark,
        sign=sign,
        title=_title(task),
        a=task.does_a,
        b=task.does_b,
        says=says,
        operation=tuple(_row(change.what, change) for change in task.operation),
        changed=tuple(_blocks(by_class[Class.COMPUTES], arch)),
        folds=tuple(folds),
        lone=tuple(_lone(field, arch) for field in task.lone),
        lone_title=f"{counted(len(task.lone), 'field')} of one architecture only",
    )


def _lone(field: FieldChange, arch: Architecture) -> Row:
    return Row(field.field, value(field.a), value(field.b), "one only", True, _meaning(field.field, arch))


def _moved(move: FieldMove, arch: Architecture) -> Row:
    return Row(move.field, str(move.a), str(move.b), "", True, _meaning(move.field, arch))


def _meaning(field: str, arch: Architecture) -> str:
    place = arch.find_place(field)
    return place.field.meaning if place else ""


def _mark(task: TaskDifference, comparison: Comparison) -> tuple[str, str]:
    if task.b is None:
        return "only in the first", "−"
    if task.a is None:
        return "only in the second", "+"
    if _does_the_same(task, comparison):
        return "same operation", "="
    return ("changed", "±") if task.kind is Class.COMPUTES else (str(task.kind), "≈")


def _title(task: TaskDifference) -> str:
    numbers = [number for number in (task.a, task.b) if number is not None]
    if len(set(numbers)) == 1:
        return f"Task {numbers[0]}"
    return f"Tasks {numbers[0]} and {numbers[1]}"


def _listed(task: TaskDifference, comparison: Comparison) -> str:
    mark, sign = _mark(task, comparison)
    return f"{sign} {_title(task)}, {mark}: {task.does_a or task.does_b}"


def _marks(comparison: Comparison, side: int) -> dict[int, str]:
    """Marks for a picture, which shows what is computed: what is idle and noise has none."""
    found = {}
    for task in comparison.tasks:
        index, other = (task.a, task.b) if side == 0 else (task.b, task.a)
        if index is not None and task.kind is Class.COMPUTES and not _does_the_same(task, comparison):
            found[index] = ("− only here" if side == 0 else "+ only here") if other is None else "± changed"
    return found


def _blocks(changes: tuple[WordChange, ...], arch: Architecture) -> Iterable[Block]:
    groups: dict[str, list[Register]] = {}
    for name, change in merged(changes):
        block, _, register = name.partition(".")
        groups.setdefault(block, []).append(_register(block, register, change, arch))
    meanings = {block.name: block.meaning for block in arch.all_blocks()}
    for name, registers in groups.items():
        yield Block(name, meanings.get(name, ""), tuple(registers))


def _register(block: str, name: str, change: WordChange, arch: Architecture) -> Register:
    register = arch.find_register(f"{block}.{name.partition('[')[0]}")
    meanings = {field.name: field.meaning for field in register.fields} if register else {}
    fields = tuple(_field(field, meanings) for field in change.fields)
    return Register(name, register.meaning if register else "", _words(change.a, change.b), fields)


def _field(field: FieldChange, meanings: dict[str, str]) -> Row:
    if field.field:
        return _row(field.field, field, meanings.get(field.field, ""))
    # Without a name it is the whole register where a side did not write it, else bits that no source names.
    lacking = field.a is None or field.b is None
    return _row("not written by both" if lacking else "bits without a name", field)


def _words(a: int | None, b: int | None) -> Word:
    if a is None and b is None:
        return Word((), ())
    texts = word(a), word(b)
    runs: tuple[list[tuple[str, bool]], list[tuple[str, bool]]] = [], []
    for pair in zip(*texts):
        differs = pair[0] != pair[1] and None not in (a, b)
        for run, digit in zip(runs, pair):
            if run and run[-1][1] == differs:
                run[-1] = (run[-1][0] + digit, differs)
            else:
                run.append((digit, differs))
    return Word(tuple(runs[0]), tuple(runs[1]))
