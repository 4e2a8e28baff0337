"""Places in L2 of intermediates that stay there for several tasks: first fit."""

from collections.abc import Sequence
from typing import NamedTuple

from ..program.l2 import UNIT_BYTES, base_behind
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


class Placed(NamedTuple):
    """An intermediate in its place.

    Attributes:
        stay: the intermediate.
        base_bytes: where it begins in L2.
    """

    stay: Stay
    base_bytes: int

    @property
    def end_bytes(self) -> int:
        """The byte behind its last."""
        return self.base_bytes + self.stay.size_bytes


def places(stays: Sequence[Stay]) -> list[Placed]:
    """Where each intermediate lies: the lowest place that is free as long as it stays.

    One behind another does not begin in the banks in which that begins, as the operands of a task in all records.

    Args:
        stays: the intermediates, in the order in which they are written.
    """
    chosen: list[Placed] = []
    for stay in stays:
        base = 0
        beside = [other for other in chosen if other.stay.first <= stay.last and stay.first <= other.stay.last]
        for other in sorted(beside, key=lambda other: other.base_bytes):
            if base and base < other.base_bytes:
                base = base_behind(other.base_bytes, base - other.base_bytes)
            if base + stay.size_bytes > other.base_bytes:
                behind = other.end_bytes - other.base_bytes
                base = max(base, round_up(base_behind(other.base_bytes, behind), UNIT_BYTES))
        chosen.append(Placed(stay, base))
    return chosen
