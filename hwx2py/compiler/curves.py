"""Lookup tables that compilers write, where a program with them was read: limits, samples, lines beside them."""

import math
from collections.abc import Callable
from typing import NamedTuple

from ..operations.tables import (
    CENTRED,
    DIRECT,
    ENDS_AT_ZERO,
    FRACTION,
    INVERSE_SQUARE_ROOT,
    NEGATIVE_IS_ZERO,
    NO_SAMPLES,
    ODD,
    PLAIN,
    RECIPROCAL,
    SAMPLES,
    SQUARE_ROOT,
    TRUNCATION,
    Curve,
    Line,
)
from ..operations.tables import EXP2 as EXP2_PLACE
from ..operations.tables import LOG2 as LOG2_PLACE

FLAT = Line(0.0, 0.0)
INFINITE = math.inf
#: Roots are sampled from 8 / 16 on: the mantissa is never smaller.
FIRST_OF_ROOTS = 8


class KnownCurve(NamedTuple):
    """A table as a compiler writes it.

    Attributes:
        name: the function.
        curve: the table.
        source: the program that it was read in.
    """

    name: str
    curve: Curve
    source: str


def _samples(function: Callable[[int], float], first: int = 0) -> tuple[float, ...]:
    """Samples on the curve, by number; zeros before the first one that is used."""
    return tuple(0.0 if number < first else function(number) for number in range(SAMPLES))


_RECORD = "decoded program of compiler 9.509"
_PROGRAM = "program of 2023"

#: Above the curve and below it: chosen by the compiler so that the lines between them are near it.
_GELU = (
    0.0, -0.0003991127014160156, -0.00075531005859375, -0.0017919540405273438, -0.003875732421875,
    -0.00794219970703125, -0.01512908935546875, -0.02703857421875, -0.044891357421875, -0.06964111328125,
    -0.10003662109375, -0.1324462890625, -0.159912109375, -0.17236328125, -0.15673828125, -0.10638427734375,
    -0.0007538795471191406, 0.1435546875, 0.34326171875, 0.57763671875, 0.83984375, 1.1171875, 1.400390625,
    1.6806640625, 1.955078125, 2.22265625, 2.484375, 2.7421875, 2.99609375, 3.248046875, 3.5, 3.75, 4.0,
)  # fmt: skip
_SELU = (
    -1.7568359375, -1.7568359375, -1.7568359375, -1.7568359375, -1.755859375, -1.755859375, -1.7548828125,
    -1.7548828125, -1.75390625, -1.7529296875, -1.7509765625, -1.7490234375, -1.7451171875, -1.7421875, -1.73828125,
    -1.7333984375, -1.7255859375, -1.716796875, -1.7041015625, -1.6904296875, -1.6708984375, -1.64453125,
    -1.61328125, -1.572265625, -1.51953125, -1.4521484375, -1.3662109375, -1.25390625, -1.111328125, -0.927734375,
    -0.69140625, -0.388916015625, 0.0,
)  # fmt: skip

#: Tables of compiler 9.509, and of the compiler of 2023 for functions that no record of 9.509 has.
KNOWN = (
    KnownCurve(
        "exp2",
        Curve(
            -25.0, 16.0, 0.0, INFINITE, _samples(lambda i: 2.0 ** (i / 32)), FLAT, FLAT, 5, EXP2_PLACE, PLAIN
        ),
        f"{_RECORD}: softmax, pow",
    ),
    KnownCurve(
        "log2",
        Curve(
            0.0, INFINITE, -INFINITE, 0.0, _samples(lambda i: math.log2(0.5 + i / 64)), FLAT, FLAT, 6, LOG2_PLACE,
            NEGATIVE_IS_ZERO,
        ),
        f"{_RECORD}: pow",
    ),
    KnownCurve(
        "reciprocal",
        Curve(
            0.0, INFINITE, INFINITE, 0.0, _samples(lambda i: 1 / (0.5 + i / 64)), FLAT, FLAT, 6, RECIPROCAL, ODD
        ),
        f"{_RECORD}: softmax over channels",
    ),
    KnownCurve(
        "sigmoid",
        Curve(
            -9.9375, 8.3203125, 0.0, 1.0, _samples(lambda i: 1 / (1 + math.exp((16 - i) / 2))),
            Line(0.00017309188842773438, 0.001720428466796875), Line(0.0015239715576171875, 0.9873046875), 1, CENTRED,
            PLAIN,
        ),
        f"{_RECORD}: sigmoid",
    ),
    KnownCurve(
        "gelu",
        Curve(-4.3984375, INFINITE, 0.0, INFINITE, _GELU, FLAT, Line(1.0, 0.0), 2, CENTRED, PLAIN),
        f"{_RECORD}: product and gelu",
    ),
    KnownCurve(
        "logical not",
        Curve(-(2.0**-24), 2.0**-24, 0.0, 0.0, _samples(lambda i: 1.0), FLAT, FLAT, NO_SAMPLES, CENTRED, PLAIN),
        f"{_RECORD}: not of bools, of which only 0 lies between the limits",
    ),
    KnownCurve(
        "sqrt",
        Curve(
            0.0, INFINITE, 0.0, INFINITE, _samples(lambda i: math.sqrt(i / 16), FIRST_OF_ROOTS), FLAT, FLAT, 4,
            SQUARE_ROOT, NEGATIVE_IS_ZERO,
        ),
        f"{_PROGRAM}: norm",
    ),
    KnownCurve(
        "rsqrt",
        Curve(
            0.0, INFINITE, INFINITE, 0.0, _samples(lambda i: 1 / math.sqrt(i / 16), FIRST_OF_ROOTS), FLAT, FLAT, 4,
            INVERSE_SQUARE_ROOT, NEGATIVE_IS_ZERO,
        ),
        f"{_PROGRAM}: rsqrt",
    ),
    KnownCurve(
        "tanh",
        Curve(0.0, 4.0, 0.0, 1.0, _samples(lambda i: math.tanh(i / 8)), FLAT, Line(0.0, 1.0), 3, DIRECT, ODD),
        f"{_PROGRAM}: tanh",
    ),
    KnownCurve(
        "atan",
        Curve(
            0.0, 2.0, 0.0, 1.107421875, _samples(lambda i: math.atan(i / 16)), Line(1.0, 0.0), Line(0.0, 1.107421875),
            4, DIRECT, ODD,
        ),
        f"{_PROGRAM}: atan, which divides larger arguments first",
    ),
    KnownCurve(
        "selu",
        Curve(
            -8.0, INFINITE, -1.7578125, INFINITE, _SELU, Line(0.0, -1.7578125), Line(1.05078125, 0.0), 2, ENDS_AT_ZERO,
            PLAIN,
        ),
        f"{_PROGRAM}: selu",
    ),
)  # fmt: skip

_ZEROS = (0.0,) * SAMPLES
#: x minus its whole part (decoded program of compiler 9.509: floor).
FRACTION_CURVE = Curve(-INFINITE, INFINITE, 0.0, 0.0, _ZEROS, FLAT, FLAT, 0, FRACTION, ODD)
#: The whole part (program of 2023: ceil).
TRUNCATION_CURVE = Curve(-INFINITE, INFINITE, -INFINITE, INFINITE, _ZEROS, FLAT, FLAT, 5, TRUNCATION, ODD)
#: 1 below zero, else 0: the step of the program of 2023 that rounds up, turned round.
STEP_BELOW_ZERO = Curve(
    -(2.0**-24), 2.0**-24, 1.0, 0.0, _ZEROS, Line(0.0, 1.0), FLAT, NO_SAMPLES, CENTRED, PLAIN
)  # fmt: skip


def known(name: str) -> KnownCurve | None:
    """The table that a compiler writes for a function; None where no program with it was read.

    Args:
        name: such as "sigmoid".
    """
    return next((row for row in KNOWN if row.name == name), None)
