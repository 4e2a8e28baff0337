"""Building a text from tasks that have no place yet: the inverse of decoding, for programs that are written by hand."""

from array import array
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import RegisterError, StreamError
from ..registers.model import Architecture, compose
from ..units import round_up
from .streams import STREAMS, Explicit, Pending, Text, encode_writes


class Draft(NamedTuple):
    """A task before it is laid out.

    Attributes:
        header: its header words, the DTID word included where there is one.
        items: its register writes.
        follows: names of the header's layout fields that are to be filled in.
        at: its offset in the text, or None for the next free place.
    """

    header: Sequence[int]
    items: Sequence[Pending | Explicit]
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
    if register is None or not 0 <= index < register.count:
        raise RegisterError(f"{arch.name} has no register {name}" + (f"[{index}]" if index else ""))
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
    follows = (field.name for row in arch.header.registers for field in row.fields if field.kind == "layout")
    return Draft(header(arch, header_values, dtid), items, frozenset(follows))


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
        StreamError: tasks that overlap, or that are no tasks.
    """
    stream = STREAMS[arch.stream]
    fields = {
        field.name: (register.offset // 4, field)
        for register in arch.header.registers
        for field in register.fields
        if field.kind == "layout"
    }
    placed: list[tuple[int, array, Draft]] = []
    end = len(frame)
    for number, draft in enumerate(drafts):
        words = array("I", draft.header)
        words.extend(encode_writes(stream, draft.items))
        offset = round_up(end, stream.alignment) if draft.at is None else draft.at
        if offset % 4:
            raise StreamError("a task begins on a word", where=f"task {number} at {offset:#x}")
        if offset < end:
            raise StreamError(f"it overlaps what ends at {end:#x}", where=f"task {number} at {offset:#x}")
        end = offset + 4 * len(words)
        placed.append((offset, words, draft))
    for number, (_, words, draft) in enumerate(placed):
        following = placed[number + 1] if number + 1 < len(placed) else None
        values = {
            "NextPointer": following[0] if following else 0,
            "NextSize": len(following[1]) - 1 if following else 0,
            "TaskSize": len(words),
        }
        for name in sorted(draft.follows):
            if name not in fields:
                raise StreamError(f"{arch.name} has no header field {name}", where=f"task {number}")
            index, field = fields[name]
            words[index] = words[index] & ~field.mask | field.encode(values[name])
    tasks = tuple(
        stream.task(memoryview(words), offset, arch, f"task {number}")
        for number, (offset, words, _) in enumerate(placed)
    )
    return Text(tasks, end if size_bytes is None else size_bytes, frame, stray)
