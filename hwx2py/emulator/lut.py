"""Evaluates lookup tables of the neural engines; `operations.tables` says what their 64 halfwords are.

The curve is straight between samples; the hardware's precision there is not known, float64 is used, and one rounding.
Read off real tables, and confirmed by what their programs compute.
"""

from collections.abc import Callable

import numpy as np

from ..operations import Element
from ..operations import tables as kinds
from ..operations.tables import SAMPLES, TABLE_BYTES, Curve, Line
from . import numbers

__all__ = ["HALF", "TABLE_BYTES", "evaluate", "every_value"]

HALF = Element("Float16", 2, "float16")


def _sample(table: Curve, place: np.ndarray) -> np.ndarray:
    """Straight between the samples; `place` counts samples."""
    place = np.clip(np.where(np.isfinite(place), place, 0.0), 0.0, SAMPLES - 1.0)
    index = np.minimum(place.astype(np.int64), SAMPLES - 2)
    part = place - index
    samples = np.array(table.samples)
    found: np.ndarray = samples[index] * (1.0 - part) + samples[index + 1] * part
    return found


#: 2 to this is a float, and so is a float16 times it.
MOST_SHIFT = 1000


def _scale(table: Curve) -> float:
    """Samples per unit.

    With 2**64 of them every argument but 0 lies beside the samples: two straight lines, and one sample for 0
    (logical_not has ones there, a step of ceil a zero). So they do with more, which floats need not hold.
    """
    return 2.0 ** min(table.shift, MOST_SHIFT)


def _line(line: Line, x: np.ndarray) -> np.ndarray:
    return line.slope * x + line.offset if line.slope else np.full_like(x, line.offset)


def _placed(first: float) -> Callable[[Curve, np.ndarray], np.ndarray]:
    """Samples side by side over the argument; `first` is the place of the argument 0."""

    def curve(table: Curve, x: np.ndarray) -> np.ndarray:
        place = x * _scale(table) + first
        y = np.where(place < 0, _line(table.left, x), _sample(table, place))
        return np.where(place > SAMPLES - 1, _line(table.right, x), y)

    return curve


def _fraction(table: Curve, x: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(x), x - np.trunc(x), 0.0)


def _whole(table: Curve, x: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.trunc(x)
    return found


def _root(sign: int) -> Callable[[Curve, np.ndarray], np.ndarray]:
    """The root, or its reciprocal, of x = m * 4**k with m in [0.5, 2): an odd exponent leaves a factor of 2 in m."""

    def curve(table: Curve, x: np.ndarray) -> np.ndarray:
        mantissa, exponent = np.frexp(x)
        k = exponent >> 1
        found: np.ndarray = np.ldexp(_sample(table, np.ldexp(mantissa, exponent - 2 * k) * _scale(table)), sign * k)
        return found

    return curve


def _reciprocal(table: Curve, x: np.ndarray) -> np.ndarray:
    mantissa, exponent = np.frexp(x)
    found: np.ndarray = np.ldexp(_sample(table, (mantissa - 0.5) * _scale(table)), -exponent)
    return found


def _logarithm(table: Curve, x: np.ndarray) -> np.ndarray:
    mantissa, exponent = np.frexp(x)
    found: np.ndarray = exponent + _sample(table, (mantissa - 0.5) * _scale(table))
    return found


def _power(table: Curve, x: np.ndarray) -> np.ndarray:
    whole = np.floor(x)
    found: np.ndarray = np.exp2(whole) * _sample(table, (x - whole) * (SAMPLES - 1))
    return found


#: How the argument finds its place -> the curve.
CURVES: dict[int, Callable[[Curve, np.ndarray], np.ndarray]] = {
    kinds.DIRECT: _placed(0.0),
    kinds.CENTRED: _placed(16.0),
    kinds.ENDS_AT_ZERO: _placed(32.0),
    kinds.FRACTION: _fraction,
    kinds.TRUNCATION: _whole,
    kinds.SQUARE_ROOT: _root(+1),
    kinds.INVERSE_SQUARE_ROOT: _root(-1),
    kinds.RECIPROCAL: _reciprocal,
    kinds.LOG2: _logarithm,
    kinds.EXP2: _power,
}


def evaluate(table: Curve, x: np.ndarray) -> np.ndarray:
    """The curve at float64 arguments of any shape, not rounded."""
    symmetry = table.symmetry
    argument = np.abs(x) if symmetry == kinds.ODD else x
    with np.errstate(all="ignore"):
        y = CURVES[table.place](table, argument)
        y = np.where(argument <= table.low, table.at_low, y)
        y = np.where(argument >= table.high, table.at_high, y)
    if symmetry == kinds.ODD:
        return np.where(x < 0, -y, y)
    return np.where(x < 0, 0.0, y) if symmetry == kinds.NEGATIVE_IS_ZERO else y


def every_value(table: Curve) -> np.ndarray:
    """The curve at every float16 pattern: (65536,) float64, for tensors with more elements than that."""
    return evaluate(table, numbers.load(np.arange(1 << 16, dtype=np.uint16), HALF))
