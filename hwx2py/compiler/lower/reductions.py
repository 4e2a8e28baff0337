"""Reductions, softmax, norms, and products of matrices."""

import itertools
import math

import numpy as np

from ...errors import UnsupportedError
from .. import operators, tables
from ..builder import Builder, half_of
from ..generic import planar, products
from ..graph import Node
from ..operators.arithmetic import Combine, Function
from ..operators.model import replaced
from ..operators.reductions import Reduction
from ..view import View
from . import moves
from .arithmetic import combined, looked_up, raised
from .layout import _at, along

#: Elements that a reduction may add up: beyond, L2 does not hold a plane.
ROWS_AS_CHANNELS = 192


def reduce(b: Builder, node: Node, views: list[View]) -> View:
    """Elements along axes combined."""
    operator = node.operator
    assert isinstance(operator, operators.Reduce)
    return over_axes(b, operator.kind, views[0], operator.axes, b.result(node.output.shape))


def over_axes(
    b: Builder, kind: Reduction, x: View, axes: tuple[int, ...], z: View | None = None, squares: bool = False
) -> View:
    """Elements along axes combined; the axes stay with length 1.

    Args:
        b: where the tasks go.
        kind: how.
        x: the tensor.
        axes: which axes.
        z: where the result goes.
        squares: of the squares of the elements.
    """
    rank = len(x.lengths)
    axes = tuple(sorted(axis for axis in axes if x.lengths[axis] > 1)) or axes[-1:]
    if rank < 3:
        lifted = raised(x, 3)
        target = None if z is None else raised(z, 3)
        y = over_axes(b, kind, lifted, tuple(axis + 3 - rank for axis in axes), target, squares)
        return View(y.buffer, y.base_bytes, y.lengths[3 - rank :], y.strides_bytes[3 - rank :])
    lengths = x.lengths
    for axis in axes:
        lengths = replaced(lengths, axis, 1)
    if len(axes) == 2 and axes[-1] == rank - 1:
        return _planes(b, kind, x, axes[0], z or b.scratch(lengths), squares)
    if len(axes) > 1:
        # The last axis first, which leaves the fewest elements for exchanges.
        step = over_axes(b, kind, x, axes[-2:] if axes[-1] == rank - 1 else axes[-1:], None, squares)
        return over_axes(b, kind, step, axes[:-2] if axes[-1] == rank - 1 else axes[:-1], z)
    (axis,) = axes
    if axis < rank - 1:
        turned = moves.exchanged(b, x, axis)
        y = over_axes(b, kind, turned, (rank - 1,), None, squares)
        return moves.exchanged(b, y, axis, z)
    return _rows(b, kind, x, z or b.scratch(lengths), squares)


def _planes(b: Builder, kind: Reduction, x: View, axis: int, z: View, squares: bool) -> View:
    """An axis and the last one combined: planes whose rows are that axis."""
    rank = len(x.lengths)
    others = [other for other in range(rank - 1) if other != axis]
    channels = max(others, key=lambda other: x.lengths[other])
    outer = [other for other in others if other != channels]
    order = [*outer, channels, axis, rank - 1]
    source, target = x.ordered(order), z.ordered(order)
    for place in itertools.product(*(range(x.lengths[other]) for other in outer)):
        planar.reduce_planes(b, kind, _at(source, place), _at(target, place), squares=squares)
    return z


def _rows(b: Builder, kind: Reduction, x: View, z: View, squares: bool) -> View:
    """The last axis combined: rows are channels of one row."""
    rank = len(x.lengths)
    axes = sorted(range(rank - 1), key=lambda other: x.lengths[other])
    channels = axes[-1]
    outer = axes[:-1]
    order = [*outer, channels, rank - 1]
    source, target = x.ordered(order), z.ordered(order)
    for place in itertools.product(*(range(x.lengths[other]) for other in outer)):
        rows, results = _at(source, place).inserted(1), _at(target, place).inserted(1)
        planar.reduce_planes(b, kind, rows, results, squares=squares)
    return z


def softmax(b: Builder, node: Node, views: list[View]) -> View:
    """The maximum taken off, powers of two by table, and their sum by a reciprocal or a logarithm."""
    operator = node.operator
    assert isinstance(operator, operators.Softmax)
    (x,) = views
    rank = len(x.lengths)
    if operator.axis < rank - 1:
        y = _softmax_of_rows(b, moves.exchanged(b, x, operator.axis), operator.logarithm, None)
        return moves.exchanged(b, y, operator.axis, b.result(node.output.shape))
    return _softmax_of_rows(b, x, operator.logarithm, b.result(node.output.shape))


def _softmax_of_rows(b: Builder, x: View, logarithm: bool, z: View | None) -> View:
    last = (len(x.lengths) - 1,)
    largest = over_axes(b, Reduction.MAX, x, last)
    apart = combined(b, Combine.SUB, x, largest, b.scratch(x.lengths))
    scaled = planar.single(b, apart, b.scratch(x.lengths), scale=1.4426950408889634)
    powers = looked_up(b, tables.EXP2, scaled, b.scratch(x.lengths))
    total = over_axes(b, Reduction.SUM, powers, last)
    z = z or b.scratch(x.lengths)
    if logarithm:
        logs = looked_up(b, tables.LOG2, total, b.scratch(total.lengths))
        logs = planar.single(b, logs, b.scratch(total.lengths), scale=math.log(2))
        return combined(b, Combine.SUB, apart, logs, z)
    turned = looked_up(b, Function.RECIPROCAL, total, b.scratch(total.lengths))
    return combined(b, Combine.MUL, powers, turned, z)


def standardize(b: Builder, node: Node, views: list[View]) -> View:
    """The mean taken off, and the root of the mean square divided by."""
    operator = node.operator
    assert isinstance(operator, operators.Standardize)
    (x,) = views
    mean = over_axes(b, Reduction.MEAN, x, operator.axes)
    apart = combined(b, Combine.SUB, x, mean, b.scratch(x.lengths))
    squares = combined(b, Combine.MUL, apart, apart, b.scratch(x.lengths))
    variance = over_axes(b, Reduction.MEAN, squares, operator.axes)
    shifted = planar.single(b, variance, b.scratch(variance.lengths), bias=operator.epsilon)
    factor = looked_up(b, Function.RSQRT, shifted, b.scratch(variance.lengths))
    return combined(b, Combine.MUL, apart, factor, b.result(node.output.shape))


def matmul(b: Builder, node: Node, views: list[View]) -> View:
    """A product of matrices: a convolution 1 x 1 where one is constant, else one becomes coefficients at run time."""
    x, y = node.inputs[:2]
    bias = half_of(node.inputs[2]) if len(node.inputs) > 2 else None
    if y.array is not None and math.prod(y.shape[:-2]) == 1:
        kernel = np.ascontiguousarray(half_of(y).reshape(y.shape[-2:]).T)[:, :, None, None]
        view = raised(views[0], len(node.output.shape))
        return _landed(b, along(b, view, len(view.lengths) - 1, kernel, bias), node.output.shape)
    if x.array is not None and math.prod(x.shape[:-2]) == 1 and bias is None:
        kernel = half_of(x).reshape(x.shape[-2:])[:, :, None, None]
        view = raised(views[1], len(node.output.shape))
        return _landed(b, along(b, view, len(view.lengths) - 2, np.ascontiguousarray(kernel)), node.output.shape)
    if bias is not None:
        raise UnsupportedError("a bias on a product of two tensors that are computed")
    shape = node.output.shape
    one, two = (
        raised(b.constant(half_of(value)) if value.array is not None else view, max(3, len(shape)))
        for value, view in zip((x, y), views)
    )
    z = b.result(shape)
    target = raised(z, len(one.lengths))
    outer = target.lengths[:-2]
    for place in itertools.product(*map(range, outer)):
        first, second, result = (
            _at(view, tuple(index if view.lengths[axis] > 1 else 0 for axis, index in enumerate(place)))
            for view in (one, two, target)
        )
        products.product(b, first.inserted(1), second.inserted(1), result.inserted(1))
    return z


def _landed(b: Builder, y: View, shape: tuple[int, ...]) -> View:
    """The view, copied where the program wants it."""
    if b.wanted is None or b.wanted.lengths != shape:
        return y
    return moves.copy(b, y, b.wanted)
