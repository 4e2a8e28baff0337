"""Sets of bytes that a task reads or writes, exactly: a bit for every two bytes, or for more in large buffers.

Strided tensors are put together by doubling, so that a tensor costs a few operations on integers, however many rows it
has. Nothing here knows what a register means.
"""

import functools
from collections.abc import Iterable
from typing import NamedTuple

from .transfer import Axis

#: The least unit: an element of 16 bits. Eight-bit elements are rounded outward to it.
UNIT_BYTES = 2
#: Bits that a set may have at most; in larger memories a bit stands for more bytes (our own choice: 2 MiB of bits).
MOST_BITS = 1 << 24
#: Bytes of bits that are added at a time.
GROWTH_BYTES = 4096


class Region(NamedTuple):
    """A set of bytes: bit i stands for the unit at `start` + i."""

    start: int
    bits: int

    def count(self) -> int:  # type: ignore[override] # hides tuple's method
        """How many units it has."""
        return self.bits.bit_count()

    def first(self) -> int:
        """Its first unit; the set must not be empty."""
        return self.start + (self.bits & -self.bits).bit_length() - 1

    def overlaps(self, other: "Region") -> bool:
        """Whether two sets of the same unit share a byte."""
        if self.start <= other.start:
            return bool(self.bits >> (other.start - self.start) & other.bits)
        return other.overlaps(self)


class Grid(NamedTuple):
    """The units in which the bytes of a memory are counted.

    Attributes:
        size_bytes: size of the memory.
        unit_bytes: bytes that a bit stands for.
    """

    size_bytes: int
    unit_bytes: int

    @classmethod
    def of(cls, size_bytes: int, least: int = UNIT_BYTES) -> "Grid":
        """The finest grid for a memory.

        Args:
            size_bytes: its size.
            least: bytes of a unit at least.
        """
        unit = least
        while size_bytes > unit * MOST_BITS:
            unit *= 2
        return cls(size_bytes, unit)

    def region(self, base_bytes: int, axes: Iterable[Axis], run_bytes: int) -> Region | None:
        """The bytes of a strided tensor.

        Args:
            base_bytes: where its first run begins.
            axes: the steps from run to run.
            run_bytes: bytes of a run, which lie side by side.

        Returns:
            The set; None where it reaches behind the end of the memory. Where a step is no multiple of the grid's unit
            it is all from the first to the last byte.
        """
        steps = []
        for axis in sorted(axis for axis in axes if axis.extent > 1 and axis.stride):
            if axis.stride == run_bytes:
                run_bytes *= axis.extent
            else:
                steps.append(axis)
        reach = run_bytes + sum(axis.stride * (axis.extent - 1) for axis in steps)
        if base_bytes + reach > self.size_bytes:
            return None
        unit, (start, skipped) = self.unit_bytes, divmod(base_bytes, self.unit_bytes)
        if any(axis.stride % unit for axis in steps):
            steps, run_bytes = [], reach
        units = tuple(Axis(axis.stride // unit, axis.extent) for axis in steps)
        return Region(start, _pattern(units, -(-(skipped + run_bytes) // unit)))


@functools.lru_cache(maxsize=512)
def _pattern(axes: tuple[Axis, ...], run: int) -> int:
    """A run, repeated along each axis, the shortest step first."""
    bits = (1 << run) - 1
    for stride, extent in axes:
        done = 1
        while done < extent:
            more = min(done, extent - done)
            bits |= bits << stride * more
            done += more
    return bits


class Marks:
    """Which units of a memory are marked. Only the bytes of a set that is asked for are touched.

    Args:
        grid: the units of the memory.
    """

    def __init__(self, grid: Grid):
        self.grid = grid
        self._bits = bytearray()

    def put(self, region: Region) -> None:
        """Marks a set."""
        first, last, bits = self._slice(region)
        self._bits[first:last] = (int.from_bytes(self._bits[first:last], "little") | bits).to_bytes(
            last - first, "little"
        )

    def clear(self, region: Region) -> None:
        """Takes the marks of a set away."""
        first, last, bits = self._slice(region)
        self._bits[first:last] = (int.from_bytes(self._bits[first:last], "little") & ~bits).to_bytes(
            last - first, "little"
        )

    def marked(self, region: Region) -> Region:
        """What of a set is marked."""
        first, last, bits = self._slice(region)
        return Region(8 * first, int.from_bytes(self._bits[first:last], "little") & bits)

    def missing(self, region: Region) -> Region:
        """What of a set is not marked."""
        first, last, bits = self._slice(region)
        return Region(8 * first, bits & ~int.from_bytes(self._bits[first:last], "little"))

    def _slice(self, region: Region) -> tuple[int, int, int]:
        """The bytes that a set lies in, first and end, and its bits from there on."""
        first, shift = divmod(region.start, 8)
        last = first + (region.bits.bit_length() + shift + 7) // 8
        if last > len(self._bits):
            self._bits.extend(bytes(last - len(self._bits) + GROWTH_BYTES))
        return first, last, region.bits << shift
