"""The rule for mirrored edges in front of a convolution: windows over them get weights of their own."""

from dataclasses import replace

import numpy as np

from .. import operators
from ..graph import Node, Value
from ..operators.spatial import Pads
from .view import Nodes

COLUMNS = 3
#: Columns begin at multiples of 64 bytes.
COLUMNS_UNIT = 32
#: Backward steps up to which a copy for each is cheaper, and windows over the edges that are convolved apart.
FEW_STEPS, MOST_WINDOWS = 8, 8


def mirrored_columns(node: Node, nodes: Nodes) -> tuple[Node, ...] | None:
    """Columns picked backwards, each of which would be a copy, and then a convolution.

    A window over them is a window over the columns as they lie, with the weights in another order: weights that fall
    on one column are added up, rounded once.
    """
    operator = node.operator
    if not isinstance(operator, operators.Conv) or operator.groups != 1 or operator.dilations != (1, 1):
        return None
    select = nodes.made_by(node.inputs[0], operators.Select)
    if select is None or not isinstance(select.operator, operators.Select) or select.operator.axis != COLUMNS:
        return None
    if node.inputs[0].shape[0] != 1 or (operator.pads.left, operator.pads.right) != (0, 0) or node.tail is not None:
        return None
    places = np.array(select.operator.places)
    if (places < 0).any() or (np.diff(places) < 0).sum() <= FEW_STEPS or operator.exchanged:
        return None
    parts = _parts(node, places)
    if parts is None or len(parts) > 1 + MOST_WINDOWS:
        return None
    made: list[Node] = []
    x = select.inputs[0]
    for number, (first, count) in enumerate(parts):
        made += _convolved(node, x, places, first, count, f"{node.output.name}.part{number}")
    if len(parts) == 1:
        return *made[:-1], replace(made[-1], output=node.output)
    joined = replace(node, operator=operators.Concat(COLUMNS), inputs=tuple(part.output for part in made[1::2]))
    return *made, joined


def _parts(node: Node, places: "np.ndarray") -> list[tuple[int, int]] | None:
    """First and number of the windows that lie in order; a window that does not is a part of its own."""
    assert isinstance(node.operator, operators.Conv)
    width, stride, count = node.inputs[1].shape[3], node.operator.strides[1], node.output.shape[COLUMNS]
    plain = [bool((np.diff(places[at : at + width]) == 1).all()) for at in range(0, count * stride, stride)]
    parts: list[tuple[int, int]] = []
    for window, in_order in enumerate(plain):
        follows = window > 0 and in_order and plain[window - 1]
        if follows and places[window * stride] == places[(window - 1) * stride] + stride:
            first, length = parts[-1]
            parts[-1] = (first, length + 1)
        else:
            parts.append((window, 1))
    return parts


def _convolved(node: Node, x: Value, places: "np.ndarray", first: int, count: int, name: str) -> tuple[Node, Node]:
    """The columns that some windows need, and the convolution of these."""
    operator = node.operator
    assert isinstance(operator, operators.Conv)
    kernel, stride = np.asarray(node.inputs[1].array, np.float64), operator.strides[1]
    width = kernel.shape[3]
    window = places[first * stride : first * stride + width]
    low, high = int(window.min()), int(window.max()) + 1 + (count - 1) * stride
    if count == 1:
        # A whole number of strides, from a column that begins at a multiple of 64 bytes: a long kernel works on these.
        whole = -(-(high - low) // stride) * stride
        start = max(0, min(low, x.shape[COLUMNS] - whole)) // COLUMNS_UNIT * COLUMNS_UNIT
        if start + whole >= high and start + whole <= x.shape[COLUMNS]:
            low, high = start, start + whole
        spread = np.zeros((*kernel.shape[:3], high - low))
        for tap, place in enumerate(window - low):
            spread[..., place] += kernel[..., tap]
        kernel = spread
    cut = Value(f"{name}.columns", (*x.shape[:3], high - low))
    slice_of_x = Node(operators.Slice(COLUMNS, low, high - low), (x,), cut, node.origin)
    weights = Value(f"{node.inputs[1].name}.{first}", kernel.shape, kernel)
    y = Value(name, (*node.output.shape[:3], count))
    pads = Pads(operator.pads.top, 0, operator.pads.bottom, 0)
    convolution = replace(
        node, operator=replace(operator, pads=pads), inputs=(cut, weights, *node.inputs[2:]), output=y
    )
    return slice_of_x, convolution
