"""Building a text from tasks that have no place yet: the inverse of decoding, for programs that are written by hand."""

from array import array
from collections.abc import Sequence
from typing import NamedTuple

from ..errors import StreamError
from ..registers.model import Architecture
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
        offset = -(-end // stream.alignment) * stream.alignment if draft.at is None else draft.at
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
        for name in draft.follows:
            index, field = fields[name]
            words[index] = words[index] & ~field.mask | field.encode(values[name])
    tasks = tuple(
        stream.task(memoryview(words), offset, arch, f"task {number}")
        for number, (offset, words, _) in enumerate(placed)
    )
    return Text(tasks, end if size_bytes is None else size_bytes, frame, stray)
