"""The two encodings of a task stream, and the text that tasks lie in.

`linked` (H11 to H13): a chain of descriptors; each names where the next one lies and how long it is. A record is a
header word `(count - 1) << 26 | byte address`, then the values of consecutive registers.

`records` (H14 and later): descriptors on 16-byte boundaries after an opening frame; each names its own size. A record
writes consecutive registers (dense) or those that a mask picks (scatter), and may name a BAR slot.

An architecture names its encoding in `Architecture.stream`; `STREAMS` finds it.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from ..errors import StreamError
from ..registers.architecture import Architecture
from ..runtime.stream_records import SCATTER
from ..units import round_up
from .structures import Structures
from .task import Record, Task, bytes_of, words_of


class StreamRange(NamedTuple):
    """One of several task streams that share a text.

    Attributes:
        name: what runs it, such as "bonded engine 1".
        offset: where it begins, bytes from the start of the text.
        first_task: index of its first task.
        task_count: its tasks.
    """

    name: str
    offset: int
    first_task: int
    task_count: int


class Text(NamedTuple):
    """The text section, taken apart.

    Attributes:
        tasks: the descriptors in the order in which the engine runs them.
        size_bytes: bytes of the section.
        frame: the words before the first task (the opening frame of `records`).
        stray: bytes outside every task that are not zero: (offset, bytes) pairs; the opening frames of further
            streams are among them.
        streams: the streams of a text that holds several; empty where it holds one.
    """

    tasks: tuple[Task, ...]
    size_bytes: int
    frame: bytes = b""
    stray: tuple[tuple[int, bytes], ...] = ()
    streams: tuple[StreamRange, ...] = ()

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


class Following(NamedTuple):
    """Where a task lies: bytes from the start of the text, and its size."""

    offset: int
    size_bytes: int


class Stream(Protocol):
    """An encoding of task streams."""

    #: Tasks begin on multiples of this many bytes.
    alignment: int

    def decode(
        self, text: memoryview, arch: Architecture, first_task_words: int | None, task_count: int | None
    ) -> Text:
        """Takes a text section apart.

        Args:
            text: the section's bytes.
            arch: the architecture.
            first_task_words: size of the first task, where the stream does not say it.
            task_count: how many tasks there should be; None if unknown.

        Raises:
            StreamError: it does not parse; with task and offset.
        """

    def decode_bare(self, text: memoryview, arch: Architecture) -> Text:
        """Decodes a text whose number of tasks is not known: bare streams, and containers without a program command."""

    def task(
        self, words: memoryview, offset: int, arch: Architecture, place: str, known: Structures | None = None
    ) -> Task:
        """Takes one descriptor apart.

        Args:
            words: its words.
            offset: where it lies, bytes from the start of the text.
            arch: the architecture.
            place: what to call it in messages.
            known: the structures of other tasks of the text, to which its own is added.

        Raises:
            StreamError: it does not parse.
        """

    def records(self, writes: Sequence[Pending]) -> Iterator[tuple[int, int]]:
        """(header word, number of writes) of the records that Apple's compiler would group the writes into."""

    def follow(self, task: Task, text: memoryview, arch: Architecture) -> Following | None:
        """Where the task that runs after this one lies; None after the last one.

        Args:
            task: the task.
            text: the text that it lies in, as words.
            arch: the architecture.
        """


def _bad(place: str, index: int, offset: int, what: str) -> StreamError:
    return StreamError(what, where=f"{place}, text offset {offset + 4 * index:#x}")


def _header_words(words: memoryview, offset: int, arch: Architecture, place: str) -> int:
    """Words of a task's header; checks that they are there."""
    if len(words) < arch.header_words:
        raise _bad(place, 0, offset, f"a task descriptor has at least {arch.header_words} words; {len(words)} are left")
    word, bit = arch.dtid_flag
    count = arch.header_words + (words[word] >> bit & 1)
    if len(words) < count:
        raise _bad(place, 0, offset, "the task ends before its DTID word")
    return count


def _record_fits(words: memoryview, index: int, count: int, offset: int, place: str, address: int) -> None:
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
        raise StreamError(f"the text has {len(text)} bytes, which is not a whole number of words", where="text")
    return words_of(text)


def _task(
    words: memoryview, offset: int, arch: Architecture, place: str, known: Structures | None,
    record_at: Callable[[memoryview, int, int, str], Record],
) -> Task:  # fmt: skip
    """A task of either encoding; `record_at` reads the record at an index of the words."""
    header = index = _header_words(words, offset, arch, place)
    if known and (shared := known.find(words, header)):
        return Task(offset, words, header, shared)
    records = []
    while index < len(words):
        record = record_at(words, index, offset, place)
        _record_fits(words, index, record.count, offset, place, record.address)
        records.append(record)
        index += record.count + 1
    task = Task(offset, words, header, tuple(records))
    if known:
        known.add(task)
    return task


def _linked_record(words: memoryview, index: int, offset: int, place: str) -> Record:
    """The record at an index of a task's words."""
    address = words[index] & 0x3FFFFFF
    if address % 4:
        raise _bad(place, index, offset, f"write to {address:#x}, which is not a register address")
    return Record(index, address, (words[index] >> 26) + 1)


class Linked:
    """The chain of descriptors of H11 to H13."""

    alignment = 0x100

    def decode(
        self, text: memoryview, arch: Architecture, first_task_words: int | None, task_count: int | None
    ) -> Text:
        """See `Stream.decode`; `first_task_words` comes from the program command or the `.anec` header."""
        tasks = self._chain(text, arch, first_task_words or 0)
        if task_count not in (None, len(tasks)):
            raise StreamError(f"the chain has {len(tasks)} tasks, the program says {task_count}", where="text")
        return Text(tasks, len(text), b"", stray_bytes(text, ((task.offset, task.end) for task in tasks)))

    def decode_bare(self, text: memoryview, arch: Architecture) -> Text:
        """See `Stream.decode_bare`."""
        tasks = self._chain(text, arch, self.first_task_words(text, arch))
        return Text(tasks, len(text), b"", stray_bytes(text, ((task.offset, task.end) for task in tasks)))

    def first_task_words(self, text: memoryview, arch: Architecture) -> int:
        """How long the first task is, in words, going by its records: they end at zeros, the next task or the text.

        Args:
            text: the text.
            arch: the architecture.

        Raises:
            StreamError: the records do not parse.
        """
        words = _text_words(text)
        index = _header_words(words, 0, arch, "task 0")
        pointer = arch.place("Header.NextPointer")
        end = min(pointer.number(words[pointer.address // 4]) // 4 or len(words), len(words))
        while index < end and words[index]:
            record = _linked_record(words, index, 0, "task 0")
            _record_fits(words[:end], index, record.count, 0, "task 0", record.address)
            index += record.count + 1
        if index == _header_words(words, 0, arch, "task 0"):
            raise _bad("task 0", index, 0, "the task writes no register")
        return index

    def _chain(self, text: memoryview, arch: Architecture, first_task_words: int) -> tuple[Task, ...]:
        words = _text_words(text)
        next_at, next_size = arch.place("Header.NextPointer"), arch.place("Header.NextSize")
        tasks: list[Task] = []
        known = Structures()
        offset, size = 0, first_task_words
        while True:
            place = f"task {len(tasks)}"
            start = offset // 4
            if offset % 4 or start + size > len(words):
                raise _bad(place, 0, offset, f"{size} words at {offset:#x} lie outside the text ({len(text):#x} bytes)")
            task = self.task(words[start : start + size], offset, arch, place, known)
            tasks.append(task)
            pointer = next_at.number(task.words[next_at.address // 4])
            if pointer == 0:
                break
            if pointer < task.end:
                index = next_at.address // 4
                raise _bad(place, index, offset, f"NextPointer {pointer:#x} leads back (the chain would loop)")
            size = next_size.number(task.words[next_size.address // 4]) + 1
            offset = pointer
        return tuple(tasks)

    def task(
        self, words: memoryview, offset: int, arch: Architecture, place: str, known: Structures | None = None
    ) -> Task:
        """See `Stream.task`."""
        return _task(words, offset, arch, place, known, _linked_record)

    def records(self, writes: Sequence[Pending]) -> Iterator[tuple[int, int]]:
        """See `Stream.records`: one record for each run of consecutive registers, of at most 64."""
        start = 0
        for end in range(1, len(writes) + 1):
            follows = end < len(writes) and writes[end].address == writes[end - 1].address + 4
            if not follows or end - start == 64:
                yield (end - start - 1) << 26 | writes[start].address, end - start
                start = end

    def follow(self, task: Task, text: memoryview, arch: Architecture) -> Following | None:
        """See `Stream.follow`; the task itself says both."""
        pointer, size = arch.place("Header.NextPointer"), arch.place("Header.NextSize")
        offset = pointer.number(task.words[pointer.address // 4])
        if not offset:
            return None
        return Following(offset, 4 * (size.number(task.words[size.address // 4]) + 1))


SLOT_RELATIVE = 1 << 29

#: Streams that share a text begin at multiples of a page, each with this frame (M6 containers of two public projects).
STREAM_PAGE_BYTES = 0x4000
FRAME_WORDS = (1, 0, 0, 0)

#: What runs the streams of a text that holds three (the same containers).
STREAM_NAMES = ("non-bonded engine 0", "bonded engine 0", "bonded engine 1")


def _stream_name(number: int) -> str:
    return STREAM_NAMES[number] if number < len(STREAM_NAMES) else f"{number + 1}"


class Records:
    """The self-sized descriptors of H14 and later."""

    alignment = 16
    frame_bytes = 16

    def decode(
        self, text: memoryview, arch: Architecture, first_task_words: int | None, task_count: int | None
    ) -> Text:
        """See `Stream.decode`; the stream says its sizes itself, so `first_task_words` is not used."""
        words = _text_words(text)
        if len(text) < self.frame_bytes or self._size(arch, words[0]):
            raise StreamError("the text does not begin with the opening frame", where="text offset 0x0")
        tasks: list[Task] = []
        known = Structures()
        offset = self.frame_bytes
        while offset < len(text):
            tasks.append(self._next(words, offset, arch, f"task {len(tasks)}", known))
            offset = round_up(tasks[-1].end, self.alignment)
        if task_count not in (None, len(tasks)):
            raise StreamError(f"the text holds {len(tasks)} tasks, the program says {task_count}", where="text")
        return self._text(text, tasks, self.frame_bytes)

    def decode_bare(self, text: memoryview, arch: Architecture) -> Text:
        """See `Stream.decode_bare`; a frame opens each stream, zeros fill up what lies before the next.

        A stream may lack its frame if it is the only one.
        """
        words = _text_words(text)
        frame_bytes = 0 if len(words) and self._size(arch, words[0]) else self.frame_bytes
        starts, end = self._starts(words, arch) if frame_bytes else ([0], len(text))
        several = len(starts) > 1 or any(words[end // 4 :])
        tasks: list[Task] = []
        streams: list[StreamRange] = []
        for number, (start, stop) in enumerate(itertools.pairwise([*starts, len(text)])):
            name = _stream_name(number) if several else ""
            stream_tasks = self._stream(words[: stop // 4], start + frame_bytes, arch, name)
            streams.append(StreamRange(name, start, len(tasks), len(stream_tasks)))
            tasks += stream_tasks
        if len(streams) not in (1, len(STREAM_NAMES)):
            raise StreamError(
                f"the text holds {len(streams)} streams, not {len(STREAM_NAMES)} ({', '.join(STREAM_NAMES)})",
                where=f"stream {streams[-1].name}, text offset {streams[-1].offset:#x}",
                hint="the two halves of a bonded program belong together",
            )
        return self._text(text, tasks, frame_bytes)._replace(streams=tuple(streams) if several else ())

    def _size(self, arch: Architecture, word: int) -> int:
        """Words of the task that a first header word announces; 0 for a frame and for padding."""
        return arch.place("Header.TaskSize").number(word)

    def _text(self, text: memoryview, tasks: Sequence[Task], frame_bytes: int) -> Text:
        spans = [(0, frame_bytes), *((task.offset, task.end) for task in tasks)]
        return Text(tuple(tasks), len(text), bytes(text[:frame_bytes]), stray_bytes(text, spans))

    def _next(self, words: memoryview, offset: int, arch: Architecture, place: str, known: Structures) -> Task:
        start = offset // 4
        size = self._size(arch, words[start])
        if size == 0 or start + size > len(words):
            raise _bad(place, 0, offset, f"task size {size} words does not fit the text ({4 * len(words):#x} bytes)")
        return self.task(words[start : start + size], offset, arch, place, known)

    def _starts(self, words: memoryview, arch: Architecture) -> tuple[list[int], int]:
        """Byte offsets of the streams, and where the last task ends; only the tasks' sizes are looked at."""
        starts, offset = [0], self.frame_bytes
        while offset < 4 * len(words):
            if size := self._size(arch, words[offset // 4]):
                offset = round_up(offset + 4 * size, self.alignment)
                continue
            page = round_up(offset, STREAM_PAGE_BYTES)
            if any(words[offset // 4 : page // 4]) or tuple(words[page // 4 : page // 4 + 4]) != FRAME_WORDS:
                break
            starts.append(page)
            offset = page + self.frame_bytes
        return starts, offset

    def _stream(self, words: memoryview, offset: int, arch: Architecture, name: str) -> list[Task]:
        """The tasks of one stream, from an offset to the end of the words."""
        prefix = f"stream {name}, " if name else ""
        tasks: list[Task] = []
        known = Structures()
        while offset < 4 * len(words) and any(words[offset // 4 : offset // 4 + self.alignment // 4]):
            tasks.append(self._next(words, offset, arch, f"{prefix}task {len(tasks)}", known))
            offset = round_up(tasks[-1].end, self.alignment)
        if not tasks:
            raise StreamError("the stream holds no task", where=f"{prefix}text offset {offset:#x}")
        rest = next((index for index in range(offset // 4, len(words)) if words[index]), None)
        if rest is not None:
            raise _bad(
                f"{prefix}behind task {len(tasks) - 1}", 0, 4 * rest,
                "what follows the zeros begins with no opening frame",
            )  # fmt: skip
        return tasks

    def task(
        self, words: memoryview, offset: int, arch: Architecture, place: str, known: Structures | None = None
    ) -> Task:
        """See `Stream.task`."""
        return _task(words, offset, arch, place, known, lambda words, index, *_: self._record(words[index], index))

    def _record(self, word: int, index: int) -> Record:
        address = 4 * (word & 0x7FFF)
        if word & SCATTER:
            mask = word >> 15 & 0xFFFF
            return Record(index, address, mask.bit_count() + 1, mask)
        slot = word >> 23 & 0x1F if word & SLOT_RELATIVE else None
        return Record(index, address, (word >> 15 & 0x3F) + 1, None, slot)

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

    def follow(self, task: Task, text: memoryview, arch: Architecture) -> Following | None:
        """See `Stream.follow`; the next task begins behind this one and says its size itself."""
        offset = round_up(task.end, self.alignment)
        if offset // 4 >= len(text):
            return None
        size = arch.place("Header.TaskSize").number(text[offset // 4])
        return Following(offset, 4 * size) if size else None


STREAMS: dict[str, Stream] = {"linked": Linked(), "records": Records()}
