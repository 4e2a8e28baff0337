"""Device memory: buffers in a sparse file that a script maps, with a record of who wrote what.

A page that was never touched is a hole in the file. So what a host program wrote is known by the page of the machine,
what the engine wrote by the byte.
"""

import mmap
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import numpy as np

from .. import host
from ..errors import UnsupportedError
from ..units import round_up, whole

PAGE = 0x4000
#: The driver's address space for buffers.
FIRST_ADDRESS, END_ADDRESS = 0x4000, 0xE0000000


@dataclass
class Buffer:
    """A buffer object.

    Attributes:
        handle: the driver's number for it.
        offset: where it lies in the file; the same number serves mmap.
        size: bytes that were asked for.
        data: (room,) uint8, the memory, rounded up to the page.
        written: (room,) bool, what the engine wrote; None until it writes.
        host: (pages,) bool, which pages hold data of the host's; see `Memory.note_host_writes`.
    """

    handle: int
    offset: int
    size: int
    data: np.ndarray
    written: np.ndarray | None = None
    host: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))

    @property
    def room(self) -> int:
        """Bytes with the rounding."""
        return len(self.data)

    def mark(self) -> np.ndarray:
        """The record of what the engine wrote, made when it is first needed: (room,) bool."""
        if self.written is None:
            self.written = np.zeros(self.room, bool)
        return self.written


class SparseFile:
    """Memory in a file without a name, whose holes are what nobody wrote; a script's process maps the same file."""

    def __init__(self) -> None:
        import fcntl

        self.file = os.memfd_create("ane", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        # What is mapped here must not vanish.
        fcntl.fcntl(self.file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)

    def close(self) -> None:
        """Gives the file back; what is mapped stays until nothing holds it."""
        os.close(self.file)

    def room(self, offset: int, size: int) -> np.ndarray:
        """Memory at an offset of the file, (size,) uint8 of zeros."""
        os.ftruncate(self.file, offset + size)
        return np.frombuffer(mmap.mmap(self.file, size, mmap.MAP_SHARED, offset=offset), np.uint8)

    def touched(self, buffer: Buffer, page_bytes: int, is_given: bool) -> np.ndarray:
        """Which pages of a buffer hold data, (pages,) bool."""
        pages = np.zeros(buffer.room // page_bytes, bool)
        for start, end in self._data(buffer.offset, buffer.offset + buffer.room):
            pages[(start - buffer.offset) // page_bytes : whole(end - buffer.offset, page_bytes)] = True
        return pages

    def _data(self, position: int, end: int) -> Iterator[tuple[int, int]]:
        """Ranges of the file between two offsets that are not holes."""
        while position < end:
            try:
                start = os.lseek(self.file, position, os.SEEK_DATA)
            except OSError:  # ENXIO: only holes from here on
                return
            if start >= end:
                return
            position = min(os.lseek(self.file, start, os.SEEK_HOLE), end)
            yield start, position


class PlainMemory:
    """Memory of this process, for systems without such files: what holds something, or was given, was written."""

    file = None

    def close(self) -> None:
        """Nothing is to be given back."""

    def room(self, offset: int, size: int) -> np.ndarray:
        """Memory, (size,) uint8 of zeros."""
        return np.zeros(size, np.uint8)

    def touched(self, buffer: Buffer, page_bytes: int, is_given: bool) -> np.ndarray:
        """Which pages of a buffer hold data, (pages,) bool; all where the program has given the whole buffer."""
        pages = buffer.data.reshape(-1, page_bytes)
        return np.ones(len(pages), bool) if is_given else np.asarray(pages.any(axis=1))


class Memory:
    """All buffers.

    Args:
        store: where they lie; what the system offers if left out.
        page_bytes: how finely it is known what the host wrote: a page of the machine.
    """

    def __init__(self, store: SparseFile | PlainMemory | None = None, page_bytes: int = mmap.PAGESIZE) -> None:
        self.store = store or (SparseFile() if host.knows_holes() else PlainMemory())
        self.page_bytes = page_bytes
        self.buffers: dict[int, Buffer] = {}
        self._end = FIRST_ADDRESS
        self._next = 1
        #: Whether the address space has run out once: from then on the driver begins anew at an address in use.
        self.exhausted = False

    @property
    def file(self) -> int:
        """The file that other processes map.

        Raises:
            UnsupportedError: the system has none whose holes it knows.
        """
        if self.store.file is None:
            raise UnsupportedError("memory that is shared with another process needs Linux")
        return self.store.file

    def close(self) -> None:
        """Gives the memory back, but for the buffers that something else holds."""
        self.buffers.clear()
        self.store.close()

    def allocate(self, size: int) -> Buffer | None:
        """A buffer of this many bytes; None where the address space is full."""
        room = round_up(size, PAGE)
        if self.exhausted or self._end + room > END_ADDRESS:
            return None
        buffer = Buffer(self._next, self._end, size, self.store.room(self._end, room))
        self.buffers[buffer.handle] = buffer
        self._end += room
        self._next += 1
        return buffer

    def free(self, handle: int) -> bool:
        """Frees a buffer; False where there is none."""
        return self.buffers.pop(handle, None) is not None

    def note_host_writes(self, given: Collection[int]) -> None:
        """Looks which pages of each buffer hold data, before the engine looks at any.

        Args:
            given: handles of the buffers that the host fills: inputs, tasks, coefficients.
        """
        for buffer in self.buffers.values():
            buffer.host = self.store.touched(buffer, self.page_bytes, buffer.handle in given)

    def unwritten(self, buffer: Buffer, offsets: np.ndarray) -> int | None:
        """The first of some byte offsets that neither the host nor the engine wrote, or None.

        Args:
            buffer: the buffer.
            offsets: byte offsets, any shape.
        """
        known = buffer.host[offsets // self.page_bytes]
        if buffer.written is not None:
            known |= buffer.written[offsets]
        return None if known.all() else int(offsets[~known].min())

    def is_host_written(self, buffer: Buffer, start: int, end: int) -> bool:
        """Whether the host wrote all pages of a range."""
        first, behind = start // self.page_bytes, whole(end, self.page_bytes)
        return bool(buffer.host[first]) if behind == first + 1 else bool(buffer.host[first:behind].all())
