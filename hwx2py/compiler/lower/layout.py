"""Operations that move elements, and matrices along an axis."""

import itertools
from collections.abc import Iterator

import numpy as np

from ...errors import UnsupportedError
from ...program.network import ROW_ALIGNMENT_BYTES
from .. import operators
from ..builder import Builder, half_of
from ..forms import copy as copies
from ..generic import neural, planar, products
from ..generic.bands import MOST_ROWS
from ..graph import Node
from ..last_step import last_step
from ..surface import HALF_BYTES
from ..view import View, raised
from . import moves


def reshape(b: Builder, node: Node, views: list[View]) -> View:
    """The same elements in another shape."""
    return moves.reshaped(b, views[0], node.output.shape)


def transpose(b: Builder, node: Node, views: list[View]) -> View:
    """Axes in another order."""
    operator = node.operator
    assert isinstance(operator, operators.Transpose)
    target = b.wanted if b.wanted is not None and b.wanted.lengths == node.output.shape else None
    keeps_columns = operator.order[-1] == len(operator.order) - 1
    if target is not None and keeps_columns and views[0].ordered(operator.order).is_same(target):
        return target
    if target is not None and _copied_to_output(b, views[0], operator.order, target):
        return target
    return moves.transposed(b, views[0], operator.order, target)


#: Orders of four axes that compiler 9.509 makes by a copy of its own.
CHANNELS_AND_ROWS, ROWS_AND_COLUMNS = (0, 2, 1, 3), (0, 1, 3, 2)


def _copied_to_output(b: Builder, x: View, order: tuple[int, ...], z: View) -> bool:
    """An output of the program transposed as compiler 9.509 does it; says whether that was done."""
    more = 4 - len(order)
    if more < 0:
        return False
    whole = (*range(more), *(axis + more for axis in order))
    source, target = x.surface(), z.surface()
    if whole == CHANNELS_AND_ROWS and source.shape.n == 1:
        b.add(copies.swap_c_h(source, target))
        return True
    if whole == ROWS_AND_COLUMNS and source.shape[:2] == (1, 1):
        b.add(copies.exchange_rows(source, target))
        return True
    return False


def concat(b: Builder, node: Node, views: list[View]) -> View:
    """Tensors one behind the other."""
    operator = node.operator
    assert isinstance(operator, operators.Concat)
    parts = [view if value.array is None else b.constant(half_of(value)) for view, value in zip(views, node.inputs)]
    return moves.joined(b, parts, operator.axis, b.result(node.output.shape))


def take(b: Builder, node: Node, views: list[View]) -> View:
    """Every so many places of an axis: by strides, but for the last axis."""
    operator = node.operator
    assert isinstance(operator, operators.Slice)
    last = len(views[0].lengths) - 1
    if _cut_to_output(b, operator, views[0], node.output.shape):
        return b.result(node.output.shape)
    if operator.step < 0:
        # DMA steps forwards only.
        stop = operator.start + operator.count * operator.step
        backwards = list(range(operator.start, stop, operator.step))
        return moves.selected(b, views[0], operator.axis, backwards)
    if operator.axis < last:
        return views[0].part(operator.axis, operator.start, operator.count, operator.step)
    places = range(operator.start, operator.start + operator.count * operator.step, operator.step)
    return strided_columns(b, views[0], places)


def _cut_to_output(b: Builder, operator: operators.Slice, x: View, shape: tuple[int, ...]) -> bool:
    """Columns that are an output of the program, as compiler 9.509 copies them; says whether that was done."""
    z = b.result(shape)
    aligned = operator.step == 1 and operator.start * HALF_BYTES % ROW_ALIGNMENT_BYTES == 0
    if (
        z is not b.wanted
        or operator.axis != len(x.lengths) - 1
        or not aligned
        or len(shape) > 4
        or shape[-1] > MOST_ROWS
    ):
        return False
    b.add(copies.slice_columns(x.surface(), operator.start, z.surface()))
    return True


def strided_columns(b: Builder, x: View, places: range) -> View:
    """Columns at equal distances: a cut where they begin at 64 bytes, else by way of planes."""
    if places.step == 1 and (cut := x.columns(places.start, len(places))) is not None:
        return cut
    if len(x.lengths) == 1:
        y = strided_columns(b, x.inserted(0), places)
        return View(y.buffer, y.base_bytes, y.lengths[1:], y.strides_bytes[1:])
    other = max(range(len(x.lengths) - 1), key=lambda axis: (x.lengths[axis], axis))
    turned = moves.exchanged(b, x, other).part(other, places.start, len(places), places.step)
    return moves.exchanged(b, turned, other)


def select(b: Builder, node: Node, views: list[View]) -> View:
    """Places of an axis by number."""
    operator = node.operator
    assert isinstance(operator, operators.Select)
    target = b.wanted if b.wanted is not None and b.wanted.lengths == node.output.shape else None
    return moves.selected(b, views[0], operator.axis, operator.places, target)


def expand(b: Builder, node: Node, views: list[View]) -> View:
    """A tensor repeated."""
    shape = node.output.shape
    x, z = raised(views[0], len(shape)), b.result(shape)
    relu = last_step(node).relu
    if z is b.wanted and len(shape) <= 4 and _repeats_rows(x.surface().shape, z.surface().shape):
        b.add(copies.repeat_rows(x.surface(), z.surface(), relu=relu))
        return z
    if relu:
        x = planar.clamped(b, x, b.scratch(x.lengths))
    return moves.spread(b, x, shape, z)


def _repeats_rows(one: tuple[int, ...], many: tuple[int, ...]) -> bool:
    """Whether a single row is repeated, and nothing else."""
    return one[0] == many[0] == one[2] == 1 < many[2] and (one[1], one[3]) == (many[1], many[3])


def mix(b: Builder, node: Node, views: list[View]) -> View:
    """A matrix along an axis: a convolution 1 x 1 with that axis as channels."""
    operator = node.operator
    assert isinstance(operator, operators.Mix)
    matrix = half_of(node.inputs[1])[:, :, None, None]
    return along(b, views[0], operator.axis, matrix, z=b.result(node.output.shape))


def along(
    b: Builder, x: View, axis: int, kernel: "np.ndarray", bias: "np.ndarray | None" = None, z: View | None = None
) -> View:
    """Convolves 1 x 1 with an axis as channels.

    Args:
        b: where the tasks go.
        x: the tensor.
        axis: which axis.
        kernel: float16, (M, L, 1, 1).
        bias: float16, (M,), or None.
        z: where the result goes.

    Returns:
        The tensor with M places along the axis.
    """
    rank = len(x.lengths)
    if rank < 3:
        target = None if z is None else raised(z, 3)
        y = along(b, raised(x, 3), axis + 3 - rank, kernel, bias, target)
        return View(y.buffer, y.base_bytes, y.lengths[3 - rank :], y.strides_bytes[3 - rank :])
    if axis == rank - 1:
        other = _exchange_axis(x)
        turned = moves.exchanged(b, x, other)
        return _exchanged_back(b, turned, other, kernel, bias, z or b.scratch((*x.lengths[:-1], kernel.shape[0])))
    lengths = (*x.lengths[:axis], kernel.shape[0], *x.lengths[axis + 1 :])
    z = z or b.scratch(lengths)
    for source, target in _columns(x, z, axis):
        products.convolve(b, source, kernel, bias, target)
    return z


def _columns(x: View, z: View, axis: int) -> Iterator[tuple[View, View]]:
    """Pieces of three axes of a source and its result: `axis`, the longest of the others, and the last one."""
    rank = len(x.lengths)
    others = [other for other in range(rank - 1) if other != axis]
    rows = max(others, key=lambda other: x.lengths[other])
    outer = [other for other in others if other != rows]
    order = [*outer, axis, rows, rank - 1]
    source, target = x.ordered(order), z.ordered(order)
    for place in itertools.product(*(range(x.lengths[other]) for other in outer)):
        yield _at(source, place), _at(target, place)


def _exchanged_back(b: Builder, x: View, axis: int, kernel: "np.ndarray", bias: "np.ndarray | None", z: View) -> View:
    """Convolves along an axis that was exchanged with the last one, and exchanges back, by the same task if it can."""
    for one, result in _columns(x, z, axis):
        try:
            products.convolve(b, one, kernel, bias, result, exchange=True)
        except UnsupportedError:  # more than one task makes, or L2 holds
            straight = b.scratch((kernel.shape[0], *one.lengths[1:]))
            products.convolve(b, one, kernel, bias, straight)
            neural.exchange(b, straight, result)
    return z


def _exchange_axis(x: View) -> int:
    """The axis that is exchanged with the last one: the shortest, so that rows become long."""
    return max(range(len(x.lengths) - 1), key=lambda axis: (x.lengths[axis], axis))


def _at(view: View, place: tuple[int, ...]) -> View:
    base = view.base_bytes + sum(index * stride for index, stride in zip(place, view.strides_bytes))
    return View(view.buffer, base, view.lengths[len(place) :], view.strides_bytes[len(place) :])


def depth_to_space(b: Builder, node: Node, views: list[View]) -> View:
    """Channels into blocks: an exchange for each place of the block, and one back.

    Where blocks are the first part of a channel's number, and channels fill rows of 64 bytes, an exchange brings all
    columns of a row of the block: what it stores are those columns, one beside the other.
    """
    operator = node.operator
    assert isinstance(operator, operators.DepthToSpace)
    (x,), s = views, operator.block
    batch, _, height, width = x.lengths
    channels = node.output.shape[1]
    z = b.result(node.output.shape)
    for number in range(batch):
        plane = _at(x, (number,))
        if operator.block_first and channels * HALF_BYTES % ROW_ALIGNMENT_BYTES == 0:
            rows = b.scratch((height, s, width, s * channels))
            for i in range(s):
                part = plane.part(0, i * s * channels, s * channels)
                neural.exchange(b, part, _dropped(rows.part(1, i, 1), (1,)).swapped(0, 1))
            turned = View.dense(rows.buffer, (height * s, width * s, channels))
            neural.exchange(b, turned.swapped(0, 1), _at(z, (number,)))
            continue
        blocks = b.scratch((width, s, height, s, channels))
        for i, j in itertools.product(range(s), repeat=2):
            if operator.block_first:
                part = plane.part(0, (i * s + j) * channels, channels)
            else:
                part = plane.part(0, i * s + j, channels, s * s)
            target = blocks.part(1, j, 1).part(3, i, 1)
            neural.exchange(b, part, _dropped(target, (1, 3)))
        turned = View.dense(blocks.buffer, (width * s, height * s, channels))
        neural.exchange(b, turned, _at(z, (number,)))
    return z


def space_to_depth(b: Builder, node: Node, views: list[View]) -> View:
    """Blocks into channels: one exchange, and one back for each place of the block."""
    operator = node.operator
    assert isinstance(operator, operators.SpaceToDepth)
    (x,), s = views, operator.block
    batch, channels, height, width = x.lengths
    z = b.result(node.output.shape)
    for number in range(batch):
        turned = b.scratch((width, height, channels))
        neural.exchange(b, _at(x, (number,)), turned)
        for i, j in itertools.product(range(s), repeat=2):
            part = turned.part(0, j, width // s, s).part(1, i, height // s, s)
            neural.exchange(b, part, _at(z, (number,)).part(0, (i * s + j) * channels, channels))
    return z


def _dropped(view: View, axes: tuple[int, ...]) -> View:
    """Without axes of length 1."""
    kept = [axis for axis in range(len(view.lengths)) if axis not in axes]
    lengths = tuple(view.lengths[axis] for axis in kept)
    return View(view.buffer, view.base_bytes, lengths, tuple(view.strides_bytes[axis] for axis in kept[:-1]))
