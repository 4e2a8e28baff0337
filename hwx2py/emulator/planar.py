"""Runs tasks of the planar engine: elementwise work on one or two sources, reductions over depth, rows and columns."""

import numpy as np

from ..errors import UnsupportedError
from ..operations import Operand, Planar, Shape
from . import numbers as arithmetic_of
from .access import Access
from .arithmetic import COMBINE, FUNCTION, PIECE, REDUCE, add, multiply, pieces
from .numbers import Numbers

#: The kind of task whose second source is two rows, an offset and a gain.
GAIN_OFFSET = "GainOffset"
#: Depth, height and width.
REDUCED_AXES = (2, 3, 4)


def run(task: Planar, access: Access, numbers: Numbers) -> np.ndarray:
    """Computes a task's result.

    Args:
        task: what to compute.
        access: its way to its operands.
        numbers: the arithmetic.

    Returns:
        float16 bits as uint16, (groups, channels, depth, height, width).

    Raises:
        Hang: a source cannot be fetched.
    """
    sources = [access.fetch(operand) for operand in task.inputs]
    if task.kind == GAIN_OFFSET and task.second is not None:
        sources[1:] = [sources[1][:, :, :, :1], sources[1][:, :, :, 1:]]
    shape = task.result.shape if task.reduce is None else _before_reduction(task)
    views = [_stretched(source, shape) for source in sources]
    result = np.empty(task.result.shape, np.uint16)
    with np.errstate(all="ignore"):
        if task.reduce is not None:
            inner = shape.count // (shape.groups * shape.channels)
            for place in pieces(shape[:2], max(1, PIECE // inner)):
                result[place] = numbers.store(_computed(task, _cut(views, place)))
        else:
            for place in pieces(shape):
                result[place] = numbers.store(_computed(task, _cut(views, place)))
    return result


def _stretched(source: np.ndarray, shape: Shape) -> np.ndarray:
    return source if source.shape == shape else np.broadcast_to(source, shape)


def _before_reduction(task: Planar) -> Shape:
    shapes = [operand.shape for operand in task.inputs]
    return Shape(*np.broadcast_shapes(*shapes))


def _cut(views: list[np.ndarray], place: tuple[slice, ...]) -> list[np.ndarray]:
    return [view[place] for view in views]


def _loaded(bits: np.ndarray, operand: Operand) -> np.ndarray:
    values = arithmetic_of.load(bits, operand.element)
    return np.maximum(values, 0.0) if operand.relu else values


def _computed(task: Planar, sources: list[np.ndarray]) -> np.ndarray:
    """A piece of the result, float64, not rounded."""
    values = _combined(task, sources)
    if task.scale != 1.0:
        values = multiply(values, task.scale)
    if task.bias:
        values = add(values, task.bias)
    if task.relu:
        values = np.maximum(values, 0.0)
    if task.magnitude:
        values = np.abs(values)
    if task.reduce is not None:
        values = REDUCE[task.reduce.function](values, REDUCED_AXES)
    if task.final_scale != 1.0:
        values = multiply(values, task.final_scale)
    if task.function is not None:
        values = FUNCTION[task.function.function](values, task.epsilon)
    return values


def _combined(task: Planar, sources: list[np.ndarray]) -> np.ndarray:
    values = _loaded(sources[0], task.first)
    if task.prescale != 1.0:
        values = multiply(values, task.prescale)
    if task.negate_first:
        values = -values
    if task.second is None:
        return np.square(values) if task.combine is not None else values
    second = _loaded(sources[1], task.second)
    if task.negate_second:
        second = -second
    if task.kind == GAIN_OFFSET:
        return multiply(add(values, second), _loaded(sources[2], task.second))
    if task.combine is None:
        raise UnsupportedError("two sources, and it is not known how they are combined")
    return COMBINE[task.combine.function](values, second)
