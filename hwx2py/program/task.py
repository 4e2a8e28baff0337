"""A task descriptor: its raw words, and views that name them.

Nothing is decoded into copies: a task keeps the words as they lie in the file, and where its records begin. Registers
and fields are looked up from there, so unknown bits and unknown registers are never lost.
"""

import sys
from array import array
from collections.abc import Iterator
from itertools import chain, repeat
from typing import NamedTuple


class Record(NamedTuple):
    """One record of a task's stream: a header word, then the values it writes.

    Attributes:
        index: where the header word lies in the task's words; the values follow it.
        address: byte address of the first register.
        count: values.
        mask: None for consecutive registers; else bit i adds the register at address + 4 + 4 * i.
        slot: the BAR slot that a base-address record names, or None.
    """

    index: int  # type: ignore[assignment] # hides tuple's method
    address: int
    count: int  # type: ignore[assignment] # hides tuple's method
    mask: int | None = None
    slot: int | None = None

    def addresses(self) -> range | list[int]:
        """Byte addresses of the values, in stream order."""
        if self.mask is None:
            return range(self.address, self.address + 4 * self.count, 4)
        offsets = (4 + 4 * bit for bit in range(self.mask.bit_length()) if self.mask >> bit & 1)
        return [self.address, *(self.address + offset for offset in offsets)]


class WrittenWord(NamedTuple):
    """One register write: where its value lies in the task's words, the register's byte address, value and slot."""

    index: int  # type: ignore[assignment] # hides tuple's method
    address: int
    value: int
    slot: int | None = None


class Task(NamedTuple):
    """A task descriptor.

    Attributes:
        offset: bytes from the start of the text.
        words: all words, header included, as unsigned 32-bit integers.
        header_words: words of the header, the DTID word included where there is one.
        records: the records of the stream.
    """

    offset: int
    words: memoryview
    header_words: int
    records: tuple[Record, ...]

    @property
    def size_bytes(self) -> int:
        """Bytes of the descriptor."""
        return 4 * len(self.words)

    @property
    def end(self) -> int:
        """Byte offset just behind the descriptor."""
        return self.offset + self.size_bytes

    def writes(self) -> Iterator[WrittenWord]:
        """Every register write, in stream order."""
        for record in self.records:
            indices = range(record.index + 1, record.index + 1 + record.count)
            values = self.words[indices.start : indices.stop]
            yield from map(WrittenWord, indices, record.addresses(), values, repeat(record.slot))

    def addresses(self) -> Iterator[int]:
        """The byte address of every register write, in stream order."""
        return chain.from_iterable(record.addresses() for record in self.records)

    def with_words(self, changes: dict[int, int]) -> "Task":
        """The same task with some words replaced: {index in words: new value}."""
        words = array("I", self.words)
        for index, value in changes.items():
            words[index] = value
        return self._replace(words=memoryview(words))


def words_of(data: memoryview | bytes) -> memoryview:
    """Little-endian bytes as unsigned 32-bit words, without a copy where the host is little-endian too."""
    view = memoryview(data)
    if sys.byteorder == "little":
        return view.cast("B").cast("I")
    words = array("I", bytes(view))
    words.byteswap()
    return memoryview(words)


def bytes_of(words: "memoryview | array[int]") -> bytes:
    """Unsigned 32-bit words as little-endian bytes."""
    if sys.byteorder == "little":
        return bytes(memoryview(words).cast("B"))
    swapped = array("I", words)
    swapped.byteswap()
    return swapped.tobytes()
