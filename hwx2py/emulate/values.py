"""What tasks computed, value by value: the summary that `--values` prints for every step."""

from typing import Any, NamedTuple

import numpy as np

from ..operations.sentence import Names, result_name
from .engine import Step

#: Elements that are shown.
SHOWN = 4


class StepValues(NamedTuple):
    """The result of a task in numbers.

    Attributes:
        task: its index.
        name: where the result goes, by name.
        dtype: NumPy's name of its elements' type.
        shape: groups, channels, depth, height, width.
        smallest, largest, mean: of its finite elements; None where there are none.
        first: its first elements.
        infinities, nans: how many there are.
    """

    task: int
    name: str
    dtype: str
    shape: tuple[int, ...]
    smallest: float | None
    largest: float | None
    mean: float | None
    first: tuple[float, ...]
    infinities: int
    nans: int

    def __str__(self) -> str:
        size = " x ".join(map(str, self.shape))
        numbers = "no finite values"
        if self.smallest is not None:
            numbers = f"{self.smallest:g} to {self.largest:g}, mean {self.mean:g}"
        odd = [f"{count} {what}" for count, what in ((self.infinities, "infinite"), (self.nans, "NaN")) if count]
        first = ", ".join(f"{number:g}" for number in self.first)
        return f"task {self.task}: {self.name}: {self.dtype} {size}: {', '.join([numbers, *odd])}; {first} ..."

    def as_data(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return self._asdict() | {"shape": list(self.shape), "first": list(self.first)}


def values_of(step: Step, bits: np.ndarray, names: Names) -> StepValues:
    """The result of a step in numbers.

    Args:
        step: the step.
        bits: what `on_result` was given, (groups, channels, depth, height, width).
        names: how buffers are called.
    """
    dtype = step.operation.result.element.dtype
    elements = np.ascontiguousarray(bits).view(dtype)
    finite = elements[np.isfinite(elements)] if dtype == "float16" else elements.ravel()
    infinities = int(np.isinf(elements).sum()) if dtype == "float16" else 0
    return StepValues(
        task=step.task,
        name=result_name(step.operation.result, names),
        dtype=dtype,
        shape=tuple(elements.shape),
        smallest=float(finite.min()) if finite.size else None,
        largest=float(finite.max()) if finite.size else None,
        mean=float(finite.mean(dtype=np.float64)) if finite.size else None,
        first=tuple(float(number) for number in elements.ravel()[:SHOWN]),
        infinities=infinities,
        nans=elements.size - finite.size - infinities,
    )
