"""Whether a program that works element by element treats all elements alike.

Constant inputs hide where elements come from and go to: a wrong stride or base address shows in unlike ones only. So
inputs of a few levels, scattered at random, are run a second time: equal inputs have to give equal outputs, wherever
they stand.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from ..operations import Neural, Operation, Planar, operations
from ..program.program import Program, Tensor
from . import direct
from .faults import NotImplementedTask

LEVELS = 7
#: Larger programs are not run a second time.
MOST_TASKS, MOST_ELEMENTS = 64, 1 << 18


def mixed_elements(program: Program) -> str:
    """Where a program mixes elements up that it should work on one by one, in words; empty where it does not.

    A program that is not known to work element by element, or that is large, is not looked at.

    Args:
        program: one that runs without faults.
    """
    if not _is_elementwise(program):
        return ""
    shape = program.outputs[0].shape
    levels = np.random.default_rng(0).integers(0, LEVELS, shape)
    inputs = {tensor.name: _values(levels, number, tensor) for number, tensor in enumerate(program.inputs)}
    try:
        outcome = direct.run(program, inputs)
    except NotImplementedTask:
        return ""
    return next(_mixed(outcome.outputs, levels), "")


def _values(levels: np.ndarray, number: int, tensor: Tensor) -> np.ndarray:
    return ((levels + 1) / 2 + number).astype(tensor.dtype)


def _is_elementwise(program: Program) -> bool:
    shapes = {tensor.shape for tensor in (*program.inputs, *program.outputs)}
    if len(shapes) != 1 or not program.inputs or not program.outputs or len(program.tasks) > MOST_TASKS:
        return False
    shape = program.outputs[0].shape
    if np.prod(shape) > MOST_ELEMENTS:
        return False
    return all(_keeps_places(operation) for operation in operations(program))


def _keeps_places(operation: Operation) -> bool:
    """Whether a task makes every element out of those in the same place."""
    if operation.unknowns or operation.result.exchanged:
        return False
    if any(source.exchanged or source.broadcast for source in operation.inputs):
        return False
    if isinstance(operation, Neural):
        return operation.mode is not None and operation.mode.function == "identity"
    alike = all(source.shape == operation.result.shape for source in operation.inputs)
    return isinstance(operation, Planar) and operation.reduce is None and alike


def _mixed(outputs: Mapping[str, np.ndarray], levels: np.ndarray) -> Iterator[str]:
    for name, array in outputs.items():
        for level in range(LEVELS):
            places = np.argwhere(levels == level)
            values = array[levels == level].astype(np.float64)
            apart = np.flatnonzero((values != values[:1]) & ~(np.isnan(values) & np.isnan(values[:1])))
            if apart.size:
                one, two = (tuple(int(axis) for axis in places[index]) for index in (0, apart[0]))
                yield (
                    f"{name}: elements {one} and {two} differ, {values[0]:g} and {values[apart[0]]:g}, though their "
                    "inputs are alike: a stride or a base address reads or writes other elements"
                )
