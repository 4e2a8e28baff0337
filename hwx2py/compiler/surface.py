"""Tensors as tile DMA sees them: a buffer, a shape, and the bytes from element to element along each dimension."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ..program.network import ROW_ALIGNMENT_BYTES
from ..units import round_up

HALF_BYTES = 2


class Shape(NamedTuple):
    """Batch, channels, height and width, elements."""

    n: int
    c: int
    h: int
    w: int


def four_axes(lengths: Sequence[int]) -> tuple[int, int, int, int]:
    """Lengths of any rank as the four axes of a program's tensor: 1 in front, or the first axes as one."""
    *outer, c, h, w = (1,) * (4 - len(lengths)) + tuple(lengths)
    return math.prod(outer), c, h, w


@dataclass(frozen=True, slots=True)
class Surface:
    """A tensor in memory, or a view of it.

    Attributes:
        buffer: name of the buffer that it lies in: a tensor, a buffer of constants, or an intermediate in scratch.
        shape: batch, channels, height, width.
        base_bytes: from the start of the buffer to the first element.
        row_bytes: from row to row.
        plane_bytes: from channel to channel.
        depth_bytes: from depth slice to depth slice; without depth what a batch element spans.
        group_bytes: from group to group: from batch element to batch element.
        element_bytes: 2 for fp16, 1 for bool and 8 bits.
        strided_end_bytes: where its last row ends, of a surface whose strides belong to other axes than its shape
            says; 0 where they do not.
    """

    buffer: str
    shape: Shape
    base_bytes: int
    row_bytes: int
    plane_bytes: int
    depth_bytes: int
    group_bytes: int
    element_bytes: int = HALF_BYTES
    strided_end_bytes: int = 0

    @classmethod
    def dense(
        cls, buffer: str, shape: tuple[int, int, int, int], element_bytes: int = HALF_BYTES, base_bytes: int = 0
    ) -> "Surface":
        """A tensor whose rows are padded to 64 bytes and which has no other gaps.

        Args:
            buffer: name of its buffer.
            shape: N, C, H, W.
            element_bytes: bytes of an element.
            base_bytes: where it begins in the buffer.
        """
        shape = Shape(*shape)
        row = round_up(shape.w * element_bytes, ROW_ALIGNMENT_BYTES)
        plane = row * shape.h
        depth = plane * shape.c
        return cls(buffer, shape, base_bytes, row, plane, depth, depth, element_bytes)

    @property
    def size_bytes(self) -> int:
        """Bytes of its elements with rows padded to 64: what DMA moves."""
        n, c, h, w = self.shape
        return n * c * h * round_up(w * self.element_bytes, ROW_ALIGNMENT_BYTES)

    @property
    def end_bytes(self) -> int:
        """Where its last row ends, from the start of the buffer, the padding of that row included.

        Strides may be negative: then it is the first row that lies highest.
        """
        if self.strided_end_bytes:
            return self.strided_end_bytes
        n, c, h, w = self.shape
        row = round_up(w * self.element_bytes, ROW_ALIGNMENT_BYTES)
        steps = ((n - 1) * self.group_bytes, (c - 1) * self.plane_bytes, (h - 1) * self.row_bytes)
        return self.base_bytes + sum(max(0, step) for step in steps) + row

    def rows(self, first: int, count: int, step: int = 1) -> "Surface":
        """Every `step`-th row from `first` on."""
        n, c, _, w = self.shape
        base = self.base_bytes + first * self.row_bytes
        return replace(self, shape=Shape(n, c, count, w), base_bytes=base, row_bytes=step * self.row_bytes)

    def planes(self, first: int, count: int, step: int = 1) -> "Surface":
        """Every `step`-th channel from `first` on."""
        n, _, h, w = self.shape
        base = self.base_bytes + first * self.plane_bytes
        return replace(self, shape=Shape(n, count, h, w), base_bytes=base, plane_bytes=step * self.plane_bytes)

    def batches(self, first: int, count: int) -> "Surface":
        """Batch elements."""
        _, c, h, w = self.shape
        return replace(self, shape=Shape(count, c, h, w), base_bytes=self.base_bytes + first * self.group_bytes)

    def columns(self, first: int, count: int) -> "Surface":
        """Columns; `first` has to lie on a multiple of 64 bytes, which is the unit of base addresses.

        Raises:
            ValueError: it does not.
        """
        skipped = first * self.element_bytes
        if skipped % ROW_ALIGNMENT_BYTES:
            raise ValueError(f"column {first} lies at {skipped} bytes, no multiple of {ROW_ALIGNMENT_BYTES}")
        n, c, h, _ = self.shape
        return replace(self, shape=Shape(n, c, h, count), base_bytes=self.base_bytes + skipped)

    def swapped(self) -> "Surface":
        """The same elements with channels and rows exchanged, by strides alone."""
        n, c, h, w = self.shape
        return replace(self, shape=Shape(n, h, c, w), row_bytes=self.plane_bytes, plane_bytes=self.row_bytes)

    def rows_as_channels(self) -> "Surface":
        """A matrix 1 x 1 x M x K as M channels of one row of K, which is how products, norms and softmax take it.

        Raises:
            ValueError: it has several channels or batch elements.
        """
        n, c, h, w = self.shape
        if (n, c) != (1, 1):
            raise ValueError(f"{n} x {c} x {h} x {w} is not a matrix")
        whole = h * self.row_bytes
        return replace(
            self, shape=Shape(1, h, 1, w), row_bytes=whole, plane_bytes=self.row_bytes, depth_bytes=whole,
            group_bytes=whole,
        )  # fmt: skip

    def strided(self, **changes: int) -> "Surface":
        """The same elements with other strides: `row_bytes`, `plane_bytes`, `depth_bytes`, `group_bytes`."""
        return replace(self, strided_end_bytes=self.end_bytes, **changes)  # type: ignore[arg-type] # strides alone

    def reshaped(self, shape: tuple[int, int, int, int]) -> "Surface":
        """The same strides with another shape: for dimensions that change places by strides."""
        return replace(self, shape=Shape(*shape))
