"""The rule for sums of two products, as the gates of recurrent layers have them: one product of both operands."""

from dataclasses import replace

import numpy as np

from .. import operators
from ..graph import Node, Value
from ..operators.arithmetic import Combine
from .matrices import is_constant_product
from .view import Nodes

#: Columns begin at multiples of 64 bytes.
COLUMNS_UNIT = 32


def sum_of_products(node: Node, nodes: Nodes) -> tuple[Node, ...] | None:
    """Sums of two products with constants: of both operands side by side, which all such sums of them share."""
    pair = _products(node, nodes)
    if pair is None:
        return None
    x, y = (product.inputs[0] for product in pair)
    sums = [node]
    for product in nodes.users(x):
        for user in nodes.users(product.output):
            other = _products(user, nodes)
            if other is not None and user is not node and [item.inputs[0] for item in other] == [x, y]:
                sums.append(user)
    both = Value(f"{x.name}.and.{y.name}", (*x.shape[:-1], x.shape[-1] + y.shape[-1]))
    joined = Node(operators.Concat(len(both.shape) - 1), (x, y), both, node.origin)
    made = [_product_of_both(item, both, nodes) for item in sums]
    return joined, *made[1:], made[0]


def _products(node: Node, nodes: Nodes) -> tuple[Node, Node] | None:
    """Both products of a sum, the one whose operand may stand in front first; None for other nodes."""
    if node.operator != operators.Binary(Combine.ADD) or node.tail is not None:
        return None
    found = []
    for value in node.inputs:
        product = nodes.made_by(value, operators.MatMul)
        is_plain = product is not None and product.operator == operators.MatMul() and product.tail is None
        if product is None or not is_plain or not is_constant_product(product) or value.shape != node.output.shape:
            return None
        found.append(product)
    first, second = found
    if first.inputs[0] is second.inputs[0] or first.inputs[0].shape[:-1] != second.inputs[0].shape[:-1]:
        return None
    for one, two in ((first, second), (second, first)):
        if one.inputs[0].shape[-1] % COLUMNS_UNIT == 0:
            return one, two
    return None


def _product_of_both(node: Node, both: Value, nodes: Nodes) -> Node:
    """A sum as one product."""
    pair = _products(node, nodes)
    assert pair is not None
    matrix = np.concatenate([np.asarray(product.inputs[1].array, np.float64) for product in pair])
    biases = [np.asarray(product.inputs[2].array, np.float64) for product in pair if len(product.inputs) > 2]
    inputs = [both, Value(f"{pair[0].inputs[1].name}.sum", matrix.shape, matrix)]
    if biases:
        row = np.sum(biases, axis=0)
        inputs.append(Value(f"{pair[0].inputs[1].name}.sum.bias", row.shape, row))
    fused = tuple(dict.fromkeys(origin for item in (*pair, node) for origin in (item.origin, *item.fused)))
    fused = tuple(origin for origin in fused if origin != node.origin)
    return replace(node, operator=operators.MatMul(), inputs=tuple(inputs), fused=fused)
