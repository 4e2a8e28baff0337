"""How an intermediate lies in L2: the steps of its views in memory, and the same steps between rows and channels there.

In memory rows follow each other within a channel; in L2 the channels of a row lie side by side and rows follow each
other. What a task reads is often a view: every second row, some channels, channels and rows exchanged. A layout takes
each of them over, or says that it cannot.
"""

from collections.abc import Sequence
from typing import NamedTuple

from ..program.l2 import UNIT_BYTES, Tile
from ..program.network import ROW_ALIGNMENT_BYTES
from ..units import round_up
from .surface import Surface


class Pitch(NamedTuple):
    """A distance between rows of an intermediate in memory.

    Attributes:
        memory_bytes: the distance.
        extent: how many rows lie that far apart.
    """

    memory_bytes: int
    extent: int


class Steps(NamedTuple):
    """A distance in memory in steps of the two pitches of a layout, and the bytes that are left.

    Attributes:
        outer: steps of the larger pitch.
        inner: steps of the smaller one.
        rest: bytes along a row.
    """

    outer: int
    inner: int
    rest: int


class Pitches(NamedTuple):
    """The pitches of an intermediate in memory, from which all its views are made.

    Attributes:
        outer: the larger one; its extent is 1 where there is only one.
        inner: the smaller one.
        row_bytes: of a row, without padding.
    """

    outer: Pitch
    inner: Pitch
    row_bytes: int

    def steps(self, distance: int) -> Steps:
        """A distance in memory, taken apart."""
        outer, rest = divmod(distance, self.outer.memory_bytes)
        inner, rest = divmod(rest, self.inner.memory_bytes)
        return Steps(outer, inner, rest)


class Layout(NamedTuple):
    """A place in L2 for an intermediate.

    Attributes:
        pitches: what its views are made of.
        outer_bytes: the larger pitch, in L2.
        inner_bytes: the smaller pitch, in L2.
        base_bytes: where it begins.
    """

    pitches: Pitches
    outer_bytes: int
    inner_bytes: int
    base_bytes: int = 0

    @property
    def size_bytes(self) -> int:
        """Bytes from its first to its last."""
        pitches = self.pitches
        steps = (pitches.outer.extent - 1) * self.outer_bytes + (pitches.inner.extent - 1) * self.inner_bytes
        return steps + round_up(pitches.row_bytes, UNIT_BYTES)

    def tile(self, surface: Surface) -> Tile:
        """Where a view lies.

        Args:
            surface: the view in memory; the pitches were found with it.
        """
        _, channels, height, width = surface.shape
        least = round_up(width * surface.element_bytes, UNIT_BYTES)
        channel = self._bytes(surface.plane_bytes) if channels > 1 else least
        row = self._bytes(surface.row_bytes) if height > 1 else channels * channel
        return Tile(self.base_bytes + self._bytes(surface.base_bytes), channel, row, channels * channel)

    def _bytes(self, distance: int) -> int:
        steps = self.pitches.steps(distance)
        return steps.outer * self.outer_bytes + steps.inner * self.inner_bytes + steps.rest


def pitches_of(views: Sequence[Surface]) -> Pitches | None:
    """The pitches of an intermediate, from all its views; None where two do not explain them all.

    Args:
        views: every part of it that a task reads or writes.
    """
    found = sorted({step for view in views for step, extent in _axes(view) if extent > 1})
    least = max(round_up(view.shape.w * view.element_bytes, ROW_ALIGNMENT_BYTES) for view in views)
    end = max(view.end_bytes for view in views)
    found = found or [least]
    for number, inner in enumerate(found):
        if inner < ROW_ALIGNMENT_BYTES:
            continue
        for outer in (*found[number + 1 :], round_up(end, inner)):
            if outer % inner == 0 and (pitches := _explained(views, outer, inner)):
                return pitches
    return None


def _axes(view: Surface) -> tuple[tuple[int, int], tuple[int, int]]:
    return (view.plane_bytes, view.shape.c), (view.row_bytes, view.shape.h)


def _explained(views: Sequence[Surface], outer: int, inner: int) -> Pitches | None:
    """The pitches with their extents, if no view goes beyond a pitch into the next."""
    between = Pitches(Pitch(outer, 1), Pitch(inner, outer // inner), inner)
    last = Steps(0, 0, 0)
    for view in views:
        reach = _reach(between, view)
        if reach is None or reach.inner >= outer // inner or reach.rest > inner:
            return None
        last = Steps(*map(max, last, reach))
    return Pitches(Pitch(outer, last.outer + 1), Pitch(inner, last.inner + 1), last.rest)


def _reach(pitches: Pitches, view: Surface) -> Steps | None:
    """The last step of each pitch, and the end of the row, of a view; None where its steps go backwards."""
    if view.shape.n > 1 or any(step < 0 for step, extent in _axes(view) if extent > 1):
        return None
    outer, inner, rest = pitches.steps(view.base_bytes)
    for step, extent in _axes(view):
        if extent > 1:
            one = pitches.steps(step)
            if one.rest % UNIT_BYTES:
                return None
            outer, inner, rest = (at + each * (extent - 1) for at, each in zip((outer, inner, rest), one))
    if pitches.steps(view.base_bytes).rest % UNIT_BYTES:
        return None
    return Steps(outer, inner, rest + view.shape.w * view.element_bytes)
