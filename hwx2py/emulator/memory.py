"""Device memory: buffers in a sparse file that a script maps, with a record of who wrote what.

A page that was never touched is a hole in the file. So what a host program wrote is known by the page (4 KiB), what the
engine wrote by the byte.
"""

import fcntl
import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

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
        host: (pages,) bool, which pages of 4 KiB hold data of the host's; see `Memory.note_host_writes`.
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


class Memory:
    """All buffers, in one sparse file."""

    def __init__(self) -> None:
        self.file = os.memfd_create("ane", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        # A script has this file too; what is mapped here must not vanish.
        fcntl.fcntl(self.file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
        self.buffers: dict[int, Buffer] = {}
        self._end = FIRST_ADDRESS
        self._next = 1
        #: Whether the address space has run out once: from then on the driver begins anew at an address in use.
        self.exhausted = False

    def close(self) -> None:
        """Gives the file back, and the buffers that nothing else holds."""
        self.buffers.clear()
        os.close(self.file)

    def allocate(self, size: int) -> Buffer | None:
        """A buffer of this many bytes; None where the address space is full."""
        room = round_up(size, PAGE)
        if self.exhausted or self._end + room > END_ADDRESS:
            return None
        os.ftruncate(self.file, self._end + room)
        mapping = mmap.mmap(self.file, room, mmap.MAP_SHARED, offset=self._end)
        buffer = Buffer(self._next, self._end, size, np.frombuffer(mapping, np.uint8))
        self.buffers[buffer.handle] = buffer
        self._end += room
        self._next += 1
        return buffer

    def free(self, handle: int) -> bool:
        """Frees a buffer; False where there is none."""
        return self.buffers.pop(handle, None) is not None

    def note_host_writes(self) -> None:
        """Looks which pages of each buffer hold data, before the engine looks at any."""
        for buffer in self.buffers.values():
            pages = np.zeros(buffer.room // mmap.PAGESIZE, bool)
            for start, end in self._data(buffer.offset, buffer.offset + buffer.room):
                pages[(start - buffer.offset) // mmap.PAGESIZE : whole(end - buffer.offset, mmap.PAGESIZE)] = True
            buffer.host = pages

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

    def unwritten(self, buffer: Buffer, offsets: np.ndarray) -> int | None:
        """The first of some byte offsets that neither the host nor the engine wrote, or None.

        Args:
            buffer: the buffer.
            offsets: byte offsets, any shape.
        """
        known = buffer.host[offsets // mmap.PAGESIZE]
        if buffer.written is not None:
            known |= buffer.written[offsets]
        return None if known.all() else int(offsets[~known].min())

    def is_host_written(self, buffer: Buffer, start: int, end: int) -> bool:
        """Whether the host wrote all pages of a range."""
        first, behind = start // mmap.PAGESIZE, whole(end, mmap.PAGESIZE)
        return bool(buffer.host[first]) if behind == first + 1 else bool(buffer.host[first:behind].all())
