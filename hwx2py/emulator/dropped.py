"""Takes the products that the neural engines drop off sums that were formed with them; see `numbers` for the rule.

A product is dropped by the exponents of its factors alone. Where they sum to -19 or less it is below half a step and
was rounded to 0 anyway, so only -17 and -18 are looked for: every small factor of one matrix meets those of the other
one's that have the same k and either of two exponents. They lie side by side once those are sorted.
"""

from typing import NamedTuple

import numpy as np

from ..units import whole
from .numbers import DROPPED_EXPONENT, LEAST_EXPONENT, OFFSET, TIE_BREAKER

#: Pairs of factors that are worked on at a time.
PAIRS = 1 << 17
#: Where more than one pair in as many is dropped, all pairs of a k are looked at.
WORTH_PAIRS = 3
#: About how many k are looked at to find how many products are dropped.
SAMPLE = 24
#: The largest exponent of a factor of a dropped product: the other one has `LEAST_EXPONENT` or more.
LARGEST = DROPPED_EXPONENT - LEAST_EXPONENT
#: Numbers of exponents are counted from `LEAST_EXPONENT`; a k has room for as many, some of which stay empty.
ROOM = 16
#: A float32 as bits: where its exponent begins, and what it is counted from.
_EXPONENT_AT, _BIAS = np.uint32(23), 127
#: What `_magnitudes` gives for 0.
_ZERO = np.uint32(0xFFFFFFFF)


class Factors(NamedTuple):
    """Small factors of a matrix.

    Attributes:
        k: where along the common axis they stand.
        place: the row or column of the sums that they belong to.
        value: float32.
    """

    k: np.ndarray
    place: np.ndarray
    value: np.ndarray

    @property
    def exponent(self) -> np.ndarray:
        """The exponents, counted from `LEAST_EXPONENT`."""
        biased = (self.value.view(np.uint32) >> _EXPONENT_AT).astype(np.uint8).astype(np.intp)  # without the sign
        found: np.ndarray = np.maximum(biased - (_BIAS + LEAST_EXPONENT), 0)
        return found

    def only(self, some: np.ndarray) -> "Factors":
        """Some of them, by index or mask."""
        return Factors(self.k[some], self.place[some], self.value[some])


def share(left: np.ndarray, right: np.ndarray) -> float:
    """About which part of the products `take_off` would have to take off, from some k.

    Args:
        left: (M, K) float32, float16 values.
        right: (K, N) float32, float16 values.
    """
    step = max(1, whole(len(right), SAMPLE))
    one, other = _counts(left[:, ::step].T), _counts(right[::step])
    behind = DROPPED_EXPONENT - 2 * LEAST_EXPONENT + 1
    turned = other[:, :behind][:, ::-1]
    pairs = (one[:, :behind] * turned).sum() + (one[:, : behind - 1] * turned[:, 1:]).sum()
    found: float = float(pairs) / max(1, len(one) * len(left) * right.shape[1])
    return found


def _counts(values: np.ndarray) -> np.ndarray:
    """How many numbers of each exponent there are: (k, `ROOM`), of (k, numbers); larger ones are left out."""
    k, place = _places((np.abs(values) < np.float32(2.0 ** (LARGEST + 1))) & (values != 0))
    key = k * ROOM + Factors(k, place, values[k, place]).exponent
    return np.bincount(key, minlength=len(values) * ROOM).reshape(len(values), ROOM)


def take_off(left: np.ndarray, right: np.ndarray, sums: np.ndarray) -> None:
    """Takes the rounded products that are dropped off the sums.

    Args:
        left: (M, K) float32, float16 values.
        right: (K, N) float32, float16 values.
        sums: (M, N) float64, C-contiguous.
    """
    one, other = _magnitudes(left), _magnitudes(right)
    least_left, least_right = one.min(axis=0, initial=_ZERO), other.min(axis=1, initial=_ZERO)
    below_left, below_right = _below(least_right), _below(least_left)
    if not ((least_left < below_left) & (least_right < below_right)).any():
        return
    place, k = _places(one < below_left)
    first = Factors(k, place, left[place, k])
    k, place = _places(other < below_right[:, None])
    second = Factors(k, place, right[k, place])
    strides = sums.shape[1], 1
    if len(second.k) > len(first.k):
        first, second, strides = second, first, (1, sums.shape[1])
    _take_off_pairs(left, right, first, second, strides, sums)


def _places(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns where a matrix is true: much faster than `np.nonzero` where that is seldom."""
    return np.divmod(np.flatnonzero(mask), mask.shape[1])


def _magnitudes(values: np.ndarray) -> np.ndarray:
    """Integers in the order of magnitudes, uint32; a 0 comes last."""
    found: np.ndarray = np.ascontiguousarray(values).view(np.uint32) << np.uint32(1)
    found -= np.uint32(1)
    return found


def _below(least: np.ndarray) -> np.ndarray:
    """What factors have to be below, as `_magnitudes` has them, so that their product with another one is dropped.

    Args:
        least: the other one, of each k.
    """
    biased = ((least.astype(np.uint64) + 1) >> np.uint64(24)).astype(np.int64)
    exponent = np.maximum(biased - _BIAS, LEAST_EXPONENT)
    most = DROPPED_EXPONENT - exponent
    found = np.where(most < LEAST_EXPONENT, 0, (most + 1 + _BIAS) << 24) - 1
    return np.where(least == _ZERO, 0, np.maximum(found, 0)).astype(np.uint32)


def _take_off_pairs(
    left: np.ndarray, right: np.ndarray, first: Factors, second: Factors, strides: tuple[int, int], sums: np.ndarray
) -> None:
    """Finds the pairs, and takes them off.

    Args:
        left: the left matrix.
        right: the right one.
        first: the small factors of one of them.
        second: those of the other one.
        strides: how many sums a step of their places is.
        sums: of the products.
    """
    depth = len(right)
    key = second.k * ROOM + second.exponent + 1
    order = np.argsort(key.astype(np.uint16) if depth * ROOM < 1 << 16 else key, kind="stable")
    second = second.only(order)
    starts = np.zeros(depth * ROOM + 2, np.intp)
    np.cumsum(np.bincount(key, minlength=depth * ROOM + 1), out=starts[1:])
    # Exponents are counted from the least one, so a sum of -17 is one of these.
    most = first.k * ROOM + (DROPPED_EXPONENT - 2 * LEAST_EXPONENT) - first.exponent + 1
    start = starts[most - 1]
    counts = starts[most + 1] - start
    some = np.flatnonzero(counts)
    first, start, counts = first.only(some), start[some], counts[some]
    of_k = np.bincount(first.k, counts, depth)
    dense = of_k * WORTH_PAIRS > sums.size
    if dense.any():
        _take_off_outer(left, right, np.flatnonzero(dense), sums)
        few = ~dense[first.k]
        first, start, counts = first.only(few), start[few], counts[few]
    factor = first.value * np.float64(TIE_BREAKER)
    places = first.place * strides[0]
    others, columns = second.value.astype(np.float64), second.place * strides[1]
    behind = np.cumsum(counts)
    flat = sums.reshape(-1)
    begin = 0
    while begin < len(counts):
        before = int(behind[begin - 1]) if begin else 0
        end = max(begin + 1, int(np.searchsorted(behind, before + max(PAIRS, sums.size), side="right")))
        part = slice(begin, end)
        repeats = counts[part]
        met = np.arange(before, int(behind[end - 1]))
        met += np.repeat(start[part] - behind[part] + repeats, repeats)
        products = np.repeat(factor[part], repeats)
        products *= others[met]
        products += OFFSET
        products -= OFFSET
        index = columns[met]
        index += np.repeat(places[part], repeats)
        flat -= np.bincount(index, products, sums.size)
        begin = end


def _take_off_outer(left: np.ndarray, right: np.ndarray, some: np.ndarray, sums: np.ndarray) -> None:
    """The same for whole k, of which most products are dropped."""
    for k in some:
        column, row = left[:, k].astype(np.float64), right[k].astype(np.float64)
        products = (column * TIE_BREAKER)[:, None] * row
        products += OFFSET
        products -= OFFSET
        kept = (_exponents(column)[:, None] + _exponents(row)) > DROPPED_EXPONENT
        products[kept] = 0.0
        sums -= products


def _exponents(values: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.maximum(np.frexp(values)[1] - 1, LEAST_EXPONENT)
    return found
