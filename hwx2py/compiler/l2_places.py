"""Places in L2 of intermediates that stay there for several tasks: first fit above what passes through."""

from collections.abc import Sequence
from typing import NamedTuple

from ..program.l2 import SIZE_BYTES, UNIT_BYTES, base_behind, overlap
from ..units import round_up


class Stay(NamedTuple):
    """An intermediate while it lies in L2.

    Attributes:
        buffer: its name.
        first: the task that first writes it.
        last: the last task that reads it.
        size_bytes: its size in L2.
    """

    buffer: str
    first: int
    last: int
    size_bytes: int


def places(stays: Sequence[Stay], floors: Sequence[int], first_task: int) -> dict[str, int] | None:
    """Where each intermediate lies: the lowest place that is free as long as it stays.

    Two that lie there at the same time do not begin in the same banks, as the operands of a task in all records.

    Args:
        stays: the intermediates, in the order in which they are written.
        floors: for each task from `first_task` on, the byte behind what else it has in L2.
        first_task: index of the first task.

    Returns:
        Buffer -> first byte; None where L2 does not hold them.
    """
    chosen: dict[str, int] = {}
    placed: list[tuple[Stay, int]] = []
    for stay in stays:
        floor = max(floors[stay.first - first_task : stay.last - first_task + 1])
        base = round_up(floor, UNIT_BYTES)
        beside = sorted(
            (base, base + other.size_bytes)
            for other, base in placed
            if other.first <= stay.last and stay.first <= other.last
        )
        for start, end in beside:
            if base < start:
                base = base_behind(start, base - start)
            if overlap((base, base + stay.size_bytes), (start, end)):
                base = round_up(base_behind(start, end - start), UNIT_BYTES)
        if base + stay.size_bytes > SIZE_BYTES:
            return None
        chosen[stay.buffer] = base
        placed.append((stay, base))
    return chosen
