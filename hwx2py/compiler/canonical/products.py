"""Rules that put functions into the last step of what comes before, and transposes into products."""

from dataclasses import replace

from .. import operators
from ..graph import Node
from ..operators.arithmetic import Combine, Function
from ..tables import has_table
from .view import Nodes

#: Kernels with more rows or columns are put together from parts, behind which no function fits.
MOST_KERNEL = 31
#: Functions of two tensors behind which the planar engine clamps at zero.
CLAMPED = (Combine.ADD, Combine.SUB, Combine.MUL, Combine.MAX, Combine.MIN)


def last_step(node: Node, nodes: Nodes) -> Node | None:
    """A clamp at zero, or a table, as the last step of what makes its argument."""
    operator = node.operator
    if node.tail is not None or not isinstance(operator, operators.Unary | operators.Clip):
        return None
    is_clamp = isinstance(operator, operators.Unary) and operator.function is Function.RELU
    maker = nodes.maker(node.inputs[0])
    if maker is None or maker.tail is not None or not nodes.is_single(node.inputs[0]):
        return None
    match maker.operator:
        case operators.Conv():
            fits = (is_clamp or has_table(operator)) and max(maker.inputs[1].shape[2:]) <= MOST_KERNEL
        case operators.MatMul():
            fits = maker.inputs[1].array is not None and maker.inputs[0].array is None
            fits = fits and (is_clamp or has_table(operator))
        case operators.Binary(function):
            fits = is_clamp and function in CLAMPED
        case operators.Linear():
            fits = is_clamp
        case _:
            fits = False
    return replace(maker, tail=operator) if fits else None


def transposed_operand(node: Node, nodes: Nodes) -> Node | None:
    """A product of two tensors, the second of which is a transposed matrix."""
    if not isinstance(node.operator, operators.MatMul) or node.operator.transposed or len(node.inputs) > 2:
        return None
    x, y = node.inputs
    if x.array is not None or y.array is not None or len(y.shape) < 2 or min(y.shape[:-2], default=1) != 1:
        return None
    turned = nodes.made_by(y, operators.Transpose)
    if turned is None or not isinstance(turned.operator, operators.Transpose):
        return None
    rank = len(y.shape)
    if any(length > 1 for length in y.shape[:-2]):
        return None
    if turned.operator.order != (*range(rank - 2), rank - 1, rank - 2):
        return None
    return replace(node, operator=replace(node.operator, transposed=True), inputs=(x, turned.inputs[0]))


PRODUCTS = (last_step, transposed_operand)
