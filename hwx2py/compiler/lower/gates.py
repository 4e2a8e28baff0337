"""A tensor combined with a number for each channel that a convolution makes of a column of channels."""

import numpy as np

from ...errors import UnsupportedError
from .. import operators
from ..builder import Builder, half_of
from ..canonical.gates import raised
from ..forms import gate as gates
from ..generic.bands import is_one_band
from ..generic.products import convolve
from ..graph import Node
from ..last_step import LastStep, after_of, step_of
from ..view import View
from .arithmetic import OPERATIONS, combined
from .layout import _at


def gated(b: Builder, node: Node, views: list[View]) -> View:
    """The numbers stay in L2 for the task that combines them, where it holds all of the tensor at a time."""
    operator = node.operator
    assert isinstance(operator, operators.Gated)
    weights = np.ascontiguousarray(half_of(node.inputs[2]))
    bias = np.ascontiguousarray(half_of(node.inputs[3])) if len(node.inputs) > 3 else None
    step = LastStep(table=raised(operator) or b"") if operator.adds_one else step_of(operator.gate)
    x, column = views[:2]
    z, after = b.result(node.output.shape), after_of(node)
    _, channels, height, width = z.lengths
    if is_one_band((1, channels, height, width), 3):
        try:
            b.add(
                gates.gated(
                    OPERATIONS[operator.function], x.surface(), column.surface(), z.surface(), weights.data,
                    None if bias is None else bias.data, relu=step.relu, table=step.table, after=after,
                )
            )  # fmt: skip
            return z
        except UnsupportedError:
            pass  # more than L2 or a task holds: tasks of their own
    numbers = b.scratch((1, z.lengths[1], 1, 1))
    convolve(b, _at(column, (0,)), weights, bias, _at(numbers, (0,)), last=step)
    return combined(b, operator.function, x, numbers, z, after)
