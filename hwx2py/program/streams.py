"""The two encodings of a task stream, and the text that tasks lie in.

`linked` (H11 to H13): a chain of descriptors; each names where the next one lies and how long it is. A record is a
header word `(count - 1) << 26 | byte address`, then the values of consecutive registers.

`records` (H14 and later): descriptors on 16-byte boundaries after an opening frame; each names its own size. A record
writes consecutive registers (dense) or those that a mask picks (scatter), and may name a BAR slot.

An architecture names its encoding in `Architecture.stream`; `STREAMS` finds it.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from ..errors import StreamError
from ..registers.model import Architecture
from ..runtime.stream_records import SCATTER
from ..units import round_up
from .task import Burst, Task, bytes_of, words_of


class Text(NamedTuple):
    """The text section, taken apart.

    Attributes:
        tasks: the descriptors in the order in which the engine runs them.
        size_bytes: bytes of the section.
        frame: the words before the first task (the opening frame of `records`).
        stray: bytes outside every task that are not zero: (offset, bytes) pairs.
    """

    tasks: tuple[Task, ...]
    size_bytes: int
    frame: bytes = b""
    stray: tuple[tuple[int, bytes], ...] = ()

    def to_bytes(self) -> bytes:
        """The section's bytes."""
        data = bytearray(self.size_bytes)
        data[: len(self.frame)] = self.frame
        for task in self.tasks:
            data[task.offset : task.end] = bytes_of(task.words)
        for offset, piece in self.stray:
            data[offset : offset + len(piece)] = piece
        return bytes(data)


class Pending(NamedTuple):
    """A register write that is not yet encoded. `alone` asks for a record of its own."""

    address: int
    value: int
    slot: int | None = None
    alone: bool = False


class Stream(Protocol):
    """An encoding of task streams."""

    #: Tasks begin on multiples of this many bytes.
    alignment: int

    def decode(self, text: memoryview, arch: Architecture, first_task_words: int | None, task_count: int) -> Text:
        """Takes a text section apart. Raises StreamError with task and offset where it does not parse."""

    def task(self, words: memoryview, offset: int, arch: Architecture, place: str) -> Task:
        """Takes one descriptor apart."""

    def records(self, writes: Sequence[Pending]) -> Iterator[tuple[int, int]]:
        """(header word, number of writes) of the records that Apple's compiler would group the writes into."""


def _bad(place: str, index: int, offset: int, what: str) -> StreamError:
    return StreamError(what, where=f"{place}, text offset {offset + 4 * index:#x}")


def _header_words(words: memoryview, offset: int, arch: Architecture, place: str) -> int:
    """Words of a task's header; checks that they are there."""
    if len(words) < arch.header_words:
        raise _bad(place, 0, offset, f"{len(words)} words are no task descriptor ({arch.header_words} words of header)")
    word, bit = arch.dtid_flag
    count = arch.header_words + (words[word] >> bit & 1)
    if len(words) < count:
        raise _bad(place, 0, offset, "the task ends before its DTID word")
    return count


def _burst_fits(words: memoryview, index: int, count: int, offset: int, place: str, address: int) -> None:
    if index + count >= len(words):
        raise _bad(
            place,
            index,
            offset,
            f"the write of {count} registers from {address:#x} runs past the task's {len(words)} words",
        )


def stray_bytes(text: memoryview, spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, bytes], ...]:
    """Non-zero bytes of the text outside the spans (which are in ascending order)."""
    found, position = [], 0
    for start, end in [*spans, (len(text), len(text))]:
        gap = bytes(text[position:start])
        if kept := gap.strip(b"\0"):
            first = position + gap.index(kept)
            found.append((first, kept))
        position = max(position, end)
    return tuple(found)


def _text_words(text: memoryview) -> memoryview:
    if len(text) % 4:
        raise StreamError(f"the text has {len(text)} bytes, which is no whole number of words", where="text")
    return words_of(text)


class Linked:
    """The chain of descriptors of H11 to H13."""

    alignment = 0x100

    def decode(self, text: memoryview, arch: Architecture, first_task_words: int | None, task_count: int) -> Text:
        """See `Stream.decode`; `first_task_words` comes from the program command or the `.anec` header."""
        words = _text_words(text)
        next_at, next_size = arch.field("Header.NextPointer"), arch.field("Header.NextSize")
        tasks: list[Task] = []
        offset, size = 0, first_task_words or 0
        while True:
            place = f"task {len(tasks)}"
            start = offset // 4
            if offset % 4 or start + size > len(words):
                raise _bad(place, 0, offset, f"{size} words at {offset:#x} lie outside the text ({len(text):#x} bytes)")
            task = self.task(words[start : start + size], offset, arch, place)
            tasks.append(task)
            pointer = next_at[1].number(task.words[next_at[0] // 4])
            if pointer == 0:
                break
            if pointer < task.end:
                raise _bad(
                    place, next_at[0] // 4, offset, f"NextPointer {pointer:#x} leads back (the chain would loop)"
                )
            size = next_size[1].number(task.words[next_size[0] // 4]) + 1
            offset = pointer
        if len(tasks) != task_count:
            raise StreamError(f"the chain has {len(tasks)} tasks, the program says {task_count}", where="text")
        return Text(tuple(tasks), len(text), b"", stray_bytes(text, ((task.offset, task.end) for task in tasks)))

    def task(self, words: memoryview, offset: int, arch: Architecture, place: str) -> Task:
        """See `Stream.task`."""
        header = index = _header_words(words, offset, arch, place)
        bursts = []
        while index < len(words):
            count, address = (words[index] >> 26) + 1, words[index] & 0x3FFFFFF
            if address % 4:
                raise _bad(place, index, offset, f"write to {address:#x}, which is no register address")
            _burst_fits(words, index, count, offset, place, address)
            bursts.append(Burst(index, address, count))
            index += count + 1
        return Task(offset, words, header, tuple(bursts))

    def records(self, writes: Sequence[Pending]) -> Iterator[tuple[int, int]]:
        """See `Stream.records`: one record for each run of consecutive registers, of at most 64."""
        start = 0
        for end in range(1, len(writes) + 1):
            follows = end < len(writes) and writes[end].address == writes[end - 1].address + 4
            if not follows or end - start == 64:
                yield (end - start - 1) << 26 | writes[start].address, end - start
                start = end


SLOT_RELATIVE = 1 << 29


class Records:
    """The self-sized descriptors of H14 and later."""

    alignment = 16
    frame_bytes = 16

    def decode(self, text: memoryview, arch: Architecture, first_task_words: int | None, task_count: int) -> Text:
        """See `Stream.decode`; the stream says its sizes itself, so `first_task_words` is not used."""
        words = _text_words(text)
        size_field = arch.field("Header.TaskSize")[1]
        if len(text) < self.frame_bytes or size_field.number(words[0]):
            raise StreamError("the text does not begin with the opening frame", where="text offset 0x0")
        tasks: list[Task] = []
        offset = self.frame_bytes
        while offset < len(text):
            place, start = f"task {len(tasks)}", offset // 4
            size = size_field.number(words[start])
            if size == 0 or start + size > len(words):
                raise _bad(place, 0, offset, f"task size {size} words does not fit the text ({len(text):#x} bytes)")
            tasks.append(self.task(words[start : start + size], offset, arch, place))
            offset = round_up(tasks[-1].end, self.alignment)
        if len(tasks) != task_count:
            raise StreamError(f"the text holds {len(tasks)} tasks, the program says {task_count}", where="text")
        spans = [(0, self.frame_bytes), *((task.offset, task.end) for task in tasks)]
        return Text(tuple(tasks), len(text), bytes(text[: self.frame_bytes]), stray_bytes(text, spans))

    def task(self, words: memoryview, offset: int, arch: Architecture, place: str) -> Task:
        """See `Stream.task`."""
        header = index = _header_words(words, offset, arch, place)
        bursts = []
        while index < len(words):
            burst = self._burst(words[index], index)
            _burst_fits(words, index, burst.count, offset, place, burst.address)
            bursts.append(burst)
            index += burst.count + 1
        return Task(offset, words, header, tuple(bursts))

    def _burst(self, record: int, index: int) -> Burst:
        address = 4 * (record & 0x7FFF)
        if record & SCATTER:
            mask = record >> 15 & 0xFFFF
            return Burst(index, address, mask.bit_count() + 1, mask)
        slot = record >> 23 & 0x1F if record & SLOT_RELATIVE else None
        return Burst(index, address, (record >> 15 & 0x3F) + 1, None, slot)

    def records(self, writes: Sequence[Pending]) -> Iterator[tuple[int, int]]:
        """See `Stream.records`.

        The rule reproduces every record of the decoded H14 to H18 programs: the fewest records; among equals a run of
        consecutive registers goes dense before a scatter record is tried, a single register scatters with its
        neighbours.
        """
        start = 0
        for end in range(1, len(writes) + 1):
            if end == len(writes) or not self._joins(writes[end - 1], writes[end]):
                yield from self._group(writes[start:end])
                start = end

    @staticmethod
    def _joins(one: Pending, two: Pending) -> bool:
        if one.alone or two.alone or one.slot != two.slot or two.address <= one.address:
            return False
        return two.address == one.address + 4 if one.slot is not None else one.address >> 10 == two.address >> 10

    @staticmethod
    def _group(writes: Sequence[Pending]) -> Iterator[tuple[int, int]]:
        words = [write.address // 4 for write in writes]
        if (slot := writes[0].slot) is not None:
            for start in range(0, len(words), 64):
                count = min(64, len(words) - start)
                yield SLOT_RELATIVE | slot << 23 | (count - 1) << 15 | words[start], count
            return

        # For each start, from the last one back: (records from there on, end of the first one, whether it scatters).
        best = [(0, len(words), False)] * (len(words) + 1)
        for start in reversed(range(len(words))):
            run = start + 1
            while run < len(words) and words[run] == words[run - 1] + 1 and run - start < 64:
                run += 1
            reach = start + 1
            while reach < len(words) and words[reach] <= words[start] + 16:
                reach += 1
            dense, scatter = best[run][0] + 1, best[reach][0] + 1
            dense_wins = reach == start + 1 or dense < scatter or (dense == scatter and run > start + 1)
            best[start] = (dense, run, False) if dense_wins else (scatter, reach, True)
        start = 0
        while start < len(words):
            _, end, scatters = best[start]
            header = (end - start - 1) << 15 | words[start]
            if scatters:
                mask = sum(1 << (word - words[start] - 1) for word in words[start + 1 : end])
                header = SCATTER | mask << 15 | words[start]
            yield header, end - start
            start = end


STREAMS: dict[str, Stream] = {"linked": Linked(), "records": Records()}
