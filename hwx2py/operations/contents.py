"""What a task reads of coefficients, by value: the same on every generation, wherever it lies and however it is told.

A lookup table in front of an engine's chunk (H13) and one in a channel of its own (H14 and later) are the same table.
"""

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping

from .neural import Kernel, Neural
from .operand import Dma, Operand
from .planar import Planar
from .tables import TABLE_BYTES


def contents(operation: Planar | Neural, buffers: Mapping[int, memoryview]) -> dict[str, str]:
    """The coefficients of a task: what they are -> a digest of their bytes.

    Args:
        operation: what the task does.
        buffers: BAR (slot) -> content of the buffers that hold coefficients; others are not looked at.

    Returns:
        "planes", "table", and "source 1" or "source 2" for sources that are constants.
    """
    found = {}
    for number, operand in enumerate(operation.inputs, 1):
        data = _held(operand.where.bar, buffers) if isinstance(operand.where, Dma) else None
        if isinstance(operand.where, Dma) and data is not None:
            found[f"source {number}"] = _digest(_rows(operand, operand.where, data))
    if isinstance(operation, Planar):
        return found
    kernel, table = operation.kernel, operation.table
    if kernel is not None and (data := _held(kernel.bar, buffers)) is not None:
        found["planes"] = _digest(_planes(kernel, data))
    if table is not None and (data := _held(table.bar, buffers)) is not None:
        found["table"] = _digest([data[table.base_bytes : table.base_bytes + TABLE_BYTES]])
    return found


def _held(bar: int | None, buffers: Mapping[int, memoryview]) -> memoryview | None:
    """What a buffer of coefficients holds; None for a BAR that has no such buffer."""
    return None if bar is None else buffers.get(bar)


def _digest(pieces: Iterable[memoryview]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def _planes(kernel: Kernel, data: memoryview) -> Iterator[memoryview]:
    """The planes of each engine, without a table in front of them."""
    for channel in kernel.channels:
        if channel.enabled:
            start = kernel.base_bytes + channel.base_bytes
            yield data[start + TABLE_BYTES * kernel.table_in_front : start + channel.size_bytes]


def _rows(operand: Operand, where: Dma, data: memoryview) -> Iterator[memoryview]:
    """The rows of a tensor, the first axis outermost."""
    groups, channels, depth, height, width = operand.stored
    group, channel, slice_, row = where.strides
    size = width * operand.element.size_bytes * where.interleave
    extents = (range(groups), range(-(-channels // where.interleave)), range(depth), range(height))
    for one, two, three, four in itertools.product(*extents):
        start = where.base_bytes + one * group + two * channel + three * slice_ + four * row
        yield data[start : start + size]
