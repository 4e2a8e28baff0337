"""Rules that recognise norms by their pieces."""

from dataclasses import replace

import numpy as np

from .. import operators
from ..graph import Node, Value
from ..operators.arithmetic import Combine, Function
from ..operators.reductions import Reduction
from .view import Nodes


def standardize(node: Node, nodes: Nodes) -> Node | None:
    """(x - mean) over the root of the mean of its square plus a number: by division, or times a reciprocal root."""
    if not isinstance(node.operator, operators.Binary):
        return None
    first, second = node.inputs
    match node.operator.function:
        case Combine.DIV:
            pairs = [(first, _rooted(second, nodes))]
        case Combine.MUL:
            pairs = [(first, _turned(second, nodes)), (second, _turned(first, nodes))]
        case _:
            return None
    for difference, root in pairs:
        found = None if root is None else _of(difference, root, nodes)
        if found is not None:
            x, axes, epsilon = found
            return replace(node, operator=operators.Standardize(axes, epsilon), inputs=(x,))
    return None


def _rooted(value: Value, nodes: Nodes) -> Value | None:
    """What a value is the root of."""
    root = nodes.unary(value, Function.SQRT)
    if root is not None:
        return root.inputs[0]
    power = nodes.made_by(value, operators.Power)
    half = power is not None and isinstance(power.operator, operators.Power) and power.operator.exponent == 0.5
    return power.inputs[0] if half and power is not None else None


def _turned(value: Value, nodes: Nodes) -> Value | None:
    """What a value is one over the root of."""
    turned = nodes.unary(value, Function.RECIPROCAL)
    if turned is not None:
        return _rooted(turned.inputs[0], nodes)
    power = nodes.made_by(value, operators.Power)
    half = power is not None and isinstance(power.operator, operators.Power) and power.operator.exponent == -0.5
    return power.inputs[0] if half and power is not None else None


def _of(difference: Value, shifted: Value, nodes: Nodes) -> tuple[Value, tuple[int, ...], float] | None:
    """x, axes and epsilon, where a difference and a variance plus epsilon belong together."""
    variance = nodes.linear(shifted)
    epsilon = 0.0
    if variance is not None and variance[1] == 1.0:
        shifted, epsilon = variance[0], variance[2]
    mean_square = nodes.made_by(shifted, operators.Reduce)
    apart = nodes.binary(difference, Combine.SUB, single=False)
    if mean_square is None or apart is None or not isinstance(mean_square.operator, operators.Reduce):
        return None
    if mean_square.operator.kind is not Reduction.MEAN or not _is_square(mean_square.inputs[0], difference, nodes):
        return None
    x, mean = apart.inputs
    of_mean = nodes.made_by(mean, operators.Reduce)
    if of_mean is None or of_mean.operator != mean_square.operator or of_mean.inputs[0] is not x:
        return None
    return x, mean_square.operator.axes, epsilon


def _is_square(value: Value, of: Value, nodes: Nodes) -> bool:
    power = nodes.made_by(value, operators.Power)
    if power is not None and isinstance(power.operator, operators.Power):
        return power.operator.exponent == 2.0 and power.inputs[0] is of
    product = nodes.binary(value, Combine.MUL)
    return product is not None and product.inputs[0] is of and product.inputs[1] is of


def flat_reduction(node: Node, nodes: Nodes) -> Node | None:
    """A reduction over rows and columns whose result is reshaped as one row of all channels."""
    if not isinstance(node.operator, operators.Reshape):
        return None
    reduction = nodes.made_by(node.inputs[0], operators.Reduce)
    if reduction is None or not isinstance(reduction.operator, operators.Reduce) or reduction.operator.flat:
        return None
    shape = reduction.inputs[0].shape
    is_row = node.output.shape[-1:] == (int(np.prod(node.output.shape)),) and node.output.shape[-1] > 1
    if len(shape) != 4 or shape[0] != 1 or reduction.operator.axes != (2, 3) or not is_row:
        return None
    return replace(node, operator=replace(reduction.operator, flat=True), inputs=reduction.inputs)


NORMS = (standardize, flat_reduction)
