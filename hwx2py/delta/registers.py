"""Two tasks of one architecture compared register by register, and field by field where a register differs."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ..program.register_file import RegisterFile
from ..program.task import WrittenWord
from ..registers import kinds
from ..registers.architecture import Architecture, Field, Location
from .comparison import ABSENT, BARS, IGNORED, LAYOUT, MASKS, UNREAD, FieldChange, Reason, WordChange

WrittenPair = tuple[WrittenWord | None, WrittenWord | None]


class TaskSide(NamedTuple):
    """One of the two tasks.

    Attributes:
        registers: the register file while it runs.
        index: of the task.
        names: BAR (slot) -> what it stands for.
        idle: byte addresses of the registers that neither it nor a later task reads.
    """

    registers: RegisterFile
    index: int  # type: ignore[assignment] # hides tuple's method
    names: Mapping[int, str]
    idle: frozenset[int]

    @property
    def arch(self) -> Architecture:
        """Its architecture."""
        return self.registers.arch


def compare_tasks(a: TaskSide, b: TaskSide) -> tuple[WordChange, ...]:
    """The registers in which two tasks of one architecture differ, the header first."""
    one, two = a.registers.task, b.registers.task
    if a.index == b.index and a.names == b.names and one.records == two.records and one.words == two.words:
        return ()
    return (*_headers(a, b), *_writes(a, b))


def _headers(a: TaskSide, b: TaskSide) -> Iterator[WordChange]:
    one, two = a.registers.task, b.registers.task
    for index in range(max(one.header_words, two.header_words)):
        old, new = (task.words[index] if index < task.header_words else None for task in (one, two))
        if old != new:
            yield _word(a.arch.header_location(index), 4 * index, old, new, a, b)


def _writes(a: TaskSide, b: TaskSide) -> Iterator[WordChange]:
    written = _same_records(a, b)
    if written is None:
        written = _any_records(a, b)
    for address in sorted(written):
        one, two = written[address]
        values, numbers = (one and one.value, two and two.value), (one and one.slot, two and two.slot)
        slots = _buffer(a, numbers[0]), _buffer(b, numbers[1])
        if values[0] == values[1] and numbers[0] == numbers[1] and slots[0] == slots[1]:
            continue
        change = _word(a.arch.locate(address), address, *values, a, b)
        if slots != (None, None):
            reason = BARS if slots[0] == slots[1] else None
            fields = change.fields if values[0] != values[1] else ()
            change = change._replace(fields=(*fields, FieldChange("slot", *slots, reason)))
        yield change


def _buffer(side: TaskSide, slot: int | None) -> str | int | None:
    """What a slot stands for, by name where it has one."""
    return None if slot is None else side.names.get(slot, slot)


def _same_records(a: TaskSide, b: TaskSide) -> dict[int, WrittenPair] | None:
    """What differs, by address, in tasks with the same records; None where they have others or name other buffers.

    Most pairs of a long program are such, and only a few of their words differ.
    """
    one, two = a.registers.task, b.registers.task
    if one.records != two.records or a.names != b.names:
        return None
    found: dict[int, WrittenPair] = {}
    for record in one.records:
        indexes = range(record.index + 1, record.index + 1 + record.count)
        values = [task.words[indexes.start : indexes.stop] for task in (one, two)]
        if values[0] != values[1]:
            for index, address, old, new in zip(indexes, record.addresses(), *values):
                if old != new:
                    found[address] = (
                        WrittenWord(index, address, old, record.slot),
                        WrittenWord(index, address, new, record.slot),
                    )
    return found


def _any_records(a: TaskSide, b: TaskSide) -> dict[int, WrittenPair]:
    """Everything that either task writes, by address."""
    one, two = ({write.address: write for write in side.registers.task.writes()} for side in (a, b))
    return {address: (one.get(address), two.get(address)) for address in one.keys() | two.keys()}


def _word(location: Location, address: int, one: int | None, two: int | None, a: TaskSide, b: TaskSide) -> WordChange:
    """A register's change. A value that one side did not write counts as what its register holds."""
    held = _held(a, location, address, one), _held(b, location, address, two)
    unread = UNREAD if _is_unread(location, held, a, b) else None
    if held[0] is None or held[1] is None or (held[0] == held[1] and None in (one, two)):
        reason = ABSENT if held[0] == held[1] is not None else unread
        change = FieldChange("", _shown_word(location, one), _shown_word(location, two), reason)
        return WordChange(location.name, address, one, two, (change,))
    fields = tuple(_fields(location, held[0], held[1], a, b))
    if unread:
        fields = tuple(field if field.reason else field._replace(reason=unread) for field in fields)
    return WordChange(location.name, address, one, two, fields)


def _is_unread(location: Location, held: tuple[int | None, int | None], a: TaskSide, b: TaskSide) -> bool:
    """Whether neither side reads the register.

    Of the registers in which compilers leave a word that is known to be idle, any other value is open: it may tell
    a later task to keep something.
    """
    address = location.address
    if location.block is a.arch.header or address not in a.idle or address not in b.idle:
        return False
    idle = location.register.idle
    return idle is None or all(value in (None, 0, idle.word) for value in held)


def _held(side: TaskSide, location: Location, address: int, written: int | None) -> int | None:
    """The word that a register holds while the task runs; None where that is not known."""
    if written is not None or location.block is side.arch.header:
        return written
    word = side.registers.word_at(address)
    return 0 if word is None and side.arch.carries_state else word


def _shown_word(location: Location, word: int | None) -> str | None:
    if word is None:
        return None
    fields = [f"{field.name}={field.decode(word)}" for field in location.register.fields if word & field.mask]
    return " ".join(fields) or hex(word)


def _fields(location: Location, one: int, two: int, a: TaskSide, b: TaskSide) -> Iterator[FieldChange]:
    ignored = location.register.ignored_mask
    for field in location.register.fields:
        differing = (one ^ two) & field.mask
        if differing:
            enable = location.register.field(field.enable) if field.enable else None
            is_noise = field.is_noise and location.block is a.arch.header
            change = _field(field, enable, is_noise, one, two, a, b)
            is_ignored = change.reason is None and not differing & ~ignored
            yield change._replace(reason=IGNORED) if is_ignored else change
    unnamed = (one ^ two) & ~location.register.named_mask
    for mask, reason in ((~ignored, None), (ignored, IGNORED)):
        if unnamed & mask:
            rest = ~location.register.named_mask & mask
            yield FieldChange("", hex(one & rest), hex(two & rest), reason)


def _field(
    field: Field, enable: Field | None, is_noise: bool, one: int, two: int, a: TaskSide, b: TaskSide
) -> FieldChange:
    values = field.kind.show(field.decode(one)), field.kind.show(field.decode(two))
    if enable and enable.number(one) and enable.number(two):
        buffers = a.names.get(field.number(one), values[0]), b.names.get(field.number(two), values[1])
        if buffers[0] == buffers[1]:
            return FieldChange(field.name, f"{values[0]} ({buffers[0]})", f"{values[1]} ({buffers[1]})", BARS)
        return FieldChange(field.name, *buffers)
    return FieldChange(field.name, *values, MASKS if is_noise else _reason(field, one, two, a, b))


def _reason(field: Field, one: int, two: int, a: TaskSide, b: TaskSide) -> Reason | None:
    # A task's id is layout only where it is the task's index on both sides.
    is_index = field.name == "TID" and (field.number(one), field.number(two)) == (a.index, b.index)
    return LAYOUT if field.kind is kinds.LAYOUT or is_index else None
