"""Two tasks of different architectures: which fields hold other values, and which lie in other places."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..operations import Operation
from ..program.register_file import RegisterFile
from ..registers.model import Architecture, FieldPlace
from .model import MASKS, NOT_USED, FieldChange, FieldMove, WordChange


class Across(NamedTuple):
    """A task of one architecture: its registers while it runs, and what it does."""

    registers: RegisterFile
    operation: Operation


class Fields(NamedTuple):
    """The fields of two register tables; the headers' are left out: they say where tasks lie, not what they do.

    Attributes:
        shared: those that both have under one name.
        only_a, only_b: those that only one has.
    """

    shared: Sequence[tuple[FieldPlace, FieldPlace]]
    only_a: Sequence[FieldPlace]
    only_b: Sequence[FieldPlace]

    @classmethod
    def of(cls, a: Architecture, b: Architecture) -> "Fields":
        """The fields of two architectures."""
        pairs = [(a.place(name), b.place(name)) for name in a.short_fields()]
        return cls(
            [(one, two) for one, two in pairs if two is not None],
            [one for one, two in pairs if two is None],
            [b.place(name) for name in b.short_fields() if a.place(name) is None],
        )


def compare_values(a: Across, b: Across, fields: Fields) -> tuple[WordChange, ...]:
    """The fields that both architectures have and that hold different values, by register of the first.

    A field that neither task's operation depends on is idle: it says how the work is done, or belongs to an engine
    that does not work.
    """
    used = a.operation.fields | b.operation.fields
    found: dict[str, list[FieldChange]] = {}
    for one, two in fields.shared:
        words = a.registers.word_of(one), b.registers.word_of(two)
        if None in words or _is_alike(one, two, *words):
            continue
        is_used = one.name in used or two.name in used
        reason = MASKS if one.field.noise else None if is_used else NOT_USED
        values = one.field.decode(words[0]), two.field.decode(words[1])
        found.setdefault(one.register, []).append(FieldChange(one.field.name, *values, reason))
    return tuple(
        WordChange(register, a.registers.arch.address(register), None, None, tuple(fields))
        for register, fields in found.items()
    )


def compare_places(a: Across, b: Across, fields: Fields) -> tuple[FieldMove, ...]:
    """Fields of equal value in other places, then those that the task writes and the other architecture lacks."""
    one, two = a.registers, b.registers
    moved = [
        FieldMove(_short(first), _shown_place(first), _shown_place(second), first.field.decode(one.word_of(first)))
        for first, second in fields.shared
        if _place(first) != _place(second)
        and None not in (words := (one.word_of(first), two.word_of(second)))
        and _is_alike(first, second, *words)
    ]
    gone = [
        FieldMove(_short(place), _shown_place(place), None, place.field.decode(word))
        for place, word in _held(one, fields.only_a)
    ]
    new = [
        FieldMove(_short(place), None, _shown_place(place), place.field.decode(word))
        for place, word in _held(two, fields.only_b)
    ]
    return (*moved, *gone, *new)


def _is_alike(one: FieldPlace, two: FieldPlace, word_one: int, word_two: int) -> bool:
    """Whether the values are the same; where only one side has a name for its value, the numbers are compared."""
    values = one.field.decode(word_one), two.field.decode(word_two)
    named = all(isinstance(value, str) for value in values)
    return values[0] == values[1] or (not named and one.number(word_one) == two.number(word_two))


def _held(registers: RegisterFile, places: Sequence[FieldPlace]) -> Iterator[tuple[FieldPlace, int]]:
    """Fields that are known and not 0, each with the word of its register."""
    for place in places:
        word = registers.word_of(place)
        if word is not None and place.number(word):
            yield place, word


def _short(place: FieldPlace) -> str:
    return f"{place.name.partition('.')[0]}.{place.field.name}"


def _place(place: FieldPlace) -> tuple[int, int, int]:
    return place.address, place.field.msb, place.field.lsb


def _shown_place(place: FieldPlace) -> str:
    return f"{place.register} ({place.address:#x}) [{place.field.msb}:{place.field.lsb}]"
