"""Operations on truth values, a byte each: a matrix transposed, negation, and conversion to numbers."""

from ...errors import UnsupportedError
from ...operations.tables import table_bytes
from .. import curves, operators
from ..builder import Builder
from ..forms import activation, copy, scale
from ..graph import Graph, Node, Value
from ..operators.arithmetic import Function
from ..surface import Surface, four_axes
from ..view import View

BYTE = 1


def lowered(b: Builder, graph: Graph, node: Node) -> View:
    """An operation on an input of truth values.

    Args:
        b: where the tasks go.
        graph: the network.
        node: the operation.

    Raises:
        UnsupportedError: they come from elsewhere, or the result is one of them and no output.
    """
    (x,) = node.inputs
    if x not in graph.inputs:
        raise UnsupportedError(f"{x.name} holds truth values and is not an input of the program")
    source = _surface(x.name, x)
    if node.output not in graph.truths:
        z = b.result(node.output.shape)
        for number in range(source.shape.n):
            target = _four(z, node.output).batches(number, 1)
            b.add(scale.from_bools(source.batches(number, 1), target))
        return z
    names = [name for name, value in graph.outputs.items() if value is node.output]
    if len(names) != 1 or b.wanted is None:
        raise UnsupportedError("truth values are only transposed or negated from an input to an output")
    target = _surface(names[0], node.output)
    if node.operator == operators.Unary(Function.NOT):
        table = curves.known("logical not")
        assert table is not None
        b.add(activation.logical_not(source, target, table_bytes(table.curve)))
    elif _swaps_a_matrix(node, source):
        b.add(copy.exchange_rows(source, target))
    else:
        raise UnsupportedError("truth values are only transposed as a matrix")
    return b.wanted


def _swaps_a_matrix(node: Node, source: Surface) -> bool:
    rank = len(node.output.shape)
    is_matrix = isinstance(node.operator, operators.Transpose) and rank >= 2 and source.shape[:2] == (1, 1)
    return is_matrix and getattr(node.operator, "order", ())[-2:] == (rank - 1, rank - 2)


def _surface(buffer: str, value: Value) -> Surface:
    return Surface.dense(buffer, four_axes(value.shape), BYTE)


def _four(view: View, value: Value) -> Surface:
    return Surface.dense(view.buffer, four_axes(value.shape))
