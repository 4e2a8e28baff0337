"""Which bytes of a buffer a task touches by tile DMA, axis by axis."""

from collections.abc import Iterator
from typing import NamedTuple

from ..units import round_up, whole
from .neural import Neural
from .operand import Dma, Element, Shape
from .planar import Planar

#: Rows in memory begin at multiples of this.
ROW_BYTES = 64
#: What `Dma.use` calls a result.
RESULT = "the result"


class Axis(NamedTuple):
    """An axis that is walked: the step in bytes, and how many elements there are."""

    stride: int
    extent: int


class Transfer(NamedTuple):
    """What a task reads or writes by tile DMA.

    Attributes:
        dma: buffer, base and strides.
        shape: how many elements it moves along each axis, as they are stored.
        axes: the axes that are walked, without those of one element; the longest step first.
        element: the format.
    """

    dma: Dma
    shape: Shape
    axes: tuple[Axis, ...]
    element: Element

    @property
    def writes(self) -> bool:
        """Whether it stores the result."""
        return self.dma.use == RESULT

    @property
    def verb(self) -> str:
        """What it does to the buffer: "reads" or "writes"."""
        return "writes" if self.writes else "reads"

    @property
    def count(self) -> int:  # type: ignore[override] # hides tuple's method
        """How many elements it moves."""
        count = 1
        for axis in self.axes:
            count *= axis.extent
        return count

    @property
    def size_bytes(self) -> int:
        """How many bytes it moves."""
        return self.count * self.element.size_bytes

    @property
    def rows_bytes(self) -> int:
        """How many bytes its rows take up in memory, each rounded up to 64 bytes."""
        shape, interleave = self.shape, max(self.dma.interleave, 1)
        rows = shape.groups * whole(shape.channels, interleave) * shape.depth * shape.height
        return rows * round_up(shape.width * interleave * self.element.size_bytes, ROW_BYTES)

    @property
    def end(self) -> int:
        """Byte offset in the BAR just behind the last byte."""
        return (
            self.dma.base_bytes + sum(axis.stride * (axis.extent - 1) for axis in self.axes) + self.element.size_bytes
        )


def transfers(operation: Planar | Neural) -> Iterator[Transfer]:
    """What a task moves by tile DMA, sources first.

    Args:
        operation: what the task does.
    """
    for operand in operation.inputs:
        if isinstance(operand.where, Dma):
            yield _transfer(operand.where, operand.stored, operand.element)
    result = operation.result
    if result.memory:
        yield _transfer(result.memory, result.stored, result.element)


def _transfer(dma: Dma, stored: Shape, element: Element) -> Transfer:
    return Transfer(dma, stored, _axes(dma, stored, element), element)


def _axes(dma: Dma, shape: Shape, element: Element) -> tuple[Axis, ...]:
    interleave = max(min(dma.interleave, shape.channels), 1)
    axes = (
        Axis(dma.strides.group, shape.groups),
        Axis(dma.strides.channel, -(-shape.channels // interleave)),
        Axis(dma.strides.depth, shape.depth),
        Axis(dma.strides.row, shape.height),
        Axis(dma.interleave * element.size_bytes, shape.width),
        Axis(element.size_bytes, interleave),
    )
    return tuple(sorted((axis for axis in axes if axis.extent > 1), reverse=True))
