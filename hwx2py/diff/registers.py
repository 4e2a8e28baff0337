"""Two tasks compared register by register, and field by field where a register differs."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ..program.register_file import RegisterFile
from ..registers.model import Architecture, Field, Location
from .model import ABSENT, BARS, LAYOUT, MASKS, FieldChange, WordChange


class Side(NamedTuple):
    """One of the two tasks: its registers while it runs, its index, and what its BARs stand for."""

    registers: RegisterFile
    index: int
    names: Mapping[int, str]

    @property
    def arch(self) -> Architecture:
        """Its architecture."""
        return self.registers.arch


def compare_tasks(a: Side, b: Side) -> tuple[WordChange, ...]:
    """The registers in which two tasks of one architecture differ, the header first."""
    return (*_headers(a, b), *_writes(a, b))


def _headers(a: Side, b: Side) -> Iterator[WordChange]:
    one, two = a.registers.task, b.registers.task
    for index in range(max(one.header_words, two.header_words)):
        words = [task.words[index] if index < task.header_words else None for task in (one, two)]
        if words[0] != words[1]:
            yield _word(a.arch.header_location(index), 4 * index, *words, a, b)


def _writes(a: Side, b: Side) -> Iterator[WordChange]:
    written = [{write.address: write for write in side.registers.task.writes()} for side in (a, b)]
    for address in sorted(written[0].keys() | written[1].keys()):
        one, two = (writes.get(address) for writes in written)
        values, numbers = (one and one.value, two and two.value), (one and one.slot, two and two.slot)
        slots = a.names.get(numbers[0], numbers[0]), b.names.get(numbers[1], numbers[1])
        if values[0] == values[1] and numbers[0] == numbers[1] and slots[0] == slots[1]:
            continue
        change = _word(a.arch.locate(address), address, *values, a, b)
        if slots != (None, None):
            change = _with_slot(change, slots, values)
        yield change


def _with_slot(change: WordChange, slots: tuple, values: tuple) -> WordChange:
    """The change with the buffers that the base address is relative to."""
    fields = change.fields if values[0] != values[1] else ()
    noise = BARS if slots[0] == slots[1] else ""
    fields = (*fields, FieldChange("slot", *slots, noise))
    return change._replace(fields=fields, noise=_summed(fields))


def _word(location: Location, address: int, one: int | None, two: int | None, a: Side, b: Side) -> WordChange:
    """A register's change. A value that one side did not write counts as what its register holds."""
    held = _held(a, location, address, one), _held(b, location, address, two)
    if held[0] is None or held[1] is None or (held[0] == held[1] and None in (one, two)):
        noise = ABSENT if held[0] == held[1] else ""
        shown = tuple(_shown_word(location, word) for word in (one, two))
        return WordChange(location.name, address, one, two, (FieldChange("", *shown, noise),), noise)
    fields = tuple(_fields(location, held[0], held[1], a, b))
    return WordChange(location.name, address, one, two, fields, _summed(fields))


def _summed(fields: tuple[FieldChange, ...]) -> str:
    """Why the whole word is noise: the reasons of its fields, or nothing."""
    reasons = [field.noise for field in fields]
    return ", ".join(dict.fromkeys(reasons)) if reasons and all(reasons) else ""


def _held(side: Side, location: Location, address: int, written: int | None) -> int | None:
    """The word that a register holds while the task runs; None where that is not known."""
    if written is not None or location.block is side.arch.header:
        return written
    if side.arch.carries_state:
        return side.registers.word_at(address) or 0
    rows = location.register.fields
    if not rows or any(row.start is None for row in rows):
        return None
    return sum(row.start << row.lsb for row in rows)


def _shown_word(location: Location, word: int | None) -> str | None:
    if word is None:
        return None
    fields = [f"{row.name}={row.decode(word)}" for row in location.register.fields if word & row.mask]
    return " ".join(fields) or hex(word)


def _fields(location: Location, one: int, two: int, a: Side, b: Side) -> Iterator[FieldChange]:
    rows = location.register.fields
    for number, row in enumerate(rows):
        if (one ^ two) & row.mask:
            yield _field(row, rows[number + 1] if row.kind == "bar" else None, one, two, a, b)
    unnamed = ~location.register.named_mask
    if (one ^ two) & unnamed:
        yield FieldChange("", hex(one & unnamed), hex(two & unnamed))


def _field(row: Field, enable: Field | None, one: int, two: int, a: Side, b: Side) -> FieldChange:
    values = row.decode(one), row.decode(two)
    if row.kind in ("bytes", "address", "hex", "layout"):
        values = tuple(hex(value) for value in values)
    if enable and enable.number(one) and enable.number(two):
        buffers = a.names.get(row.number(one), values[0]), b.names.get(row.number(two), values[1])
        if buffers[0] == buffers[1]:
            return FieldChange(row.name, f"{values[0]} ({buffers[0]})", f"{values[1]} ({buffers[1]})", BARS)
        return FieldChange(row.name, *buffers)
    noise = MASKS if row.noise else LAYOUT if row.kind == "layout" else ""
    if row.name == "TID" and row.number(one) == a.index and row.number(two) == b.index:
        noise = LAYOUT
    return FieldChange(row.name, *values, noise)


def compare_across(a: Side, b: Side) -> tuple[WordChange, ...]:
    """The fields in which two tasks of different architectures differ, as far as both have one of that name."""
    found: dict[str, list[FieldChange]] = {}
    for name in a.arch.short_fields():
        if b.arch.field(name) is None:
            continue
        address, row = a.arch.field(name)
        values = a.registers.label(name), b.registers.label(name)
        # Where only one side has names for its values, the numbers are what can be compared.
        named = all(isinstance(label, str) for label in values)
        alike = not named and a.registers.number(name) == b.registers.number(name)
        if None not in values and values[0] != values[1] and not alike:
            noise = MASKS if row.noise else ""
            found.setdefault(a.arch.locate(address).name, []).append(FieldChange(row.name, *values, noise))
    return tuple(
        WordChange(register, a.arch.address(register) or 0, None, None, tuple(fields), _summed(tuple(fields)))
        for register, fields in found.items()
    )
