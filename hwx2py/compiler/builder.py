"""A program while a network is lowered: tasks in order, intermediates, constants."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import UnsupportedError
from .constants import Constants
from .engines import with_known_patch
from .graph import Value
from .habits import USUAL, Habits
from .operators.operator import Shape
from .surface import Surface
from .task import RuntimeKernel, TaskPlan, closed
from .view import View, row_bytes

if TYPE_CHECKING:
    from .tune import Alternative, Tuner

#: Largest number of float16.
LARGEST_HALF = 65504.0


@dataclass(slots=True)
class Builder:
    """Collects tasks.

    Attributes:
        plans: the tasks so far, each run of a form closed.
        constants: buffer -> bytes that tile DMA reads.
        placed: coefficients and tables of the tasks so far.
        bound: names of the program's tensors.
        wanted: where the result of the node that is lowered has to go; None for scratch.
        habits: of the generation that is compiled for.
        tuner: picks among alternatives; None takes the usual ones.
    """

    plans: list[TaskPlan] = field(default_factory=list)
    constants: dict[str, bytes] = field(default_factory=dict)
    placed: Constants = field(default_factory=Constants)
    wanted: View | None = None
    habits: Habits = USUAL
    tuner: "Tuner | None" = None
    _constants_by_bytes: dict[tuple[bytes, Shape], View] = field(default_factory=dict)
    bound: frozenset[str] = frozenset()
    _scratches: set[str] = field(default_factory=set)
    _count: int = 0
    _forms: int = 0

    def add(self, plans: Iterable[TaskPlan]) -> None:
        """Adds the tasks of a form, which end a run; buffers of its own get names that no other form has."""
        self._forms += 1
        self.plans += closed([with_known_patch(self._renamed(plan)) for plan in plans])

    def pick(self, choice: str, alternatives: "Sequence[Alternative]") -> list[TaskPlan]:
        """The tasks of one of several ways to do something.

        Args:
            choice: what is to be chosen.
            alternatives: the usual one first.
        """
        return alternatives[0].make() if self.tuner is None else self.tuner.pick(choice, alternatives)

    def _renamed(self, plan: TaskPlan) -> TaskPlan:
        """The task with the buffers that its form made up under names of their own."""

        def name(buffer: str) -> str:
            known = buffer in self.bound or buffer in self.constants or buffer in self._scratches
            return buffer if known else f"{buffer} of form {self._forms}"

        def moved(surface: Surface | None) -> Surface | None:
            return surface if surface is None else replace(surface, buffer=name(surface.buffer))

        kernel = plan.kernel
        if isinstance(kernel, RuntimeKernel):
            kernel = replace(kernel, buffer=name(kernel.buffer))
        elif kernel is not None:
            kernel = self.placed.kept(kernel)
        return replace(
            plan, source=moved(plan.source), source2=moved(plan.source2), result=moved(plan.result), kernel=kernel,
            constants={name(buffer): data for buffer, data in plan.constants.items()},
        )  # fmt: skip

    def scratch(self, shape: Iterable[int]) -> View:
        """A new intermediate."""
        self._count += 1
        name = f"scratch {self._count}"
        self._scratches.add(name)
        return View.dense(name, tuple(shape))

    def result(self, shape: Iterable[int]) -> View:
        """Where the last task of an operation writes: an output of the program if it is one, else an intermediate."""
        lengths = tuple(shape) or (1,)
        wanted = self.wanted
        if wanted is not None and wanted.lengths == lengths:
            return wanted
        return self.scratch(lengths)

    def constant(self, array: np.ndarray) -> View:
        """A tensor among the constants, its rows padded to 64 bytes.

        Args:
            array: finite numbers that fit float16; any shape.
        """
        half = as_half(array)
        if half.ndim == 0:
            half = half.reshape(1)
        shape = half.shape
        view = View.dense(f"constant {len(self.constants) + 1}", shape)
        padded = np.zeros((*shape[:-1], row_bytes(shape[-1]) // half.itemsize), np.float16)
        padded[..., : shape[-1]] = half
        data = padded.tobytes()
        if (data, shape) not in self._constants_by_bytes:
            self.constants[view.buffer] = data
            self._constants_by_bytes[data, shape] = view
        return self._constants_by_bytes[data, shape]


def as_half(array: np.ndarray, what: str = "a constant") -> np.ndarray:
    """Numbers as float16.

    Args:
        array: the numbers.
        what: how a message calls them.

    Raises:
        UnsupportedError: one is not a number, or beyond float16.
    """
    numbers = saturated(np.asarray(array))
    with np.errstate(over="ignore"):
        half = np.ascontiguousarray(numbers, np.float16).reshape(numbers.shape)
    if not np.isfinite(half).all():
        wrong = numbers[~np.isfinite(half)].ravel()[0]
        kind = "is not a number" if np.isnan(wrong) else "is beyond float16 (65504 at most)"
        raise UnsupportedError(f"{what} holds {wrong:g}, which {kind}")
    return half


def saturated(numbers: np.ndarray) -> np.ndarray:
    """The numbers with float16's extremes in place of float32's, which masks use for minus and plus infinity."""
    extreme = np.abs(numbers) == np.finfo(np.float32).max
    return np.where(extreme, np.sign(numbers) * LARGEST_HALF, numbers) if extreme.any() else numbers


def half_of(value: Value) -> np.ndarray:
    """A constant of a graph as float16.

    Raises:
        UnsupportedError: it is computed at run time, or float16 cannot hold it.
    """
    if value.array is None:
        raise UnsupportedError(f"{value.name} is computed at run time, and has to be a constant here")
    return as_half(value.array, f"constant {value.name}")


def real_of(value: Value) -> np.ndarray:
    """A constant of a graph as float64, each number one that float16 holds after rounding.

    Raises:
        UnsupportedError: it is computed at run time, or float16 cannot hold it.
    """
    half_of(value)
    return saturated(np.asarray(value.array, np.float64))
