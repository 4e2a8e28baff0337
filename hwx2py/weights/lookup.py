"""The lookup table of a task as arrays: samples, and what decides how they are read."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ..operations.tables import FRACTION, SAMPLES, TRUNCATION, Curve, name_of
from .logical import FLOAT16, HALF_BYTES, LogicalArray, Places

#: Halfword at which the samples begin.
FIRST_SAMPLE = 4


class _Piece(NamedTuple):
    """Part of a table.

    Attributes:
        name: what follows the table's name.
        kind: of the array.
        first: halfword of the table at which it begins.
        shape: of the array.
        dtype: NumPy's name of the type.
        meaning: of its elements.
    """

    name: str
    kind: str
    first: int
    shape: tuple[int, ...]
    dtype: str
    meaning: str


PIECES = (
    _Piece("", "table", FIRST_SAMPLE, (SAMPLES,), FLOAT16, "samples"),
    _Piece(".limits", "table_limits", 0, (2,), FLOAT16, "lower and upper limit of the argument"),
    _Piece(".outside", "table_outside", 2, (2,), FLOAT16, "value at the lower limit and below, at the upper and above"),
    _Piece(
        ".lines", "table_lines", 37, (2, 2), FLOAT16, "slope and value at 0 left of the samples, then right of them"
    ),
    _Piece(".shift", "table_shift", 41, (1,), "int16", "log2 of the samples per unit; 64: two lines, no samples"),
    _Piece(".mode", "table_mode", 42, (1,), "uint16", "how an argument finds its place, and the symmetry"),
)


def table_arrays(
    name: str, index: int, buffer: str, bar: int, starts: Sequence[int], curve: Curve
) -> Iterator[LogicalArray]:
    """The arrays of a table, the samples first.

    Args:
        name: of the table.
        index: the task's index.
        buffer: the buffer's name.
        bar: its BAR (slot).
        starts: where the table and its copies for other engines lie.
        curve: what it holds now.
    """
    for piece in PIECES:
        is_samples = piece.kind == "table"
        yield LogicalArray(
            name=name + piece.name,
            kind=piece.kind,
            shape=piece.shape,
            tasks=(index,),
            buffer=buffer,
            bar=bar,
            places=lambda piece=piece: _places(piece, starts),  # type: ignore[misc] # mypy infers no defaults
            about=_about(curve) if is_samples else {"meaning": piece.meaning},
            fixed=_why_fixed(curve) if is_samples else "",
            dtype=piece.dtype,
            table_start=starts[0],
        )


def _places(piece: _Piece, starts: Sequence[int]) -> Places:
    """In the first table, and in its copies."""
    count = int(np.prod(piece.shape))
    first, *others = (start + HALF_BYTES * (piece.first + np.arange(count)) for start in starts)
    copies = [np.stack([np.arange(count), offsets], axis=1) for offsets in others]
    return Places(first.reshape(piece.shape), *([np.concatenate(copies)] if copies else []))


def _about(curve: Curve) -> dict[str, object]:
    """What a table holds beside its samples, ready for JSON."""
    return {
        "curve": name_of(curve),
        "mode": curve.mode,
        "log2_samples_per_unit": curve.shift,
        "limits": [str(curve.low), str(curve.high)],
        "values_at_limits": [str(curve.at_low), str(curve.at_high)],
        "line_left": [str(value) for value in curve.left],
        "line_right": [str(value) for value in curve.right],
    }


def _why_fixed(curve: Curve) -> str:
    if not curve.is_known:
        return f"the meaning of a table of mode {curve.mode:#x} is not known"
    if curve.place in (FRACTION, TRUNCATION):
        return f"a table of mode {curve.mode:#x} computes without samples"
    return ""
