"""Rules that put exchanges of C and W where they cost nothing: into the convolution in front of them."""

from dataclasses import replace

import numpy as np

from .. import operators
from ..graph import Node, Origin, Value
from .view import Nodes

#: C and W exchanged in N C H W, which is its own inverse.
EXCHANGE = (0, 3, 2, 1)
RANK = 4

#: Functions of each element, behind which an exchange may stand as well as in front.
Elementwise = operators.Unary | operators.Clip | operators.Linear | operators.Sign | operators.Power


def turned(value: Value) -> Value:
    """A further tensor: this one with C and W exchanged."""
    return Value(f"{value.name}.exchanged", tuple(value.shape[axis] for axis in EXCHANGE))


def convolution_behind(value: Value, nodes: Nodes) -> Node | None:
    """The convolution at stride 1 that makes a tensor, with nothing but functions of each element in between."""
    node = nodes.maker(value)
    while node is not None and nodes.is_single(value):
        if isinstance(node.operator, operators.Conv):
            is_plain = node.operator.strides == (1, 1) and not node.operator.exchanged
            return node if is_plain and node.inputs[0].array is None else None
        if not is_elementwise(node):
            return None
        value = node.inputs[0]
        node = nodes.maker(value)
    return None


def is_elementwise(node: Node) -> bool:
    """Whether a node works on each element of one tensor, with constants of each channel at most."""
    if isinstance(node.operator, operators.PRelu):
        slopes = node.inputs[1]
        return node.inputs[0].shape == node.output.shape and len(node.output.shape) == RANK and _by_channel(slopes)
    return isinstance(node.operator, Elementwise)


def _by_channel(slopes: Value) -> bool:
    return slopes.array is not None and (slopes.array.size == 1 or slopes.shape[-2:] == (1, 1))


def pooled_exchanged(node: Node, nodes: Nodes) -> tuple[Node, ...] | None:
    """The largest elements of windows behind a convolution: with C and W exchanged, so that strides walk both ways."""
    operator = node.operator
    if not isinstance(operator, operators.Pool) or not operator.largest or operator.exchanged:
        return None
    if operator.kernel[1] == operator.strides[1] == 1 or convolution_behind(node.inputs[0], nodes) is None:
        return None
    x, y = turned(node.inputs[0]), turned(node.output)
    exchange = operators.Transpose(EXCHANGE)
    return (
        Node(exchange, node.inputs, x, node.origin),
        replace(node, operator=replace(operator, exchanged=True), inputs=(x,), output=y),
        Node(exchange, (y,), node.output, node.origin),
    )


def exchanged_function(node: Node, nodes: Nodes) -> tuple[Node, ...] | None:
    """An exchange behind a function of each element: in front of it, where a convolution can do it."""
    if node.operator != operators.Transpose(EXCHANGE) or node.tail is not None:
        return None
    function = nodes.maker(node.inputs[0])
    if function is None or not is_elementwise(function) or function.tail is not None:
        return None
    if convolution_behind(node.inputs[0], nodes) is None:
        return None
    x = turned(function.inputs[0])
    inputs: tuple[Value, ...] = (x,)
    if isinstance(function.operator, operators.PRelu):
        slopes = np.asarray(function.inputs[1].array).reshape(-1)
        inputs = (x, Value(function.inputs[1].name, slopes.shape, slopes))
    return Node(node.operator, function.inputs[:1], x, node.origin), replace(function, inputs=inputs)


def exchanged_convolution(node: Node, nodes: Nodes) -> Node | tuple[Node, ...] | None:
    """A transpose that brings the channels last, behind a convolution: stored like that by its task."""
    if not isinstance(node.operator, operators.Transpose) or node.tail is not None:
        return None
    order = node.operator.order
    if len(order) != RANK or order[-1] != 1:
        return None
    convolution = nodes.maker(node.inputs[0])
    if convolution is None or convolution is not convolution_behind(node.inputs[0], nodes):
        return None
    operator = convolution.operator
    assert isinstance(operator, operators.Conv)
    done = replace(convolution, operator=replace(operator, exchanged=True))
    then = tuple(EXCHANGE.index(axis) for axis in order)
    if then == tuple(range(RANK)):
        return done
    y = turned(node.inputs[0])
    return replace(done, output=y, fused=_with(done, node.origin)), replace(
        node, operator=operators.Transpose(then), inputs=(y,)
    )


def _with(node: Node, *origins: Origin) -> tuple[Origin, ...]:
    """What a node does besides its own operation, and further operations."""
    return tuple(dict.fromkeys((*node.fused, *(origin for origin in origins if origin != node.origin))))


EXCHANGES = (pooled_exchanged, exchanged_function, exchanged_convolution)
