"""Sums of products as the neural engines form them, products in steps of 2^-16: fast, and to the bit.

A sum that starts at a number whose neighbours are 2^-16 apart, and that stays where that is so, rounds every product
that is added to it. A product of two float16 numbers has 22 significant bits: float64 holds it, and float32 too, at
half the bytes. So that ties go away from zero, one factor is enlarged first, by so little that the product moves by
less than its distance from any tie that it is not on. In float32 the factor grows by 2^-23, so the product by one to
three units of its last place; that is little enough below 32. Sums begin at 192 there, and may move by less than 64;
they are emptied into float64 before they could.

Products that the engines drop are added too, and taken off again (see `dropped`): they are few in most networks.
"""

from typing import Any, NamedTuple

import numpy as np

from .numbers import DROPPED_EXPONENT, LARGEST_PRODUCT, LEAST_EXPONENT, OFFSET, TIE_BREAKER


class Precision(NamedTuple):
    """A type that sums are formed in.

    Attributes:
        middle: where sums begin, a number of that type.
        enlarged: what one factor is multiplied by.
        largest: products have to be below this in magnitude.
        room: how far sums may move.
        block: elements of a block; sums and products of one stay in a second-level cache.
    """

    middle: Any
    enlarged: Any
    largest: float
    room: float
    block: int


SINGLE = Precision(np.float32(192.0), np.float32(1.0 + 2.0**-23), 32.0, 60.0, 1 << 16)
DOUBLE = Precision(np.float64(OFFSET), np.float64(TIE_BREAKER), LARGEST_PRODUCT, 2.0**35, 1 << 15)
#: Most products between two flushes: rounding adds at most 2^-17 to each, and float32 has room for 4 more.
MOST_PRODUCTS = 1 << 16
#: Fewest products between two flushes, on average, for which float32 is worth it.
WORTH_PRODUCTS = 6
#: The longest row of a block.
WIDTH = 1 << 10
#: The exponent that a zero is given: nothing of it is dropped.
OF_ZERO = 99


def exponents(values: np.ndarray) -> np.ndarray:
    """Exponents of float16 values in float32 as the rule for dropped products counts them: int8; a zero has 99."""
    biased = (values.view(np.uint32) >> np.uint32(23)).astype(np.uint8)  # the sign's bit is lost
    found = np.maximum(biased, LEAST_EXPONENT + 127).view(np.int8) - np.int8(127)
    found[biased == 0] = OF_ZERO
    return found


def sums_of(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Sums of rounded products, those too that the engines drop: by loops of NumPy's, for any machine.

    Args:
        left: (M, K) float32, float16 values.
        right: (K, N) float32, float16 values; products and sums of products stay within those of `DOUBLE`.

    Returns:
        (M, N) float64, C-contiguous.
    """
    if right.shape[1] < min(len(left), WIDTH // 4):
        return np.ascontiguousarray(sums_of(right.T, left.T).T)
    columns, rows = np.ascontiguousarray(left.T), np.ascontiguousarray(right)
    largest = np.abs(columns).max(axis=1, initial=0.0) * np.abs(rows).max(axis=1, initial=0.0)
    parts = _parts(largest)
    if parts:
        return _sums(SINGLE, columns * SINGLE.enlarged, rows, parts)
    wide = columns.astype(np.float64) * DOUBLE.enlarged
    return _sums(DOUBLE, wide, rows.astype(np.float64), [slice(0, len(rows))])


def _parts(largest: np.ndarray) -> list[slice]:
    """Runs of k whose products move a sum in float32 by no more than it may; none where float64 is better.

    Args:
        largest: of the products of each k.
    """
    if not largest.max(initial=0.0) < SINGLE.largest:
        return []
    reached = np.cumsum(largest.astype(np.float64))
    parts, start, before = [], 0, 0.0
    while start < len(reached):
        end = max(start + 1, int(np.searchsorted(reached, before + SINGLE.room)))
        end = min(end, start + MOST_PRODUCTS, len(reached))
        parts.append(slice(start, end))
        start, before = end, float(reached[end - 1])
    return parts if (len(parts) - 1) * WORTH_PRODUCTS <= len(largest) else []


def _sums(precision: Precision, columns: np.ndarray, rows: np.ndarray, parts: list[slice]) -> np.ndarray:
    """Sums of all products; (K, M) with one factor enlarged, and (K, N)."""
    high, wide = columns.shape[1], rows.shape[1]
    sums = np.zeros((high, wide))
    width = min(wide, WIDTH)
    height = max(1, precision.block // width)
    for start in range(0, wide, width):
        factors = np.ascontiguousarray(rows[:, start : start + width])
        for top in range(0, high, height):
            others = np.ascontiguousarray(columns[:, top : top + height])[:, :, None]
            target = sums[top : top + height, start : start + width]
            block = np.full(target.shape, precision.middle)
            products = np.empty_like(block)
            for part in parts:
                for one, two in zip(others[part], factors[part]):
                    np.multiply(one, two, out=products)
                    np.add(block, products, out=block)
                block -= precision.middle
                target += block
                block.fill(precision.middle)
    return sums


class SteppedLanes:
    """Sums of products lane by lane, for unicast convolutions.

    Args:
        precision: the type that they are formed in; see `precision_of`.
        shape: of the sums.
    """

    def __init__(self, precision: Precision, shape: tuple[int, ...]):
        self._middle = precision.middle
        self._enlarged = precision.enlarged
        self._block = np.full(shape, precision.middle)
        self._products = np.empty_like(self._block)

    def add(self, left: np.ndarray, right: np.ndarray, magnitudes: np.ndarray) -> None:
        """Adds left * right, but for products that are dropped.

        Args:
            left: float32 that broadcasts to the sums' shape.
            right: float32 of that shape.
            magnitudes: what `magnitudes_of` gives for the right side.
        """
        np.multiply(left.astype(self._block.dtype) * self._enlarged, right, out=self._products)
        self._block += self._products
        room = np.float32(DROPPED_EXPONENT + 1) - exponents(left)
        below = np.where(room <= LEAST_EXPONENT, np.float32(0.0), np.exp2(room, dtype=np.float32))
        places = np.flatnonzero(magnitudes < below)
        if places.size:
            # What was added, taken off again.
            products = self._products.reshape(-1)[places]
            products += self._middle
            products -= self._middle
            self._block.reshape(-1)[places] -= products

    @property
    def sums(self) -> np.ndarray:
        """The sums, float64."""
        found: np.ndarray = (self._block - self._middle).astype(np.float64)
        return found


def magnitudes_of(values: np.ndarray) -> np.ndarray:
    """Magnitudes, with infinity for 0, of which nothing is dropped."""
    found: np.ndarray = np.abs(values)
    found[found == 0] = np.inf
    return found


def precision_of(weights: np.ndarray, values: np.ndarray) -> Precision | None:
    """The type that the sums of a unicast convolution may be formed in; None where they may grow too large.

    Args:
        weights: (outputs, ...) float32, all that a sum is made of.
        values: float32, what they meet.
    """
    largest = max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)))
    each = np.abs(weights).reshape(len(weights), -1)
    product, total = largest * float(each.max(initial=0.0)), largest * float(each.sum(axis=1).max(initial=0.0))
    for precision in (SINGLE, DOUBLE):
        if product < precision.largest and total < precision.room and each.shape[1] <= MOST_PRODUCTS:
            return precision
    return None
