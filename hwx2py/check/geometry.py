"""Which bytes a tile DMA touches, and whether they are the elements of a tensor."""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

from ..operations import Dma, Element, Neural, Planar, Shape
from ..program.model import Tensor

SOURCE_1, SOURCE_2, RESULT = "source 1", "source 2", "the result"


class Axis(NamedTuple):
    """An axis that is walked: the step in bytes, and how many elements there are."""

    stride: int
    extent: int


class Transfer(NamedTuple):
    """What a task reads or writes by tile DMA.

    Attributes:
        task: its index.
        dma: buffer, base and strides.
        axes: the axes that are walked, without those of one element; the longest step first.
        element: the format.
    """

    task: int
    dma: Dma
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
    def count(self) -> int:
        """How many elements it moves."""
        count = 1
        for axis in self.axes:
            count *= axis.extent
        return count

    @property
    def end(self) -> int:
        """Byte offset in the BAR just behind the last byte."""
        return (
            self.dma.base_bytes + sum(axis.stride * (axis.extent - 1) for axis in self.axes) + self.element.size_bytes
        )


def transfers(task: int, operation: Planar | Neural) -> Iterator[Transfer]:
    """What a task moves by tile DMA, sources first."""
    for operand in operation.inputs:
        if isinstance(operand.where, Dma):
            shape = operand.shape.exchanged() if operand.exchanged else operand.shape
            yield Transfer(task, operand.where, _axes(operand.where, shape, operand.element), operand.element)
    result = operation.result
    if result.memory:
        shape = result.shape.exchanged() if result.exchanged else result.shape
        yield Transfer(task, result.memory, _axes(result.memory, shape, result.element), result.element)


def _axes(dma: Dma, shape: Shape, element: Element) -> tuple[Axis, ...]:
    interleave = min(dma.interleave, shape.channels)
    axes = (
        Axis(dma.strides.group, shape.groups),
        Axis(dma.strides.channel, -(-shape.channels // interleave)),
        Axis(dma.strides.depth, shape.depth),
        Axis(dma.strides.row, shape.height),
        Axis(dma.interleave * element.size_bytes, shape.width),
        Axis(element.size_bytes, interleave),
    )
    return tuple(sorted((axis for axis in axes if axis.extent > 1), reverse=True))


def merged(axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
    """Axes, with those that continue each other as one: the same bytes have the same merged axes."""
    joined: list[Axis] = []
    for axis in sorted((axis for axis in axes if axis.extent > 1), reverse=True):
        if joined and joined[-1].stride == axis.stride * axis.extent:
            axis = Axis(axis.stride, joined.pop().extent * axis.extent)
        joined.append(axis)
    return tuple(joined)


def tensor_axes(tensor: Tensor) -> tuple[Axis, ...]:
    """The axes of a tensor with a shape."""
    return tuple(Axis(stride, extent) for stride, extent in zip(tensor.strides, tensor.shape) if extent > 1)


def stray_address(transfer: Transfer, tensor: Tensor) -> int | None:
    """An address that a transfer touches and that is no element of the tensor; None where none is met.

    The first, second and last element along every axis are looked at.
    """
    axes = merged(tensor_axes(tensor))
    steps = [sorted({0, 1, axis.extent - 1}) for axis in transfer.axes]
    for indexes in itertools.product(*steps):
        address = transfer.dma.base_bytes + sum(i * axis.stride for i, axis in zip(indexes, transfer.axes))
        if not _is_element(address, axes):
            return address
    return None


def _is_element(address: int, axes: tuple[Axis, ...]) -> bool:
    for axis in axes:
        if not axis.stride:
            continue
        index = min(address // axis.stride, axis.extent - 1)
        address -= index * axis.stride
    return address == 0
