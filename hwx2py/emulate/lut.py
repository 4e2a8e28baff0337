"""Lookup tables of the neural engines: 128 bytes that describe a curve piece by piece.

Layout (64 halfwords): [0] and [1] lower and upper limit of the argument, [2] and [3] the values at or beyond them,
[4..36] 33 samples, [37] and [38] slope and offset left of the samples, [39] and [40] right of them, [41] log2 of the
samples per unit (64: no samples, two straight lines that meet at 0), [42] the mode. Between samples the curve is
straight; the hardware's precision there is not known, float64 is used.
"""

from typing import NamedTuple

import numpy as np

from .numbers import float16_of

TABLE_BYTES = 128
SAMPLES = 33
NO_SAMPLES = 64

#: Low nibble of the mode: how the argument finds its place among the samples.
DIRECT, CENTRED, SQUARE_ROOT, INVERSE_SQUARE_ROOT, RECIPROCAL, LOG2, EXP2 = 0x0, 0x1, 0x5, 0x6, 0x7, 0x9, 0xA
#: High nibble: symmetry.
PLAIN, ODD, NEGATIVE_IS_ZERO = 0x0, 0x6, 0xC


class Table(NamedTuple):
    """A lookup table, taken apart."""

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
    def known(self) -> bool:
        """Whether its mode is one of those that are known."""
        return (self.mode & 0xF) in (
            DIRECT,
            CENTRED,
            SQUARE_ROOT,
            INVERSE_SQUARE_ROOT,
            RECIPROCAL,
            LOG2,
            EXP2,
        ) and self.mode >> 4 in (PLAIN, ODD, NEGATIVE_IS_ZERO)


def parse(data: bytes) -> Table:
    """Takes the 128 bytes of a table apart."""
    raw = np.frombuffer(data, "<u2", 64)
    number = [float16_of(int(bits)) for bits in raw[:41]]
    return Table(
        low=number[0],
        high=number[1],
        at_low=number[2],
        at_high=number[3],
        samples=np.array(number[4 : 4 + SAMPLES]),
        left=(number[37], number[38]),
        right=(number[39], number[40]),
        shift=int(raw[41]),
        mode=int(raw[42]),
    )


def evaluate(table: Table, x: np.ndarray) -> np.ndarray:
    """The curve at float64 arguments of any shape."""
    symmetry = table.mode >> 4
    argument = np.abs(x) if symmetry == ODD else x
    with np.errstate(all="ignore"):
        y = _curve(table, argument)
        y = np.where(argument <= table.low, table.at_low, y)
        y = np.where(argument >= table.high, table.at_high, y)
    if symmetry == ODD:
        return np.where(x < 0, -y, y)
    return np.where(x < 0, 0.0, y) if symmetry == NEGATIVE_IS_ZERO else y


def _curve(table: Table, x: np.ndarray) -> np.ndarray:
    low = table.mode & 0xF
    if table.shift == NO_SAMPLES:
        return np.where(x < 0, _line(table.left, x), _line(table.right, x))
    scale = 2.0**table.shift
    if low in (DIRECT, CENTRED):
        t = x * scale + (16.0 if low == CENTRED else 0.0)
        y = np.where(t < 0, _line(table.left, x), _sample(table, t))
        return np.where(t > SAMPLES - 1, _line(table.right, x), y)
    if low == EXP2:
        whole = np.floor(x)
        return np.exp2(whole) * _sample(table, (x - whole) * 32.0)
    mantissa, exponent = np.frexp(x)
    if low == LOG2:
        return exponent + _sample(table, (mantissa - 0.5) * scale)
    if low == RECIPROCAL:
        return np.ldexp(_sample(table, (mantissa - 0.5) * scale), -exponent)
    # m * 4**k with m in [0.5, 2): an odd exponent leaves a factor of 2 in m.
    k = exponent >> 1
    m = np.ldexp(mantissa, exponent - 2 * k)
    return np.ldexp(_sample(table, m * scale), k if low == SQUARE_ROOT else -k)


def _line(line: tuple[float, float], x: np.ndarray) -> np.ndarray:
    slope, offset = line
    return slope * x + offset


def _sample(table: Table, t: np.ndarray) -> np.ndarray:
    """Straight between the samples; `t` counts samples."""
    place = np.clip(np.where(np.isfinite(t), t, 0.0), 0.0, SAMPLES - 1.0)
    index = np.minimum(place.astype(np.int64), SAMPLES - 2)
    part = place - index
    return table.samples[index] * (1.0 - part) + table.samples[index + 1] * part
