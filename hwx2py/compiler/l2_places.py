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

    What begins behind another begins in other banks than those that lie beside it, as the operands of a task in all
    records; where each bank has one already, it lies behind the last.

    Args:
        stays: the intermediates, in the order in which they are written.
    """
    chosen: list[Placed] = []
    for stay in stays:
        beside = [other for other in chosen if other.stay.first <= stay.last and stay.first <= other.stay.last]
        chosen.append(_lowest(stay, beside))
    return chosen


def _lowest(stay: Stay, beside: Sequence[Placed]) -> Placed:
    end = max((other.end_bytes for other in beside), default=0)
    placed = Placed(stay, 0)
    while placed.base_bytes < end and (higher := max(_behind(placed, other) for other in beside)) > placed.base_bytes:
        placed = Placed(stay, higher)
    return placed


def _behind(placed: Placed, other: Placed) -> int:
    """The place itself where it keeps clear of another that lies beside it, or else the next that does."""
    clear = placed.end_bytes <= other.base_bytes or other.end_bytes <= placed.base_bytes
    if clear and not placed.base_bytes:
        return 0
    begins = placed.base_bytes if clear else other.end_bytes
    return round_up(base_behind(other.base_bytes, begins - other.base_bytes), UNIT_BYTES)
