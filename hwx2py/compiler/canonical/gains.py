"""Rules that take the gain and the bias of rows, as layer norms have them, into the products behind."""

from dataclasses import replace

import numpy as np

from .. import operators
from ..graph import Node, Value
from ..operators.arithmetic import Combine
from .matrices import is_constant_product
from .view import Nodes, weights


def _row(node: Node, function: Combine) -> tuple[Value, "np.ndarray"] | None:
    """The operand and a constant of each column, where a node combines them by a function."""
    if not isinstance(node.operator, operators.Binary) or node.operator.function is not function or node.tail:
        return None
    for x, y in (node.inputs, node.inputs[::-1]):
        is_row = y.array is not None and y.array.ndim and y.array.size == y.shape[-1] == node.output.shape[-1]
        if is_row and x.array is None and x.shape == node.output.shape:
            return x, np.asarray(y.array, np.float64).reshape(-1)
    return None


def bias_of_rows(node: Node, nodes: Nodes) -> tuple[Node, ...] | None:
    """A constant row added to what products with constants take, or to one: into the biases of these products."""
    return _into_products(node, nodes, Combine.ADD)


def gain_of_rows(node: Node, nodes: Nodes) -> tuple[Node, ...] | None:
    """A constant factor for each column of what only products with constants take: into their matrices."""
    return _into_products(node, nodes, Combine.MUL)


def _into_products(node: Node, nodes: Nodes, function: Combine) -> tuple[Node, ...] | None:
    found = _row(node, function)
    if found is None or nodes.maker(found[0]) is None or not nodes.is_inner(node.output):
        return None
    x, row = found
    changed: list[Node] = []
    for user in nodes.users(node.output):
        taken = _taken(user, node.output, x, nodes)
        if taken is not None:
            moved, products = taken
            changed += [*moved, *(_with_row(item, function, row) for item in products)]
            continue
        other = _other_operand(user, node.output) if function is Combine.ADD else None
        product = None if other is None else _product_behind(other, nodes)
        if product is None:
            return None
        changed.append(_biased(product, row))
        changed.append(replace(user, inputs=tuple(x if value is node.output else value for value in user.inputs)))
    return (*changed, node) if changed and _differ(changed) else None


def _with_row(product: Node, function: Combine, row: "np.ndarray") -> Node:
    """A product with a constant matrix that also does what a row did to the columns in front of it."""
    matrix = product.inputs[1]
    values = np.asarray(matrix.array, np.float64)
    if function is Combine.ADD:
        return _biased(product, row @ values)
    scaled = weights(f"{matrix.name}.gain", values * row[:, None])
    return replace(product, inputs=(product.inputs[0], scaled, *product.inputs[2:]))


def _differ(changed: list[Node]) -> bool:
    """Whether no node was changed in two ways."""
    return len({item.output for item in changed}) == len(changed)


def _taken(user: Node, value: Value, x: Value, nodes: Nodes) -> tuple[list[Node], list[Node]] | None:
    """Products with constants that take a value, by way of a reshape that keeps rows whole, with x in its place.

    Returns:
        The reshape if there is one, and the products; None for other users.
    """
    if _is_product_of(user, value):
        return [], [replace(user, inputs=(x, *user.inputs[1:]))]
    if not isinstance(user.operator, operators.Reshape) or user.output.shape[-1:] != value.shape[-1:]:
        return None
    behind = nodes.users(user.output)
    if not behind or not nodes.is_inner(user.output) or not all(_is_product_of(item, user.output) for item in behind):
        return None
    return [replace(user, inputs=(x,))], behind


def _is_product_of(user: Node, value: Value) -> bool:
    return is_constant_product(user) and user.operator == operators.MatMul() and user.inputs[0] is value


def _biased(product: Node, row: "np.ndarray") -> Node:
    """A product with a constant with a further bias."""
    old = product.inputs[2] if len(product.inputs) > 2 else None
    bias = row if old is None else row + np.asarray(old.array, np.float64)
    name = f"{product.inputs[1].name}.bias" if old is None else old.name
    return replace(product, inputs=(*product.inputs[:2], Value(name, bias.shape, bias)))


def _other_operand(user: Node, value: Value) -> Value | None:
    """What a sum adds to a value; None for other nodes."""
    if user.operator != operators.Binary(Combine.ADD) or user.inputs[0].shape != user.inputs[1].shape:
        return None
    return next((other for other in user.inputs if other is not value), None)


def _product_behind(value: Value, nodes: Nodes) -> Node | None:
    """The product with a constant that makes a value for nothing else, by way of reshapes that keep rows whole."""
    node = nodes.maker(value)
    while node is not None and nodes.is_single(node.output):
        if isinstance(node.operator, operators.Reshape):
            if node.inputs[0].shape[-1:] != node.output.shape[-1:]:
                return None
            node = nodes.maker(node.inputs[0])
            continue
        is_plain = is_constant_product(node) and node.operator == operators.MatMul() and node.tail is None
        return node if is_plain else None
    return None


GAINS = (bias_of_rows, gain_of_rows)
