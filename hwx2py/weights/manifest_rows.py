"""A list of a program's arrays with the bytes that they came from, ready for JSON."""

from collections.abc import Mapping, Sequence

import numpy as np

from .logical import AT_A_TIME, HALF_BYTES, NOT_STORED, LogicalArray, Places

#: Ranges that are listed; for an array with more, only their number is given.
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
            "dtype": array.dtype,
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
    last = max(places.offsets.max(initial=0), places.copies[:, 1].max(initial=0))
    owned = np.zeros(int(last) + HALF_BYTES + 1, np.int8)
    for offsets in (places.offsets.reshape(-1), places.copies[:, 1]):
        for start in range(0, len(offsets), AT_A_TIME):
            some = offsets[start : start + AT_A_TIME]
            some = some[some != NOT_STORED]
            owned[some] = owned[some + 1] = 1
    edges = np.flatnonzero(np.diff(owned, prepend=np.int8(0)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist()))
