"""Lookup tables of the neural engines for functions of one number: 33 samples, limits, and lines outside.

Sigmoid and gelu are the tables of compiler 9.509, number by number. Tanh, exp2, log2, roots and reciprocal have its
place, shift and limits, and samples on the curve; others are made here. `error` says how far a table is off.
"""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..errors import UnsupportedError
from ..operations import tables as kinds
from ..operations.tables import Curve, Line, table_bytes
from .operators.arithmetic import Clip, Function, Unary
from .operators.operator import Operator

SAMPLES = kinds.SAMPLES
#: Places of the first sample: its number of samples before the argument 0.
FIRST = {kinds.DIRECT: 0, kinds.CENTRED: -16, kinds.ENDS_AT_ZERO: -32}
FLAT = Line(0.0, 0.0)


class Table(NamedTuple):
    """A table, and what is to be known about it.

    Attributes:
        data: its 128 bytes.
        root: it is one of a root, logarithm or reciprocal, which decompose their argument.
        error: largest error in the words of a report; empty where only float16 rounds.
    """

    data: bytes
    root: bool = False
    error: str = ""


def _curve(
    samples: "np.ndarray", shift: int, place: int, limits: tuple[float, float], ends: tuple[float, float],
    symmetry: int = kinds.PLAIN, left: Line = FLAT, right: Line = FLAT,
) -> bytes:  # fmt: skip
    halves = tuple(np.asarray(samples, np.float16).astype(float).tolist())
    try:
        return table_bytes(Curve(*limits, *ends, halves, left, right, shift, place, symmetry))
    except OverflowError as error:
        raise UnsupportedError("a number of its table is beyond float16 (65504 at most)") from error


def _sampled(
    function: Callable[["np.ndarray"], "np.ndarray"], shift: int, place: int, limits: tuple[float, float],
    ends: tuple[float, float], symmetry: int = kinds.PLAIN, left: Line = FLAT, right: Line = FLAT,
) -> bytes:  # fmt: skip
    arguments = (FIRST[place] + np.arange(SAMPLES)) / 2.0**shift
    return _curve(function(arguments), shift, place, limits, ends, symmetry, left, right)


def _erf(x: "np.ndarray") -> "np.ndarray":
    found: np.ndarray = np.vectorize(math.erf)(x)
    return found


def _softplus(x: "np.ndarray") -> "np.ndarray":
    found: np.ndarray = np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0)
    return found


def _smooth(function: Callable[["np.ndarray"], "np.ndarray"], shift: int) -> bytes:
    """A curve that is near 0 on the left and near x on the right."""
    edge = 16 / 2.0**shift
    low = float(function(np.array(-edge)))
    return _sampled(
        function,
        shift,
        kinds.CENTRED,
        (-math.inf, math.inf),
        (0.0, math.inf),
        left=Line(0.0, low),
        right=Line(1.0, 0.0),
    )


def _elu(alpha: float) -> bytes:
    """exp(x) - 1 times alpha up to 0; beyond, x itself: a line."""
    limit = -5.5
    return _sampled(
        lambda x: alpha * np.expm1(np.minimum(x, 0)), 3, kinds.ENDS_AT_ZERO, (limit, math.inf), (-alpha, math.inf),
        left=Line(0.0095 * alpha, -0.9437 * alpha), right=Line(1.0, 0.0),
    )  # fmt: skip


def lines(left: float, right: float) -> bytes:
    """Two straight lines that meet at 0: exact.

    Args:
        left: slope of the left one.
        right: slope of the right one.
    """
    ends = (-math.inf if left > 0 else math.inf, math.inf if right > 0 else -math.inf)
    zeros = np.zeros(SAMPLES)
    limits = (-math.inf, math.inf)
    return _curve(zeros, kinds.NO_SAMPLES, kinds.CENTRED, limits, ends, left=Line(left, 0.0), right=Line(right, 0.0))


def sign_table(negative: float, zero: float, positive: float) -> bytes:
    """A number for negative arguments, one for 0, one for positive arguments (as records of comparisons have it)."""
    return _curve(
        np.full(SAMPLES, zero), kinds.NO_SAMPLES, kinds.CENTRED, (-math.inf, math.inf), (negative, positive),
        left=Line(0.0, negative), right=Line(0.0, positive),
    )  # fmt: skip


def truncation() -> bytes:
    """The whole part, towards 0 (as the record of floor has it)."""
    return _curve(np.zeros(SAMPLES), 0, kinds.TRUNCATION, (-math.inf, math.inf), (-math.inf, math.inf), kinds.ODD)


#: Samples of compiler 9.509: records of sigmoid, and of a product with gelu. They lie beside the curve where that
#: makes the lines between them better.
_SIGMOID = (
    0.00033545494, 0.00055265427, 0.00091123581, 0.0015010834, 0.0024719238, 0.004070282, 0.006690979, 0.010986328,
    0.017990112, 0.029312134, 0.047424316, 0.075866699, 0.11920166, 0.182373046875, 0.26904296875, 0.37744140625, 0.5,
    0.62255859375, 0.73095703125, 0.8173828125, 0.880859375, 0.92431640625, 0.95263671875, 0.970703125, 0.98193359375,
    0.98876953125, 0.9931640625, 0.99609375, 0.99755859375, 0.99853515625, 0.9990234375, 0.99951171875, 0.99951171875,
)  # fmt: skip
_GELU = (
    0.0, -0.0003991127, -0.00075531006, -0.001791954, -0.0038757324, -0.0079421997, -0.015129089, -0.027038574,
    -0.044891357, -0.069641113, -0.10003662, -0.13244629, -0.15991211, -0.17236328, -0.15673828, -0.10638428,
    -0.00075387955, 0.1435546875, 0.34326171875, 0.57763671875, 0.83984375, 1.1171875, 1.400390625, 1.6806640625,
    1.955078125, 2.22265625, 2.484375, 2.7421875, 2.99609375, 3.248046875, 3.5, 3.75, 4.0,
)  # fmt: skip

_INDEX = np.arange(SAMPLES)


def _rsqrt_samples() -> "np.ndarray":
    return np.where(_INDEX > 0, 1 / np.sqrt(np.maximum(_INDEX, 1) / 16), 4.0)


EXP2 = "exp2"
LOG2 = "log2"


@functools.cache
def table(name: str, alpha: float = 0.0) -> Table:
    """The table of a function.

    Args:
        name: a `Function`, "exp2" or "log2".
        alpha: the function's parameter.

    Raises:
        KeyError: there is no table of it.
    """
    return _MAKERS[name](alpha)


def limits(low: float, high: float, slope: float = 1.0, offset: float = 0.0, below: float = 1.0) -> bytes | None:
    """Slope * x + offset between two limits, by straight lines between samples: exact for a slope of 1.

    Args:
        low: the lower limit; it may be infinite.
        high: the upper limit.
        slope: of the line.
        offset: its value at 0.
        below: a further factor where x is negative, above 0.

    Returns:
        The table; None where the limits are not reached at samples.
    """

    def line(x: "np.ndarray") -> "np.ndarray":
        return slope * np.where(x < 0, below * x, x) + offset

    corners = [(limit - offset) / slope for limit in (low, high) if math.isfinite(limit)]
    corners = [corner / below if corner < 0 else corner for corner in corners] + [0.0] * (below != 1)
    for shift in range(10, -5, -1):
        places = [corner * 2.0**shift for corner in corners]
        if not all(abs(place - round(place)) < 1e-6 for place in places):
            continue
        for place, first in FIRST.items():
            if all(first <= corner <= first + SAMPLES - 1 for corner in places):
                arguments = (first + np.arange(SAMPLES)) / 2.0**shift
                samples = np.clip(line(arguments), low, high)
                slopes = (slope * below, slope)
                sides = [
                    Line(0.0, limit) if math.isfinite(limit) else Line(steep, offset)
                    for limit, steep in zip((low, high), slopes)
                ]
                return _curve(samples, shift, place, (-math.inf, math.inf), (low, high), left=sides[0], right=sides[1])
    return None


def has_table(operator: Operator) -> bool:
    """Whether a table does a function by itself."""
    return table_of(operator) is not None


@functools.lru_cache(maxsize=256)
def table_of(operator: Operator) -> Table | None:
    """The table that does a function by itself; None where it takes more."""
    if isinstance(operator, Clip):
        data = limits(operator.low, operator.high, below=operator.slope)
        return None if data is None else Table(data)
    if not isinstance(operator, Unary):
        return None
    match operator.function:
        case Function.LEAKY_RELU:
            return Table(lines(operator.alpha, 1.0))
        case Function.HARD_SIGMOID if operator.alpha > 0:
            data = limits(0.0, 1.0, operator.alpha, operator.beta)
            return None if data is None else Table(data)
        case function if function in _MAKERS:
            return table(function, operator.alpha)
    return None


#: Function -> its table, with the largest error measured over all float16 arguments.
_MAKERS: dict[str, Callable[[float], Table]] = {
    Function.SIGMOID: lambda alpha: Table(
        _curve(
            np.array(_SIGMOID), 1, kinds.CENTRED, (-9.9375, 8.3203125), (0, 1),
            left=Line(0.00017309189, 0.0017204285), right=Line(0.0015239716, 0.9873046875),
        ),
        error="3.2e-3",
    ),
    Function.TANH: lambda alpha: Table(
        _sampled(np.tanh, 3, kinds.DIRECT, (0, 4), (0, 1), kinds.ODD), error="1.5e-3"
    ),
    Function.ERF: lambda alpha: Table(_sampled(_erf, 3, kinds.DIRECT, (0, 4), (0, 1), kinds.ODD), error="2e-3"),
    Function.SOFTPLUS: lambda alpha: Table(_smooth(_softplus, 1), error="8e-3"),
    Function.MISH: lambda alpha: Table(_smooth(lambda x: x * np.tanh(_softplus(x)), 1), error="2e-2"),
    Function.GELU: lambda alpha: Table(
        _curve(np.array(_GELU), 2, kinds.CENTRED, (-4.3984375, math.inf), (0, math.inf), right=Line(1.0, 0.0)),
        error="6.2e-3",
    ),
    Function.SELU: lambda alpha: Table(_elu(1.6732632423543772), error="5e-3"),
    Function.ELU: lambda alpha: Table(_elu(alpha), error="5e-3 alpha"),
    Function.SQRT: lambda alpha: Table(
        _curve(np.sqrt(_INDEX / 16), 4, kinds.SQUARE_ROOT, (0, math.inf), (0, math.inf), kinds.NEGATIVE_IS_ZERO),
        True, "5e-4 of the value",
    ),
    Function.RSQRT: lambda alpha: Table(
        _curve(_rsqrt_samples(), 4, kinds.INVERSE_SQUARE_ROOT, (0, math.inf), (math.inf, 0), kinds.NEGATIVE_IS_ZERO),
        True, "1.2e-3 of the value",
    ),
    Function.RECIPROCAL: lambda alpha: Table(
        _curve(1 / (0.5 + _INDEX / 64), 6, kinds.RECIPROCAL, (0, math.inf), (math.inf, 0), kinds.ODD),
        True, "5e-4 of the value",
    ),
    EXP2: lambda alpha: Table(
        _curve(np.exp2(_INDEX / 32), 5, kinds.EXP2, (-25, 16), (0, math.inf)), error="1.2e-4 of the value"
    ),
    LOG2: lambda alpha: Table(
        _curve(np.log2(0.5 + _INDEX / 64), 6, kinds.LOG2, (0, math.inf), (-math.inf, math.inf), kinds.NEGATIVE_IS_ZERO),
        True, "3e-4",
    ),
}  # fmt: skip
