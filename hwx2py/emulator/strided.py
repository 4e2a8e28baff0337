"""Tensors in memory as tile DMA and L2 address them: an affine layout over a buffer, read and written whole.

    address(g, c, d, h, w) = base + g * group + (c // I) * channel + d * depth + h * row + w * size * I + (c % I) * size

with I channels stored side by side. Everything is done on strided views; no element is touched by itself.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..operations import Shape, Strides

BITS: dict[int, np.dtype[Any]] = {1: np.dtype("u1"), 2: np.dtype("<u2"), 4: np.dtype("<u4")}


class Layout(NamedTuple):
    """Where the elements of a tensor lie, in bytes; see the module's formula."""

    base: int
    strides: Strides
    interleave: int = 1
    element: int = 2

    def span(self, shape: Shape) -> tuple[int, int]:
        """First byte, and the byte behind the last one, of a tensor of this shape."""
        groups, channels, depth, height, width = shape
        of_group, of_channel, of_depth, of_row = self.strides
        if self.interleave == 1:
            farthest = (channels - 1) * of_channel
        else:
            whole = channels // self.interleave * self.interleave
            farthest = max(self._channel(channel - 1) for channel in (channels, whole) if channel)
        end = (
            self.base
            + (groups - 1) * of_group
            + farthest
            + (depth - 1) * of_depth
            + (height - 1) * of_row
            + (width - 1) * self.element * self.interleave
            + self.element
        )
        return self.base, end

    def _channel(self, channel: int) -> int:
        return channel // self.interleave * self.strides.channel + channel % self.interleave * self.element

    def overlaps(self, shape: Shape) -> bool:
        """Whether a row is longer than the distance to its neighbours, as in a tile of a wider tensor."""
        row = shape.width * self.element * self.interleave
        neighbours = (
            (shape.channels > self.interleave, self.strides.channel),
            (shape.depth > 1, self.strides.depth),
            (shape.height > 1, self.strides.row),
            (shape.groups > 1, self.strides.group),
        )
        return any(several and stride < row for several, stride in neighbours)

    def lanes(self, data: np.ndarray, shape: Shape) -> Iterator[tuple[slice, np.ndarray]]:
        """(channels, view of their elements as groups, channels, depth, height, width) for each interleaved lane.

        Args:
            data: uint8 memory that holds the whole span.
            shape: of the tensor.
        """
        group, channel, depth, row = self.strides
        strides = (group, channel, depth, row, self.element * self.interleave)
        for lane in range(min(self.interleave, shape.channels)):
            count = len(range(lane, shape.channels, self.interleave))
            size = (shape.groups, count, shape.depth, shape.height, shape.width)
            view = np.ndarray(size, BITS[self.element], data, self.base + lane * self.element, strides)
            yield slice(lane, None, self.interleave), view

    def read(self, data: np.ndarray, shape: Shape) -> np.ndarray:
        """The elements' bits, (groups, channels, depth, height, width) of uint8 or uint16, as a copy."""
        elements = np.empty(shape, BITS[self.element])
        for channels, view in self.lanes(data, shape):
            elements[:, channels] = view
        return elements

    def write(self, data: np.ndarray, elements: np.ndarray) -> None:
        """Stores elements' bits."""
        for channels, view in self.lanes(data, Shape(*elements.shape)):
            view[...] = elements[:, channels]

    def offsets(self, shape: Shape) -> np.ndarray:
        """Byte offset of every byte of every element, (groups, channels, depth, height, width, bytes)."""
        channel = np.arange(shape.channels)
        channel = channel // self.interleave * self.strides.channel + channel % self.interleave * self.element
        return (
            self.base
            + np.arange(shape.groups)[:, None, None, None, None, None] * self.strides.group
            + channel[:, None, None, None, None]
            + np.arange(shape.depth)[:, None, None, None] * self.strides.depth
            + np.arange(shape.height)[:, None, None] * self.strides.row
            + np.arange(shape.width)[:, None] * self.element * self.interleave
            + np.arange(self.element)
        )

    def marked(self, marks: np.ndarray, shape: Shape) -> bool:
        """Whether every byte of the tensor is marked.

        Args:
            marks: bool for each byte of the memory.
            shape: of the tensor.
        """
        return all(bool(view.all()) for view in self._mark_views(marks, shape))

    def unmarked(self, marks: np.ndarray, shape: Shape) -> np.ndarray:
        """For each element that has a byte which is not marked, the offset of the first such byte."""
        offsets = self.offsets(shape).reshape(-1, self.element)
        bare = ~marks[offsets]
        some = bare.any(axis=1)
        found: np.ndarray = offsets[some, bare[some].argmax(axis=1)]
        return found

    def first_marked(self, marks: np.ndarray, shape: Shape) -> int | None:
        """Offset of the first byte of the tensor that is marked, or None."""
        if marks[self.base]:
            return self.base
        if not any(view.any() for view in self._mark_views(marks, shape)):
            return None
        offsets = self.offsets(shape)
        return int(offsets[marks[offsets]].min())

    def mark(self, marks: np.ndarray, shape: Shape, value: bool = True) -> None:
        """Marks every byte of the tensor, or takes the marks away."""
        for view in self._mark_views(marks, shape):
            view[...] = value

    def _mark_views(self, marks: np.ndarray, shape: Shape) -> Iterator[np.ndarray]:
        for channels, elements in self.lanes(marks.view(np.uint8), shape):
            yield np.ndarray(
                (*elements.shape, self.element), bool, marks, self.base + channels.start * self.element,
                (*elements.strides, 1),
            )  # fmt: skip
