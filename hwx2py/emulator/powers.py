"""What products that the neural engines drop make in sums that were formed with them, by products of matrices.

A number is f * 2^e with f from 1 to 2; a
product is dropped where the exponents sum to -17 or less, and makes a step or two where they sum to

    -17: one, and another one where f * f' is 3 or more;
    -18: one where f * f' is 2 or more;

less makes none. With f^t * 2^e in place of the numbers, t tiny, products are so near to powers of 2 that rounding
leaves the power, from one step on. Half a step goes up or down by what is near to 1 in front of it: by a factor of
3^-t, 2^-t or 4^-t it goes up where f * f' is 3 or more, 2 or more, or never. So

    [3^-t]                sums of powers, and N17 where f * f' >= 3
    [2^-t], in half steps twice the sums of powers, N17, and N18 where f * f' >= 2
    [4^-t]                sums of powers

and the first two less three times the last are what the dropped products made. Both factors of a dropped product are
below 2^-2, the other exponent being -14 or more, so larger ones are left out; then subnormal numbers, which count as
-14, need no word of their own: theirs meet -3 at most, and e + e' = -18 is right for them.
"""

import functools

import numpy as np

from . import ordered
from .numbers import DROPPED_EXPONENT, LEAST_EXPONENT

#: The exponent t: powers up to 2^-6 stay powers when they are rounded, and f * f', in steps of 2^-20, is told apart.
_TINY = 2.0**-16
#: From 2 or 3 half of the way to the number below, as f * f' has them.
_BELOW = 2.0**-21
#: What the numbers of the left matrix are multiplied by, and how many times the result counts.
_PARTS = (((3 - _BELOW) ** -_TINY, 1.0), (2 * (2 - _BELOW) ** -_TINY, 1.0), (4.0**-_TINY, -3.0))
#: Magnitudes of factors of dropped products are below this.
_SMALL = np.float32(2.0 ** (DROPPED_EXPONENT - LEAST_EXPONENT + 1))
#: Elements that are worked on at a time; they stay in a cache.
PIECE = 1 << 14
#: A float32: where the mantissa of a float16 number begins in it, and all that is above.
_MANTISSA_AT, _MANTISSAS, _ABOVE = np.uint32(13), np.uint32(1023), np.uint32(0xFF800000)


def take_off(left: np.ndarray, right: np.ndarray, sums: np.ndarray) -> bool:
    """Takes the rounded products that are dropped off the sums; for machines on which `ordered` has sums.

    Args:
        left: (M, K) float32, float16 values.
        right: (K, N) float32, float16 values.
        sums: (M, N) float64.

    Returns:
        Whether it was done; the sums are as they were where `ordered` has none, as after a change of BLAS's threads.
    """
    one, other = _near_powers(left), _near_powers(right)
    total = np.zeros(sums.shape)
    for scale, times in _PARTS:
        found = ordered.sums_of(one, other, scale)
        if found is None:
            return False
        found *= times
        total += found
    sums -= total
    return True


@functools.cache
def _roots() -> np.ndarray:
    """f^t by the 10 bits of f behind the point."""
    found: np.ndarray = (1 + np.arange(1 << 10) / (1 << 10)) ** _TINY
    found.flags.writeable = False
    return found


def _near_powers(values: np.ndarray) -> np.ndarray:
    """f^t * 2^e of numbers below `_SMALL`, float64; 0 for others."""
    near = np.empty(values.shape)
    flat, target = np.ascontiguousarray(values).reshape(-1), near.reshape(-1)
    for start in range(0, flat.size, PIECE):
        part = flat[start : start + PIECE]
        bits = part.view(np.uint32)
        powers = (bits & _ABOVE).view(np.float32)
        powers *= np.abs(part) < _SMALL
        mantissas = bits >> _MANTISSA_AT
        mantissas &= _MANTISSAS
        np.multiply(_roots().take(mantissas), powers, out=target[start : start + PIECE])
    return near
