"""Whether the bytes that a tile DMA touches are the elements of a tensor."""

import itertools

from ..operations.transfer import Axis, Transfer
from ..program.program import Tensor


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


def is_turned(transfer: Transfer, tensor: Tensor) -> bool:
    """Whether a transfer of a tensor's own shape steps along its axes in other strides than the tensor has."""
    shape, strides = transfer.shape, transfer.dma.strides
    if transfer.dma.interleave > 1 or shape.depth > 1:
        return False
    walked = [
        (shape.groups, strides.group),
        (shape.channels, strides.channel),
        (shape.height, strides.row),
        (shape.width, transfer.element.size_bytes),
    ]
    own = list(zip(tensor.shape, tensor.strides))
    return [extent for extent, _ in walked] == [extent for extent, _ in own] and any(
        mine != theirs for mine, theirs in zip(walked, own) if mine[0] > 1
    )


def stray_address(transfer: Transfer, tensor: Tensor) -> int | None:
    """An address that a transfer touches outside the tensor's elements; None if there is none.

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
