"""Evaluates lookup tables of the neural engines; `operations.tables` says what their 64 halfwords are.

Read off real tables, and confirmed by what their programs compute; between the samples see `_sample`.
"""

import functools
from collections.abc import Callable

import numpy as np

from ..operations import Element
from ..operations import tables as kinds
from ..operations.tables import SAMPLES, TABLE_BYTES, Curve, Line
from .numbers import CHIP, Numbers, load

__all__ = ["HALF", "TABLE_BYTES", "evaluate", "every_value", "is_used_much"]

HALF = Element("Float16", 2, "float16")
#: Arguments from which on a lookup table is evaluated once for every float16 number.
MANY = 1 << 16
CurveFunction = Callable[[Curve, np.ndarray, Numbers], np.ndarray]


def _sample(table: Curve, place: np.ndarray, numbers: Numbers, below: np.ndarray | None = None) -> np.ndarray:
    """Between the samples.

    From the sample that is nearer to the argument 0 on, in float16: the difference of the two samples, the part of it,
    and the sum are rounded each. Published results of an M5 and published errors of an M1 come out so, to the bit; that
    tables which are read from a fraction go on from the lower sample is assumed.

    Args:
        table: the table.
        place: the place, in samples.
        numbers: the arithmetic; `wide` is a straight line.
        below: where the argument is below 0, so that the upper sample is the nearer one.
    """
    place = np.clip(np.where(np.isfinite(place), place, 0.0), 0.0, SAMPLES - 1.0)
    samples = np.array(table.samples)
    if not numbers.rounds_in_tables:
        lower = np.minimum(place.astype(np.int64), SAMPLES - 2)
        part = place - lower
        found: np.ndarray = samples[lower] * (1.0 - part) + samples[lower + 1] * part
        return found
    downwards = np.zeros(place.shape, bool) if below is None else below
    near = np.where(downwards, np.ceil(place), np.floor(place)).astype(np.int64)
    far = np.clip(near + np.where(downwards, -1, 1), 0, SAMPLES - 1)
    difference = numbers.rounded(samples[far] - samples[near])
    return numbers.rounded(samples[near] + numbers.rounded(difference * np.abs(place - near)))


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


def _placed(first: float) -> CurveFunction:
    """Samples side by side over the argument; `first` is the place of the argument 0."""

    def curve(table: Curve, x: np.ndarray, numbers: Numbers) -> np.ndarray:
        place = x * _scale(table) + first
        y = np.where(place < 0, _line(table.left, x), _sample(table, place, numbers, x < 0))
        return np.where(place > SAMPLES - 1, _line(table.right, x), y)

    return curve


def _fraction(table: Curve, x: np.ndarray, numbers: Numbers) -> np.ndarray:
    return np.where(np.isfinite(x), x - np.trunc(x), 0.0)


def _whole(table: Curve, x: np.ndarray, numbers: Numbers) -> np.ndarray:
    found: np.ndarray = np.trunc(x)
    return found


def _root(sign: int) -> CurveFunction:
    """The root, or its reciprocal, of x = m * 4**k with m in [0.5, 2): an odd exponent leaves a factor of 2 in m."""

    def curve(table: Curve, x: np.ndarray, numbers: Numbers) -> np.ndarray:
        mantissa, exponent = np.frexp(x)
        k = exponent >> 1
        found: np.ndarray = np.ldexp(
            _sample(table, np.ldexp(mantissa, exponent - 2 * k) * _scale(table), numbers), sign * k
        )
        return found

    return curve


def _reciprocal(table: Curve, x: np.ndarray, numbers: Numbers) -> np.ndarray:
    mantissa, exponent = np.frexp(x)
    found: np.ndarray = np.ldexp(_sample(table, (mantissa - 0.5) * _scale(table), numbers), -exponent)
    return found


def _logarithm(table: Curve, x: np.ndarray, numbers: Numbers) -> np.ndarray:
    mantissa, exponent = np.frexp(x)
    found: np.ndarray = exponent + _sample(table, (mantissa - 0.5) * _scale(table), numbers)
    return found


def _power(table: Curve, x: np.ndarray, numbers: Numbers) -> np.ndarray:
    whole = np.floor(x)
    found: np.ndarray = np.exp2(whole) * _sample(table, (x - whole) * (SAMPLES - 1), numbers)
    return found


#: How the argument finds its place -> the curve.
CURVES: dict[int, CurveFunction] = {
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


def evaluate(table: Curve, x: np.ndarray, numbers: Numbers = CHIP) -> np.ndarray:
    """The curve at arguments.

    Args:
        table: the table.
        x: float64 of any shape.
        numbers: the arithmetic.
    """
    symmetry = table.symmetry
    argument = np.abs(x) if symmetry == kinds.ODD else x
    with np.errstate(all="ignore"):
        y = CURVES[table.place](table, argument, numbers)
        y = np.where(argument <= table.low, table.at_low, y)
        y = np.where(argument >= table.high, table.at_high, y)
    if symmetry == kinds.ODD:
        return np.where(x < 0, -y, y)
    return np.where(x < 0, 0.0, y) if symmetry == kinds.NEGATIVE_IS_ZERO else y


class _Use:
    """How many values of a table were asked for."""

    def __init__(self) -> None:
        self.values = 0


@functools.lru_cache(maxsize=64)
def _use(table: Curve, numbers: Numbers) -> _Use:
    return _Use()


def is_used_much(table: Curve, numbers: Numbers, values: int) -> bool:
    """Whether it is worth to evaluate a table for every float16 number, after all that was asked of it.

    Args:
        table: the table.
        numbers: the arithmetic.
        values: how many arguments a task has; they are counted.
    """
    use = _use(table, numbers)
    use.values += values
    return use.values >= MANY


@functools.lru_cache(maxsize=64)
def every_value(table: Curve, numbers: Numbers) -> np.ndarray:
    """The curve at every float16 pattern: bits, (65536,) uint16, where `is_used_much`."""
    found = numbers.store(evaluate(table, load(np.arange(1 << 16, dtype=np.uint16), HALF), numbers))
    found.flags.writeable = False
    return found
