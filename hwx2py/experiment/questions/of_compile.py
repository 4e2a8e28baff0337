"""Rows of questions about what `compile` chooses on its own: does it give the right values?"""

from collections.abc import Callable

import numpy as np

from ...program.program import Program
from ..predictions import engine, of_outputs, stepped
from ..question import Case, Hypothesis, Question, Risk, stopped_after

FIRST_PART = "the first part only"
RIGHT = "yes"


def row(name: str, text: str, known: str, where: str, make: Callable[[], Case], *others: Hypothesis) -> Question:
    """A question about a program of `compile`, whose first answer is that it is right."""
    return Question(name, text, known, where, lambda: [make()], (engine(RIGHT), *others), Risk.GARBAGE)


def first_part(last_task: int, change: str) -> Hypothesis:
    """Nothing behind a task is done."""
    return Hypothesis(FIRST_PART, stopped_after(last_task), change)


def zeros_from(axis: int, first: int) -> Hypothesis:
    """What later parts leave in scratch memory are the zeros that it began with."""

    def change(found: np.ndarray, case: Case) -> np.ndarray:
        places = np.arange(found.shape[axis]) < first
        return np.where(places.reshape([-1 if number == axis else 1 for number in range(4)]), found, 0)

    return Hypothesis(FIRST_PART, of_outputs(change), "the form: refuse what L2 does not hold")


def ramp(program: Program) -> Case:
    """The program with numbers that tell every element from its neighbours."""
    return Case("ramp", program, {tensor.name: "ramp" for tensor in program.inputs})


def matrix_product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The product of two matrices 1 x 1 x M x K and 1 x 1 x K x N, as the neural engines add it up."""
    return stepped(a[0, 0][:, :, None] * b[0, 0][None]).sum(axis=1)[None, None]
