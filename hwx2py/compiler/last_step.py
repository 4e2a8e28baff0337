"""The last step of a task of the neural engines: a clamp at zero, or a table."""

from typing import NamedTuple

from .graph import Node
from .operators import Unary
from .operators.arithmetic import Function
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
    if node.tail is None:
        return NO_STEP
    if isinstance(node.tail, Unary) and node.tail.function is Function.RELU:
        return LastStep(relu=True)
    table = table_of(node.tail)
    return NO_STEP if table is None else LastStep(table=table.data)
