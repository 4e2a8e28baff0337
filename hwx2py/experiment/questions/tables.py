"""Questions about lookup tables: between the samples, at their ends, and before them."""

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ...compiler import curves
from ...operations import tables as kinds
from ...operations.tables import SAMPLES, Curve, Line, parse, table_bytes
from ...program.program import Program
from ..predictions import Formula, away, by_case, cut, engine, gives, stepped
from ..programs import Shape, half, network, with_table
from ..question import Case, Hypothesis, Predict, Question

WHERE = "hwx2py/emulator/lut.py"
X: Shape = (1, 16, 4, 8)
LAST = SAMPLES - 1
FLAT = Line(0.0, 0.0)

#: Places in samples -> values between them.
Between = Callable[[np.ndarray], np.ndarray]


def looked_up(curve: Curve) -> Program:
    """A table looked up for each element."""
    return with_table(network("table", ("x", X), build=lambda g, x: g.sigmoid(x)), curve)


# Between the samples


def lower(curve: Curve, place: np.ndarray) -> np.ndarray:
    """From the lower sample, in float16."""
    return _outward(curve, np.floor(place), 1, place)


def upper(curve: Curve, place: np.ndarray) -> np.ndarray:
    """From the upper sample, in float16."""
    return _outward(curve, np.ceil(place), -1, place)


def straight(curve: Curve, place: np.ndarray) -> np.ndarray:
    """On a straight line, not rounded."""
    return np.interp(place, np.arange(SAMPLES), curve.samples)


def once(curve: Curve, place: np.ndarray) -> np.ndarray:
    """On a straight line, rounded once."""
    return away(straight(curve, place))


def nearest(curve: Curve, place: np.ndarray) -> np.ndarray:
    """The sample below, without a line."""
    return np.array(curve.samples)[np.floor(place).astype(int)]


def _outward(curve: Curve, near: np.ndarray, step: int, place: np.ndarray) -> np.ndarray:
    samples = np.array(curve.samples)
    first = near.astype(int)
    far = np.clip(first + step, 0, LAST)
    difference = away(samples[far] - samples[first])
    return away(samples[first] + away(difference * np.abs(place - near)))


class Way(NamedTuple):
    """A way to go from sample to sample."""

    name: str
    between: Callable[[Curve, np.ndarray], np.ndarray]
    change: str


#: What the virtual ANE does.
CHOSEN = Way("from the lower sample, each step rounded", lower, "")
OTHER_WAYS = (
    Way("from the upper sample", upper, "`_sample`: from the upper sample"),
    Way("a straight line, rounded once", once, "`_sample`: round once for tables read from a fraction"),
    Way("the sample below, no line", nearest, "`_sample`: no line between samples"),
)

#: Where the whole part is added to a sample, it shows whether the sample was rounded before.
UNROUNDED = Way("a straight line, not rounded", straight, "`_sample`: no rounding for tables read from a fraction")

# Tables that are read from a fraction: the argument is taken apart first


def _exp2(between: Between, x: np.ndarray) -> np.ndarray:
    whole = np.floor(x)
    return np.exp2(whole) * between((x - whole) * LAST)


def _log2(between: Between, x: np.ndarray) -> np.ndarray:
    mantissa, exponent = np.frexp(x)
    return exponent + between((mantissa - 0.5) * 64)


def _reciprocal(between: Between, x: np.ndarray) -> np.ndarray:
    mantissa, exponent = np.frexp(x)
    return np.ldexp(between((mantissa - 0.5) * 64), -exponent)


def _root(sign: int) -> Callable[[Between, np.ndarray], np.ndarray]:
    def root(between: Between, x: np.ndarray) -> np.ndarray:
        mantissa, exponent = np.frexp(x)
        pairs = exponent >> 1
        return np.ldexp(between(np.ldexp(mantissa, exponent - 2 * pairs) * 16), sign * pairs)

    return root


class Fraction(NamedTuple):
    """A table that is read from a fraction: its name, how its argument is taken apart, between which arguments."""

    name: str
    curve: Callable[[Between, np.ndarray], np.ndarray]
    low: float
    high: float


FRACTIONS = (
    Fraction("exp2", _exp2, -10.0, 10.0),
    Fraction("log2", _log2, 2.0**-6, 2.0**6),
    Fraction("reciprocal", _reciprocal, 2.0**-6, 2.0**6),
    Fraction("sqrt", _root(+1), 2.0**-6, 2.0**6),
    Fraction("rsqrt", _root(-1), 2.0**-6, 2.0**6),
)

#: Samples that lie far apart, so that what is rounded between them shows.
WILD = tuple(float(np.float16((place * 37 % 61) / 7 - 3)) for place in range(SAMPLES))


def known_curve(name: str) -> Curve:
    """The table that compilers write for a function, with numbers as float16 holds them."""
    found = curves.known(name)
    if found is None:
        raise KeyError(name)
    return parse(table_bytes(found.curve))


def _looked_up(row: Fraction, way: Way, table: Curve) -> Formula:
    return lambda x: row.curve(lambda place: way.between(table, place), x)


def _telling(row: Fraction, ways: Sequence[Way], table: Curve) -> np.ndarray:
    """Arguments at which the ways differ, as many for every pair of them; then others."""
    values = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    values = values[(values >= row.low) & (values <= row.high) & (values != 0)]
    found = [away(_looked_up(row, way, table)(values.astype(np.float64))) for way in ways]
    pairs = list(itertools.combinations(range(len(ways)), 2))
    share = X[1] * X[2] * X[3] // (len(pairs) + 1)
    chosen = [values[found[one] != found[other]] for one, other in pairs]
    picked = [rows[:: max(1, len(rows) // share)][:share] for rows in chosen]
    return np.resize(np.concatenate([*picked, values[:: len(values) // share]]), X)


def _of_fraction(row: Fraction) -> Question:
    real = known_curve(row.name)
    tables = {"real": real, "wild": real._replace(samples=WILD)}
    ways = (*OTHER_WAYS, UNROUNDED) if row.name == "log2" else OTHER_WAYS

    def cases() -> list[Case]:
        all_ways = (CHOSEN, *ways)
        return [Case(name, looked_up(table), {"x": _telling(row, all_ways, table)}) for name, table in tables.items()]

    def predict(way: Way) -> Predict:
        return by_case(**{name: gives(_looked_up(row, way, table)) for name, table in tables.items()})

    return Question(
        f"table-{row.name}",
        f"How does the {row.name} table, which is read from a fraction, go from sample to sample?",
        "chosen: from the lower sample in float16; tables that are not read from a fraction go outward from 0 (M5)",
        WHERE,
        cases,
        (engine(CHOSEN.name), *(Hypothesis(way.name, predict(way), way.change) for way in ways)),
    )


# Tables over the argument itself


def _outward_from_zero(x: np.ndarray, choose: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    curve = known_curve("sigmoid")
    place = np.clip(x * 2 + 16, 0, LAST)
    return np.where(choose(x), upper(curve, place), lower(curve, place))


def _sigmoid_arguments() -> list[Case]:
    x = half(np.random.default_rng(32).uniform(-7.9, 7.9, X))
    return [Case("sigmoid", looked_up(known_curve("sigmoid")), {"x": x})]


OUTWARD = Question(
    "table-outward",
    "From which sample does a table over the argument itself go on?",
    "outward from the argument 0, in float16: 39 of 39 results of an M5, errors of GELU on an M1 to 9 digits",
    WHERE,
    _sigmoid_arguments,
    (
        engine("the one nearer to 0"),
        Hypothesis(
            "the lower one",
            gives(lambda x: _outward_from_zero(x, lambda v: np.zeros(v.shape, bool))),
            "`_placed`: without `x < 0`",
        ),
        Hypothesis(
            "the one farther from 0",
            gives(lambda x: _outward_from_zero(x, lambda v: v > 0)),
            "`_placed`: `x > 0` instead of `x < 0`",
        ),
        Hypothesis(
            "a straight line, rounded once",
            gives(lambda x: straight(known_curve("sigmoid"), np.clip(x * 2 + 16, 0, LAST))),
            "`CHIP`: rounds_in_tables=False",
        ),
    ),
)

#: -1 below 0, 0.5 at 0, 1 above: two lines and a sample that all differ.
SIGN = Curve(
    -np.inf, np.inf, -1.0, 1.0, (0.5,) * SAMPLES, Line(0.0, -1.0), Line(0.0, 1.0), kinds.NO_SAMPLES, kinds.CENTRED,
    kinds.PLAIN,
)  # fmt: skip
AROUND_ZERO = np.array([0.0, -0.0, 2.0**-24, -(2.0**-24), 1.0, -1.0, 3.5, -70.0])


def _around_zero() -> list[Case]:
    return [Case("sign", looked_up(SIGN), {"x": np.resize(half(AROUND_ZERO), X)})]


def _sign(at_zero: float, at_smallest: float | None = None) -> Formula:
    def formula(x: np.ndarray) -> np.ndarray:
        found = np.where(x < 0, -1.0, np.where(x > 0, 1.0, at_zero))
        return found if at_smallest is None else np.where(np.abs(x) < 2.0**-14, at_smallest, found)

    return formula


AT_ZERO = Question(
    "table-at-zero",
    "What does a table of two lines give for 0?",
    "the sample in the middle: logical not of a compiler has a 1 there; ceil came out right with the left line",
    WHERE,
    _around_zero,
    (
        engine("the sample"),
        Hypothesis("the left line", gives(_sign(-1.0)), "`_placed`: the left line at 0"),
        Hypothesis("the right line", gives(_sign(1.0)), "`_placed`: the right line at 0"),
        Hypothesis(
            "the sample, for subnormal arguments too",
            gives(_sign(0.5, 0.5)),
            "`_placed`: subnormal arguments count as 0",
        ),
    ),
)

#: Samples i, between limits where other values hold.
LIMITED = Curve(
    -4.0, 4.0, -100.0, 100.0, tuple(map(float, range(SAMPLES))), FLAT, FLAT, 1, kinds.CENTRED, kinds.PLAIN
)  # fmt: skip


def _at_limits() -> list[Case]:
    x = half([-4, 4, -3.998046875, 3.998046875, -4.00390625, 4.00390625, 0, 1])
    return [Case("limits", looked_up(LIMITED), {"x": np.resize(x, X)})]


def _inside(low: bool, high: bool) -> Formula:
    """Samples at a limit itself, where that is said."""

    def formula(x: np.ndarray) -> np.ndarray:
        place = x * 2 + 16
        found = np.where((x < -4) | ((x == -4) & (not low)), -100, place)
        return np.where((x > 4) | ((x == 4) & (not high)), 100, found)

    return formula


AT_LIMITS = Question(
    "table-at-limits",
    "Do the values beyond a table's limits hold at the limits themselves?",
    "inferred from steps at 0, whose limits are the smallest numbers",
    WHERE,
    _at_limits,
    (
        engine("at both"),
        Hypothesis("at neither", gives(_inside(True, True)), "`evaluate`: < and > instead of <= and >="),
        Hypothesis("at the lower one", gives(_inside(False, True)), "`evaluate`: > for the upper limit"),
        Hypothesis("at the upper one", gives(_inside(True, False)), "`evaluate`: < for the lower limit"),
    ),
)

# Before a table

#: 64 (x - 1) around 1: what is lost of the argument is most of the result.
STEEP = Curve(
    -8.0, 8.0, 0.0, 0.0, tuple((place - 18) * 32.0 for place in range(SAMPLES)), FLAT, FLAT, 1, kinds.CENTRED,
    kinds.PLAIN,
)  # fmt: skip
#: 1 and small numbers: sums that float16 does not hold.
FINE = half(np.eye(16) + np.roll(np.eye(16), 1, axis=1) * 2.0**-10)


def _before() -> list[Case]:
    program = network("steep", ("x", X), build=lambda g, x: g.sigmoid(g.conv(x, FINE.reshape(16, 16, 1, 1))))
    x = half(1 + np.random.default_rng(33).integers(0, 32, X) / 1024)
    return [Case("table", _with_each_table(program, STEEP), {"x": x})]


def _with_each_table(program: Program, curve: Curve) -> Program:
    """The program with another table in front of the coefficients of every engine."""
    old = bytes(program.const)
    table = bytes(looked_up(curve).const[: kinds.TABLE_BYTES])
    places = old.split(old[: kinds.TABLE_BYTES])
    return program._replace(const=memoryview(table.join(places)))


def _sums(x: np.ndarray) -> np.ndarray:
    return stepped(np.einsum("oi,nihw->nohw", FINE.astype(np.float64), x))


def _steep(rounding: Callable[[np.ndarray], np.ndarray]) -> Formula:
    def formula(x: np.ndarray) -> np.ndarray:
        place = rounding(_sums(x)) * 2 + 16
        base = np.floor(place)
        return (base - 18) * 32 + away(32 * (place - base))

    return formula


BEFORE = Question(
    "table-argument",
    "Is the sum rounded to float16 before it enters a table?",
    "softmax of 512 values on an M1 fits that; a table's result that is cut off would fit as well",
    "hwx2py/emulator/numbers.py",
    _before,
    (
        engine("yes"),
        Hypothesis("no", gives(_steep(lambda v: v)), "`CHIP`: rounds_before_table=False"),
        Hypothesis(
            "no, and the result is cut off",
            gives(lambda x: (_sums(x) * 2 - 2) * 32, cut),
            "`CHIP`: rounds_before_table=False, and cut off what a table gives",
        ),
    ),
)

QUESTIONS = (*map(_of_fraction, FRACTIONS), OUTWARD, AT_ZERO, AT_LIMITS, BEFORE)
