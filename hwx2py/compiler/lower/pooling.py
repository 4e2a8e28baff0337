"""Pooling: maxima of shifted views, rows first, then columns as planes; means as depthwise convolutions."""

from typing import NamedTuple

import numpy as np

from .. import operators
from ..builder import Builder
from ..forms.elementwise import Binary
from ..generic import neural, planar
from ..graph import Node
from ..operators.operator import replaced
from ..operators.spatial import Pads
from ..view import View
from . import moves
from .layout import _at
from .spatial import strided

#: Axes of W, H, C that strides can walk; rows are that of C, H, W as well.
COLUMNS, ROWS = 0, 1


def pool(b: Builder, node: Node, views: list[View]) -> View:
    """The largest elements of windows, or their means."""
    operator = node.operator
    assert isinstance(operator, operators.Pool)
    z = b.result(node.output.shape)
    size = node.output.shape[2:] if not operator.exchanged else node.output.shape[2:0:-1]
    for number in range(z.lengths[0]):
        place, source = _at(z, (number,)), _at(views[0], (number,))
        if not operator.largest:
            _mean_pool(b, source, operator, place)
        elif operator.exchanged:
            _largest(b, source, operator, (0, 1), size, place)
        elif operator.kernel[1] == operator.strides[1] == 1 and not operator.pads.left and not operator.pads.right:
            _largest(b, source, operator, (0,), size, place)
        else:
            turned = moves.exchanged(b, _largest(b, source, operator, (0,), size, None), 0)
            neural.exchange(b, _largest(b, turned, operator, (1,), size, None), place)
    return z


def _largest(
    b: Builder, x: View, operator: operators.Pool, sides: tuple[int, ...], size: tuple[int, ...], z: View | None
) -> View:
    """The largest of every window.

    Args:
        b: where the tasks go.
        x: C, H, W, or W, H, C.
        operator: what is asked for.
        sides: what windows reach along: rows (0), columns (1), or both. Columns are the first axis of x.
        size: rows and columns of the result.
        z: where the result goes; None for anywhere.
    """
    pads = operator.pads
    for side in sides:
        axis, before = ((ROWS, pads.top), (COLUMNS, pads.left))[side]
        target = z if side == sides[-1] else None
        windows = _Windows(axis, operator.kernel[side], operator.strides[side], size[side], before, x.lengths[axis])
        x = _along(b, x, windows, target)
    return x if z is None or x.is_same(z) else moves.copy(b, x, z)


def _behind(operator: operators.Pool, side: int, places: int, length: int) -> int:
    """Places behind a plane that windows reach."""
    before = (operator.pads.top, operator.pads.left)[side]
    return max(0, (places - 1) * operator.strides[side] + operator.kernel[side] - length - before)


class _Windows(NamedTuple):
    """Windows along an axis that strides can walk.

    Attributes:
        axis: which axis.
        kernel: places of a window.
        stride: from window to window.
        places: how many there are.
        before: places in front of the axis where the first one begins.
        length: of the axis.
    """

    axis: int
    kernel: int
    stride: int
    places: int
    before: int
    length: int

    def runs(self) -> list[tuple[int, int, range]]:
        """First and number of the windows that have the same places inside the axis, and these places."""
        found: list[tuple[int, int, range]] = []
        for window in range(self.places):
            start = window * self.stride - self.before
            inside = range(max(0, -start), min(self.kernel, self.length - start))
            if found and found[-1][2] == inside:
                first, count, _ = found[-1]
                found[-1] = (first, count + 1, inside)
            else:
                found.append((window, 1, inside))
        return found

    @property
    def edges(self) -> list[int]:
        """The places of the axis with those at its ends repeated: they change no maximum."""
        end = (self.places - 1) * self.stride + self.kernel - self.before
        return [min(max(place, 0), self.length - 1) for place in range(-self.before, max(end, self.length))]


def _along(b: Builder, x: View, windows: _Windows, z: View | None) -> View:
    """The largest of every window along one axis; windows over the edges by tasks of their own, or repeated edges."""
    axis, kernel, stride, count = windows[:4]
    runs = windows.runs()
    if len(runs) == 1 and runs[0][2] == range(kernel):
        whole = x.part(axis, -windows.before, x.lengths[axis] + windows.before)
        return _windowed(b, whole, axis, kernel, stride, count, z)
    is_empty = any(len(inside) == 0 for _, _, inside in runs)
    apart = sum(max(1, len(inside) - 1) for _, number, inside in runs if len(inside) < kernel)
    repeated = len(list(moves.runs_of(windows.edges)))
    if is_empty or apart >= repeated:
        return _windowed(b, moves.selected(b, x, axis, windows.edges), axis, kernel, stride, count, z)
    z = z or b.scratch(replaced(x.lengths, axis, count))
    for first, number, inside in runs:
        start = first * stride - windows.before + inside.start
        part, target = x.part(axis, start, x.lengths[axis] - start), z.part(axis, first, number)
        if len(inside) == 1:
            moves.copy(b, part.part(axis, 0, number, stride), target)
        else:
            _windowed(b, part, axis, len(inside), stride, number, target)
    return z


def _windowed(b: Builder, x: View, axis: int, kernel: int, stride: int, places: int, z: View | None) -> View:
    """The largest of every window along an axis that strides can walk: at stride 1 by maxima of twice the length."""
    if kernel == 1:
        return x.part(axis, 0, places, stride)
    offsets = list(range(1, kernel))
    if stride == 1:
        offsets, reach = [], 1
        while reach < kernel:
            offsets.append(min(reach, kernel - reach))
            reach += offsets[-1]
    y = x
    for number, offset in enumerate(offsets):
        if stride == 1:
            count = y.lengths[axis] - offset if number + 1 < len(offsets) else places
            one, two = y.part(axis, 0, count), y.part(axis, offset, count)
        else:
            one, two = y if number else x.part(axis, 0, places, stride), x.part(axis, offset, places, stride)
        is_last = number + 1 == len(offsets)
        y = planar.pair(b, Binary.MAX, one, two, z if is_last and z is not None else b.scratch(one.lengths))
    return y


def _mean_pool(b: Builder, x: View, operator: operators.Pool, z: View) -> None:
    channels, height, width = z.lengths
    kernel, pads = operator.kernel, operator.pads
    places = np.float64(kernel[0] * kernel[1])
    weights = np.full((channels, 1, *kernel), 1 / places).astype(np.float16)
    behind = (_behind(operator, 0, height, x.lengths[1]), _behind(operator, 1, width, x.lengths[2]))
    around = Pads(pads.top, pads.left, *behind)
    conv = operators.Conv(operator.strides, around, groups=channels)
    counts = _counts(operator, (height, width), x.lengths[1:])
    uneven = not (counts == counts.flat[0]).all()
    if not uneven and counts.flat[0] != places:
        weights = np.full((channels, 1, *kernel), 1 / counts.flat[0]).astype(np.float16)
    y = strided(b, x, weights, None, conv, (height, width), None if uneven else z)
    if uneven:
        factors = b.constant((places / counts)[None])
        planar.broadcast(b, Binary.MUL, y, factors, z)
    elif not y.is_same(z):
        moves.copy(b, y, z)


def _counts(operator: operators.Pool, size: tuple[int, int], lengths: tuple[int, ...]) -> "np.ndarray":
    """How many places each mean divides by."""
    before, after = (operator.pads.top, operator.pads.left), (operator.pads.bottom, operator.pads.right)
    sides = []
    for axis in (0, 1):
        low, high = 0, lengths[axis]
        if operator.counts_pads:
            low, high = -before[axis], lengths[axis] + after[axis]
        starts = [place * operator.strides[axis] - before[axis] for place in range(size[axis])]
        sides.append([min(start + operator.kernel[axis], high) - max(start, low) for start in starts])
    return np.outer(np.array(sides[0], np.float64), np.array(sides[1], np.float64))
