"""Operations on bools, a byte each: a matrix transposed, negation, conversion to fp16; of inputs of the program."""

from ...errors import UnsupportedError
from ...operations.tables import table_bytes
from .. import curves, operators
from ..builder import Builder
from ..forms import activation, copy, scale
from ..generic import planar
from ..graph import Node
from ..operators.arithmetic import Function
from ..surface import Surface
from ..view import View

BYTE = 1
#: Rows and columns: the last two of four axes.
MATRIX = (1, 1)


def lowered(b: Builder, node: Node, x: View) -> View:
    """An operation on a tensor of bools.

    Args:
        b: where the tasks go.
        node: the operation; its operand is an input of the program.
        x: the operand.

    Raises:
        UnsupportedError: the result is not an output of the program, or the operation is another one.
    """
    source = surface(x.buffer, node.inputs[0].shape)
    if node.operator == operators.Unary(Function.FROM_BOOL):
        y = b.result(node.output.shape)
        b.add(planar.with_recorded_patch(scale.from_bools(source, y.surface())))
        return y
    z = b.wanted
    if z is None:
        raise UnsupportedError("bools between operations; only from an input to an output are they known")
    target = surface(z.buffer, node.output.shape)
    match node.operator:
        case operators.Transpose() if source.shape[:2] == target.shape[:2] == MATRIX:
            b.add(copy.exchange_rows(source, target))
        case operators.Unary(function=Function.NOT):
            row = curves.known("logical not")
            assert row is not None
            b.add(activation.logical_not(source, target, table_bytes(row.curve)))
        case _:
            raise UnsupportedError("of bools only the transpose of a matrix, the negation and the cast are known")
    return z


def surface(buffer: str, shape: tuple[int, ...]) -> Surface:
    """A tensor of bools as tile DMA sees it."""
    from .network import four_axes

    return Surface.dense(buffer, four_axes(shape), BYTE)
