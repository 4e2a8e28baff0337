"""Rules that put functions into the last step of what comes before, and transposes into products."""

from dataclasses import replace

from .. import operators
from ..builder import LARGEST_HALF
from ..graph import Node, Value
from ..operators.arithmetic import Combine, Function
from ..operators.operator import Operator
from ..tables import has_table
from .view import Nodes

#: Kernels with more rows or columns are put together from parts, behind which no function fits.
MOST_KERNEL = 31
#: Functions of two tensors behind which the planar engine clamps at zero.
CLAMPED = (Combine.ADD, Combine.SUB, Combine.MUL, Combine.MAX, Combine.MIN)


#: Operations that move elements and change none: what follows them may come before them.
MOVES = operators.Reshape | operators.Transpose


def last_step(node: Node, nodes: Nodes) -> Node | tuple[Node, ...] | None:
    """A clamp at zero, or a table, as the last step of what makes its argument."""
    if node.tail is not None or not isinstance(node.operator, operators.Unary | operators.Clip | operators.Linear):
        return None
    maker = nodes.maker(node.inputs[0])
    moves = None
    while maker is not None and isinstance(maker.operator, MOVES) and nodes.is_single(maker.output):
        moves = moves or maker
        maker = nodes.maker(maker.inputs[0])
    if maker is None or not nodes.is_single(maker.output):
        return None
    tail = node.operator if maker.tail is None else _joined(maker.tail, node.operator)
    if tail is None or not _takes(maker, tail):
        return None
    done = replace(maker, tail=tail)
    if moves is None:
        return done
    return replace(done, fused=(*maker.fused, node.origin, *node.fused)), moves


def _joined(first: Operator, second: Operator) -> Operator | None:
    """Two scales and biases as one; None for other functions, and where both round apart."""
    if not isinstance(first, operators.Linear) or not isinstance(second, operators.Linear):
        return None
    if first.bias != 0 and second.scale != 1:
        return None
    return operators.Linear(first.scale * second.scale, first.bias * second.scale + second.bias)


def _takes(maker: Node, operator: Operator) -> bool:
    """Whether a function can be the last step of a node."""
    if isinstance(operator, operators.Linear):
        return _takes_numbers(maker, operator)
    is_clamp = isinstance(operator, operators.Unary) and operator.function is Function.RELU
    match maker.operator:
        case operators.Conv():
            return (is_clamp or has_table(operator)) and max(maker.inputs[1].shape[2:]) <= MOST_KERNEL
        case operators.ConvTranspose():
            return is_clamp or has_table(operator)
        case operators.MatMul():
            is_constant = maker.inputs[1].array is not None and maker.inputs[0].array is None
            return is_constant and (is_clamp or has_table(operator))
        case operators.Affine():
            return is_by_channel(maker) and (is_clamp or has_table(operator))
        case operators.Binary(function):
            return is_clamp and function in CLAMPED
        case operators.Linear() | operators.Expand():
            return is_clamp
    return False


def _takes_numbers(maker: Node, operator: operators.Linear) -> bool:
    """Whether the planar engine makes a node last, so that a scale and a bias can follow in the same task."""
    if max(abs(operator.scale), abs(operator.bias)) > LARGEST_HALF:
        return False
    match maker.operator:
        case operators.Binary(function) | operators.Gated(function):
            return function in CLAMPED
        case operators.Unary(function):
            return function in (Function.HARD_SWISH, Function.SILU)
    return False


def is_by_channel(node: Node) -> bool:
    """Whether an affine node has a factor and an offset for each channel of N C H W, which a convolution does."""
    x, factor, offset = node.inputs
    is_whole = len(x.shape) == 4 and x.shape == node.output.shape
    return is_whole and factor.shape == offset.shape == (x.shape[1], 1, 1)


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
