"""Building a text from tasks that have no place yet: the inverse of decoding, for programs that are written by hand."""

from array import array
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import RegisterError, StreamError
from ..registers.architecture import Architecture, compose
from ..registers.kinds import LAYOUT
from ..runtime import stream_linked, stream_records, text
from ..runtime.register import LINK, RECORD, Write
from ..runtime.register import Register as Call
from .streams import SLOT_RELATIVE, STREAMS, Pending, Text

#: What encodes a record of each stream.
ENCODERS = {"linked": stream_linked.encode_record, "records": stream_records.encode_record}


class Draft(NamedTuple):
    """A task before it is laid out.

    Attributes:
        header: its header words, the DTID word included where there is one.
        items: its register writes.
        follows: names of the header's layout fields that are to be filled in.
        at: its offset in the text, or None for the next free place.
    """

    header: Sequence[int]
    items: Sequence[Pending]
    follows: frozenset[str] = frozenset()
    at: int | None = None


def header(arch: Architecture, words: Mapping[str, Mapping[str, Any] | int], dtid: int | None = None) -> list[int]:
    """Header words from field values: `{"W0": {"TID": 1}, "W6": 0x30009800}`; words that are left out are 0.

    Args:
        arch: the architecture.
        words: header word -> its fields, or the whole word.
        dtid: the DTID word; None for a header without one.
    """
    known = [register.name for register in arch.header.registers]
    if unknown := next((name for name in words if name not in known), None):
        raise RegisterError(f"{arch.name} has no header word {unknown}")
    values = []
    for register in arch.header.registers[: arch.header_words]:
        given = words.get(register.name, 0)
        values.append(given if isinstance(given, int) else compose(register, **given))
    return values if dtid is None else [*values, dtid]


def write(
    arch: Architecture, name: str, word: int = 0, *, index: int = 0, slot: int | None = None, **fields: Any
) -> Pending:
    """A register write from field values.

    Args:
        arch: the architecture.
        name: `Block.Register`.
        word: bits to start from.
        index: of the register in an array.
        slot: the BAR slot that a base address is relative to.
        fields: field values, as `Field.encode` takes them.

    Raises:
        RegisterError: no such register or field, or a value that does not fit.
    """
    register = arch.register(name)
    if not 0 <= index < register.count:
        raise RegisterError(f"{arch.name} has no register {name}[{index}]")
    address = arch.address(name, index)
    return Pending(address, compose(register, word, **fields), slot, arch.writes_alone(address, slot))


def complete(
    arch: Architecture,
    header_values: Mapping[str, Mapping[str, Any] | int],
    registers: Mapping[str, Mapping[str, Any] | int],
    dtid: int | None = None,
) -> Draft:
    """A task that writes every register of its architecture, 0 where nothing else is said.

    Args:
        arch: the architecture.
        header_values: see `header`; layout fields are filled in.
        registers: `Block.Register` or `Block.Register[3]` -> its fields, or the whole word.
        dtid: the DTID word; None for a task without one.
    """
    left = dict(registers)
    items = []
    for block in arch.blocks:
        for row in block.registers:
            for index in range(row.count):
                name = f"{block.name}.{row.name}"
                given = left.pop(f"{name}[{index}]", left.get(name, 0))
                fields = {} if isinstance(given, int) else given
                items.append(write(arch, name, given if isinstance(given, int) else 0, index=index, **fields))
            left.pop(f"{block.name}.{row.name}", None)
    if left:
        raise RegisterError(f"{arch.name} has no register {next(iter(left))}")
    return Draft(header(arch, header_values, dtid), items, arch.layout_fields)


def lay_out(
    arch: Architecture,
    drafts: Sequence[Draft],
    frame: bytes = b"",
    size_bytes: int | None = None,
    stray: tuple[tuple[int, bytes], ...] = (),
) -> Text:
    """Gives every task its place, and fills in the header fields that follow from it.

    Args:
        arch: the architecture.
        drafts: the tasks, in order.
        frame: bytes before the first task.
        size_bytes: of the text; None ends it with the last task.
        stray: bytes outside every task.

    Raises:
        StreamError: tasks that overlap, or words that are not a task.
    """
    stream, encode_record = STREAMS[arch.stream], ENCODERS[arch.stream]
    tasks = [_Drafted(arch, draft) for draft in drafts]
    places = {number: draft.at for number, draft in enumerate(drafts) if draft.at is not None}
    try:
        _, placed = text.lay_out(tasks, encode_record, stream.alignment, len(frame), places)
    except ValueError as error:
        raise StreamError(str(error)) from error
    made = tuple(
        stream.task(memoryview(array("I", words)), offset, arch, f"task {number}")
        for number, (offset, words) in enumerate(placed)
    )
    end = made[-1].end if made else len(frame)
    return Text(made, end if size_bytes is None else size_bytes, frame, stray)


class _Drafted:
    """A draft as the runtime takes a task: called, it gives the header's writes, then the records."""

    def __init__(self, arch: Architecture, draft: Draft):
        self.arch, self.draft = arch, draft

    def __call__(self) -> list[list[Write]]:
        header = [self._header(index, word) for index, word in enumerate(self.draft.header)]
        records, start, items = [], 0, self.draft.items
        for _, count in STREAMS[self.arch.stream].records(items):
            slot = items[start].slot
            form = [] if slot is None else [Write(Call(RECORD), SLOT_RELATIVE | slot << 23, 0)]
            records.append(
                [*form, *(Write(Call(item.address), item.value, 0) for item in items[start : start + count])]
            )
            start += count
        return [header, *records]

    def _header(self, index: int, word: int) -> Write:
        row = self.arch.header.registers[index]
        links = [field for field in row.fields if field.kind is LAYOUT]
        given = sum(field.mask for field in links if field.name not in self.draft.follows)
        register = Call(row.offset, **{field.name: (field.msb, field.lsb, LINK) for field in links})
        return Write(register, word & ~sum(field.mask for field in links if not field.mask & given), given)
