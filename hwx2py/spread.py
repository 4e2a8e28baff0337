"""How numbers are spread: a summary, a histogram and a small picture, of arrays as large as they come."""

from typing import NamedTuple

import numpy as np

#: Bins of a histogram; the first elements that are shown.
BINS, FIRST = 32, 6
#: Levels of a picture's cells: the middle one is 0, and the outer ones are the largest magnitude.
LEVELS = "0123456789abcdefghijklmnopqrstuvwxy"


class Spread(NamedTuple):
    """The elements of an array, summed up.

    Attributes:
        count: how many there are.
        smallest, largest, mean: of the finite ones; None where there are none.
        zeros: how many are 0.
        odd: how many are NaN or infinite.
        first: the first ones.
        bins: how many lie in each of `BINS` equal steps from the smallest to the largest; none where all are equal.
    """

    count: int  # type: ignore[assignment] # hides tuple's method
    smallest: float | None
    largest: float | None
    mean: float | None
    zeros: int
    odd: int
    first: tuple[float, ...]
    bins: tuple[int, ...]


class Thumbnail(NamedTuple):
    """An array as a small picture: the mean of the elements behind each cell.

    Attributes:
        rows, columns: its size in cells.
        cells: a character of `LEVELS` for each cell, row after row.
        most: the magnitude that the outer levels stand for.
    """

    rows: int
    columns: int
    cells: str
    most: float


def spread(array: np.ndarray) -> Spread:
    """Sums up an array.

    Args:
        array: numbers of any type and shape.
    """
    flat = array.reshape(-1)
    finite = np.isfinite(flat)
    usual = flat if finite.all() else flat[finite]
    first = tuple(flat[:FIRST].tolist())
    odd = flat.size - usual.size
    if not usual.size:
        return Spread(flat.size, None, None, None, 0, odd, first, ())
    low, high = float(usual.min()), float(usual.max())
    wide = usual.astype(np.float64)
    bins = () if low == high else tuple(np.histogram(wide, BINS, (low, high))[0].tolist())
    return Spread(flat.size, low, high, float(wide.mean()), int((usual == 0).sum()), odd, first, bins)


def thumbnail(array: np.ndarray, cells: int) -> Thumbnail:
    """Makes a small picture: the first axis goes down, all others across.

    Args:
        array: numbers; those that are not finite count as 0.
        cells: the most cells that it may have.
    """
    sheet = array.reshape(array.shape[0] if array.ndim > 1 else 1, -1)
    rows = min(sheet.shape[0], max(int(cells**0.5), 1))
    columns = min(sheet.shape[1], max(cells // max(rows, 1), 1))
    if not sheet.size:
        return Thumbnail(0, 0, "", 0.0)
    means = np.empty((rows, columns))
    across = np.linspace(0, sheet.shape[1], columns + 1).astype(int)
    down = np.linspace(0, sheet.shape[0], rows + 1).astype(int)
    for row in range(rows):
        part = sheet[down[row] : down[row + 1]].astype(np.float64)
        summed = np.add.reduceat(np.where(np.isfinite(part), part, 0.0).mean(axis=0), across[:-1])
        means[row] = summed / np.diff(across)
    most = float(np.abs(means).max())
    middle = len(LEVELS) // 2
    levels = np.rint(means / most * middle).astype(int) + middle if most else np.full(means.shape, middle)
    return Thumbnail(rows, columns, "".join(LEVELS[level] for level in levels.reshape(-1)), most)
