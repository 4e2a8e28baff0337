"""The constants of a program: coefficients, lookup tables, and tensors that tile DMA reads."""

from dataclasses import replace

from ..units import round_up
from .task import Coefficients

ALIGNMENT_BYTES = 64
#: Constants of a program that needs none (records: 16 KiB of zeros).
NO_CONSTANTS_BYTES = 0x4000


class Constants:
    """Constants in the order in which they are added; what is there already is not put there twice."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._known: dict[tuple[int, int], list[int]] = {}

    def put(self, data: bytes, reserved_bytes: int = 0) -> int:
        """Adds data, unless it is there already.

        Args:
            data: the bytes.
            reserved_bytes: the room that they get; at least their own size.

        Returns:
            Where they begin, bytes.
        """
        known = self._known.setdefault((hash(data), len(data)), [])
        for at in known:
            if self._holds(at, data):
                return at
        at = len(self._data)
        known.append(at)
        end = round_up(at + max(reserved_bytes, len(data)), ALIGNMENT_BYTES)
        try:
            self._data += data
        except BufferError:  # a program has what was there before
            self._data = self._data + data
        self._data += bytes(end - at - len(data))
        return at

    def kept(self, kernel: Coefficients) -> Coefficients:
        """Coefficients in their place, which hold no bytes of their own any more."""
        if kernel.place is not None:
            return kernel
        return replace(kernel, data=b"", place=self.put(kernel.data, kernel.reserved_bytes))

    def content(self) -> memoryview:
        """All constants; they are not copied."""
        return memoryview(self._data or bytearray(NO_CONSTANTS_BYTES))

    def _holds(self, at: int, data: bytes) -> bool:
        with memoryview(self._data) as whole:
            return whole[at : at + len(data)] == data
