"""Compiled loops for products of matrices, where numba is installed (extra `fast`): the same bits."""

import functools
from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple

import numpy as np

from .numbers import DROPPED_EXPONENT, LEAST_EXPONENT, OFFSET, TIE_BREAKER

#: (left (M, K) with the tie-breaker applied, right (K, N), exponents of both, sums (M, N) that it fills).
Product = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray], None]
#: (left (M, K) float32, right (K, N) float32, exponents of both, sums (M, N) float64 off which dropped ones are taken).
TakeOff = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray], None]


class Loops(NamedTuple):
    """What is compiled.

    Attributes:
        product: the product of two matrices.
        take_off: takes products that are dropped off sums that were formed with them, as `dropped` does.
    """

    product: Product
    take_off: TakeOff


@functools.cache
def find() -> Loops | None:
    """The compiled loops; None where numba is not installed."""
    try:
        import numba
    except ImportError:
        return None
    return Loops(_product(numba), _take_off(numba))


def _product(numba: ModuleType) -> Product:
    offset, dropped = OFFSET, DROPPED_EXPONENT
    rows_at_once, columns_at_once = 4, 512

    @numba.njit(parallel=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator] # numba has no types
    def product(
        left: np.ndarray,
        right: np.ndarray,
        left_exponents: np.ndarray,
        right_exponents: np.ndarray,
        sums: np.ndarray,
    ) -> None:
        rows, depth = left.shape
        columns = right.shape[1]
        strips = (columns + columns_at_once - 1) // columns_at_once
        least = np.empty((depth, strips), np.int8)
        for k in range(depth):
            for strip in range(strips):
                lowest = np.int8(99)
                for j in range(strip * columns_at_once, min(columns, (strip + 1) * columns_at_once)):
                    lowest = min(lowest, right_exponents[k, j])
                least[k, strip] = lowest
        for band in numba.prange((rows + rows_at_once - 1) // rows_at_once):
            for strip in range(strips):
                start = strip * columns_at_once
                end = min(columns, start + columns_at_once)
                for i in range(band * rows_at_once, min(rows, (band + 1) * rows_at_once)):
                    line = sums[i, start:end]
                    line[:] = offset
                    for k in range(depth):
                        factor = left[i, k]
                        if factor == 0.0:
                            continue
                        values = right[k, start:end]
                        if left_exponents[i, k] + least[k, strip] > dropped:
                            for j in range(end - start):
                                line[j] += factor * values[j]
                        else:
                            room = dropped - left_exponents[i, k]
                            for j in range(end - start):
                                if right_exponents[k, start + j] > room:
                                    line[j] += factor * values[j]
                    for j in range(end - start):
                        line[j] -= offset

    compiled: Product = product
    return compiled


def _take_off(numba: ModuleType) -> TakeOff:
    offset, enlarged = OFFSET, TIE_BREAKER
    least, classes = LEAST_EXPONENT, DROPPED_EXPONENT - 2 * LEAST_EXPONENT + 1

    @numba.njit(parallel=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator] # numba has no types
    def take_off(
        left: np.ndarray,
        right: np.ndarray,
        left_exponents: np.ndarray,
        right_exponents: np.ndarray,
        sums: np.ndarray,
    ) -> None:
        rows, depth = left.shape
        columns = right.shape[1]
        # Of each k the columns with small factors, by their exponents, counted from the least one.
        starts = np.zeros((depth, classes + 1), np.int64)
        places = np.empty((depth, columns), np.int32)
        for k in range(depth):
            for j in range(columns):
                number = right_exponents[k, j] - least
                if number < classes:
                    starts[k, number + 1] += 1
            for number in range(classes):
                starts[k, number + 1] += starts[k, number]
            ends = starts[k].copy()
            for j in range(columns):
                number = right_exponents[k, j] - least
                if number < classes:
                    places[k, ends[number]] = j
                    ends[number] += 1
        for i in numba.prange(rows):
            for k in range(depth):
                # Exponents that sum to -17, and to one less; still smaller products make no step.
                number = classes - 1 - (left_exponents[i, k] - least)
                if number < 0:
                    continue
                first, end = starts[k, max(number - 1, 0)], starts[k, number + 1]
                if first == end:
                    continue
                factor = np.float64(left[i, k]) * enlarged
                for at in range(first, end):
                    j = places[k, at]
                    product = factor * np.float64(right[k, j]) + offset
                    sums[i, j] -= product - offset

    compiled: TakeOff = take_off
    return compiled
