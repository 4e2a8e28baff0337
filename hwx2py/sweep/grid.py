"""The grid: which words of which tasks are varied, and over which values."""

import difflib
import math
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..errors import RegisterError, UsageError
from ..program.program import Program
from ..program.task import Task
from ..registers import Architecture, Field, Register
from ..registers.architecture import WORD_MASK
from ..runtime.register import encode
from ..tables import Column

_VARY = re.compile(
    r"(?:task\s+(?P<task>\d+)\s*:\s*)?(?P<name>[\w.]+?)(?:\[(?P<index>\d+)\])?(?:\.(?P<field>\w+))?\s*=\s*(?P<values>.*)"
)
_RANGE = re.compile(r"(?P<first>[^.]+)\.\.(?P<last>[^.]+)")

EXAMPLE = "for example --vary PE.Cfg.OpMode=Add,Mul or --vary 'task 1: Common.InDim.Win=8..16'"

#: Points of a grid.
MOST_POINTS = 1_000_000


class Place(NamedTuple):
    """A word of a task: index of the task, and of the word in it."""

    task: int
    word: int


class Axis(NamedTuple):
    """A field, or a whole register, that is varied.

    Attributes:
        name: as it was asked for: "PE.Cfg.OpMode", "task 1: PE.Cfg.OpMode".
        field: the field; None for a whole register.
        places: the words that get the value.
        values: what `Field.encode` takes; whole words for a register.
    """

    name: str
    field: Field | None
    places: tuple[Place, ...]
    values: Sequence[int | float | str]

    @property
    def mask(self) -> int:
        """The bits that are varied."""
        return WORD_MASK if self.field is None else self.field.mask

    @property
    def column(self) -> Column:
        """The column of its values: names where the field has names, else numbers."""
        if self.field is None:
            return Column(self.name, "integer")
        return Column(self.name, "text" if self.field.enum else "number" if self.field.kind.is_float else "integer")

    def bits(self, value: int | float | str) -> int:
        """The bits, in place, for one of the values."""
        return int(value) if self.field is None else self.field.encode(value)

    def shown(self, value: int | float | str) -> int | float | str:
        """One of the values as its column holds it."""
        if self.field is None:
            return value
        decoded = self.field.decode(self.bits(value))
        return str(decoded) if self.field.enum else decoded


def axis_of(text: str, program: Program) -> Axis:
    """Reads what is to be varied.

    Args:
        text: `REGISTER.FIELD=A..B` or `REGISTER.FIELD=V,V,...`, also of one task: `task 1: REGISTER.FIELD=...`; the
            register may be one of an array (`CoeffBaseAddr[3].Addr`), and the field may be left out. A range of
            addresses and strides goes in the unit of the field.
        program: what it is varied in.

    Returns:
        The axis.

    Raises:
        UsageError: the text is not of this form, or no such task writes the register.
        RegisterError: no such register or field, or a value that does not fit it.
    """
    match = _VARY.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"--vary {text!r} is not REGISTER.FIELD=VALUES", hint=EXAMPLE)
    target = _target(program.arch, match["name"], match["field"])
    index = int(match["index"] or 0)
    name = match["name"] + (f"[{match['index']}]" if match["index"] else "")
    name += f".{match['field']}" if match["field"] else ""
    task = None if match["task"] is None else int(match["task"])
    places = _places(program, target, index, task)
    values = _values(name, target.field, match["values"])
    return Axis(name if task is None else f"task {task}: {name}", target.field, places, values)


class _Target(NamedTuple):
    """A register, its byte address, and the field that is varied; None for all of it."""

    name: str
    register: Register
    address: int
    field: Field | None


def _target(arch: Architecture, name: str, field_name: str | None) -> _Target:
    """The register and field for a name as a person writes it: `PE.Cfg.OpMode`, `PE.OpMode`, `PE.Cfg`."""
    full = f"{name}.{field_name}" if field_name else name
    place = arch.find_place(full)
    owner = place.register if place else full
    register, address = arch.find_register(owner), arch.find_address(owner)
    if register is not None and address is not None:
        return _Target(owner, register, address, place.field if place else None)
    known = [
        f"{block.name}.{register.name}.{field.name}"
        for block in arch.all_blocks()
        for register in block.registers
        for field in register.fields
    ]
    near = difflib.get_close_matches(full, known, 1)
    hint = f"did you mean {near[0]}?" if near else "`hwx2py dump` lists what the tasks write"
    raise RegisterError(f"{arch.name} has no register field {full}", hint=hint)


def _places(program: Program, target: _Target, index: int, only: int | None) -> tuple[Place, ...]:
    if index >= target.register.count:
        raise RegisterError(f"{target.name} has {target.register.count} registers, not one at {index}")
    address = target.address + 4 * index
    in_header = target.name.startswith(f"{program.arch.header.name}.")
    if only is not None and only >= len(program.tasks):
        raise UsageError(f"there is no task {only}", hint=f"the program has tasks 0 to {len(program.tasks) - 1}")
    places = [
        Place(number, word)
        for number, task in enumerate(program.tasks)
        for word in (_header_word(task, address) if in_header else _writes(task, address))
    ]
    chosen = tuple(place for place in places if only in (None, place.task))
    if chosen:
        return chosen
    who = "no task writes" if only is None else f"task {only} does not write"
    writers = sorted({place.task for place in places})
    hint = f"tasks that do: {', '.join(map(str, writers[:8]))}" if writers else "`hwx2py dump` lists what is written"
    raise UsageError(f"{who} {target.name}", hint=hint)


def _header_word(task: Task, address: int) -> Iterator[int]:
    if address // 4 < task.header_words:
        yield address // 4


def _writes(task: Task, address: int) -> Iterator[int]:
    return (write.index for write in task.writes() if write.address == address)


def _values(name: str, field: Field | None, text: str) -> Sequence[int | float | str]:
    """The values of an axis; a single range stays a range, however long it is."""
    pieces = [piece.strip() for piece in text.split(",")]
    if not all(pieces):
        raise UsageError(f"--vary {name}={text}: a value is missing", hint=EXAMPLE)
    parsed = [_piece(name, field, piece) for piece in pieces]
    if len(parsed) == 1:
        return parsed[0]
    if sum(map(len, parsed)) > MOST_POINTS:
        raise _too_many(sum(map(len, parsed)))
    return tuple(value for values in parsed for value in values)


def _piece(name: str, field: Field | None, text: str) -> Sequence[int | float | str]:
    """A value, or a range of them, checked against the field."""
    match = _RANGE.fullmatch(text)
    if match is None or (field is not None and field.kind.is_float and _number(text) is not None):
        value = _value(name, field, text)
        _check(name, field, value)
        return (value,)
    first, last = (_whole(match[end]) for end in ("first", "last"))
    if first is None or last is None or (field is not None and field.kind.is_float):
        raise UsageError(f"--vary {name}={text}: a range goes from one whole number to another", hint=EXAMPLE)
    if first > last:
        raise UsageError(f"--vary {name}={text}: the range is empty", hint=f"{last}..{first}?")
    step = 1 if field is None else field.kind.step(field.lsb)
    values = range(first, last + 1, step)
    # What lies between two values that fit, in the field's unit, fits.
    _check(name, field, values[0])
    _check(name, field, values[-1])
    return values


def _value(name: str, field: Field | None, text: str) -> int | float | str:
    if field is not None and field.kind.is_float:
        number = _number(text)
        if number is None or not math.isfinite(number):
            raise RegisterError(f"{name}={text} is not a finite number", hint="give the whole register as bits instead")
        return number
    number = _whole(text)
    return text if number is None else number


def _check(name: str, field: Field | None, value: int | float | str) -> None:
    if field is not None:
        try:
            encode(name.rpartition(".")[0], field.name, value, *field.place())
        except (ValueError, TypeError, OverflowError) as error:
            raise RegisterError(str(error), hint="`hwx2py registers` has what each field takes") from error
    elif not isinstance(value, int) or not 0 <= value <= WORD_MASK:
        raise RegisterError(f"{name}={value}: a whole register takes 32 bits", hint=EXAMPLE)


def _whole(text: str) -> int | None:
    try:
        return int(text.strip(), 0)
    except ValueError:
        return None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def count_points(axes: Sequence[Axis]) -> int:
    """How many points a grid has.

    Raises:
        UsageError: too many.
    """
    count = math.prod(len(axis.values) for axis in axes)
    if count > MOST_POINTS:
        raise _too_many(count)
    return count


def _too_many(count: int) -> UsageError:
    return UsageError(f"a grid of {count:,} points; at most {MOST_POINTS:,}", hint="sweep a part of it")


def point(axes: Sequence[Axis], number: int) -> tuple[int | float | str, ...]:
    """The values at a point; the last axis runs fastest."""
    values = []
    for axis in reversed(axes):
        number, index = divmod(number, len(axis.values))
        values.append(axis.values[index])
    return tuple(reversed(values))


def varied(program: Program, axes: Sequence[Axis], values: Sequence[int | float | str]) -> Program:
    """The program with the values of a point in its words."""
    changes: dict[int, dict[int, int]] = {}
    for axis, value in zip(axes, values):
        bits = axis.bits(value)
        for place in axis.places:
            words = changes.setdefault(place.task, {})
            old = words.get(place.word, program.tasks[place.task].words[place.word])
            words[place.word] = old & ~axis.mask | bits
    tasks = [
        task.with_words(changes[number]) if number in changes else task for number, task in enumerate(program.tasks)
    ]
    return program.with_tasks(tasks)
