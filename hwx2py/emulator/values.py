"""What every task wrote, as numbers that a person can look at: smallest, largest, mean, first elements, odd ones."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from .. import archive
from ..operations import Shape
from .engine import Step

#: Elements that are shown.
FIRST = 4
#: Names of results in files.
PREFIX = "task_"


class Values(NamedTuple):
    """What a task wrote.

    Attributes:
        task: its index.
        places: where it went: names of buffers, "L2".
        shape: groups, channels, depth, height, width, as the engine computed it.
        dtype: NumPy's name of the elements' type.
        smallest, largest, mean: of the finite elements; None where there are none.
        first: the first elements.
        nans, infinities: how many there are.
        array: all of it, of that shape and type; None where it was not kept.
    """

    task: int
    places: tuple[str, ...]
    shape: Shape
    dtype: str
    smallest: float | None
    largest: float | None
    mean: float | None
    first: tuple[float, ...]
    nans: int
    infinities: int
    array: np.ndarray | None = None

    def __repr__(self) -> str:
        return f"<{self}>"

    def __str__(self) -> str:
        size = " x ".join(map(str, self.shape[1:] if self.shape.groups == 1 else self.shape))
        parts = [f"task {self.task}: {' and '.join(self.places)}: {self.dtype} {size}"]
        if self.smallest is not None:
            parts.append(f"smallest {self.smallest:g}, largest {self.largest:g}, mean {self.mean:g}")
        parts.append(f"first {' '.join(f'{value:g}' for value in self.first)}")
        parts += [f"{self.nans} NaN"] if self.nans else []
        parts += [f"{self.infinities} infinite"] if self.infinities else []
        return ", ".join(parts)

    def as_data(self) -> dict[str, object]:
        """The numbers, ready for JSON; elements that JSON cannot hold are text."""
        data = self._asdict()
        del data["array"]
        data["first"] = [value if np.isfinite(value) else str(value) for value in self.first]
        return data


class Recorder:
    """Takes down what tasks write, as the engine's `on_result`.

    Args:
        keep: keep the arrays too.
    """

    def __init__(self, keep: bool = False):
        self.keep = keep
        self.values: list[Values] = []

    def __call__(self, step: Step, bits: np.ndarray) -> None:
        """Takes down one result; see `summary`."""
        self.values.append(summary(step, bits, self.keep))


def summary(step: Step, bits: np.ndarray, keep: bool = False) -> Values:
    """The numbers of one result.

    Args:
        step: the task that ran.
        bits: its result, uint8 or uint16, (groups, channels, depth, height, width).
        keep: keep the array.
    """
    element = step.operation.result.element
    array = bits.view(element.dtype)
    finite = np.isfinite(array)
    usual = bool(finite.all())
    wide = array.astype(np.float64) if usual else array[finite].astype(np.float64)
    nans = 0 if usual else int(np.isnan(array).sum())
    return Values(
        task=step.task,
        places=tuple(dict.fromkeys(move.name for move in step.moves if move.direction == "write")),
        shape=Shape(*bits.shape),
        dtype=element.dtype,
        smallest=float(np.min(wide)) if wide.size else None,
        largest=float(np.max(wide)) if wide.size else None,
        mean=float(wide.mean()) if wide.size else None,
        first=tuple(array.reshape(-1)[:FIRST].tolist()),
        nans=nans,
        infinities=0 if usual else int((~finite).sum()) - nans,
        array=array.copy() if keep else None,
    )


def as_npz(values: Sequence[Values]) -> bytes:
    """Results that were kept, as the content of an `.npz` file: `task_0`, `task_1`, ..."""
    return archive.as_npz(dict(named(values)))


def are_of_tasks(arrays: Mapping[str, np.ndarray]) -> bool:
    """Whether arrays out of a file are the results of tasks, as `as_npz` writes them."""
    return any(name.startswith(PREFIX) for name in arrays)


class Divergence(NamedTuple):
    """The first place where two runs part.

    Attributes:
        task: index of the task.
        element: group, channel, depth, row and column.
        value, expected: what stands there; None where the shapes differ.
        count: elements of the task's result that differ.
    """

    task: int
    element: tuple[int, ...]
    value: float | None
    expected: float | None
    count: int  # type: ignore[assignment] # hides tuple's method

    def __str__(self) -> str:
        if self.value is None:
            return f"task {self.task}: its result has another shape or type"
        place = ", ".join(map(str, self.element))
        more = f"; {self.count} of its elements differ" if self.count > 1 else ""
        return f"task {self.task}: element ({place}) is {self.value:g}, not {self.expected:g}{more}"


def named(values: Sequence[Values]) -> Iterator[tuple[str, np.ndarray]]:
    """(name in a file, array) of every result that was kept."""
    return ((f"{PREFIX}{value.task}", value.array) for value in values if value.array is not None)


def first_divergence(
    values: Sequence[Values], expected: Mapping[str, np.ndarray], tolerance: float
) -> Divergence | None:
    """The first task, and in it the first element, that differs from an earlier run's; None where none does.

    Args:
        values: results that were kept.
        expected: arrays by the names that `named` gives; tasks that are not there are passed over.
        tolerance: largest difference that does not count.
    """
    for number, (name, array) in zip((value.task for value in values), named(values)):
        if name not in expected:
            continue
        other = expected[name]
        if other.shape != array.shape or other.dtype != array.dtype:
            return Divergence(number, (), None, None, 0)
        one, two = array.astype(np.float64), other.astype(np.float64)
        with np.errstate(invalid="ignore"):
            apart = ~((np.abs(one - two) <= tolerance) | (one == two) | (np.isnan(one) & np.isnan(two)))
        if apart.any():
            place = tuple(int(axis) for axis in np.unravel_index(int(apart.argmax()), array.shape))
            return Divergence(number, place, float(one[place]), float(two[place]), int(apart.sum()))
    return None
