"""Rows of a source on its way through L2: channels that lie closer together than a row is long hang the engine.

Measured on an M1 with a neural task of 77 columns of float16, a row of 0xa0 bytes: the channel strides 0, 0x10 and 0x9f
hang, 0xa1 runs; `relu.hwx`, one register at a time. For planar tasks and later chips the same is inferred.

Longer rows than the engines take at a time pass through L2 in parts: a neural task takes 128 columns, a planar one 512,
and programs of 2023 have parts of 32 and 64 columns too (read in files: every source by DMA of every program has its
row or one of these parts).
"""

from collections.abc import Iterator
from typing import NamedTuple

from ..units import round_up
from .neural import Neural
from .operand import InL2, Operand
from .planar import Planar

UNIT_BYTES = 16
#: The longest row that passes whole, and the strides of the parts of longer ones.
WHOLE_BYTES = {Neural: 0x100, Planar: 0x400}
PART_BYTES = {Neural: (0x40, 0x80, 0x100), Planar: (0x40, 0x80, 0x100, 0x400)}


class ShortStride(NamedTuple):
    """A channel stride in L2 that is too small for a row.

    Attributes:
        register: the one that holds it.
        stride_bytes: what it is.
        row_bytes: a row, rounded up to 16 bytes.
    """

    register: str
    stride_bytes: int
    row_bytes: int


def short_strides(operation: Planar | Neural) -> Iterator[ShortStride]:
    """The sources by DMA whose channel stride in L2 is too small for their rows.

    A task all of whose strides in L2 are 0 has no plan, and nothing is known of it: it is left out.

    Args:
        operation: what the task does.
    """
    for operand in operation.inputs:
        stage = operand.stage
        if stage is None or not any(stage.strides) or _interleave(operand) > 1:
            continue
        row_bytes = round_up(operand.stored.width * operand.element.size_bytes, UNIT_BYTES)
        stride_bytes, kind = stage.strides.channel, Planar if isinstance(operation, Planar) else Neural
        in_parts = row_bytes > WHOLE_BYTES[kind] and stride_bytes in PART_BYTES[kind]
        if stride_bytes < row_bytes and not in_parts:
            yield ShortStride(stage.register.replace("Base", "ChannelStride"), stride_bytes, row_bytes)


def _interleave(operand: Operand) -> int:
    return 1 if isinstance(operand.where, InL2) else operand.where.interleave
