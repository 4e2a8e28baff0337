"""Lookup tables of the neural engines, taken apart, and what curve they hold.

64 halfwords: [0] and [1] the lower and upper limit of the argument, [2] and [3] the values at or beyond them, [4..36]
33 samples, [37] and [38] slope and offset left of the samples, [39] and [40] right of them, [41] signed log2 of the
samples per unit (64: no samples, two straight lines that meet at 0), [42] the mode: how the argument finds its place,
and a symmetry. Known by executing real programs of 2023 and decoded ones of compiler 9.509.
"""

import math
import struct
from collections.abc import Callable, Mapping
from typing import NamedTuple

from .neural import Table

TABLE_BYTES = 128
SAMPLES = 33
NO_SAMPLES = 64
_HALVES = struct.Struct("<41e2H")

#: Low nibble of the mode: how the argument finds its place among the samples.
DIRECT, CENTRED, ENDS_AT_ZERO, FRACTION, TRUNCATION = 0, 1, 2, 3, 4
SQUARE_ROOT, INVERSE_SQUARE_ROOT, RECIPROCAL, LOG2, EXP2 = 5, 6, 7, 9, 0xA
PLACES = (
    DIRECT,
    CENTRED,
    ENDS_AT_ZERO,
    FRACTION,
    TRUNCATION,
    SQUARE_ROOT,
    INVERSE_SQUARE_ROOT,
    RECIPROCAL,
    LOG2,
    EXP2,
)
#: High nibble: symmetry.
PLAIN, ODD, NEGATIVE_IS_ZERO = 0, 6, 0xC
SYMMETRIES = (PLAIN, ODD, NEGATIVE_IS_ZERO)


class Line(NamedTuple):
    """A straight line: slope and value at 0."""

    slope: float
    offset: float


class Curve(NamedTuple):
    """A lookup table, taken apart.

    Attributes:
        low, high: limits of the argument.
        at_low, at_high: values at or beyond the limits.
        samples: 33 of them.
        left, right: the lines beside the samples.
        shift: log2 of the samples per unit; 64 where there are none.
        place: how the argument finds its place, the low nibble of the mode.
        symmetry: the high nibble.
    """

    low: float
    high: float
    at_low: float
    at_high: float
    samples: tuple[float, ...]
    left: Line
    right: Line
    shift: int
    place: int
    symmetry: int

    @property
    def mode(self) -> int:
        """The mode as the table has it."""
        return self.symmetry << 4 | self.place

    @property
    def is_known(self) -> bool:
        """Whether its mode is one of those that are known."""
        return self.place in PLACES and self.symmetry in SYMMETRIES


def parse(data: bytes | memoryview) -> Curve:
    """Takes the 128 bytes of a table apart; the halfwords behind the mode are not used by any table.

    Raises:
        struct.error: there are fewer bytes.
    """
    *numbers, shift, mode = _HALVES.unpack_from(data)
    low, high, at_low, at_high = numbers[:4]
    return Curve(
        low,
        high,
        at_low,
        at_high,
        samples=tuple(numbers[4 : 4 + SAMPLES]),
        left=Line(*numbers[37:39]),
        right=Line(*numbers[39:41]),
        shift=shift - 0x10000 if shift >= 0x8000 else shift,
        place=mode & 0xF,
        symmetry=mode >> 4,
    )


def table_bytes(curve: Curve) -> bytes:
    """The 128 bytes of a table, as `parse` reads them; zeros follow the mode.

    Args:
        curve: the table; its numbers are rounded to float16.

    Raises:
        OverflowError: float16 holds no number as large as one of them.
    """
    numbers = (curve.low, curve.high, curve.at_low, curve.at_high, *curve.samples, *curve.left, *curve.right)
    return _HALVES.pack(*numbers, curve.shift & 0xFFFF, curve.mode).ljust(TABLE_BYTES, b"\0")


def _gelu(x: float) -> float:
    return 0.5 * x * (1.0 + math.erf(x / math.sqrt(2.0)))


def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


def _selu(x: float) -> float:
    return 1.0507009 * (x if x > 0 else 1.6732632 * (math.exp(x) - 1.0))


def _elu(x: float) -> float:
    return x if x > 0 else math.exp(x) - 1.0


#: Curves that sampled tables are compared with.
CURVES: dict[str, Callable[[float], float]] = {
    "sigmoid": _sigmoid,
    "centred sigmoid": lambda x: _sigmoid(x) - 0.5,
    "tanh": math.tanh,
    "gelu": _gelu,
    "silu": lambda x: x * _sigmoid(x),
    "erf": math.erf,
    "atan": math.atan,
    "selu": _selu,
    "elu": _elu,
    "exp": math.exp,
    "sin": math.sin,
    "cos": math.cos,
    "softplus": lambda x: math.log1p(math.exp(x)),
    "softsign": lambda x: x / (1.0 + abs(x)),
}
#: Curves that decompose their argument, by place: name, and the value of a sample by its number and the shift.
DECOMPOSED: dict[int, tuple[str, Callable[[int, int], float]]] = {
    SQUARE_ROOT: ("sqrt", lambda index, shift: math.sqrt(index / 2.0**shift)),
    INVERSE_SQUARE_ROOT: ("rsqrt", lambda index, shift: 1.0 / math.sqrt(index / 2.0**shift)),
    RECIPROCAL: ("reciprocal", lambda index, shift: 1.0 / (0.5 + index / 2.0**shift)),
    LOG2: ("log2", lambda index, shift: math.log2(0.5 + index / 2.0**shift)),
    EXP2: ("exp2", lambda index, shift: 2.0 ** (index / 32.0)),
}
#: Largest distance of a sample from the curve that it stands for. Samples are placed so that the lines between them are
#: near the curve, so they need not lie on it: those of gelu are off by up to 6.2e-3.
CLOSE = 8e-3


#: Log2 of the samples per unit of tables that are compared with curves: beyond, arguments leave the range of floats.
SHIFTS = range(-4, 25)


def describe_table(table: Table, coefficients: Mapping[int, memoryview]) -> str:
    """A table in words: the curve that it holds, or its mode, or "table" if its bytes are not known.

    Args:
        table: where it lies.
        coefficients: BAR (slot) -> content of the buffers that hold coefficients.
    """
    content = coefficients.get(table.bar) if table.bar is not None else None
    if content is None or len(content) < table.base_bytes + TABLE_BYTES:
        return "table"
    data = content[table.base_bytes : table.base_bytes + TABLE_BYTES]
    if not any(data):
        return "table of zeros"
    curve = parse(data)
    return name_of(curve) or f"table of mode {curve.mode:#x}"


def name_of(curve: Curve) -> str:
    """The function that a curve stands for; empty where it is none that is known."""
    if not curve.is_known or curve.place in (FRACTION, TRUNCATION):
        return ""
    if curve.shift == NO_SAMPLES:
        return _lines(curve)
    if curve.shift not in SHIFTS:
        return ""
    if curve.place in DECOMPOSED:
        return _decomposed(curve)
    first = {DIRECT: 0, CENTRED: -16, ENDS_AT_ZERO: -32}[curve.place]
    arguments = [(first + index) / 2.0**curve.shift for index in range(SAMPLES)]
    for name, function in CURVES.items():
        if _passes_through(function, arguments, curve.samples):
            return name
    return ""


def _passes_through(function: Callable[[float], float], arguments: list[float], samples: tuple[float, ...]) -> bool:
    """Whether a function is close to all samples; one that has no float64 at an argument is not."""
    try:
        return all(_is_close(sample, function(x)) for x, sample in zip(arguments, samples))
    except (OverflowError, ValueError):
        return False


def _decomposed(curve: Curve) -> str:
    """Sampled over a mantissa: not all samples are in reach, so half of them decide."""
    name, sample = DECOMPOSED[curve.place]
    start = 1 if curve.place in (SQUARE_ROOT, INVERSE_SQUARE_ROOT) else 0
    near = [_is_close(curve.samples[index], sample(index, curve.shift)) for index in range(start, SAMPLES)]
    return name if sum(near) >= SAMPLES // 2 else ""


def _is_close(sample: float, value: float) -> bool:
    return abs(sample - value) <= CLOSE * max(1.0, abs(value))


def _lines(curve: Curve) -> str:
    """Two lines that meet at 0, with limits: what is usually called leaky relu, clip, sign, step."""
    left, right = curve.left, curve.right
    if left.offset == right.offset == 0.0 and (curve.low, curve.high) == (-math.inf, math.inf):
        return f"leaky relu {left.slope:.6g}" if right.slope == 1.0 else ""
    if right == Line(1.0, 0.0) and left in (Line(1.0, 0.0), Line(0.0, 0.0)):
        low = 0.0 if left.slope == 0.0 else curve.at_low
        if curve.high == math.inf:
            return "relu" if low == 0.0 else f"limit from {low:.6g} up"
        return f"clip {low:.6g} to {curve.at_high:.6g}"
    return ""
