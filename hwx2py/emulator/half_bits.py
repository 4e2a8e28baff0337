"""Float64 results as float16 bits, halves away from zero: by integers, in pieces that stay in the cache."""

import numpy as np

#: Elements of a piece: 256 KiB of float64.
PIECE = 1 << 15
#: The bit below those that float16 keeps, and how far to shift what is above it away.
_HALF_UNIT, _SHIFT = np.uint64(1 << 41), np.uint64(42)
#: What is left then: a sign, 11 bits of exponent and 10 of mantissa.
_SIGN_AT, _MAGNITUDE = 21, np.int32((1 << 21) - 1)
#: The exponents of both formats differ by this, in units of the mantissa's last place ...
_BIAS = np.int32((1023 - 15) << 10)
#: ... so that numbers from here on are normal, and infinite, in float16.
_SMALLEST_NORMAL, _INFINITY = np.int32(1 << 10), np.int32(0x7C00)
#: Numbers up to here are less than half the smallest subnormal number.
_NOTHING = np.int32((15 - 26) << 10)
_SUBNORMAL_STEP = 2.0**-24
_NEGATIVE_ZERO = np.uint16(0x8000)


def half_bits(values: np.ndarray) -> np.ndarray:
    """Numbers as the chip stores them.

    Args:
        values: float64 of any shape; NaN and -0 are stored as +0, what rounds beyond 65504 as infinity.

    Returns:
        uint16 of the same shape.
    """
    result = np.empty(values.shape, np.uint16)
    flat, target = np.ascontiguousarray(values, np.float64).reshape(-1), result.reshape(-1)
    for start in range(0, flat.size, PIECE):
        part = slice(start, start + PIECE)
        _store(flat[part], target[part])
    return result


def _store(values: np.ndarray, target: np.ndarray) -> None:
    upper = values.view(np.uint64) + _HALF_UNIT
    upper >>= _SHIFT
    bits = upper.astype(np.int32)
    magnitude = bits & _MAGNITUDE
    magnitude -= _BIAS
    bits >>= _SIGN_AT
    bits <<= 15
    small = np.flatnonzero((magnitude < _SMALLEST_NORMAL) & (magnitude > _NOTHING))
    np.maximum(magnitude, 0, out=magnitude)
    if small.size:
        steps = np.abs(values[small]) / _SUBNORMAL_STEP
        whole = np.floor(steps)
        whole += steps - whole >= 0.5  # adding 0.5 before might round
        magnitude[small] = whole
    if np.max(magnitude, initial=0) >= _INFINITY:
        np.minimum(magnitude, _INFINITY, out=magnitude)
        magnitude[np.isnan(values)] = 0
    bits |= magnitude
    target[...] = bits
    negative_zero = target == _NEGATIVE_ZERO
    if negative_zero.any():
        target[negative_zero] = 0
