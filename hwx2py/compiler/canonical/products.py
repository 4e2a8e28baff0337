"""Rules that put functions into the last step of what comes before, and transposes into products."""

from dataclasses import replace

from .. import operators
from ..graph import Node, Value
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
        case operators.Linear() | operators.Expand():
            fits = is_clamp
        case _:
            fits = False
    return replace(maker, tail=operator) if fits else None


def clamped_source(node: Node, nodes: Nodes) -> Node | None:
    """A tensor clamped at zero and then repeated: repeated, and then clamped."""
    if not isinstance(node.operator, operators.Expand) or node.tail is not None:
        return None
    clamp = nodes.unary(node.inputs[0], Function.RELU)
    return None if clamp is None else replace(node, inputs=clamp.inputs, tail=clamp.operator)


def transposed_operand(node: Node, nodes: Nodes) -> Node | None:
    """A product of two tensors, one of which is a transposed matrix."""
    operator = node.operator
    if not isinstance(operator, operators.MatMul) or len(node.inputs) > 2:
        return None
    x, y = node.inputs
    if x.array is not None or y.array is not None:
        return None
    if not operator.transposed and (straight := _straight(y, nodes)) is not None:
        return replace(node, operator=replace(operator, transposed=True), inputs=(x, straight))
    if not operator.transposed_first and (straight := _straight(x, nodes)) is not None:
        return replace(node, operator=replace(operator, transposed_first=True), inputs=(straight, y))
    return None


def _straight(value: Value, nodes: Nodes) -> Value | None:
    """The matrix that a value is the transposed of."""
    rank = len(value.shape)
    if rank < 2 or any(length > 1 for length in value.shape[:-2]):
        return None
    turned = nodes.made_by(value, operators.Transpose)
    if turned is None or not isinstance(turned.operator, operators.Transpose):
        return None
    return turned.inputs[0] if turned.operator.order == (*range(rank - 2), rank - 1, rank - 2) else None


PRODUCTS = (last_step, clamped_source, transposed_operand)
