"""Sums of products as the neural engines form them, fast and exact; see `numbers` for the rule.

Every product is a multiple of 2^-16 after rounding, so float64 adds them exactly, in any order, as long as sums stay
below 2^36 in magnitude. The rounding itself costs nothing: a sum that starts at `OFFSET` is a multiple of 2^-16
whose neighbours are 2^-16 apart, so adding the exact product rounds the product. See `stepped`.
"""

import numpy as np

from . import accelerator, dropped, ordered, powers, stepped
from .numbers import CHIP, DROPPED_EXPONENT, LARGEST_PRODUCT, OFFSET, STEP, TIE_BREAKER, Numbers, exponents

#: Elements of a block that is worked on at a time: two such blocks of float64 stay in a second-level cache.
BLOCK = 1 << 14
#: Products of one call from which on it is worth to fill matrices up for `ordered`.
WORTH_ORDERED = 1 << 12
#: Products of one call from which on a compiled loop is worth its start, and counting how many are dropped.
LARGE = 1 << 21
#: The share of products that are dropped from which on they are not worth to be looked for one by one.
WORTH_POWERS = 0.006
#: Sums of products that may reach this in magnitude are not formed on top of `OFFSET`.
LARGEST_SUM = 2.0**35


def dot(left: np.ndarray, right: np.ndarray, numbers: Numbers) -> np.ndarray:
    """The product of two matrices of float16 values.

    Args:
        left: (M, K) float64 or float32.
        right: (K, N) of the same type.
        numbers: the arithmetic.

    Returns:
        (M, N) float64, exact sums of rounded products; NaN where infinities of both signs meet.
    """
    if not numbers.stepped:
        left, right = _wide(left, right)
        return _without_nan(left, right) if _infinite(left, right) else left @ right
    rows, depth = left.shape
    columns = right.shape[1]
    largest = _largest(left) * _largest(right)
    if not (largest < LARGEST_PRODUCT and largest * depth < LARGEST_SUM):  # infinities too
        return _careful(*_wide(left, right))
    if rows * columns * depth < WORTH_ORDERED:
        return _by_axis(*_wide(left, right))
    left, right = np.ascontiguousarray(left, np.float32), np.ascontiguousarray(right, np.float32)
    large = rows * columns * depth >= LARGE
    loops = accelerator.find() if large else None
    sums = ordered.sums_of(left, right)
    if sums is not None:
        if loops:
            loops.take_off(left, right, stepped.exponents(left), stepped.exponents(right), sums)
        elif not (large and dropped.share(left, right) > WORTH_POWERS and powers.take_off(left, right, sums)):
            dropped.take_off(left, right, sums)
        return sums
    if loops:
        left, right = _wide(left, right)
        sums = np.empty((rows, columns))
        loops.product(left * TIE_BREAKER, right, exponents(left), exponents(right), sums)
        return sums
    sums = stepped.sums_of(left, right)
    dropped.take_off(left, right, sums)
    return sums


def wide_of(factor: np.ndarray) -> np.ndarray:
    """A factor in float64."""
    return np.asarray(factor, np.float64)


def _wide(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return wide_of(left), wide_of(right)


def _largest(factor: np.ndarray) -> float:
    return max(float(factor.max(initial=0.0)), -float(factor.min(initial=0.0)))


def _infinite(*factors: np.ndarray) -> bool:
    return not all(np.isfinite(factor).all() for factor in factors)


def _without_nan(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Sums in float64 where 0 times infinity is 0."""
    sums = np.zeros((len(left), right.shape[1]))
    with np.errstate(invalid="ignore"):
        for column, row in zip(left.T, right):
            products = np.multiply.outer(column, row)
            products[np.isnan(products)] = 0.0
            sums += products
    return sums


def _careful(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """For infinities, and for products and sums that may grow large."""
    lanes = Lanes((len(left), right.shape[1]), CHIP)
    for k in range(left.shape[1]):
        lanes.add(left[:, k, None], right[k])
    return lanes.sums


def _dropped(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Where products are dropped, from the exponents of their factors (int8 that broadcast)."""
    found: np.ndarray = left + right <= DROPPED_EXPONENT
    return found


def _by_axis(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """For few sums of many products: products of many k at once, summed along that axis."""
    sums = np.zeros((len(left), right.shape[1]))
    left_exponents, right_exponents = exponents(left), exponents(right)
    some_dropped = _least(left_exponents) + _least(right_exponents) <= DROPPED_EXPONENT
    step = max(1, BLOCK // max(1, sums.size))
    for start in range(0, left.shape[1], step):
        part = slice(start, start + step)
        products = left[:, part, None] * TIE_BREAKER * right[part]
        products += OFFSET
        products -= OFFSET
        if some_dropped:
            products[_dropped(left_exponents[:, part, None], right_exponents[part])] = 0.0
        sums += products.sum(axis=1)
    return sums


def _least(found: np.ndarray) -> int:
    return int(found.min(initial=99))


class Lanes:
    """Sums of products lane by lane, for unicast convolutions.

    Args:
        shape: of the sums.
        numbers: the arithmetic.
    """

    def __init__(self, shape: tuple[int, ...], numbers: Numbers):
        self.sums, self.numbers = np.zeros(shape), numbers

    def add(self, left: np.ndarray, right: np.ndarray, magnitudes: np.ndarray | None = None) -> None:
        """Adds left * right, float16 values as float64 that broadcast to the sums' shape; magnitudes are not used."""
        with np.errstate(invalid="ignore"):
            products = left * right if not self.numbers.stepped else _rounded_products(left, right)
            lost = np.isnan(products)
            if lost.any():
                products = np.where(lost, 0.0, products)
            self.sums += products


def _rounded_products(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Products in steps, dropped where they are small; of any size."""
    exact = left * right
    steps = left * TIE_BREAKER * right + OFFSET - OFFSET
    # A large one is a multiple of a step already, and the tie-breaker would show.
    products: np.ndarray = np.where(np.abs(exact) < LARGEST_PRODUCT, steps, exact)
    # Exponents are looked at where one that is dropped may be: factors below 2^(e + 1) make a product below 2^-15.
    small = np.nonzero((np.abs(products) <= 2 * STEP) & (products != 0))
    factors = (np.broadcast_to(factor, products.shape)[small] for factor in (left, right))
    dropped = _dropped(*map(exponents, factors))
    products[tuple(axis[dropped] for axis in small)] = 0.0
    return products
