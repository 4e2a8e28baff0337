"""A list of a program's arrays with the bytes that they came from, ready for JSON."""

from collections.abc import Mapping, Sequence

import numpy as np

from .logical import DTYPE, HALF_BYTES, NOT_STORED, LogicalArray, Places

#: Ranges that are listed; of an array with more only their number is told.
MOST_RANGES = 256


def manifest(arrays: Sequence[LogicalArray], files: Mapping[str, str]) -> list[dict[str, object]]:
    """What each array is, and where it lies.

    Args:
        arrays: the arrays.
        files: name of an array -> name of its file.
    """
    return [
        {
            "name": array.name,
            "kind": array.kind,
            "shape": list(array.shape),
            "dtype": DTYPE,
            "file": files.get(array.name),
            "tasks": list(array.tasks),
            "bytes": _bytes(array),
            **array.about,
        }
        for array in arrays
    ]


def _bytes(array: LogicalArray) -> dict[str, object]:
    ranges = ranges_of(array.places())
    place: dict[str, object] = {"buffer": array.buffer, "bar": array.bar, "range_count": len(ranges)}
    if len(ranges) <= MOST_RANGES:
        place["ranges"] = [[start, end] for start, end in ranges]
    return place


def ranges_of(places: Places) -> list[tuple[int, int]]:
    """The bytes that an array owns, as (start, end) in ascending order."""
    offsets = np.unique(np.concatenate([places.offsets[places.offsets != NOT_STORED].ravel(), places.copies[:, 1]]))
    if not len(offsets):
        return []
    gaps = np.flatnonzero(np.diff(offsets) != HALF_BYTES) + 1
    starts, ends = offsets[np.r_[0, gaps]], offsets[np.r_[gaps - 1, len(offsets) - 1]] + HALF_BYTES
    return list(zip(starts.tolist(), ends.tolist()))
