"""Places of intermediates in scratch by live range: first fit, in order of use or of size."""

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from ..units import round_up
from .surface import Surface
from .task import RuntimeKernel, TaskPlan

#: Intermediates begin at multiples of this.
ALIGNMENT_BYTES = 64
#: Room that is enough, in sets of the intermediates that are in use together: beyond, another order is tried.
ENOUGH = 1.02


class LiveRange(NamedTuple):
    """An intermediate while it is in use.

    Attributes:
        buffer: its name.
        first: the task that first writes it.
        last: the last task that reads it.
        size_bytes: its size.
    """

    buffer: str
    first: int
    last: int
    size_bytes: int


def live_ranges(plans: Sequence[TaskPlan], bound: Collection[str], runs: Sequence[range] = ()) -> list[LiveRange]:
    """When each intermediate is in use, in order of first use.

    Args:
        plans: the tasks.
        bound: buffers that are tensors or constants.
        runs: tasks of several forms that are one run: what one of them uses is in use for all of them, as nothing
            separates them.
    """
    whole = {task: run for run in runs for task in run}
    found: dict[str, LiveRange] = {}
    for index, plan in enumerate(plans):
        for buffer, end in _uses(plan):
            if buffer in bound or buffer in plan.constants:
                continue
            run = whole.get(index, range(index, index + 1))
            old = found.get(buffer, LiveRange(buffer, run.start, index, 0))
            found[buffer] = old._replace(last=run.stop - 1, size_bytes=max(old.size_bytes, end))
    return sorted(found.values(), key=lambda item: item.first)


def _uses(plan: TaskPlan) -> list[tuple[str, int]]:
    """The buffers of a task, and where its part of each ends."""
    surfaces = [surface for surface in (plan.source, plan.source2, plan.result) if isinstance(surface, Surface)]
    uses = [(surface.buffer, surface.end_bytes) for surface in surfaces]
    if isinstance(kernel := plan.kernel, RuntimeKernel):
        uses.append((kernel.buffer, kernel.end_bytes))
    return uses


def places(ranges: Sequence[LiveRange]) -> Mapping[str, int]:
    """The place of each intermediate: the lowest that is free as long as it is needed.

    They are placed in order of first use; where that takes much more room than the largest set of intermediates that
    are in use together, other orders are tried, and what ends lowest is taken.

    Args:
        ranges: in order of first use.

    Returns:
        Buffer -> bytes from the start of scratch.
    """
    enough = ENOUGH * largest_set_bytes(ranges)
    best: dict[str, int] = {}
    for order in ORDERS:
        found = _placed(ranges, sorted(ranges, key=order))
        if not best or _end_of(ranges, found) < _end_of(ranges, best):
            best = found
        if _end_of(ranges, best) <= enough:
            break
    return best


def _length(item: LiveRange) -> int:
    return item.last - item.first + 1


#: Orders in which intermediates are placed: by use, by size, by size and time in use, by time in use.
ORDERS: Sequence[Callable[[LiveRange], tuple[int, ...]]] = (
    lambda item: (item.first,),
    lambda item: (-_size(item), item.first, -item.last),
    lambda item: (-_size(item) * _length(item), item.first),
    lambda item: (-_length(item), -_size(item), item.first),
    lambda item: (-item.last, -_size(item)),
)


def largest_set_bytes(ranges: Sequence[LiveRange]) -> int:
    """Bytes of the intermediates that are in use together, where they are most: no placing needs less."""
    steps: dict[int, int] = {}
    for item in ranges:
        steps[item.first] = steps.get(item.first, 0) + _size(item)
        steps[item.last + 1] = steps.get(item.last + 1, 0) - _size(item)
    return max(itertools.accumulate((steps[index] for index in sorted(steps)), initial=0))


def _size(item: LiveRange) -> int:
    return round_up(item.size_bytes, ALIGNMENT_BYTES)


def _end_of(ranges: Sequence[LiveRange], chosen: Mapping[str, int]) -> int:
    return max((chosen[item.buffer] + _size(item) for item in ranges), default=0)


def _placed(ranges: Sequence[LiveRange], order: Sequence[LiveRange]) -> dict[str, int]:
    """First fit in an order: each as low as those leave room that were placed before and are in use with it."""
    chosen: dict[str, int] = {}
    #: By task, what was placed and is in use.
    used: list[list[LiveRange]] = [[] for _ in range(max((item.last for item in ranges), default=-1) + 1)]
    for item in order:
        others = {other.buffer: other for task in range(item.first, item.last + 1) for other in used[task]}
        place = 0
        for other in sorted(others.values(), key=lambda other: chosen[other.buffer]):
            if chosen[other.buffer] - place >= _size(item):
                break
            place = max(place, chosen[other.buffer] + _size(other))
        chosen[item.buffer] = place
        for task in range(item.first, item.last + 1):
            used[task].append(item)
    return chosen
