"""The functions that engine operations are made of, by the name that a row of `registers.enums` gives them.

Arguments and results are float64; `Numbers` rounds what comes out at the end. A product of 0 and infinity, and a
difference of infinities, are +0, as recorded on an M1.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np


def without_nan(values: np.ndarray) -> np.ndarray:
    """The values with +0 in place of NaN."""
    lost = np.isnan(values)
    return np.where(lost, 0.0, values) if lost.any() else values


def add(first: np.ndarray, second: np.ndarray | float) -> np.ndarray:
    """First + second."""
    return without_nan(first + second)


def multiply(first: np.ndarray, second: np.ndarray | float) -> np.ndarray:
    """First * second."""
    return without_nan(first * second)


def sum_squares(first: np.ndarray, second: np.ndarray | float) -> np.ndarray:
    """(first + second)^2."""
    found: np.ndarray = np.square(add(first, second))
    return found


def _sum(values: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    return without_nan(values.sum(axis=axes, keepdims=True))


def _largest(values: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    found: np.ndarray = values.max(axis=axes, keepdims=True)
    return found


def _smallest(values: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    found: np.ndarray = values.min(axis=axes, keepdims=True)
    return found


def _reciprocal(values: np.ndarray, epsilon: float) -> np.ndarray:
    return 1.0 / (values + 0.0)  # that of -0 is +infinity, recorded on an M1


def _reciprocal_root(values: np.ndarray, epsilon: float) -> np.ndarray:
    return without_nan(1.0 / np.sqrt(values + epsilon))


#: How two sources are combined.
COMBINE: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "add": add,
    "multiply": multiply,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "sum_squares": sum_squares,
}
#: How elements along some axes are combined into one.
REDUCE: dict[str, Callable[[np.ndarray, tuple[int, ...]], np.ndarray]] = {
    "sum": _sum,
    "max": _largest,
    "min": _smallest,
}
#: The planar engine's last steps, of a value and Epsilon.
FUNCTION: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "reciprocal": _reciprocal,
    "reciprocal_root": _reciprocal_root,
}


#: Elements of a piece.
PIECE = 1 << 15


def pieces(shape: tuple[int, ...], most: int = PIECE) -> Iterator[tuple[slice, ...]]:
    """Index ranges that cover an array, each of at most a number of elements."""
    if math.prod(shape) <= most or not shape:
        yield (slice(None),) * len(shape)
        return
    inner = math.prod(shape[1:])
    step = max(1, most // inner)
    for start in range(0, shape[0], step):
        outer = slice(start, start + step)
        if inner <= most:
            yield (outer, *(slice(None),) * (len(shape) - 1))
        else:
            for rest in pieces(shape[1:], most):
                yield (outer, *rest)
