"""What the page shows, worked out: the template only lays it out."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..diff.model import Change, FieldChange, Report, TaskDifference, WordChange
from ..diff.text import TITLES, merged, word
from ..program.model import Program
from ..registers.model import Architecture

#: Differing tasks that are shown in full.
MOST_TASKS = 200


class Row(NamedTuple):
    """A fact with both values; `noise` says why it does not matter, if so."""

    what: str
    a: str
    b: str
    noise: str = ""
    meaning: str = ""


class Level(NamedTuple):
    """A level of plain changes: those that matter, and noise with its reasons."""

    key: str
    title: str
    changed: tuple[Row, ...]
    noise: tuple[Row, ...]
    reasons: str


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
    noise: str


class Block(NamedTuple):
    """Registers of a block."""

    name: str
    meaning: str
    registers: tuple[Register, ...]


class Task(NamedTuple):
    """Two tasks that differ, or one that only one program has.

    Attributes:
        key: for the link to it.
        mark: "changed", "noise", "only in the first" or "only in the second".
        sign: the mark as one character.
        title: which tasks.
        a, b: what they do; empty on a side that has none.
        changed, noise: blocks with registers that matter, and with those that do not.
        noise_counts: how many registers are noise, and why.
    """

    key: str
    mark: str
    sign: str
    title: str
    a: str
    b: str
    changed: tuple[Block, ...]
    noise: tuple[Block, ...]
    noise_counts: str

    @property
    def css(self) -> str:
        """The class of the mark."""
        return {"noise": "of-noise", "only in the second": "second"}.get(self.mark, "")


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
    notes: tuple[str, ...]
    marks: tuple[dict[int, str], dict[int, str]]


def page(report: Report, verdict: str, programs: tuple[Program, Program]) -> Page:
    """What the page shows of a comparison."""
    shown = _chosen(report.tasks)
    tasks = [_task(task, programs[0].arch) for number, task in enumerate(report.tasks) if number in shown]
    rest = [task for number, task in enumerate(report.tasks) if number not in shown]
    return Page(
        names=(report.a, report.b),
        verdict=verdict,
        counts=tuple(_counts(report)),
        facts=tuple(_facts(programs)),
        levels=tuple(_level(name, changes) for name, changes in report.levels.items()),
        tasks=tuple(tasks),
        listed=tuple(_listed(task) for task in rest),
        total=len(report.tasks),
        notes=report.notes,
        marks=tuple(_marks(report.tasks, side) for side in (0, 1)),
    )


def _chosen(tasks: Sequence[TaskDifference]) -> set[int]:
    """Numbers of those that are shown in full: what matters first, noise where there is room."""
    order = sorted(range(len(tasks)), key=lambda number: tasks[number].is_noise)
    return set(order[:MOST_TASKS])


def _counted(count: int, what: str, rest: str = "") -> str:
    return f"{count} {what}{'' if count == 1 else 's'} {rest}".rstrip()


def _counts(report: Report) -> list[str]:
    """What differs, in numbers; nothing where nothing does."""
    lone = [sum(getattr(task, side) is None for task in report.tasks) for side in "ba"]
    noise = sum(task.is_noise for task in report.tasks)
    words = sum(not change.noise for task in report.tasks for change in task.changes)
    facts = sum(not change.noise for level in report.levels.values() for change in level)
    numbers = {
        "task changed": len(report.tasks) - sum(lone) - noise,
        "register changed": words,
        "task only in the first": lone[0],
        "task only in the second": lone[1],
        "task with noise only": noise,
        "fact outside the tasks changed": facts,
    }
    return [_counted(count, *what.split(" ", 1)) for what, count in numbers.items() if count]


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
    yield "coefficients", _counted(len(program.const) + sum(len(kernel.data) for kernel in program.kernels), "byte")
    yield "SHA-256", origin.sha256() if len(origin.data) else "-"


def _tensors(program: Program, role: str) -> str:
    shown = [
        tensor.name + (f" ({' x '.join(map(str, tensor.shape))})" if tensor.shape else "")
        for tensor in program.tensors
        if tensor.role == role
    ]
    return ", ".join(shown) or "none"


def _value(value: object) -> str:
    return "none" if value is None else str(value)


def _level(name: str, changes: tuple[Change, ...]) -> Level:
    rows = [Row(change.what, _value(change.a), _value(change.b), change.noise) for change in changes]
    noise = tuple(row for row in rows if row.noise)
    return Level(
        name,
        TITLES[name].capitalize(),
        tuple(row for row in rows if not row.noise),
        noise,
        f"{_counted(len(noise), 'fact')}: {_reasons(row.noise for row in noise)}",
    )


def _reasons(noise: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(reason for text in noise for reason in text.split(", ") if reason))


def _task(task: TaskDifference, arch: Architecture) -> Task:
    mark, sign = _mark(task)
    changed = tuple(change for change in task.changes if not change.noise)
    noise = tuple(change for change in task.changes if change.noise)
    return Task(
        key=f"task-{'x' if task.a is None else task.a}-{'x' if task.b is None else task.b}",
        mark=mark,
        sign=sign,
        title=_title(task),
        a=task.does_a,
        b=task.does_b,
        changed=tuple(_blocks(changed, arch)),
        noise=tuple(_blocks(noise, arch)),
        noise_counts=f"{_counted(len(noise), 'register')}: {_reasons(change.noise for change in noise)}",
    )


def _mark(task: TaskDifference) -> tuple[str, str]:
    if task.b is None:
        return "only in the first", "−"
    if task.a is None:
        return "only in the second", "+"
    return ("noise", "≈") if task.is_noise else ("changed", "±")


def _title(task: TaskDifference) -> str:
    numbers = [number for number in (task.a, task.b) if number is not None]
    if len(set(numbers)) == 1:
        return f"Task {numbers[0]}"
    return f"Tasks {numbers[0]} and {numbers[1]}"


def _listed(task: TaskDifference) -> str:
    mark, sign = _mark(task)
    return f"{sign} {_title(task)}, {mark}: {task.does_a or task.does_b}"


def _marks(tasks: Sequence[TaskDifference], side: int) -> dict[int, str]:
    """Marks for a picture. Noise is none: the picture shows what is computed."""
    found = {}
    for task in tasks:
        index, other = (task.a, task.b) if side == 0 else (task.b, task.a)
        if index is not None and not task.is_noise:
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
    row = arch.register(f"{block}.{name.partition('[')[0]}")
    meanings = {field.name: field.meaning for field in row.fields} if row else {}
    fields = tuple(_field(field, meanings) for field in change.fields)
    return Register(name, row.meaning if row else "", _words(change.a, change.b), fields, change.noise)


def _field(field: FieldChange, meanings: dict[str, str]) -> Row:
    a, b = (_value(value) for value in (field.a, field.b))
    if field.field:
        return Row(field.field, a, b, field.noise, meanings.get(field.field, ""))
    # Without a name it is the whole register where a side did not write it, else bits that no source names.
    lacking = field.a is None or field.b is None
    return Row("not written by both" if lacking else "bits without a name", a, b, field.noise)


def _words(a: int | None, b: int | None) -> Word:
    if a is None and b is None:
        return Word((), ())
    texts = word(a), word(b)
    runs: tuple[list, list] = [], []
    for pair in zip(*texts):
        differs = pair[0] != pair[1] and None not in (a, b)
        for run, digit in zip(runs, pair):
            if run and run[-1][1] == differs:
                run[-1] = (run[-1][0] + digit, differs)
            else:
                run.append((digit, differs))
    return Word(tuple(runs[0]), tuple(runs[1]))
