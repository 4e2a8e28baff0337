"""Tensors of any rank in a buffer: lengths, and the bytes from place to place along every axis but the last.

The elements of the last axis lie side by side. Strides are multiples of 64 bytes, so axes change places, are cut and
joined by strides alone, as long as the last axis stays whole.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..program.network import ROW_ALIGNMENT_BYTES
from ..units import round_up
from .operators.operator import Shape
from .surface import HALF_BYTES, Surface
from .surface import Shape as FourAxes


@dataclass(frozen=True, slots=True)
class View:
    """A tensor, or a part of one.

    Attributes:
        buffer: name of the buffer.
        base_bytes: where the first element lies in it.
        lengths: of every axis; at least one.
        strides_bytes: of every axis but the last.
    """

    buffer: str
    base_bytes: int
    lengths: Shape
    strides_bytes: tuple[int, ...]

    @classmethod
    def dense(cls, buffer: str, shape: Sequence[int], base_bytes: int = 0) -> "View":
        """A tensor whose rows are padded to 64 bytes and which has no other gaps; a number is a row of one."""
        lengths = tuple(shape) or (1,)
        return cls(buffer, base_bytes, lengths, dense_strides(lengths))

    @property
    def size_bytes(self) -> int:
        """Bytes of a buffer that holds such a tensor without gaps."""
        return math.prod(self.lengths[:-1]) * row_bytes(self.lengths[-1])

    @property
    def is_dense(self) -> bool:
        """Whether it lies without gaps but the padding of rows."""
        dense = dense_strides(self.lengths)
        return all(n == 1 or a == b for n, a, b in zip(self.lengths, self.strides_bytes, dense))

    def is_same(self, other: "View") -> bool:
        """Whether both are the same elements in the same places; strides of axes of length 1 say nothing."""
        places = (self.buffer, self.base_bytes, self.lengths) == (other.buffer, other.base_bytes, other.lengths)
        return places and all(
            n == 1 or a == b for n, a, b in zip(self.lengths, self.strides_bytes, other.strides_bytes)
        )

    def part(self, axis: int, start: int, count: int, step: int = 1) -> "View":
        """Every `step`th place of an axis that is not the last, from `start` on; `step` may be negative."""
        lengths, strides = list(self.lengths), list(self.strides_bytes)
        base = self.base_bytes + start * strides[axis]
        lengths[axis], strides[axis] = count, strides[axis] * step
        return View(self.buffer, base, tuple(lengths), tuple(strides))

    def columns(self, start: int, count: int) -> "View | None":
        """Places of the last axis, where they begin at a multiple of 64 bytes; else None."""
        skipped = start * HALF_BYTES
        if skipped % ROW_ALIGNMENT_BYTES:
            return None
        return replace(self, base_bytes=self.base_bytes + skipped, lengths=(*self.lengths[:-1], count))

    def ordered(self, order: Sequence[int]) -> "View":
        """Axes in another order; the last one stays the last."""
        lengths = tuple(self.lengths[axis] for axis in order)
        return replace(self, lengths=lengths, strides_bytes=tuple(self.strides_bytes[axis] for axis in order[:-1]))

    def swapped(self, one: int, two: int) -> "View":
        """Two axes exchanged, neither of them the last."""
        order = list(range(len(self.lengths)))
        order[one], order[two] = order[two], order[one]
        return self.ordered(order)

    def inserted(self, axis: int) -> "View":
        """With a further axis of length 1, in front of `axis` (not behind the last one)."""
        at = axis if axis < len(self.lengths) else len(self.lengths) - 1
        stride = (
            self.strides_bytes[at] * self.lengths[at] if at < len(self.strides_bytes) else row_bytes(self.lengths[-1])
        )
        lengths = (*self.lengths[:at], 1, *self.lengths[at:])
        return replace(
            self, lengths=lengths, strides_bytes=(*self.strides_bytes[:at], stride, *self.strides_bytes[at:])
        )

    def in_axes(self, lengths: Sequence[int]) -> "View | None":
        """The same elements with other axes in front of the last one, where strides can say it; else None."""
        if lengths[-1] != self.lengths[-1]:
            return None
        old: list[tuple[int, int]] = []
        for count, step in zip(self.lengths, self.strides_bytes):
            if old and count > 1 and old[-1][1] == count * step:
                old[-1] = (old[-1][0] * count, step)
            elif count > 1:
                old.append((count, step))
        strides: list[int] = []
        for length in reversed(lengths[:-1]):
            if length == 1:
                strides.append(strides[-1] if strides else row_bytes(lengths[-1]))
                continue
            stride, covered = 0, 1
            while covered < length:
                if not old:
                    return None
                count, step = old.pop()
                if covered == 1:
                    stride = step
                elif step != stride * covered:
                    return None
                need = length // covered
                if length % covered or (count > need and count % need) or (count <= need and need % count):
                    return None
                if count > need:
                    old.append((count // need, step * need))
                    count = need
                covered *= count
            strides.append(stride)
        return None if old else replace(self, lengths=tuple(lengths), strides_bytes=tuple(reversed(strides)))

    def split(self, lengths: Sequence[int]) -> "View | None":
        """The same elements with the last axis as two, where its parts begin at multiples of 64 bytes; else None."""
        part = lengths[-1] * HALF_BYTES
        whole = None if part % ROW_ALIGNMENT_BYTES else self.in_axes((*lengths[:-2], lengths[-2] * lengths[-1]))
        if whole is None:
            return None
        return replace(whole, lengths=tuple(lengths), strides_bytes=(*whole.strides_bytes, part))

    def spread(self, shape: Shape) -> "View":
        """Repeated by strides of 0 along axes of length 1 other than the last, and with axes in front."""
        more = len(shape) - len(self.lengths)
        lengths, strides = (1,) * more + self.lengths, (0,) * more + self.strides_bytes
        strides = tuple(0 if n == 1 < m else s for n, m, s in zip(lengths, shape, strides))
        return replace(self, lengths=(*shape[:-1], lengths[-1]), strides_bytes=strides)

    def surface(self) -> Surface:
        """As tile DMA sees it: the last four axes are batch, channels, height and width; any in front have length 1."""
        lengths = (1,) * max(0, 4 - len(self.lengths)) + self.lengths
        n, c, h, w = lengths[-4:]
        row, plane, whole = row_bytes(w), 0, 0
        own = self.strides_bytes
        row = own[-1] if len(own) > 0 else row
        plane = own[-2] if len(own) > 1 else row * h
        whole = own[-3] if len(own) > 2 else plane * c
        return Surface(self.buffer, FourAxes(n, c, h, w), self.base_bytes, row, plane, whole, whole)


def row_bytes(width: int) -> int:
    """Bytes of a row of fp16, padded to 64."""
    return round_up(width * HALF_BYTES, ROW_ALIGNMENT_BYTES)


def dense_strides(lengths: Sequence[int]) -> tuple[int, ...]:
    """Bytes from place to place along every axis but the last, without gaps."""
    strides, step = [], row_bytes(lengths[-1])
    for length in reversed(lengths[:-1]):
        strides.append(step)
        step *= length
    return tuple(reversed(strides))


def four_axes(*views: View) -> Iterator[tuple[View, ...]]:
    """Views of one rank, in pieces of four axes: what is in front is merged where strides allow, else walked through.

    Args:
        views: of equal rank; an axis may have length 1 in some of them, and is then repeated.
    """
    return _pieces(views, 4)


def three_axes(*views: View, merges: bool = True) -> Iterator[tuple[View, ...]]:
    """Views of one rank, in pieces of three axes; see `four_axes`.

    Args:
        views: of equal rank.
        merges: what is in front may become one with the first of the three; not where that one is reduced.
    """
    return _pieces(views, 3, merges)


def raised(view: View, rank: int) -> View:
    """With axes of length 1 in front, up to a rank."""
    while len(view.lengths) < rank:
        view = view.inserted(0)
    return view


def _pieces(views: tuple[View, ...], axes: int, merges: bool = True) -> Iterator[tuple[View, ...]]:
    views = tuple(raised(view, axes) for view in views)
    while merges and len(views[0].lengths) > axes and (merged := _merged(views)) is not None:
        views = merged
    outer = [max(view.lengths[axis] for view in views) for axis in range(len(views[0].lengths) - axes)]
    for place in itertools.product(*map(range, outer)):
        yield tuple(_at(view, place) for view in views)


def _merged(views: tuple[View, ...]) -> tuple[View, ...] | None:
    """The first two axes as one, where that is possible in all views."""
    merged = []
    for view in views:
        first, second = view.lengths[:2]
        whole = [max(other.lengths[axis] for other in views) for axis in (0, 1)]
        if whole[0] == 1:
            merged.append(replace(view, lengths=view.lengths[1:], strides_bytes=view.strides_bytes[1:]))
            continue
        if whole[1] == 1:
            lengths = (first, *view.lengths[2:])
            merged.append(
                replace(view, lengths=lengths, strides_bytes=(view.strides_bytes[0], *view.strides_bytes[2:]))
            )
            continue
        repeated = first == 1 and second == 1
        if not repeated and ([first, second] != whole or view.strides_bytes[0] != view.strides_bytes[1] * second):
            return None
        lengths = (first * second, *view.lengths[2:])
        merged.append(replace(view, lengths=lengths, strides_bytes=view.strides_bytes[1:]))
    return tuple(merged)


def _at(view: View, place: Sequence[int]) -> View:
    """The three last axes at a place of those in front."""
    base = view.base_bytes
    for axis, index in enumerate(place):
        if view.lengths[axis] > 1:
            base += index * view.strides_bytes[axis]
    cut = len(place)
    return View(view.buffer, base, view.lengths[cut:], view.strides_bytes[cut:])
