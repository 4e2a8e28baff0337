"""Rules that put zeros around planes into the padding of the convolution that follows."""

from dataclasses import replace

from .. import operators
from ..graph import Node, Value
from .view import Nodes

#: Sizes of paddings have five bits.
MOST_PADDING = 31
#: Rows and columns of N C H W.
ROWS, COLUMNS = 2, 3


def padding_of_a_convolution(node: Node, nodes: Nodes) -> Node | None:
    """Zeros in front of and behind rows or columns, and then a convolution."""
    operator = node.operator
    if not isinstance(operator, operators.Conv):
        return None
    select = nodes.made_by(node.inputs[0], operators.Select)
    if (
        select is None
        or not isinstance(select.operator, operators.Select)
        or select.operator.axis not in (ROWS, COLUMNS)
    ):
        return None
    around = _zeros_around(select)
    if around is None:
        return None
    before, behind = around
    old = operator.pads
    if select.operator.axis == ROWS:
        pads = replace(old, top=old.top + before, bottom=old.bottom + behind)
    else:
        pads = replace(old, left=old.left + before, right=old.right + behind)
    if (
        max(pads.top, pads.left, pads.bottom, pads.right) > MOST_PADDING
        or min(old.top, old.left, old.bottom, old.right) < 0
    ):
        return None
    return replace(node, operator=replace(operator, pads=pads), inputs=(select.inputs[0], *node.inputs[1:]))


def _zeros_around(select: Node) -> tuple[int, int] | None:
    """How many zeros stand in front of and behind all places of an axis; None where it is something else."""
    assert isinstance(select.operator, operators.Select)
    places, length = select.operator.places, select.inputs[0].shape[select.operator.axis]
    before = next((index for index, place in enumerate(places) if place >= 0), len(places))
    behind = len(places) - before - length
    whole = (-1,) * before + tuple(range(length)) + (-1,) * max(0, behind)
    return (before, behind) if behind >= 0 and places == whole else None


def reshaped_selection(node: Node, nodes: Nodes) -> tuple[Node, ...] | None:
    """Places of an axis picked, and then a reshape that only moves axes of length 1: the reshape first."""
    if not isinstance(node.operator, operators.Reshape) or node.tail is not None:
        return None
    select = nodes.made_by(node.inputs[0], operators.Select)
    if select is None or not isinstance(select.operator, operators.Select) or select.tail is not None:
        return None
    old, new, axis = select.output.shape, node.output.shape, select.operator.axis
    long_old = [index for index, length in enumerate(old) if length > 1]
    long_new = [index for index, length in enumerate(new) if length > 1]
    if axis not in long_old or [old[index] for index in long_old] != [new[index] for index in long_new]:
        return None
    target = long_new[long_old.index(axis)]
    shape = (*new[:target], select.inputs[0].shape[axis], *new[target + 1 :])
    x = Value(f"{node.output.name}.before", shape)
    reshape = Node(operators.Reshape(shape), select.inputs, x, node.origin)
    return reshape, replace(select, operator=replace(select.operator, axis=target), inputs=(x,), output=node.output)


PADDING = (reshaped_selection, padding_of_a_convolution)
