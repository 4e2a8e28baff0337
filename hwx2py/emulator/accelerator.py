"""The compiled loop for products of matrices, where numba is installed (extra `fast`): the same bits."""

import functools
from collections.abc import Callable
from types import ModuleType

import numpy as np

from .numbers import DROPPED_EXPONENT, OFFSET

#: (left (M, K) with the tie-breaker applied, right (K, N), exponents of both, sums (M, N) that it fills).
Product = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray], None]


@functools.cache
def find() -> Product | None:
    """The compiled product; None where numba is not installed."""
    try:
        import numba
    except ImportError:
        return None
    return _compiled(numba)


def _compiled(numba: ModuleType) -> Product:
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
