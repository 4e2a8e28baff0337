"""Rules for slopes of each channel behind a convolution, product or sum: what makes x then makes both lines."""

from dataclasses import replace

import numpy as np

from .. import operators
from ..graph import Node, Value
from ..operators.arithmetic import Combine, Function
from .view import Nodes

#: Columns begin at multiples of 64 bytes.
COLUMNS_UNIT = 32
#: N, C, H, W.
RANK = 4
#: Output channels up to which both lines are made: beyond, their weights cost more than a task.
MOST_CHANNELS = 1024


def slopes_of_a_producer(node: Node, nodes: Nodes) -> tuple[Node, ...] | None:
    """Slopes for negative elements behind a convolution or a product: the maximum of two results, or a difference.

    With a slope of at most 1 it is max(x, slope x); with slopes from 0 on, relu(x) - relu(-slope x). The second line
    comes from the weights times the slopes, rounded once.
    """
    if not isinstance(node.operator, operators.PRelu) or node.tail is not None:
        return None
    x, slopes = node.inputs
    maker = nodes.maker(x)
    if maker is None or maker.tail is not None or not nodes.is_single(x) or x.shape != node.output.shape:
        return None
    if _is_depthwise(maker):
        return _two_depthwise(node, maker)
    axis = _axis(maker)
    if axis is None or slopes.array is None:
        return None
    channels = x.shape[axis]
    factors = _by_axis(np.asarray(slopes.array, np.float64), len(x.shape), axis, channels)
    is_limited = factors is not None and (factors <= 1).all()
    if factors is None or channels > MOST_CHANNELS or not (is_limited or (factors >= 0).all()):
        return None
    is_last = axis == len(x.shape) - 1
    second = -(-channels // COLUMNS_UNIT) * COLUMNS_UNIT if is_last else channels
    both = _both_lines(maker, factors if is_limited else -factors, second, axis)
    if not is_limited:
        both = replace(both, tail=operators.Unary(Function.RELU))
    halves = [Value(f"{node.output.name}.line{number}", x.shape) for number in (0, 1)]
    cuts = [
        Node(operators.Slice(axis, start, channels), (both.output,), half, node.origin)
        for start, half in zip((0, second), halves)
    ]
    combine = Combine.MAX if is_limited else Combine.SUB
    return both, *cuts, replace(node, operator=operators.Binary(combine), inputs=tuple(halves))


def _is_depthwise(maker: Node) -> bool:
    operator = maker.operator
    if not isinstance(operator, operators.Conv) or operator.exchanged or operator.strides != (1, 1):
        return False
    return 1 < operator.groups == maker.inputs[0].shape[1] == maker.output.shape[1]


def _two_depthwise(node: Node, maker: Node) -> tuple[Node, ...] | None:
    """Slopes of at most 1 behind a depthwise convolution: one of its own for the second line."""
    slopes, channels = node.inputs[1].array, node.output.shape[1]
    if slopes is None:
        return None
    factors = _by_axis(np.asarray(slopes, np.float64), len(node.output.shape), 1, channels)
    if factors is None or (factors > 1).any():
        return None
    weights, *biases = maker.inputs[1:]
    arrays = [np.asarray(weights.array, np.float64) * factors.reshape(-1, 1, 1, 1)]
    arrays += [np.asarray(bias.array, np.float64) * factors for bias in biases]
    constants = (Value(f"{value.name}.line", array.shape, array) for value, array in zip(maker.inputs[1:], arrays))
    line = Value(f"{node.output.name}.line", node.output.shape)
    second = replace(maker, inputs=(maker.inputs[0], *constants), output=line)
    return second, replace(node, operator=operators.Binary(Combine.MAX), inputs=(node.inputs[0], line))


def sum_before_slopes(node: Node, nodes: Nodes) -> tuple[Node, ...] | None:
    """A convolution 1 x 1 and a tensor added to it, for slopes alone: one convolution of both, which makes both lines.

    The tensor goes through weights of 1: its products are rounded to 2^-16, as all of a convolution are.
    """
    if node.operator != operators.Binary(Combine.ADD) or node.tail is not None or len(node.output.shape) != RANK:
        return None
    users = nodes.users(node.output)
    if len(users) != 1 or not isinstance(users[0].operator, operators.PRelu) or not nodes.is_single(node.output):
        return None
    for x, skip in (node.inputs, node.inputs[::-1]):
        made = nodes.made_by(x, operators.Conv)
        if made is None or made.operator != operators.Conv() or made.tail is not None or skip.array is not None:
            continue
        weights = np.asarray(made.inputs[1].array, np.float64)
        if weights.shape[2:] != (1, 1) or skip.shape != x.shape or x.shape[1] > MOST_CHANNELS // 2:
            continue
        skip = _without_zeros(skip, nodes)
        more = np.eye(x.shape[1], skip.shape[1])[:, :, None, None]
        wide = np.concatenate([weights, more], 1)
        source = made.inputs[0]
        both = Value(f"{node.output.name}.operands", (x.shape[0], wide.shape[1], *x.shape[2:]))
        joined = Node(operators.Concat(1), (source, skip), both, made.origin)
        constant = Value(f"{made.inputs[1].name}.sum", wide.shape, wide)
        fused = (*made.fused, node.origin, *node.fused)
        inputs = (both, constant, *made.inputs[2:])
        return joined, replace(made, inputs=inputs, output=node.output, fused=fused)
    return None


def _without_zeros(value: Value, nodes: Nodes) -> Value:
    """What a value consists of in front of further channels of zeros."""
    select = nodes.made_by(value, operators.Select)
    if select is None or not isinstance(select.operator, operators.Select) or select.operator.axis != 1:
        return value
    channels = select.inputs[0].shape[1]
    whole = (*range(channels), *[-1] * (value.shape[1] - channels))
    return select.inputs[0] if select.operator.places == whole else value


def _axis(maker: Node) -> int | None:
    """Where the output channels of a convolution or the columns of a product lie; None for what makes no two lines."""
    match maker.operator:
        case operators.Conv(groups=1, strides=(1, 1), exchanged=exchanged):
            return 3 if exchanged else 1
        case operators.MatMul() if maker.inputs[1].array is not None and maker.inputs[0].array is None:
            return None if maker.inputs[1].array.ndim != 2 else len(maker.output.shape) - 1
    return None


def _by_axis(slopes: "np.ndarray", rank: int, axis: int, channels: int) -> "np.ndarray | None":
    """The slope of each place of an axis; None where they differ along another axis."""
    shape = (1,) * (rank - slopes.ndim) + slopes.shape
    if len(shape) != rank or any(length != 1 for other, length in enumerate(shape) if other != axis):
        return None
    return np.broadcast_to(slopes.reshape(-1), (channels,))


def _both_lines(maker: Node, factors: "np.ndarray", second: int, axis: int) -> Node:
    """A convolution or product with a further result that is multiplied by factors and begins at `second`."""
    is_product = isinstance(maker.operator, operators.MatMul)
    weights, *biases = (np.asarray(value.array, np.float64) for value in maker.inputs[1:])
    weights = weights.T if is_product else weights
    lines = np.zeros((second + len(factors), *weights.shape[1:]))
    lines[: len(factors)] = weights
    lines[second:] = weights * factors.reshape(-1, *[1] * (weights.ndim - 1))
    arrays = [lines.T if is_product else lines]
    if biases:
        bias = np.zeros(len(lines))
        bias[: len(factors)], bias[second:] = biases[0], biases[0] * factors
        arrays.append(bias)
    names = [value.name for value in maker.inputs[1:]]
    constants = (Value(f"{name}.lines", array.shape, array) for name, array in zip(names, arrays))
    shape = (*maker.output.shape[:axis], len(lines), *maker.output.shape[axis + 1 :])
    output = Value(f"{maker.output.name}.lines", shape)
    return replace(maker, inputs=(maker.inputs[0], *constants), output=output)


SLOPES = (sum_before_slopes, slopes_of_a_producer)
