"""Lookup tables of the neural engines: 128 bytes that describe a curve piece by piece.

Layout (64 halfwords): [0] and [1] lower and upper limit of the argument, [2] and [3] the values at or beyond them,
[4..36] 33 samples, [37] and [38] slope and offset left of the samples, [39] and [40] right of them, [41] log2 of the
samples per unit, signed (64: no samples, two straight lines that meet at 0, where the left one holds), [42] the mode:
how the argument finds its place (low nibble), and the symmetry (high nibble). Read off real tables and confirmed by
what their programs compute. The curve is straight between samples; the hardware's precision there is not known,
float64 is used, and one rounding.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..operations import Element
from . import numbers

TABLE_BYTES = 128
SAMPLES = 33
NO_SAMPLES = 64
HALF = Element("Float16", 2, "float16")


class Table(NamedTuple):
    """A lookup table, taken apart.

    Attributes:
        low, high: limits of the argument.
        at_low, at_high: values at or beyond them.
        samples: (33,) float64.
        left, right: (slope, offset) of the lines beside the samples.
        shift: log2 of the samples per unit.
        mode: low nibble how the argument finds its place, high nibble the symmetry.
    """

    low: float
    high: float
    at_low: float
    at_high: float
    samples: np.ndarray
    left: tuple[float, float]
    right: tuple[float, float]
    shift: int
    mode: int

    @property
    def scale(self) -> float:
        """Samples per unit."""
        return 2.0**self.shift

    def sample(self, place: np.ndarray) -> np.ndarray:
        """Straight between the samples; `place` counts samples."""
        place = np.clip(np.where(np.isfinite(place), place, 0.0), 0.0, SAMPLES - 1.0)
        index = np.minimum(place.astype(np.int64), SAMPLES - 2)
        part = place - index
        return self.samples[index] * (1.0 - part) + self.samples[index + 1] * part


def parse(data: bytes) -> Table:
    """Takes the 128 bytes of a table apart."""
    words = np.frombuffer(data, "<u2", 64)
    number = words[:41].view(np.float16).astype(np.float64).tolist()
    return Table(
        low=number[0],
        high=number[1],
        at_low=number[2],
        at_high=number[3],
        samples=np.array(number[4 : 4 + SAMPLES]),
        left=(number[37], number[38]),
        right=(number[39], number[40]),
        shift=int(words[41].view(np.int16)),
        mode=int(words[42]),
    )


def _line(line: tuple[float, float], x: np.ndarray) -> np.ndarray:
    slope, offset = line
    return np.where(x == 0, 0.0, slope * x) + offset if slope else np.full_like(x, offset)


def _placed(first: float) -> Callable[[Table, np.ndarray], np.ndarray]:
    """Samples side by side over the argument; `first` is the place of the argument 0."""

    def curve(table: Table, x: np.ndarray) -> np.ndarray:
        place = x * table.scale + first
        y = np.where(place < 0, _line(table.left, x), table.sample(place))
        return np.where(place > SAMPLES - 1, _line(table.right, x), y)

    return curve


def _fraction(table: Table, x: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(x), x - np.trunc(x), 0.0)


def _whole(table: Table, x: np.ndarray) -> np.ndarray:
    return np.trunc(x)


def _root(sign: int) -> Callable[[Table, np.ndarray], np.ndarray]:
    """x = m * 4**k with m in [0.5, 2): an odd exponent leaves a factor of 2 in m."""

    def curve(table: Table, x: np.ndarray) -> np.ndarray:
        mantissa, exponent = np.frexp(x)
        k = exponent >> 1
        return np.ldexp(table.sample(np.ldexp(mantissa, exponent - 2 * k) * table.scale), sign * k)

    return curve


def _reciprocal(table: Table, x: np.ndarray) -> np.ndarray:
    mantissa, exponent = np.frexp(x)
    return np.ldexp(table.sample((mantissa - 0.5) * table.scale), -exponent)


def _logarithm(table: Table, x: np.ndarray) -> np.ndarray:
    mantissa, exponent = np.frexp(x)
    return exponent + table.sample((mantissa - 0.5) * table.scale)


def _power(table: Table, x: np.ndarray) -> np.ndarray:
    whole = np.floor(x)
    return np.exp2(whole) * table.sample((x - whole) * (SAMPLES - 1))


#: Low nibble of the mode -> the curve.
CURVES: dict[int, Callable[[Table, np.ndarray], np.ndarray]] = {
    0x0: _placed(0.0),
    0x1: _placed(16.0),
    0x2: _placed(32.0),
    0x3: _fraction,
    0x4: _whole,
    0x5: _root(+1),
    0x6: _root(-1),
    0x7: _reciprocal,
    0x9: _logarithm,
    0xA: _power,
}
#: High nibble of the mode: symmetry.
PLAIN, ODD, NEGATIVE_IS_ZERO = 0x0, 0x6, 0xC


def is_known(table: Table) -> bool:
    """Whether the table's mode is one of those that are known."""
    return table.mode & 0xF in CURVES and table.mode >> 4 in (PLAIN, ODD, NEGATIVE_IS_ZERO)


def evaluate(table: Table, x: np.ndarray) -> np.ndarray:
    """The curve at float64 arguments of any shape, not rounded."""
    symmetry = table.mode >> 4
    argument = np.abs(x) if symmetry == ODD else x
    with np.errstate(all="ignore"):
        if table.shift == NO_SAMPLES:
            y = np.where(argument <= 0, _line(table.left, argument), _line(table.right, argument))
        else:
            y = CURVES[table.mode & 0xF](table, argument)
        y = np.where(argument <= table.low, table.at_low, y)
        y = np.where(argument >= table.high, table.at_high, y)
    if symmetry == ODD:
        return np.where(x < 0, -y, y)
    return np.where(x < 0, 0.0, y) if symmetry == NEGATIVE_IS_ZERO else y


def every_value(table: Table) -> np.ndarray:
    """The curve at every float16 pattern: (65536,) float64, for tensors with more elements than that."""
    return evaluate(table, numbers.load(np.arange(1 << 16, dtype=np.uint16), HALF))
