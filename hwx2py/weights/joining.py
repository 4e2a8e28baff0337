"""Arrays of several tasks as one."""

from collections.abc import Sequence

import numpy as np

from .logical import NOT_STORED, LogicalArray, Places


def concatenated(arrays: Sequence[LogicalArray], axis: int) -> LogicalArray:
    """Arrays that follow each other along an axis, as one.

    Args:
        arrays: the arrays, in order.
        axis: the axis.
    """
    first = arrays[0]
    shape = list(first.shape)
    shape[axis] = sum(array.shape[axis] for array in arrays)
    return first._replace(
        shape=tuple(shape),
        tasks=_tasks(arrays),
        places=lambda: _concatenated([a.places() for a in arrays], axis),
        repack=None if first.repack is None else lambda data, bits: _repacked(arrays, axis, data, bits),
    )


def _repacked(arrays: Sequence[LogicalArray], axis: int, data: memoryview, bits: np.ndarray) -> dict[int, bytes]:
    chunks: dict[int, bytes] = {}
    ends = np.cumsum([array.shape[axis] for array in arrays])[:-1]
    for array, part in zip(arrays, np.split(bits, ends, axis=axis)):
        if array.repack is not None:
            chunks.update(array.repack(data, np.ascontiguousarray(part)))
    return chunks


def _concatenated(parts: Sequence[Places], axis: int) -> Places:
    offsets = np.concatenate([part.offsets for part in parts], axis=axis)
    copies, start = [], 0
    for part in parts:
        index = list(np.unravel_index(part.copies[:, 0], part.offsets.shape))
        index[axis] = index[axis] + start
        copies.append(np.stack([np.ravel_multi_index(index, offsets.shape), part.copies[:, 1]], axis=1))
        start += part.offsets.shape[axis]
    return Places(offsets, np.concatenate(copies))


def merged(arrays: Sequence[LogicalArray]) -> LogicalArray:
    """Arrays that hold the same, as one that is set in all places.

    Args:
        arrays: arrays of one shape and buffer, none with elements that are not stored.
    """
    return arrays[0]._replace(tasks=_tasks(arrays), places=lambda: _merged([array.places() for array in arrays]))


def _merged(parts: Sequence[Places]) -> Places:
    first, *others = parts
    copies = [first.copies]
    for part in others:
        flat = part.offsets.reshape(-1)
        copies += [np.stack([np.arange(len(flat)), flat], axis=1), part.copies]
    found = np.concatenate(copies)
    stored = (found[:, 1] != NOT_STORED) & (found[:, 1] != first.offsets.reshape(-1)[found[:, 0]])
    return Places(first.offsets, found[stored])


def _tasks(arrays: Sequence[LogicalArray]) -> tuple[int, ...]:
    return tuple(sorted({task for array in arrays for task in array.tasks}))
