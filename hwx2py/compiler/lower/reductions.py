"""Reductions, softmax and norms: by forms where they take the axes, else with the axes brought to where they do."""

import math
from collections.abc import Callable

from ...errors import UnsupportedError
from ...program.l2 import channel_bytes
from .. import operators, tables
from ..builder import Builder
from ..forms import norm, norm_whole, reduction, softmax_channels
from ..forms import softmax as softmax_rows
from ..generic import planar
from ..generic.bands import TILES_BYTES
from ..graph import Node
from ..operators.arithmetic import Combine, Function
from ..operators.operator import replaced
from ..operators.reductions import Reduction
from ..surface import Surface
from ..task import TaskPlan
from ..view import View, raised, three_axes
from . import moves
from .arithmetic import combined, looked_up

#: Channels, height and width: the last three axes.
CHANNELS, ROWS, COLUMNS = 0, 1, 2

Form = Callable[[Surface, Surface], list[TaskPlan]]


def applied(b: Builder, form: Form, x: View, z: View, axes: tuple[int, ...]) -> bool:
    """Adds the tasks of a form for every part of three axes; says whether it takes all of them.

    Args:
        b: where the tasks go.
        form: the form.
        x: the source.
        z: the result.
        axes: the axes of the three that it reduces or normalises over.
    """
    made = []
    try:
        for one, result in three_axes(x, z, merges=CHANNELS not in axes):
            made.append(form(one.surface(), result.surface()))
    except UnsupportedError:
        return False
    for plans in made:
        b.add(plans)
    return True


def _inner_axes(axes: tuple[int, ...], rank: int) -> tuple[int, ...] | None:
    """Axes among the last three, as channels, rows and columns; None where one lies in front of them."""
    inner = tuple(axis - rank + 3 for axis in axes)
    return inner if min(inner, default=0) >= 0 else None


def _fits(x: Surface, times: int = 1) -> bool:
    """Whether L2 holds a tensor so many times."""
    return times * x.shape.c * x.shape.h * (channel_bytes(x.shape.w) + 0x10) <= TILES_BYTES


def reduce(b: Builder, node: Node, views: list[View]) -> View:
    """Elements along axes combined."""
    operator = node.operator
    assert isinstance(operator, operators.Reduce)
    if operator.flat:
        return _flat(b, operator.kind, views[0], b.result(node.output.shape))
    return over_axes(b, operator.kind, views[0], operator.axes, b.result(node.output.shape))


def _flat(b: Builder, kind: Reduction, x: View, z: View) -> View:
    """Rows and columns of N C H W combined, the channels as one row."""
    row = raised(z, 4).surface()
    if _fits(x.surface()):
        b.add(reduction.over_h_w(reduction.Reduce(kind.value), x.surface(), row))
        return z
    y = over_axes(b, kind, x, (2, 3))
    return moves.copy(b, moves.reshaped(b, y, z.lengths), z)


def over_axes(b: Builder, kind: Reduction, x: View, axes: tuple[int, ...], z: View | None = None) -> View:
    """Elements along axes combined; the axes stay with length 1.

    Args:
        b: where the tasks go.
        kind: how.
        x: the tensor.
        axes: which axes.
        z: where the result goes.
    """
    rank = len(x.lengths)
    if rank < 3:
        target = None if z is None else raised(z, 3)
        y = over_axes(b, kind, raised(x, 3), tuple(axis + 3 - rank for axis in axes), target)
        return View(y.buffer, y.base_bytes, y.lengths[3 - rank :], y.strides_bytes[3 - rank :])
    axes = tuple(sorted(axis for axis in axes if x.lengths[axis] > 1)) or axes[-1:]
    lengths = x.lengths
    for axis in axes:
        lengths = replaced(lengths, axis, 1)
    result = z or b.scratch(lengths)
    inner = _inner_axes(axes, rank)
    form = None if inner is None else _reduction(b, kind, inner)
    if form is not None and inner is not None and applied(b, form, x, result, inner):
        return result
    if len(axes) > 1:
        # The last axis first, which leaves the fewest elements.
        return over_axes(b, kind, over_axes(b, kind, x, axes[-1:]), axes[:-1], z)
    (axis,) = axes
    if axis == rank - 1:
        return _long_rows(b, kind, x, result)
    turned = over_axes(b, kind, moves.exchanged(b, x, axis), (rank - 1,))
    return moves.exchanged(b, turned, axis, z)


def _reduction(b: Builder, kind: Reduction, axes: tuple[int, ...]) -> Form | None:
    """The form that reduces these axes."""
    how = reduction.Reduce(kind.value)

    def over(x: Surface, z: Surface) -> list[TaskPlan]:
        if not _fits(x):
            raise UnsupportedError(f"{x.shape.c} x {x.shape.h} x {x.shape.w} does not fit L2")
        match axes:
            case (2,):
                return reduction.over_w(how, x, z)
            case (1, 2):
                return reduction.over_h_w(how, x, z)
            case (0, 1, 2):
                return reduction.over_c_h_w(how, x, z)
            case (1,):
                return reduction.over_h(how, x, z)
            case (0,) if x.shape.h * x.shape.w == 1:
                return reduction.over_flat_c(how, x, z)
            case (0,) if kind is not Reduction.MIN:
                return reduction.over_c(how, x, z, habits=b.habits)
        raise UnsupportedError(f"no form reduces axes {axes} by {kind}")

    return over


def _long_rows(b: Builder, kind: Reduction, x: View, z: View) -> View:
    """Rows that L2 does not hold together: as many as it does at a time."""
    for one, result in three_axes(x, z):
        c, h, w = one.lengths
        most = max(1, TILES_BYTES // (c * (channel_bytes(w) + 0x10)))
        for first in range(0, h, most):
            count = min(most, h - first)
            source, target = (view.part(1, first, count).surface() for view in (one, result))
            b.add(reduction.over_w(reduction.Reduce(kind.value), source, target))
    return z


def softmax(b: Builder, node: Node, views: list[View]) -> View:
    """The maximum taken off, powers of two by table, and their sum by a reciprocal or a logarithm."""
    operator = node.operator
    assert isinstance(operator, operators.Softmax)
    (x,) = views
    rank = len(x.lengths)
    z = b.result(node.output.shape)
    inner = _inner_axes((operator.axis,), rank)
    if rank < 3:
        inner = (operator.axis + 3 - rank,)
    if inner is not None and not operator.logarithm and applied(b, _softmax(inner[0]), x, z, inner):
        return z
    if operator.axis < rank - 1:
        y = _softmax_of_rows(b, moves.exchanged(b, x, operator.axis), operator.logarithm, None)
        return moves.exchanged(b, y, operator.axis, z)
    return _softmax_of_rows(b, x, operator.logarithm, z)


def _softmax(axis: int) -> Form:
    """The form of a softmax along channels, rows or columns."""
    exp2, reciprocal = tables.table(tables.EXP2).data, tables.table(Function.RECIPROCAL).data

    def over(x: Surface, z: Surface) -> list[TaskPlan]:
        _, c, h, w = x.shape
        if axis == COLUMNS and w > 1:
            return softmax_rows.over_w(x, z, exp2)
        if axis == COLUMNS and h == 1:
            return softmax_channels.over_single_w(x, z, exp2)
        if axis == CHANNELS and h * w > 1:
            return softmax_channels.over_c(x, z, exp2, reciprocal)
        if axis == CHANNELS:
            return softmax_channels.over_flat_c(x, z, exp2, reciprocal)
        if axis == ROWS and c * w > 1:
            return softmax_channels.over_c(x.swapped(), z.swapped(), exp2, reciprocal)
        raise UnsupportedError("no form of softmax for this axis")

    return over


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
    z = b.result(node.output.shape)
    rank = len(x.lengths)
    inner = tuple(axis + max(0, 3 - rank) for axis in operator.axes) if rank < 3 else _inner_axes(operator.axes, rank)
    if inner is not None and applied(b, _norm(inner, operator.epsilon), x, z, inner):
        return z
    mean = over_axes(b, Reduction.MEAN, x, operator.axes)
    apart = combined(b, Combine.SUB, x, mean, b.scratch(x.lengths))
    squares = combined(b, Combine.MUL, apart, apart, b.scratch(x.lengths))
    variance = over_axes(b, Reduction.MEAN, squares, operator.axes)
    shifted = planar.single(b, variance, b.scratch(variance.lengths), bias=operator.epsilon)
    factor = looked_up(b, Function.RSQRT, shifted, b.scratch(variance.lengths))
    return combined(b, Combine.MUL, apart, factor, z)


def _norm(axes: tuple[int, ...], epsilon: float) -> Form:
    """The form of a norm over channels, rows or columns."""

    def over(x: Surface, z: Surface) -> list[TaskPlan]:
        _, c, h, w = x.shape
        long = tuple(axis for axis in axes if x.shape[axis + 1] > 1)
        if long == (COLUMNS,) and c == h == 1:
            return norm_whole.over_everything(x, z, epsilon)
        if long == (COLUMNS,) and c == 1:
            return norm.rows(x, z, epsilon)
        if long == (COLUMNS,) and h == 1:
            return norm.over_h_w(x, z, epsilon)
        if long == (COLUMNS,):
            return norm.over_w(x, z, epsilon)
        if long == (ROWS, COLUMNS):
            return norm.over_h_w(x, z, epsilon)
        if long == (CHANNELS,) and h * w > 1:
            return norm_whole.over_c(x, z, epsilon)
        if long == (CHANNELS,):
            return norm.over_flat_c(x, z, epsilon)
        if long == (CHANNELS, ROWS, COLUMNS):
            return norm_whole.over_everything(x, z, epsilon)
        raise UnsupportedError("no form of a norm over these axes")

    return over
