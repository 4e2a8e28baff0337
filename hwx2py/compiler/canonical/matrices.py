"""Rules for products with constants whose rows lie as columns: what one makes so, another takes so, without copies."""

import math
from dataclasses import replace

from .. import operators
from ..graph import Node, Value
from .view import Nodes

#: Elements of a matrix up to which L2 has room for it beside the result of a product.
MOST_ELEMENTS = 1 << 19


def is_constant_product(node: Node | None) -> bool:
    """Whether a node multiplies the rows of one matrix by a constant one."""
    if node is None or not isinstance(node.operator, operators.MatMul):
        return False
    x, y = node.inputs[:2]
    is_single = math.prod(x.shape[:-2]) == 1 and len(x.shape) >= 2
    return y.array is not None and y.array.ndim == 2 and x.array is None and is_single


def _swapped(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape[:-2], shape[-1], shape[-2])


def _with_columns(product: Node, suffix: str = "columns") -> Node:
    """A product whose result has rows as columns, as a further tensor."""
    assert isinstance(product.operator, operators.MatMul)
    y = Value(f"{product.output.name}.{suffix}", _swapped(product.output.shape))
    return replace(product, operator=replace(product.operator, transposed_result=True), output=y)


def _straight_product(value: Value, nodes: Nodes) -> Node | None:
    """The product with a constant that makes a value for nothing else, rows as rows; reshapes may keep rows whole."""
    node = nodes.maker(value)
    while node is not None and isinstance(node.operator, operators.Reshape) and nodes.is_single(node.output):
        if node.inputs[0].shape[-1:] != node.output.shape[-1:]:
            return None
        node = nodes.maker(node.inputs[0])
    if node is None or not nodes.is_single(node.output) or not is_constant_product(node):
        return None
    return None if getattr(node.operator, "transposed_result", True) else node


def product_of_a_product(node: Node, nodes: Nodes) -> tuple[Node, ...] | None:
    """A product of the result of another one: between them rows lie as columns."""
    if not is_constant_product(node) or getattr(node.operator, "transposed_first", True):
        return None
    x = node.inputs[0]
    first = _straight_product(x, nodes)
    if first is None or math.prod(x.shape) > MOST_ELEMENTS or math.prod(first.output.shape[:-2]) != 1:
        return None
    made = _with_columns(first)
    operator = node.operator
    assert isinstance(operator, operators.MatMul)
    columns = Value(f"{x.name}.columns", _swapped(x.shape))
    reshape = Node(operators.Reshape(columns.shape), (made.output,), columns, first.origin)
    second = replace(node, operator=replace(operator, transposed_first=True), inputs=(columns, *node.inputs[1:]))
    return made, reshape, second


def products_of_one_matrix(node: Node, nodes: Nodes) -> tuple[Node, ...] | None:
    """Several products of one matrix with constants: one exchange of its rows and columns for all of them."""
    if not is_constant_product(node) or getattr(node.operator, "transposed_first", True):
        return None
    x = node.inputs[0]
    together = [
        user for user in nodes.users(x)
        if is_constant_product(user) and user.inputs[0] is x and not getattr(user.operator, "transposed_first", True)
    ]  # fmt: skip
    if len(together) < 2 or math.prod(x.shape) > MOST_ELEMENTS:
        return None
    columns = Value(f"{x.name}.columns", _swapped(x.shape))
    rank = len(x.shape)
    exchange = Node(operators.Transpose((*range(rank - 2), rank - 1, rank - 2)), (x,), columns, node.origin)
    changed = [
        replace(user, operator=replace(user.operator, transposed_first=True), inputs=(columns, *user.inputs[1:]))
        for user in together
        if isinstance(user.operator, operators.MatMul)
    ]
    others = [user for user in changed if user.output is not node.output]
    return exchange, *others, *(user for user in changed if user.output is node.output)


def transposed_product(node: Node, nodes: Nodes) -> tuple[Node, ...] | None:
    """A product with a constant that is transposed, its columns split or not: made with rows as columns."""
    if not isinstance(node.operator, operators.Transpose) or node.tail is not None:
        return None
    source = node.inputs[0]
    reshape = nodes.made_by(source, operators.Reshape)
    product = nodes.maker(source if reshape is None else reshape.inputs[0])
    if product is None or not nodes.is_single(product.output) or not is_constant_product(product):
        return None
    operator = product.operator
    assert isinstance(operator, operators.MatMul)
    if operator.transposed_result or math.prod(product.output.shape[:-2]) != 1 or not nodes.is_single(source):
        return None
    long = [axis for axis in range(len(source.shape)) if source.shape[axis] > 1]
    moved = [axis for axis in node.operator.order if source.shape[axis] > 1]
    rows = product.output.shape[-2]
    if len(long) < 2 or rows == 1 or source.shape[long[0]] != rows or moved != [*long[1:], long[0]]:
        return None
    if node.operator.order[-1] != long[0] or math.prod(source.shape) > MOST_ELEMENTS:
        return None
    made = _with_columns(product)
    return made, Node(operators.Reshape(node.output.shape), (made.output,), node.output, node.origin)


MATRICES = (product_of_a_product, transposed_product, products_of_one_matrix)
