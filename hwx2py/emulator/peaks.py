"""The largest numbers that tasks compute, before they are rounded: where a network leaves float16."""

from typing import NamedTuple

import numpy as np

from .engine import Step
from .numbers import Numbers

#: From here on a number rounds to infinity.
INFINITE_FROM = 65520.0
_INFINITY = np.uint16(0x7C00)
_MAGNITUDE = np.uint16(0x7FFF)


class Peak(NamedTuple):
    """What a task reached.

    Attributes:
        task: its index.
        largest: the largest finite magnitude that it computed, before rounding.
        leaves: it made infinity of finite numbers.
    """

    task: int
    largest: float
    leaves: bool


class Watching(Numbers):
    """An arithmetic that notes what it is given to round.

    Attributes:
        largest: the largest finite magnitude that was to be stored or summed since the last task.
        exceeded: a finite one was too large for that.
        was_infinite: there was an infinity in what a piece of the task began with.
    """

    def __init__(self, *fields: object):
        self.reset()

    def reset(self) -> None:
        """Forgets what was noted."""
        self.largest, self.exceeded, self.was_infinite, self._begins = 0.0, False, False, True

    def _note(self, values: np.ndarray, limit: float) -> None:
        magnitudes = np.abs(values)
        finite = np.isfinite(magnitudes)
        largest = float(magnitudes.max(initial=0.0, where=finite))
        self.largest, self.exceeded = max(self.largest, largest), self.exceeded or largest >= limit
        self._begin(values)

    def _begin(self, values: np.ndarray) -> None:
        if self._begins:
            self.was_infinite = self.was_infinite or bool(np.isinf(values).any())
        self._begins = False

    def rounded(self, values: np.ndarray) -> np.ndarray:
        """See `Numbers`; a table's argument is rounded first, then steps between its samples."""
        self._begin(values)
        return super().rounded(values)

    def store(self, values: np.ndarray) -> np.ndarray:
        """See `Numbers`; the end of a piece."""
        self._note(values, INFINITE_FROM)
        stored = super().store(values)
        self._begins = True
        return stored

    def limited(self, sums: np.ndarray) -> np.ndarray:
        """See `Numbers`."""
        self._note(sums, self.limit)
        return super().limited(sums)


class Peaks:
    """Takes down what tasks reach, as the engine's `on_result`.

    Args:
        numbers: the arithmetic that the engine was given.
    """

    def __init__(self, numbers: Watching):
        self._numbers = numbers
        self.found: list[Peak] = []

    def __call__(self, step: Step, bits: np.ndarray) -> None:
        """Takes down one task."""
        numbers = self._numbers
        infinite = bits.dtype == np.uint16 and bool(((bits & _MAGNITUDE) == _INFINITY).any())
        leaves = numbers.exceeded or (infinite and not numbers.was_infinite)
        self.found.append(Peak(step.task, numbers.largest, leaves))
        numbers.reset()
