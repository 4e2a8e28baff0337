"""The arithmetic of the engines, in one place, with its evidence.

Two policies, chosen by name:

`chip` is what hardware was measured to do:

* A result is rounded to float16 once, halves away from zero; -0 is stored as +0; what rounds beyond 65504 is infinite;
  subnormal numbers are kept in and out. Reproduced: 14 of 16 error figures published for an M1 to every digit, 20 of
  20 runs of 512 lanes with 54 ties on an M2 Max.
* A NaN that is read counts as +infinity (recorded on an M1 for PostScale); 0 times infinity is +0 (1,125,000 lanes
  on an M1), infinity minus infinity as well (one survey), so no NaN is ever stored.
* The planar engine operates exactly and rounds once.
* The neural engines round every product to a multiple of 2^-16, halves away from zero, and drop it where the exponents
  of its factors sum to -17 or less, a subnormal number counting as -14; the sum is exact, with the bias inside; it is
  rounded once, and to float16 before a lookup table (softmax of 512 values on an M1). Reproduced: 9 of 9 counts of
  equal lanes over millions of outputs on an M2 Max; M1 and M2 give the same bytes in a network of 13,701 tasks.
* Between the samples of a lookup table every step is rounded to float16, halves away from zero: 39 of 39 published
  results of tanh and sigmoid on an M5, and published errors of GELU on M1 and M5 to 9 digits.
* A sum of the neural engines of 32768 or more in magnitude becomes infinite: one survey only, and what 32 bits in
  steps of 2^-16 would do. Whether partial sums do is open; only the final sum is looked at. Pass-through and maximum
  are not limited (open).

`wide` is for comparing with other tools: sums in float64, one rounding to nearest even, nothing dropped or limited.
"""

import functools
from typing import NamedTuple

import numpy as np

from ..errors import UsageError
from ..operations import Element
from .half_bits import half_bits

#: The neural engines' accumulators count in steps of this.
STEP = 2.0**-16
#: A product whose factors' exponents sum to this or less is dropped.
DROPPED_EXPONENT = -17
#: The exponent that a subnormal number, and the smallest normal one, has.
LEAST_EXPONENT = -14
#: Adding and subtracting this rounds a float64 of less than 2^35 in magnitude to a multiple of `STEP`, ties to even ...
OFFSET = 1.5 * 2.0**36
#: ... and away from zero where one factor of an exact product of two float16 numbers was multiplied by this first: the
#: product has 22 significant bits, so it moves by less than its distance from any tie that it is not on, and by less
#: than half a step as long as it is below `LARGEST_PRODUCT`.
TIE_BREAKER = 1.0 + 2.0**-40
LARGEST_PRODUCT = 2.0**23

_HALF_UNIT, _KEPT = np.uint64(1 << 41), np.uint64(~((1 << 42) - 1) & (1 << 64) - 1)
_SMALLEST_NORMAL, _SUBNORMAL_STEP = 2.0**-14, 2.0**-24


class Numbers(NamedTuple):
    """A policy; see the module.

    Attributes:
        name: what `--numbers` calls it.
        away: results round halves away from zero, else to even.
        stepped: products of the neural engines are rounded to multiples of `STEP` and dropped.
        rounds_before_table: a lookup table takes float16.
        rounds_in_tables: between its samples it computes in float16, each step rounded.
        limit: sums of the neural engines from here on, in magnitude, are infinite.
    """

    name: str
    away: bool
    stepped: bool
    rounds_before_table: bool
    rounds_in_tables: bool
    limit: float

    def rounded(self, values: np.ndarray) -> np.ndarray:
        """Float64 values as float16 holds them, still in float64: rounded once, without NaN and -0."""
        with np.errstate(invalid="ignore"):
            clean = values + 0.0
        lost = np.isnan(clean)
        if lost.any():
            clean[lost] = 0.0
        if self.away:
            return _rounded_away(clean)
        with np.errstate(over="ignore"):
            return clean.astype(np.float16).astype(np.float64) + 0.0

    def store(self, values: np.ndarray) -> np.ndarray:
        """Float64 results as float16 bits, uint16 of the same shape."""
        if self.away:
            return half_bits(values)
        with np.errstate(over="ignore"):
            return self.rounded(values).astype(np.float16).view(np.uint16)

    def limited(self, sums: np.ndarray) -> np.ndarray:
        """Sums of the neural engines with those beyond the accumulators' range made infinite."""
        if -self.limit < sums.min(initial=0.0) and sums.max(initial=0.0) < self.limit:
            return sums
        beyond = np.abs(sums) >= self.limit
        return np.where(beyond, np.copysign(np.inf, sums), sums) if beyond.any() else sums

    def on_grid(self, values: np.ndarray) -> np.ndarray:
        """Float16 values times 1.0 as the accumulators take them: multiples of `STEP`, ties away from zero."""
        return values * TIE_BREAKER + OFFSET - OFFSET if self.stepped else values


CHIP = Numbers("chip", away=True, stepped=True, rounds_before_table=True, rounds_in_tables=True, limit=32768.0)
WIDE = Numbers("wide", away=False, stepped=False, rounds_before_table=False, rounds_in_tables=False, limit=np.inf)

POLICIES = {numbers.name: numbers for numbers in (CHIP, WIDE)}


def named(name: str) -> Numbers | None:
    """The arithmetic of a name; None, for the machine's own, where the name is empty.

    Raises:
        UsageError: there is no such arithmetic.
    """
    if not name:
        return None
    if name not in POLICIES:
        raise UsageError(f"unknown numbers {name!r}", hint=f"there are {' and '.join(POLICIES)}")
    return POLICIES[name]


def _rounded_away(values: np.ndarray) -> np.ndarray:
    """Rounds float64 to float16's values, halves away from zero; no NaN may be among them."""
    values = np.asarray(values, np.float64)
    rounded = ((values.view(np.uint64) + _HALF_UNIT) & _KEPT).view(np.float64)
    magnitudes = np.abs(values)
    subnormal = (magnitudes < _SMALLEST_NORMAL) & (magnitudes > 0)
    if subnormal.any():
        steps = magnitudes[subnormal] / _SUBNORMAL_STEP
        whole = np.floor(steps)
        whole += steps - whole >= 0.5  # adding 0.5 before might round
        rounded[subnormal] = np.copysign(whole * _SUBNORMAL_STEP, values[subnormal])
    return rounded + 0.0


@functools.cache
def _float16_values() -> np.ndarray:
    """The value of every float16 pattern, NaN as +infinity: (65536,) float64."""
    values = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float64)
    values[np.isnan(values)] = np.inf
    values.flags.writeable = False
    return values


def load(bits: np.ndarray, element: Element) -> np.ndarray:
    """Elements as the engines see them.

    Args:
        bits: uint8 or uint16, any shape.
        element: their format.

    Returns:
        float64 of the same shape, NaN as +infinity.
    """
    if element.dtype == "float16":
        found: np.ndarray = _float16_values().take(bits)
        return found
    return bits.view(element.dtype).astype(np.float64)


def load_single(bits: np.ndarray, element: Element) -> np.ndarray:
    """Elements as the engines see them, as `load` gives them, but in float32, which holds every one of them exactly."""
    if element.dtype == "float16":
        found: np.ndarray = _single_values().take(bits)
        return found
    return bits.view(element.dtype).astype(np.float32)


@functools.cache
def _single_values() -> np.ndarray:
    values = _float16_values().astype(np.float32)
    values.flags.writeable = False
    return values


def exponents(values: np.ndarray) -> np.ndarray:
    """Exponents of float16 values as the rule for dropped products counts them: int8; a zero has 99."""
    return np.where(values == 0, 99, np.maximum(np.frexp(values)[1] - 1, LEAST_EXPONENT)).astype(np.int8)
