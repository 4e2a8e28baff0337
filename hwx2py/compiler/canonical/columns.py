"""Rules for products of a single row: with the row as a column of channels they are convolutions, one task each."""

import math
from dataclasses import replace

import numpy as np

from .. import operators
from ..graph import Node, Value
from .exchanges import EXCHANGE, RANK, convolution_behind, turned
from .view import Nodes

#: Kernels have at most so many rows and columns.
MOST_KERNEL = 31
#: Weights of a task of a convolution, 1 MiB of float16; a product of one row is not cut, but takes a copy in front.
MOST_WEIGHTS = 1 << 19
#: Tasks that a product of one row takes.
TASKS_OF_A_PRODUCT = 2


def product_of_a_column(node: Node, nodes: Nodes) -> tuple[Node, ...] | None:
    """A product of one row, which holds the channels of one picture, with a constant: a convolution of its size."""
    operator = node.operator
    if not isinstance(operator, operators.MatMul) or operator.scale_differs or operator.transposed:
        return None
    x, matrix, *bias = node.inputs
    if matrix.array is None or matrix.array.ndim != 2 or math.prod(x.shape[:-1]) != 1 or operator.transposed_first:
        return None
    picture = _picture(x, nodes)
    before: tuple[Node, ...] = ()
    mean = nodes.made_by(x, operators.Reduce)
    if mean is not None and isinstance(mean.operator, operators.Reduce) and mean.operator.flat:
        picture = Value(f"{x.name}.column", (1, x.shape[-1], 1, 1)), tuple(range(RANK))
        before = (replace(mean, operator=replace(mean.operator, flat=False), output=picture[0]),)
    if picture is None:
        return None
    source, order = picture
    _, channels, height, width = source.shape
    outputs = matrix.shape[1]
    most = MOST_WEIGHTS // (channels * height * width)
    if max(height, width) > MOST_KERNEL or -(-outputs // max(1, most)) > TASKS_OF_A_PRODUCT or channels == 1:
        return None
    lengths = [source.shape[axis] for axis in order[1:]]
    weights = np.asarray(matrix.array).T.reshape(outputs, *lengths)
    weights = weights.transpose(0, *(1 + order[1:].index(axis) for axis in (1, 2, 3)))
    kernel = Value(matrix.name, weights.shape, np.ascontiguousarray(weights))
    y = Value(f"{node.output.name}.column", (1, outputs, 1, 1))
    convolution = replace(node, operator=operators.Conv(), inputs=(source, kernel, *bias), output=y)
    return *before, convolution, Node(operators.Reshape(node.output.shape), (y,), node.output, node.origin)


def _picture(x: Value, nodes: Nodes) -> tuple[Value, tuple[int, ...]] | None:
    """The tensor 1 x C x H x W that a row consists of, and the order of its axes in the row."""
    reshape = nodes.made_by(x, operators.Reshape, single=False)
    if reshape is None or reshape.tail is not None:
        return None
    source = reshape.inputs[0]
    moved = nodes.made_by(source, operators.Transpose, single=False)
    order = tuple(range(RANK))
    if moved is not None and isinstance(moved.operator, operators.Transpose):
        source, order = moved.inputs[0], moved.operator.order
    if len(source.shape) != RANK or source.shape[0] != 1 or order[0] != 0 or source.array is not None:
        return None
    return source, order


def function_of_a_column(node: Node, nodes: Nodes) -> tuple[Node, ...] | None:
    """Slopes for a column of channels that is reshaped as a row: before the reshape."""
    if not isinstance(node.operator, operators.PRelu) or node.tail is not None:
        return None
    x, slopes = node.inputs
    if slopes.array is None:
        return None
    reshape = nodes.made_by(x, operators.Reshape)
    if reshape is None or not _is_column_as_row(reshape) or reshape.output.shape != node.output.shape:
        return None
    if slopes.array.size not in (1, x.shape[-1]) or slopes.shape[-1:] != (slopes.array.size,):
        return None
    source = reshape.inputs[0]
    y = Value(f"{node.output.name}.column", source.shape)
    factors = np.asarray(slopes.array).reshape(-1, 1, 1)
    function = replace(node, inputs=(source, Value(slopes.name, factors.shape, factors)), output=y)
    return function, Node(reshape.operator, (y,), node.output, node.origin)


def _is_column_as_row(reshape: Node) -> bool:
    shape, result = reshape.inputs[0].shape, reshape.output.shape
    is_column = len(shape) == RANK and shape[1] > 1 and shape[0] == shape[2] == shape[3] == 1
    return is_column and result[-1:] == (shape[1],)


def row_of_a_convolution(node: Node, nodes: Nodes) -> tuple[Node, ...] | None:
    """A column of channels behind a convolution that is reshaped as a row: stored as a row by the convolution."""
    if not isinstance(node.operator, operators.Reshape) or not _is_column_as_row(node):
        return None
    (x,) = node.inputs
    if convolution_behind(x, nodes) is None:
        return None
    y = turned(x)
    exchange = Node(operators.Transpose(EXCHANGE), (x,), y, node.origin)
    return exchange, replace(node, inputs=(y,))


COLUMNS = (product_of_a_column, function_of_a_column)
