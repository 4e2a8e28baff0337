"""Places of intermediates in scratch by live range: first fit, in the order in which tasks need them."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from ..units import round_up
from .surface import Surface
from .task import RuntimeKernel, TaskPlan

#: Intermediates begin at multiples of this.
ALIGNMENT_BYTES = 64


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
        if isinstance(plan.kernel, RuntimeKernel) and plan.kernel.buffer in found:
            # One task writes all of a kernel: it must not lie where another one wrote before, padding included.
            found[plan.kernel.buffer] = found[plan.kernel.buffer]._replace(first=0)
    return sorted(found.values(), key=lambda item: item.first)


def _uses(plan: TaskPlan) -> list[tuple[str, int]]:
    """The buffers of a task, and where its part of each ends."""
    surfaces = [surface for surface in (plan.source, plan.source2, plan.result) if isinstance(surface, Surface)]
    uses = [(surface.buffer, _end_bytes(surface)) for surface in surfaces]
    if isinstance(kernel := plan.kernel, RuntimeKernel):
        uses.append((kernel.buffer, kernel.base_bytes + kernel.step_bytes * (kernel.engines - 1) + kernel.size_bytes))
    return uses


def _end_bytes(surface: Surface) -> int:
    """Where the last byte of a surface lies; steps may go backwards, so the highest row decides."""
    n, c, h, _ = surface.shape
    steps = ((n - 1) * surface.group_bytes, (c - 1) * surface.plane_bytes, (h - 1) * surface.row_bytes)
    row = surface.shape.w * surface.element_bytes
    return surface.base_bytes + sum(max(0, step) for step in steps) + round_up(row, ALIGNMENT_BYTES)


def places(ranges: Sequence[LiveRange]) -> Mapping[str, int]:
    """The place of each intermediate: the lowest that is free as long as it is needed.

    Args:
        ranges: in order of first use.

    Returns:
        Buffer -> bytes from the start of scratch.
    """
    chosen: dict[str, int] = {}
    live: list[tuple[int, int, int]] = []
    for item in ranges:
        live = sorted(part for part in live if part[2] >= item.first)
        size = round_up(item.size_bytes, ALIGNMENT_BYTES)
        place = 0
        for start, end, _ in live:
            if start - place >= size:
                break
            place = max(place, end)
        chosen[item.buffer] = place
        live.append((place, place + size, item.last))
    return chosen
