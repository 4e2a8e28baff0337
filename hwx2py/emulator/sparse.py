"""Kernels that store only weights other than 0: 1 x 1 kernels, as H13's compiler packs them.

A plane is [a bias for each lane], the length of the rest in bytes (16 bits), then for every input channel: a 0 byte, a
mask byte for every 8 lanes (bit l: lane l is not zero), the weights that are not zero, and lanes / 2 - 2 zero bytes
where that is more than none. Known by digest for 4 lanes, published for 8; the length shows whether the rule holds.
H14 and later order the bytes otherwise.
"""

from typing import NamedTuple

import numpy as np

from ..operations import Neural
from ..units import round_up, whole
from .kernels import CHUNK_BYTES, HALF_BYTES
from .lut import TABLE_BYTES


class Unreadable(Exception):
    """A plane that does not follow the rule."""


class Chunk(NamedTuple):
    """An engine's chunk, taken apart.

    Attributes:
        rows: output channel -> (rows,) offsets in the chunk, -1 for a zero.
        used_bytes: how long it is, padded.
    """

    rows: dict[int, np.ndarray]
    used_bytes: int


def chunk(task: Neural, engine: int, data: bytes) -> Chunk:
    """Takes an engine's chunk apart.

    Args:
        task: the convolution.
        engine: whose chunk.
        data: its bytes.

    Raises:
        Unreadable: it does not follow the rule.
    """
    kernel, channels = task.kernel, task.source.shape.channels
    position = TABLE_BYTES if kernel.table_in_front else 0
    rows: dict[int, np.ndarray] = {}
    stride = kernel.lanes * task.engines
    for first in range(engine * kernel.lanes, task.outputs, stride):
        found, position = _plane(data, position, kernel.lanes, channels, kernel.bias_row)
        for lane in range(min(kernel.lanes, task.outputs - first)):
            rows[first + lane] = found[:, lane]
    return Chunk(rows, round_up(position, CHUNK_BYTES))


def _plane(data: bytes, position: int, lanes: int, channels: int, bias_row: bool) -> tuple[np.ndarray, int]:
    found = np.full((bias_row + channels, lanes), -1)
    if bias_row:
        found[0] = position + HALF_BYTES * np.arange(lanes)
        position += HALF_BYTES * lanes
    length = int.from_bytes(data[position : position + 2], "little")
    position += 2
    end = position + length
    if end > len(data):
        raise Unreadable
    masks = whole(lanes, 8)
    for channel in range(channels):
        if position + 1 + masks > end or data[position]:
            raise Unreadable
        mask = int.from_bytes(data[position + 1 : position + 1 + masks], "little")
        position += 1 + masks
        for lane in range(lanes):
            if mask >> lane & 1:
                found[bias_row + channel, lane] = position
                position += HALF_BYTES
        position += max(0, lanes // 2 - 2)
    if position != end:
        raise Unreadable
    return found, end
