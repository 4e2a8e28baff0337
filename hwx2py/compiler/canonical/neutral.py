"""Rules for constants that change nothing, and for roots that one table makes."""

from dataclasses import replace

import numpy as np

from .. import operators
from ..graph import Node
from ..operators.arithmetic import Combine, Function
from .view import Nodes, as_linear

#: What a constant holds that changes nothing.
NEUTRAL = {Combine.MUL: 1.0, Combine.ADD: 0.0}


def neutral(node: Node, nodes: Nodes) -> Node | None:
    """A product with ones or a sum with zeros, behind an operation: that operation alone."""
    if (
        not isinstance(node.operator, operators.Binary)
        or node.operator.function not in NEUTRAL
        or node.tail is not None
    ):
        return None
    for x, y in (node.inputs, node.inputs[::-1]):
        maker = nodes.maker(x)
        if y.array is None or maker is None or not nodes.is_single(x) or x.shape != node.output.shape:
            continue
        if (np.asarray(y.array) == NEUTRAL[node.operator.function]).all():
            return maker
    return None


def reciprocal_root(node: Node, nodes: Nodes) -> Node | None:
    """One over the root of x plus a number: one table, which the number goes in front of."""
    if not isinstance(node.operator, operators.Unary) or node.operator.function is not Function.RECIPROCAL:
        return None
    root = nodes.unary(node.inputs[0], Function.SQRT)
    if root is None or root.tail is not None or node.tail is not None:
        return None
    x, number = root.inputs[0], 0.0
    shifted = nodes.maker(x)
    found = as_linear(shifted) if shifted is not None and nodes.is_single(x) else None
    if found is not None and found[1] == 1.0 and np.float16(found[2]) == np.float16(abs(found[2])):
        x, number = found[0], found[2]
    return replace(node, operator=operators.Unary(Function.RSQRT, alpha=number), inputs=(x,))


NEUTRALS = (neutral, reciprocal_root)
