"""Questions about numbers that are no ordinary ones: NaN, infinities, -0 and subnormal numbers, on all inputs."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ...emulator import lut
from ...program.program import Program
from ..predictions import Formula, away, bits, engine, outcome, stepped
from ..programs import SMALL, Shape, filled, network
from ..question import Case, Hypothesis, Outcome, Predict, Question
from .neural import X, one_to_one, over_channels, pass_through
from .planar import AREA, reduction, two_sources
from .tables import known_curve, looked_up

NUMBERS = "hwx2py/emulator/numbers.py"
MATRIX: Shape = (1, 1, 16, 16)
Change = Callable[[np.ndarray], np.ndarray]


class Probe(NamedTuple):
    """A program, and what it computes.

    Attributes:
        name: its name.
        make: makes the program.
        formula: of the inputs, as float64.
        shapes: input -> its shape.
    """

    name: str
    make: Callable[[], Program]
    formula: Formula
    shapes: dict[str, Shape]


def _table(x: np.ndarray) -> np.ndarray:
    found = lut.evaluate(known_curve("sigmoid"), np.where(np.isnan(x), 0.0, x))
    return np.where(np.isnan(x), np.nan, found)


def _sum_of_channels(x: np.ndarray) -> np.ndarray:
    return _total(stepped(x), (1,))


def _total(values: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    return values.sum(axis=axes, keepdims=True)


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    each = stepped(a[0, 0][:, :, None] * b[0, 0][None])
    return each.sum(axis=1)[None, None]


def _pair(shape: Shape = SMALL) -> dict[str, Shape]:
    return {"a": shape, "b": shape}


ADD = Probe("add", lambda: two_sources("add"), lambda a, b: a + b, _pair())
MUL = Probe("mul", lambda: two_sources("mul"), lambda a, b: a * b, _pair())
SUB = Probe("sub", lambda: two_sources("sub"), lambda a, b: a - b, _pair())
LARGER = Probe("max", lambda: two_sources("maximum"), lambda a, b: np.maximum(a, b), _pair())
SMALLER = Probe("min", lambda: two_sources("minimum"), lambda a, b: np.minimum(a, b), _pair())
SUM = Probe("sum", lambda: reduction("sum", (1, 16, 4, 8)), lambda x: _total(x, AREA), {"x": (1, 16, 4, 8)})
MOST = Probe(
    "largest", lambda: reduction("max", (1, 16, 4, 8)), lambda x: x.max(axis=AREA, keepdims=True), {"x": (1, 16, 4, 8)}
)
RELU = Probe("relu", pass_through, lambda x: np.maximum(x, 0.0), {"x": X})
TABLE = Probe("table", lambda: looked_up(known_curve("sigmoid")), _table, {"x": X})
CONVOLUTION = Probe("convolution", lambda: one_to_one(1.0), lambda x: stepped(x), {"x": X})
CHANNEL_SUM = Probe("channel-sum", lambda: over_channels("sum"), _sum_of_channels, {"x": X})
CHANNEL_MAXIMUM = Probe(
    "channel-maximum", lambda: over_channels("maximum"), lambda x: x.max(axis=1, keepdims=True), {"x": X}
)
COPY = Probe("copy", lambda: network("copy", ("x", X), build=lambda g, x: g.transpose(x, (0, 3, 2, 1))),
             lambda x: x.transpose(0, 3, 2, 1), {"x": X})  # fmt: skip
PRODUCT = Probe(
    "product",
    lambda: network("product", ("a", MATRIX), ("b", MATRIX), build=lambda g, a, b: g.matmul(a, b)),
    _product,
    {"a": MATRIX, "b": MATRIX},
)


def _cases(probes: Sequence[Probe], first: Sequence[float], second: Sequence[float]) -> list[Case]:
    """Every probe with numbers of the first list; a second input gets those of the second, in other pairs."""
    cases = []
    for probe in probes:
        inputs = {}
        for number, (name, shape) in enumerate(probe.shapes.items()):
            values = [first, second][number]
            inputs[name] = filled(shape, values)
        cases.append(Case(probe.name, probe.make(), inputs))
    return cases


def _as(probes: Sequence[Probe], change: Change, nan: Change = lambda y: y, keeps_sign: bool = False) -> Predict:
    """What the probes compute with inputs changed first, and NaN results last."""
    formulas = {probe.name: probe.formula for probe in probes}

    def predict(case: Case) -> Outcome:
        inputs = {name: change(array.astype(np.float64)) for name, array in case.arrays().items()}
        with np.errstate(all="ignore"):
            exact = nan(np.asarray(formulas[case.name](**inputs)))
            rounded = away(exact)
            if keeps_sign:
                rounded = np.where(rounded == 0, np.copysign(0.0, exact), rounded)
            return outcome(case, bits(rounded))

    return predict


def _same(values: np.ndarray) -> np.ndarray:
    return values


def _replaced(number: float) -> Change:
    return lambda values: np.where(np.isnan(values), number, values)


# NaN

WITH_NAN = (ADD, MUL, LARGER, SMALLER, SUM, MOST, RELU, TABLE, CONVOLUTION, CHANNEL_SUM, CHANNEL_MAXIMUM, PRODUCT)
SOME_NAN = (np.nan, 1.0, -2.0, 3.0, 0.5, -np.nan, 4.0)
FINITE = (2.0, -1.0, 0.25, 5.0, np.nan)

NAN = Question(
    "values-nan",
    "What does a NaN on an input count as?",
    "infinity as PostScale on an M1; for data in one survey",
    NUMBERS,
    lambda: _cases(WITH_NAN, SOME_NAN, FINITE),
    (
        engine("+infinity"),
        Hypothesis("NaN", _as(WITH_NAN, _same), "`load` and `store`: keep NaN"),
        Hypothesis("0", _as(WITH_NAN, _replaced(0.0)), "`load`: NaN counts as 0"),
        Hypothesis("65504", _as(WITH_NAN, _replaced(65504.0)), "`load`: NaN counts as 65504"),
    ),
)

# Infinities

WITH_INFINITY = (ADD, SUB, MUL)
INFINITE = (np.inf, -np.inf, 0.0, 3.0, -0.0)
OTHER = (np.inf, 0.0, -np.inf, -5.0, 0.5, np.inf, -np.inf)

INFINITIES = Question(
    "values-infinity",
    "What are infinity - infinity and 0 * infinity?",
    "0 * infinity is +0 in 1,125,000 lanes of an M1; infinity - infinity in one survey",
    "hwx2py/emulator/arithmetic.py",
    lambda: _cases(WITH_INFINITY, INFINITE, OTHER),
    (
        engine("+0"),
        Hypothesis("NaN", _as(WITH_INFINITY, _same), "`without_nan`: keep NaN"),
        Hypothesis("infinity", _as(WITH_INFINITY, _same, _replaced(np.inf)), "`without_nan`: infinity instead of 0"),
        Hypothesis(
            "infinity counts as 65504",
            _as(WITH_INFINITY, lambda x: np.clip(x, -65504, 65504)),
            "`load`: infinity counts as 65504",
        ),
    ),
)

# -0

SIGNED = (ADD, MUL, CONVOLUTION, COPY)
ZEROS = (-0.0, 0.0, -0.0, 1.0, -1.0)
MORE_ZEROS = (-0.0, -0.0, 2.0, 0.0, 0.0, 3.0, -2.0)


NEGATIVE_ZERO = Question(
    "values-negative-zero",
    "Is -0 ever stored?",
    "never in the runs on an M1 that were published, of add and mul; copies and neural tasks are inferred",
    NUMBERS,
    lambda: _cases(SIGNED, ZEROS, MORE_ZEROS),
    (
        engine("no"),
        Hypothesis("yes", _as(SIGNED, _same, keeps_sign=True), "`Numbers.rounded`: keep -0"),
        Hypothesis(
            "by what only passes through",
            lambda case: _as(SIGNED, _same, keeps_sign=case.name == COPY.name)(case),
            "`neural.run`: pass float16 through as it is",
        ),
    ),
)

# Subnormal numbers

TINY = (ADD, MUL, RELU, CONVOLUTION, TABLE, SUM)
SUBNORMAL = (2.0**-24, 2.0**-15, -(2.0**-16), 3 * 2.0**-20, 2.0**-14, 1.0)
SCALES = (2.0**-18, 1.0, 2.0**-24, 0.5, 2.0)


def _flushed(values: np.ndarray) -> np.ndarray:
    return np.where(np.abs(values) < 2.0**-14, 0.0, values)


def _flushes_results(case: Case) -> Outcome:
    predicted = _as(TINY, _same)(case)
    name, found = next(iter(predicted.outputs.items()))
    flushed = np.where((found & 0x7C00) == 0, 0, found).astype(np.uint16)
    return predicted._replace(outputs={name: flushed})


SUBNORMALS = Question(
    "values-subnormal",
    "Are subnormal numbers kept?",
    "in and out: figures published for M1 and M2 come out so",
    NUMBERS,
    lambda: _cases(TINY, SUBNORMAL, SCALES),
    (
        engine("in and out"),
        Hypothesis("0 when they are read", _as(TINY, _flushed), "`load`: subnormal numbers count as 0"),
        Hypothesis("0 when they are stored", _flushes_results, "`Numbers.rounded`: subnormal results become 0"),
    ),
)

QUESTIONS = (NAN, INFINITIES, NEGATIVE_ZERO, SUBNORMALS)
