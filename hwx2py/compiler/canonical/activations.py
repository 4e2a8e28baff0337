"""Rules that recognise functions by their pieces: gelu, hard swish, clamps."""

import math
from dataclasses import replace

from .. import operators
from ..graph import Node, Value
from ..operators.arithmetic import Combine, Function
from .view import Nodes, as_linear, is_near

ROOT_2 = math.sqrt(2.0)


def numbers(node: Node, nodes: Nodes) -> Node | None:
    """Arithmetic with a number, as a scale and a bias."""
    found = as_linear(node) if isinstance(node.operator, operators.Binary) else None
    if found is None:
        return None
    x, scale, bias = found
    return replace(node, operator=operators.Linear(scale, bias), inputs=(x,))


def gelu(node: Node, nodes: Nodes) -> Node | None:
    """X * (1 + erf(x / sqrt 2)) / 2, in any order of the factors."""
    factors = _factors(node, nodes)
    if factors is None:
        return None
    scale, values = factors
    if len(values) != 2:
        return None
    for x, gate in (values, values[::-1]):
        found = nodes.linear(gate)
        if found is None:
            continue
        inner, factor, bias = found
        erf = nodes.unary(inner, Function.ERF)
        if erf is None or not is_near(factor, bias) or not is_near(factor * scale, 0.5):
            continue
        argument = nodes.linear(erf.inputs[0])
        if argument is not None and argument[0] is x and is_near(argument[1], 1 / ROOT_2) and argument[2] == 0:
            return replace(node, operator=operators.Unary(Function.GELU), inputs=(x,))
    return None


def _factors(node: Node, nodes: Nodes) -> tuple[float, list[Value]] | None:
    """A product of numbers and tensors: the number, and the tensors."""
    found = as_linear(node)
    if found is not None and found[2] == 0:
        inner = nodes.binary(found[0], Combine.MUL)
        below = None if inner is None else _factors(inner, nodes)
        return None if below is None else (below[0] * found[1], below[1])
    if not isinstance(node.operator, operators.Binary) or node.operator.function is not Combine.MUL:
        return None
    scale, values = 1.0, []
    for value in node.inputs:
        if value.array is not None:
            return None
        part = nodes.linear(value)
        if part is not None and part[2] == 0:
            scale *= part[1]
            value = part[0]
        values.append(value)
    return scale, values


def hard_swish(node: Node, nodes: Nodes) -> Node | None:
    """X times a clamped line of slope 1/6 through 1/2, in any order of the factors."""
    factors = _factors(node, nodes)
    if factors is None or len(factors[1]) != 2:
        return None
    scale, values = factors
    for x, gate in (values, values[::-1]):
        if x is not gate and (of := _gate(gate, nodes)) is not None and of[0] is x and is_near(of[1] * scale, 1 / 6):
            return replace(node, operator=operators.Unary(Function.HARD_SWISH), inputs=(x,))
    return None


def _gate(value: Value, nodes: Nodes) -> tuple[Value, float] | None:
    """X and a where a value is a times clip(x + 3, 0, 6)."""
    hard = nodes.unary(value, Function.HARD_SIGMOID)
    if hard is not None and isinstance(hard.operator, operators.Unary):
        near = is_near(hard.operator.alpha, 1 / 6) and is_near(hard.operator.beta, 0.5)
        return (hard.inputs[0], 1 / 6) if near else None
    clip = nodes.made_by(value, operators.Clip)
    if clip is None or not isinstance(clip.operator, operators.Clip):
        return None
    if (clip.operator.low, clip.operator.high) != (0.0, 6.0):
        return None
    shifted = nodes.linear(clip.inputs[0])
    return (shifted[0], 1.0) if shifted is not None and shifted[1:] == (1.0, 3.0) else None


def silu(node: Node, nodes: Nodes) -> Node | None:
    """X * sigmoid(x)."""
    if not isinstance(node.operator, operators.Binary) or node.operator.function is not Combine.MUL:
        return None
    for x, gate in (node.inputs, node.inputs[::-1]):
        sigmoid = nodes.unary(gate, Function.SIGMOID)
        if sigmoid is not None and sigmoid.inputs[0] is x:
            return replace(node, operator=operators.Unary(Function.SILU), inputs=(x,))
    return None


def clamp(node: Node, nodes: Nodes) -> Node | None:
    """A limit at 0 from below alone."""
    if not isinstance(node.operator, operators.Clip) or node.tail is not None:
        return None
    if node.operator.low == 0.0 and node.operator.high > 65504:
        return replace(node, operator=operators.Unary(Function.RELU))
    return None


def limit(node: Node, nodes: Nodes) -> Node | None:
    """The larger or smaller of a tensor and a number."""
    from .view import number

    if not isinstance(node.operator, operators.Binary) or node.operator.function not in (Combine.MAX, Combine.MIN):
        return None
    for x, y in (node.inputs, node.inputs[::-1]):
        value = number(y)
        if value is not None and x.array is None and x.shape == node.output.shape:
            low, high = (value, math.inf) if node.operator.function is Combine.MAX else (-math.inf, value)
            return replace(node, operator=operators.Clip(low, high), inputs=(x,))
    return None


def leaky(node: Node, nodes: Nodes) -> Node | None:
    """The larger of x and a part of it."""
    if not isinstance(node.operator, operators.Binary) or node.operator.function is not Combine.MAX:
        return None
    for x, y in (node.inputs, node.inputs[::-1]):
        found = nodes.linear(y)
        if found is not None and found[0] is x and found[2] == 0 and 0 < found[1] < 1:
            return replace(node, operator=operators.Unary(Function.LEAKY_RELU, alpha=found[1]), inputs=(x,))
    return None


def limited_leaky(node: Node, nodes: Nodes) -> Node | None:
    """Limits behind a smaller slope for negative numbers."""
    operator = node.operator
    if not isinstance(operator, operators.Clip) or operator.slope != 1 or operator.low >= 0:
        return None
    bent = nodes.unary(node.inputs[0], Function.LEAKY_RELU)
    slope = getattr(bent.operator, "alpha", 0.0) if bent is not None and bent.tail is None else 0.0
    if bent is None or slope <= 0:
        return None
    return replace(node, operator=replace(operator, slope=slope), inputs=bent.inputs)


ACTIVATIONS = (gelu, hard_swish, silu, leaky, limit, clamp, limited_leaky)
