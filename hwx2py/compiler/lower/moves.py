"""Moving elements: copies, axes exchanged with the last one, reshaping, parts picked and joined. All exact."""

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np

from ..builder import Builder
from ..generic import neural, planar
from ..operators.operator import Shape, replaced
from ..surface import HALF_BYTES
from ..view import View


def copy(b: Builder, x: View, z: View) -> View:
    """Copies x to z; planar copies are exact."""
    return planar.single(b, x, z)


def spread(b: Builder, x: View, shape: Shape, z: View | None = None) -> View:
    """X repeated along its axes of length 1."""
    z = z or b.scratch(shape)
    if x.lengths == shape:
        return copy(b, x, z)
    if not x.lengths or x.lengths[-1] == shape[-1]:
        return copy(b, x.spread(shape), z)
    if len(shape) == 1:
        x, shape, z = x.inserted(0), (1, *shape), z.inserted(0)
    while len(x.lengths) < len(shape):
        x = x.inserted(0)
    # The last axis is repeated while another one is the last.
    y = exchanged(b, x, -2)
    wide = y.spread((*replaced(y.lengths, len(shape) - 2, shape[-1])[:-1], y.lengths[-1]))
    wide = exchanged(b, wide, -2)
    return copy(b, wide.spread(shape), z)


def exchanged(b: Builder, x: View, axis: int, z: View | None = None) -> View:
    """An axis exchanged with the last one.

    Args:
        b: where the tasks go.
        x: the tensor, of rank 2 or more.
        axis: the axis; negative ones count from the end.
        z: where the result goes.
    """
    rank = len(x.lengths)
    axis %= rank
    if axis == rank - 1:
        return x if z is None else copy(b, x, z)
    lengths = list(x.lengths)
    lengths[axis], lengths[-1] = lengths[-1], lengths[axis]
    z = z or b.scratch(lengths)
    if rank == 2:
        x, z, axis, rank = x.inserted(0), z.inserted(0), 1, 3
    others = [other for other in range(rank - 1) if other != axis]
    rows = max(others, key=lambda other: x.lengths[other])
    outer = [other for other in others if other != rows]
    order = [*outer, axis, rows, rank - 1]
    x, z = x.ordered(order), z.ordered(order)
    for place in itertools.product(*(range(x.lengths[other]) for other in range(len(outer)))):
        neural.exchange(b, _inner(x, place), _inner(z, place))
    return z.ordered([order.index(other) for other in range(rank)]) if rank > 3 or len(lengths) > 2 else _two(z)


def _two(z: View) -> View:
    """The last two axes of a view C, 1, W whose rows are its first axis."""
    return View(z.buffer, z.base_bytes, (z.lengths[0], z.lengths[2]), (z.strides_bytes[0],))


def _inner(view: View, place: Sequence[int]) -> View:
    base = view.base_bytes + sum(index * stride for index, stride in zip(place, view.strides_bytes))
    cut = len(place)
    return View(view.buffer, base, view.lengths[cut:], view.strides_bytes[cut:])


def transposed(b: Builder, x: View, order: Sequence[int], z: View | None = None) -> View:
    """Axis i of the result is axis order[i] of x: an exchange at most, the rest by strides."""
    rank = len(order)
    if rank == 1:
        return x if z is None else copy(b, x, z)
    last = order[-1]
    if last == rank - 1:
        y = x.ordered(order)
        return y if z is None else copy(b, y, z)
    # After the exchange, axis `last` holds what was the last one.
    then = [last if axis == rank - 1 else axis for axis in order[:-1]] + [rank - 1]
    if z is None:
        return exchanged(b, x, last).ordered(then)
    exchanged(b, x, last, z.ordered([then.index(axis) for axis in range(rank)]))
    return z


def reshaped(b: Builder, x: View, shape: Shape) -> View:
    """The same elements with other axes: by strides while the last axis stays whole or splits at 64 bytes."""
    shape = tuple(shape) or (1,)
    if x.lengths == shape:
        return x
    if x.lengths[-1] == shape[-1]:
        return x.in_axes(shape) or _dense(b, x).in_axes(shape) or x
    outer, old, new = _groups(x.lengths, shape)
    total = math.prod(old)
    before = x.in_axes((outer, *old)) or _dense(b, x).in_axes((outer, *old)) or x
    row = before if len(old) == 1 else _merged(b, before, outer, total)
    if len(new) > 1:
        row = _split(b, row, outer, total // new[-1], new[-1])
    return row.in_axes(shape) or _dense(b, row).in_axes(shape) or row


def _dense(b: Builder, x: View) -> View:
    return x if x.is_dense else copy(b, x, b.scratch(x.lengths))


def _groups(old: Shape, new: Shape) -> tuple[int, Shape, Shape]:
    """What both shapes have in front, and the axes behind it with the fewest elements that both share."""
    i, j, left, right = 1, 1, old[-1], new[-1]
    while left != right:
        if left < right:
            i += 1
            left *= old[-i]
        else:
            j += 1
            right *= new[-j]
    return math.prod(old[:-i]), old[len(old) - i :], new[len(new) - j :]


def _merged(b: Builder, x: View, outer: int, total: int) -> View:
    """(outer, a..., w) as (outer, total)."""
    width = x.lengths[-1]
    many = total // width
    x = x.in_axes((outer, many, width)) or _dense(b, x).in_axes((outer, many, width)) or x
    if width * HALF_BYTES == x.strides_bytes[1] or many == 1:
        strides = (x.strides_bytes[0],)
        return View(x.buffer, x.base_bytes, (outer, total), strides)
    if width == 1:
        turned = exchanged(b, x, 1)
        return View(turned.buffer, turned.base_bytes, (outer, total), turned.strides_bytes[:1])
    columns = b.scratch((many, width, outer))
    exchanged(b, x, 0, columns.swapped(0, 1))
    return exchanged(b, View.dense(columns.buffer, (total, outer)), 0)


def _split(b: Builder, x: View, outer: int, many: int, width: int) -> View:
    """(outer, many * width) as (outer, many, width)."""
    if width * HALF_BYTES % 64 == 0:
        return View(x.buffer, x.base_bytes, (outer, many, width), (x.strides_bytes[0], width * HALF_BYTES))
    if width == 1:
        return exchanged(b, x.inserted(1), 1)
    columns = exchanged(b, x, 0)
    folded = View.dense(columns.buffer, (many, width, outer))
    return exchanged(b, folded, 1).ordered([1, 0, 2])


def runs_of(places: Sequence[int]) -> Iterator[tuple[int, int, int, int]]:
    """Runs of places at equal distance: where they go, the first, how many, the step; places of -1 stay together."""
    start = 0
    while start < len(places):
        end = start + 1
        if places[start] < 0:
            while end < len(places) and places[end] < 0:
                end += 1
            yield start, -1, end - start, 0
        else:
            step = 1
            if end < len(places) and places[end] > places[start]:
                step = places[end] - places[start]
                while end < len(places) and places[end] == places[start] + (end - start) * step:
                    end += 1
            yield start, places[start], end - start, step
        start = end


def selected(b: Builder, x: View, axis: int, places: Sequence[int], z: View | None = None) -> View:
    """Places of an axis by number, -1 for zeros; by copies, which are exact."""
    rank = len(x.lengths)
    lengths = replaced(x.lengths, axis, len(places))
    if axis == rank - 1:
        if rank == 1:
            y = selected(b, x.inserted(0), 1, places, None if z is None else z.inserted(0))
            return View(y.buffer, y.base_bytes, lengths, ())
        runs = list(runs_of(places))
        if len(runs) == 1 and z is None and runs[0][3] == 1 and (cut := x.columns(runs[0][1], runs[0][2])) is not None:
            return cut
        if all(_keeps_columns(start, first, step) for start, first, _, step in runs):
            z = z or b.scratch(lengths)
            for start, first, count, _ in runs:
                source = zeros(b, replaced(x.lengths, axis, count)) if first < 0 else x.columns(first, count)
                target = z.columns(start, count)
                if source is not None and target is not None:
                    copy(b, source, target)
            return z
        other = _shortest_axis(x)
        turned = selected(b, exchanged(b, x, other), other, places)
        return exchanged(b, turned, other, z)
    if z is None and len(single := list(runs_of(places))) == 1 and single[0][1] >= 0:
        return x.part(axis, single[0][1], single[0][2], single[0][3])
    z = z or b.scratch(lengths)
    repeats, uneven = divmod(len(places), x.lengths[axis])
    # Batch elements are repeated by copies: a task that reads an input of the network has the input's own steps.
    if axis > 0 and not uneven and repeats > 1 and all(place == index // repeats for index, place in enumerate(places)):
        # Each place several times over: by a further axis, of stride 0 in the source.
        lengths, before = x.lengths[: axis + 1], x.strides_bytes[: axis + 1]
        many = View(
            x.buffer, x.base_bytes, (*lengths, repeats, *x.lengths[axis + 1 :]),
            (*before, 0, *x.strides_bytes[axis + 1 :]),
        )  # fmt: skip
        step = z.strides_bytes[axis]
        apart = View(
            z.buffer, z.base_bytes, many.lengths,
            (*z.strides_bytes[:axis], step * repeats, step, *z.strides_bytes[axis + 1 :]),
        )  # fmt: skip
        copy(b, many, apart)
        return z
    for start, first, count, step in runs_of(places):
        source = zeros(b, replaced(x.lengths, axis, count)) if first < 0 else x.part(axis, first, count, step)
        copy(b, source, z.part(axis, start, count))
    return z


def _keeps_columns(start: int, first: int, step: int) -> bool:
    """Whether columns move from one multiple of 64 bytes to another, or are zeros there."""
    return start * HALF_BYTES % 64 == 0 and (first < 0 or (step == 1 and first * HALF_BYTES % 64 == 0))


def _shortest_axis(x: View) -> int:
    """The axis that an exchange with the last one takes the fewest bytes for."""
    rank = len(x.lengths)
    return max(range(rank - 1), key=lambda axis: (x.lengths[axis], axis))


def zeros(b: Builder, shape: Shape) -> View:
    """A tensor of zeros: one row among the constants, repeated."""
    row = b.constant(np.zeros(shape[-1:] or (1,)))
    return row.spread(shape) if len(shape) > 1 else row


def places_of_parts(lengths: Sequence[int], axis: int, z: View) -> list[View] | None:
    """Where tensors lie that are joined; None where columns begin beside multiples of 64 bytes.

    Args:
        lengths: of the axis, for each tensor.
        axis: along which they are joined.
        z: the result.
    """
    starts = itertools.accumulate(lengths, initial=0)
    if axis < len(z.lengths) - 1:
        return [z.part(axis, start, length) for start, length in zip(starts, lengths)]
    columns = [z.columns(start, length) for start, length in zip(starts, lengths)]
    return None if None in columns else [view for view in columns if view is not None]


def joined(b: Builder, parts: Sequence[View], axis: int, z: View) -> View:
    """Tensors one behind the other along an axis; what lies there already is not copied."""
    rank = len(z.lengths)
    targets = places_of_parts([part.lengths[axis] for part in parts], axis, z)
    if targets is not None:
        for part, target in zip(parts, targets):
            if not part.is_same(target):
                copy(b, part, target)
        return z
    if rank == 1:
        return joined(b, [part.inserted(0) for part in parts], 1, z.inserted(0))
    other = _shortest_axis(z)
    turned = [exchanged(b, part, other) for part in parts]
    lengths = list(z.lengths)
    lengths[other], lengths[-1] = lengths[-1], lengths[other]
    return exchanged(b, joined(b, turned, other, b.scratch(lengths)), other, z)
