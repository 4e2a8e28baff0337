"""The last step of a task: a clamp at zero or a table of the neural engines, numbers and a clamp of the planar one."""

from typing import NamedTuple

from .forms.elementwise import After
from .graph import Node
from .operators import Linear, Unary
from .operators.arithmetic import Function
from .operators.operator import Operator
from .tables import table_of


class LastStep(NamedTuple):
    """What follows the sums of a task.

    Attributes:
        relu: a clamp at zero.
        table: a table of 128 bytes; empty for none.
    """

    relu: bool = False
    table: bytes = b""


NO_STEP = LastStep()


def last_step(node: Node) -> LastStep:
    """The last step that a node asks for.

    Args:
        node: whose tail is nothing, a clamp at zero, or a function that has a table.
    """
    return step_of(node.tail)


def after_of(node: Node) -> After:
    """What follows an operation of the planar engine.

    Args:
        node: whose tail is nothing, a clamp at zero, or a scale and a bias.
    """
    if isinstance(node.tail, Linear):
        return After(node.tail.scale, node.tail.bias)
    return After(relu=last_step(node).relu)


def step_of(function: Operator | None) -> LastStep:
    """A function as a last step.

    Args:
        function: nothing, a clamp at zero, or a function that has a table.
    """
    if function is None:
        return NO_STEP
    if isinstance(function, Unary) and function.function is Function.RELU:
        return LastStep(relu=True)
    table = table_of(function)
    return NO_STEP if table is None else LastStep(table=table.data)
