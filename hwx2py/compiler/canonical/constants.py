"""Rules that take constants into what comes before: numbers into each other, scales and biases into weights."""

from dataclasses import replace

import numpy as np

from .. import operators
from ..builder import LARGEST_HALF
from ..graph import Node, Value
from ..operators.arithmetic import Combine
from .activations import numbers
from .view import Nodes, weights

#: Factors from here on go into a constant, and smaller ones if its largest element stays above: sums of products are
#: multiples of 2**-16 on the virtual ANE, so that products with tiny constants lose bits.
SMALLEST_SCALED = 2.0**-6


def chained_numbers(node: Node, nodes: Nodes) -> Node | None:
    """Scales and biases with numbers, one behind the other."""
    if not isinstance(node.operator, operators.Linear) or node.tail is not None:
        return None
    found = nodes.linear(node.inputs[0])
    if found is None or nodes.maker(node.inputs[0]) is None:
        return None
    x, scale, bias = found
    outer = node.operator
    # (x + large bias) * scale is not rounded alike: only a scale alone, or a bias alone, goes together.
    if (bias == 0) or (outer.scale == 1.0):
        return replace(
            node, operator=operators.Linear(outer.scale * scale, outer.scale * bias + outer.bias), inputs=(x,)
        )
    return None


def idle(node: Node, nodes: Nodes) -> Node | None:
    """A reshape of a reshape, a transpose of a transpose, and what leaves its operand as it is."""
    if node.tail is not None:
        return None
    match node.operator:
        case operators.Reshape():
            before = nodes.made_by(node.inputs[0], operators.Reshape, single=False)
            return None if before is None else replace(node, inputs=before.inputs)
        case operators.Transpose(order):
            inner = nodes.made_by(node.inputs[0], operators.Transpose)
            if inner is not None and isinstance(inner.operator, operators.Transpose):
                joined = tuple(inner.operator.order[axis] for axis in order)
                return replace(node, operator=operators.Transpose(joined), inputs=inner.inputs)
            shape = node.inputs[0].shape
            long = [axis for axis in order if shape[axis] > 1]
            changes = long != sorted(long) or node.inputs[0].array is not None or node.inputs[0] in nodes.truths
        case operators.Slice(axis, _, count, step):
            changes = count != node.inputs[0].shape[axis] or step != 1
        case operators.Select(axis, places):
            changes = places != tuple(range(node.inputs[0].shape[axis]))
        case operators.Reduce(_, axes, flat):
            changes = flat or any(node.inputs[0].shape[axis] > 1 for axis in axes)
        case _:
            return None
    return None if changes else replace(node, operator=operators.Reshape(node.output.shape))


def convolution(node: Node, nodes: Nodes) -> Node | None:
    """A factor and an offset of each channel, or for all, behind a convolution."""
    found = _affine(node)
    if found is None:
        return None
    x, factor, offset = found
    conv = nodes.made_by(x, operators.Conv)
    transposed = nodes.made_by(x, operators.ConvTranspose)
    made = conv or transposed
    if made is None or made.tail is not None:
        return None
    kernel, *biases = (np.asarray(value.array, np.float64) for value in made.inputs[1:])
    channels = made.output.shape[1]
    rows = np.broadcast_to(np.asarray(factor, np.float64).reshape(-1), (channels,))
    offsets = np.broadcast_to(np.asarray(offset, np.float64).reshape(-1), (channels,))
    if conv is not None:
        scaled = kernel * rows.reshape(-1, 1, 1, 1)
    elif made.inputs[1].shape[1] == channels:
        scaled = kernel * rows.reshape(1, -1, 1, 1)
    else:
        return None
    bias = (biases[0] if biases else 0.0) * rows + offsets
    inputs = [made.inputs[0], weights(made.inputs[1].name, scaled)]
    if biases or bias.any():
        inputs.append(_constant(made.inputs[1], bias, ".bias"))
    return replace(made, inputs=tuple(inputs))


def _constant(like: Value, array: "np.ndarray", suffix: str = "") -> Value:
    return Value(f"{like.name}{suffix}", array.shape, array)


def _affine(node: Node) -> tuple[Value, "np.ndarray | float", "np.ndarray | float"] | None:
    """x, factor and offset where a node multiplies and adds constants of each channel of N C H W, or numbers."""
    if node.tail is not None or len(node.output.shape) != 4:
        return None
    match node.operator:
        case operators.Linear(scale, bias):
            return node.inputs[0], scale, bias
        case operators.Affine():
            x, factor, offset = node.inputs
            if _is_by_channel(factor, x) and _is_by_channel(offset, x):
                return x, np.asarray(factor.array), np.asarray(offset.array)
        case operators.Binary(function) if function in (Combine.ADD, Combine.MUL, Combine.SUB):
            for x, y in (node.inputs, node.inputs[::-1]):
                if _is_by_channel(y, x):
                    constant = np.asarray(y.array)
                    if function is Combine.MUL:
                        return x, constant, 0.0
                    if function is Combine.ADD:
                        return x, 1.0, constant
                    return (x, 1.0, -constant) if x is node.inputs[0] else (x, -1.0, constant)
    return None


def affine(node: Node, nodes: Nodes) -> Node | None:
    """A factor and then an offset of each channel: both by one depthwise convolution, as a batch norm."""
    if not isinstance(node.operator, operators.Binary) or node.operator.function is not Combine.ADD:
        return None
    outer = _affine(node)
    inner = None if outer is None else nodes.binary(outer[0], Combine.MUL)
    found = None if inner is None else _affine(inner)
    if outer is None or found is None or any(isinstance(value, float) for value in (outer[2], found[1])):
        return None
    x, channels = found[0], node.output.shape[1]
    if nodes.made_by(x, operators.Conv) is not None or x.shape != node.output.shape:
        return None
    rows = [np.broadcast_to(np.asarray(value).reshape(-1), (channels,)) for value in (found[1], outer[2])]
    factor, offset = (
        Value(f"{node.output.name}.{what}", (channels, 1, 1), row.reshape(-1, 1, 1))
        for what, row in zip(("factor", "offset"), rows)
    )
    return replace(node, operator=operators.Affine(), inputs=(x, factor, offset))


def _is_by_channel(constant: Value, x: Value) -> bool:
    """Whether a constant has one number for each channel of x, or one for all."""
    if constant.array is None or x.array is not None or len(x.shape) != 4:
        return False
    shape = (1,) * (4 - len(constant.shape)) + constant.shape
    return len(shape) == 4 and shape[0] == shape[2] == shape[3] == 1 and shape[1] in (1, x.shape[1])


def product_bias(node: Node, nodes: Nodes) -> Node | None:
    """A constant row added to a product with a constant."""
    if not isinstance(node.operator, operators.Binary) or node.operator.function is not Combine.ADD:
        return None
    if node.tail is not None:
        return None
    for x, y in (node.inputs, node.inputs[::-1]):
        product = nodes.made_by(x, operators.MatMul)
        if product is None or not isinstance(product.operator, operators.MatMul) or x.shape != node.output.shape:
            continue
        if y.array is None or product.tail is not None:
            continue
        columns = x.shape[-1]
        is_row = y.array.size == columns and (not y.shape or y.shape[-1] == columns)
        matrix = product.inputs[1]
        if is_row and matrix.array is not None and not product.operator.scale_differs:
            row = y.array.reshape(columns)
            if len(product.inputs) > 2:
                row = np.asarray(row, np.float64) + np.asarray(product.inputs[2].array, np.float64)
            return replace(product, inputs=(*product.inputs[:2], Value(y.name, (columns,), row)))
    return None


def product_scale(node: Node, nodes: Nodes) -> Node | None:
    """A product times a number: a factor on the sums, or in the constant where float16 has no such number."""
    if not isinstance(node.operator, operators.Linear) or node.tail is not None or node.operator.bias != 0:
        return None
    product = nodes.made_by(node.inputs[0], operators.MatMul)
    if product is None or not isinstance(product.operator, operators.MatMul) or product.operator.scale_differs:
        return None
    scale = node.operator.scale
    if product.tail is not None or not 2.0**-14 <= abs(scale) <= 65504:
        return None
    is_exact = float(np.float16(scale)) == scale
    # A product with a constant in front is made with the operands exchanged, and has no factor on its sums.
    keeps = product.inputs[0].array is None and (is_exact or product.inputs[1].array is None)
    if len(product.inputs) == 2 and keeps:
        return replace(product, operator=replace(product.operator, scale=scale))
    largest = max(float(np.abs(value.array).max(initial=0)) for value in product.inputs if value.array is not None)
    if abs(scale) * max(1.0, largest) < SMALLEST_SCALED or largest * abs(scale) > LARGEST_HALF:
        return None
    scaled = tuple(
        value if value.array is None else _constant(value, np.asarray(value.array, np.float64) * scale)
        for value in product.inputs
    )
    return replace(product, inputs=scaled)


CONSTANTS = (numbers, chained_numbers, idle, convolution, affine, product_bias, product_scale)
