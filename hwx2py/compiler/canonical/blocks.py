"""Rules for channels that become blocks of rows and columns."""

from dataclasses import replace

import numpy as np

from ...program.network import ROW_ALIGNMENT_BYTES
from .. import operators
from ..graph import Node, Value
from ..surface import HALF_BYTES
from .view import Nodes


def blocks_of_a_convolution(node: Node, nodes: Nodes) -> tuple[Node, ...] | None:
    """Blocks whose place is the fast part of the channel, behind a convolution: its outputs in the other order.

    With the place in front, and channels that fill rows of 64 bytes, the blocks take fewer tasks.
    """
    blocks = node.operator
    if not isinstance(blocks, operators.DepthToSpace) or blocks.block_first or node.tail is not None:
        return None
    channels = node.output.shape[1]
    if channels * HALF_BYTES % ROW_ALIGNMENT_BYTES:
        return None
    convolution = nodes.made_by(node.inputs[0], operators.Conv)
    if convolution is None or not _is_plain(convolution):
        return None
    x, *constants = convolution.inputs
    order = np.arange(channels * blocks.block**2).reshape(channels, -1).T.ravel()
    # A new tensor: the result has its channels elsewhere.
    y = Value(f"{node.inputs[0].name}.blocks", node.inputs[0].shape)
    inputs = (x, *(Value(value.name, value.shape, np.asarray(value.array)[order]) for value in constants))
    return (
        replace(convolution, inputs=inputs, output=y),
        replace(node, operator=replace(blocks, block_first=True), inputs=(y,)),
    )


def _is_plain(convolution: Node) -> bool:
    """Whether the outputs of a convolution may come in any order."""
    operator = convolution.operator
    assert isinstance(operator, operators.Conv)
    are_constant = all(value.array is not None for value in convolution.inputs[1:])
    return operator.groups == 1 and not operator.exchanged and are_constant
