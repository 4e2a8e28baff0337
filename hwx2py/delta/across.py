"""Two tasks of different architectures: which fields hold other values, and which lie in other places."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..operations import Operation
from ..program.register_file import RegisterFile
from ..registers.architecture import Architecture, FieldPlace
from .comparison import NOT_USED, FieldChange, FieldMove, Place, WordChange


class Across(NamedTuple):
    """A task of one architecture: its registers while it runs, and what it does."""

    registers: RegisterFile
    operation: Operation


class Fields(NamedTuple):
    """The fields of two register tables; the headers' are left out: they say where tasks lie, not what they do.

    Attributes:
        shared: those that both have under one name.
        moved: those of them that lie in different places, with both.
        only_a: those that only the first has, by label.
        only_b: those that only the second has.
    """

    shared: Sequence[tuple[FieldPlace, FieldPlace]]
    moved: Sequence[tuple[FieldPlace, FieldPlace, FieldMove]]
    only_a: Sequence[tuple[str, FieldPlace]]
    only_b: Sequence[tuple[str, FieldPlace]]

    @classmethod
    def of(cls, a: Architecture, b: Architecture) -> "Fields":
        """The fields of two architectures."""
        pairs = [(one, _partner(one, a, b)) for one in _fields(a)]
        shared = [(one, two) for one, two in pairs if two is not None]
        partners = {two.name for _, two in shared}
        return cls(
            shared=shared,
            moved=[
                (one, two, FieldMove(_label(one, a), _place(one), _place(two)))
                for one, two in shared
                if _place(one)[1:] != _place(two)[1:]
            ],
            only_a=[(_label(one, a), one) for one, two in pairs if two is None],
            only_b=[(_label(two, b), two) for two in _fields(b) if two.name not in partners],
        )


def _fields(arch: Architecture) -> Iterator[FieldPlace]:
    """Every field of the register blocks."""
    for block in arch.blocks:
        for register in block.registers:
            for field in register.fields:
                yield arch.place(f"{block.name}.{register.name}.{field.name}")


def _partner(field: FieldPlace, a: Architecture, b: Architecture) -> FieldPlace | None:
    """The field of the same name: of a register of the same name, else the only one of the block."""
    short = _short(field)
    return b.find_place(field.name) or (b.find_place(short) if a.find_place(short) else None)


def _short(field: FieldPlace) -> str:
    return f"{field.name.partition('.')[0]}.{field.field.name}"


def _label(field: FieldPlace, arch: Architecture) -> str:
    """`Block.Field` where that is one field only, else `Block.Register.Field`."""
    short = _short(field)
    return short if arch.find_place(short) else field.name


def compare_values(a: Across, b: Across, fields: Fields) -> tuple[WordChange, ...]:
    """The fields that both architectures have and that hold different values, by register of the first.

    A field that neither task's operation depends on is idle: it says how the work is done, or belongs to an engine
    that does not work.
    """
    used = a.operation.fields | b.operation.fields
    found: dict[str, list[FieldChange]] = {}
    for one, two in fields.shared:
        word_a, word_b = a.registers.word_of(one), b.registers.word_of(two)
        if word_a is None or word_b is None or _is_alike(one, two, word_a, word_b):
            continue
        is_used = one.name in used or two.name in used
        reason = None if is_used else NOT_USED
        values = one.field.decode(word_a), two.field.decode(word_b)
        found.setdefault(one.register, []).append(FieldChange(one.field.name, *values, reason))
    return tuple(
        WordChange(register, a.registers.arch.address(register), None, None, tuple(fields))
        for register, fields in found.items()
    )


def moved_fields(a: Across, b: Across, fields: Fields) -> list[FieldMove]:
    """The fields of equal value that lie in different places.

    Args:
        a: the task of the first architecture.
        b: that of the second.
        fields: of the two architectures.
    """
    found = []
    for one, two, move in fields.moved:
        word_a, word_b = a.registers.word_of(one), b.registers.word_of(two)
        if word_a is not None and word_b is not None and _is_alike(one, two, word_a, word_b):
            found.append(move)
    return found


def lone_fields(a: Across, b: Across, fields: Fields) -> Iterator[FieldChange]:
    """The fields that hold something and that the other architecture does not have.

    Args:
        a: the task of the first architecture.
        b: that of the second.
        fields: of the two architectures.
    """
    for label, value in _held(a.registers, fields.only_a):
        yield FieldChange(label, value, None)
    for label, value in _held(b.registers, fields.only_b):
        yield FieldChange(label, None, value)


def _is_alike(one: FieldPlace, two: FieldPlace, word_one: int, word_two: int) -> bool:
    """Whether the values are the same; where only one side has a name for its value, the numbers are compared."""
    values = one.field.decode(word_one), two.field.decode(word_two)
    named = all(isinstance(value, str) for value in values)
    return values[0] == values[1] or (not named and one.number(word_one) == two.number(word_two))


def _held(registers: RegisterFile, fields: Sequence[tuple[str, FieldPlace]]) -> Iterator[tuple[str, object]]:
    """Fields that are known and not 0, by label, each with its value."""
    for label, place in fields:
        word = registers.word_of(place)
        if word is not None and place.number(word):
            yield label, place.field.decode(word)


def _place(place: FieldPlace) -> Place:
    return Place(place.register, place.address, place.field.msb, place.field.lsb)
