"""Questions about the planar engine's arithmetic: what is rounded where, and in which order."""

import numpy as np

from ...emulator import lut
from ...program.program import Program
from ..predictions import away, cut, engine, even, gives, stepped
from ..programs import SMALL, Shape, edited, half, network, spread, with_const
from ..question import Case, Hypothesis, Question
from .tables import known_curve

WHERE = "hwx2py/emulator/planar.py"
NUMBERS = "hwx2py/emulator/numbers.py"
AREA = (2, 3)
#: A reduction's source: a channel for each try.
SUMMED: Shape = (1, 16, 4, 8)
#: Planes of 72 elements: means by a number that is no power of two round twice in a way that shows.
UNEVEN: Shape = (1, 16, 6, 12)
ROWS: Shape = (1, 16, 8, 2)
ONCE = "rounded once"
EPSILON = 2.0**-10


def two_sources(kind: str, shape: Shape = SMALL) -> Program:
    """A program of one task with two sources: add, sub, mul, maximum, minimum."""
    return network(kind, ("a", shape), ("b", shape), build=lambda g, a, b: getattr(g, kind)(a, b))


def scaled() -> Program:
    """1.5 x + 0.25."""
    return network("scaled", ("x", SMALL), build=lambda g, x: g.linear(x, 1.5, 0.25))


def reduction(kind: str, shape: Shape, axes: tuple[int, ...] = AREA) -> Program:
    """A reduction."""
    return network(f"{kind}s", ("x", shape), build=lambda g, x: g.reduce(kind, x, axes))


def _total(x: np.ndarray) -> np.ndarray:
    return x.sum(axis=AREA, keepdims=True)


# Rounding


def _ties() -> list[Case]:
    number = np.arange(256).reshape(SMALL)
    signs = np.where(number % 3 == 0, -1, 1)
    return [Case("add", two_sources("add"), {"a": half(signs * (2048 + 2 * number)), "b": half(signs)})]


ROUNDING = Question(
    "planar-rounding",
    "Which way does the planar engine round halves?",
    "away from zero: figures published for an M1 come out to every digit, and 20 of 20 runs of an M2",
    NUMBERS,
    _ties,
    (
        engine("away from zero"),
        Hypothesis("to even", gives(lambda a, b: a + b, even), "`CHIP`: away=False"),
        Hypothesis("cut off", gives(lambda a, b: a + b, cut), "`Numbers.rounded`: cut off"),
    ),
)


def _large() -> list[Case]:
    a = half(np.linspace(60000, 65504, 256).reshape(SMALL))
    return [Case("add", two_sources("add"), {"a": a, "b": half(np.full(SMALL, 8000.0))})]


OVERFLOW = Question(
    "planar-overflow",
    "What does the planar engine store beyond 65504?",
    "65504 + 65504 gave infinity on an M1; nothing was published just beyond 65504",
    NUMBERS,
    _large,
    (
        engine("infinity"),
        Hypothesis(
            "65504",
            gives(lambda a, b: np.minimum(away(a + b), 65504)),
            "`Numbers.rounded`: clamp to 65504 instead of infinity",
        ),
    ),
)

# One after the other


def _scaled() -> list[Case]:
    return [Case("linear", scaled(), {"x": spread(SMALL, 1, 3.0)})]


SCALE_AND_BIAS = Question(
    "planar-scale-bias",
    "Does PE.BiasScale multiply first and then add?",
    "open: no program that was read has a Scale and a Bias in one task that tell the order",
    WHERE,
    _scaled,
    (
        engine("Scale, then Bias"),
        Hypothesis("Bias, then Scale", gives(lambda x: (x + 0.25) * 1.5), "`_computed`: add Bias before Scale"),
        Hypothesis(
            "Scale, rounded, then Bias",
            gives(lambda x: away(x * 1.5) + 0.25),
            "`_computed`: round to float16 between Scale and Bias",
        ),
    ),
)


def _relu_and_magnitude() -> list[Case]:
    program = network("magnitude", ("x", SMALL), build=lambda g, x: g.unary("abs", x))
    return [Case("both", edited(program, {"PE.Cfg": {"ReluEn": 1}}), {"x": spread(SMALL, 2)})]


RELU_AND_MAGNITUDE = Question(
    "planar-relu-magnitude",
    "With ReLU and magnitude both on, which comes first?",
    "open: no program that was read has both",
    WHERE,
    _relu_and_magnitude,
    (
        engine("ReLU first"),
        Hypothesis("magnitude first", gives(lambda x: np.abs(x)), "`_computed`: magnitude before ReLU"),
    ),
)


def _reduced_relu() -> list[Case]:
    program = edited(reduction("sum", SUMMED), {"PE.Cfg": {"ReluEn": 1}})
    return [Case("sum", program, {"x": spread(SUMMED, 3)})]


REDUCE_AND_RELU = Question(
    "planar-reduce-relu",
    "Does ReLU come before or after a planar reduction?",
    "open: not separable with the programs that were read",
    WHERE,
    _reduced_relu,
    (
        engine("each element"),
        Hypothesis("the sum", gives(lambda x: np.maximum(_total(x), 0)), "`_computed`: ReLU behind the reduction"),
        Hypothesis("neither", gives(_total), "`_computed`: no ReLU in tasks that reduce"),
    ),
)


def _reduced_magnitude() -> list[Case]:
    program = edited(reduction("sum", SUMMED), {"PE.Cfg": {"Cond": "Abs"}})
    return [Case("sum", program, {"x": spread(SUMMED, 4)})]


REDUCE_AND_MAGNITUDE = Question(
    "planar-reduce-magnitude",
    "Does the magnitude come before or after a planar reduction?",
    "open: not separable with the programs that were read",
    WHERE,
    _reduced_magnitude,
    (
        engine("each element"),
        Hypothesis("the sum", gives(lambda x: np.abs(_total(x))), "`_computed`: magnitude behind the reduction"),
        Hypothesis("neither", gives(_total), "`_computed`: no magnitude in tasks that reduce"),
    ),
)

# How wide the engine is inside


def _hard_sums() -> list[Case]:
    x = np.zeros(SUMMED)
    flat = x.reshape(SUMMED[1], -1)
    flat[0, 0], flat[0, 1:] = 2048, 1
    flat[1, 0], flat[1, 1:9], flat[1, -1] = 32768, 2.0**-11, -32768
    flat[2] = 2.0**-20
    flat[3, ::2], flat[3, 1::2] = 60000, -60000
    flat[4, :] = 3000
    flat[5:] = spread((1, 1, 11, flat.shape[1]), 5, 300.0)
    return [Case("sum", reduction("sum", SUMMED), {"x": half(x)})]


def _in_order(x: np.ndarray, rounding: object) -> np.ndarray:
    """Sums element after element, each rounded."""
    flat = x.reshape(*x.shape[:2], -1)
    total = np.zeros(x.shape[:2])
    for column in range(flat.shape[2]):
        total = rounding(total + flat[:, :, column])  # type: ignore[operator]
    return total[:, :, None, None]


def _single(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32).astype(np.float64)


REDUCTION_WIDTH = Question(
    "planar-reduction-width",
    "How wide is a planar reduction inside?",
    "open: softmax and a sum of squares fit one rounding of the exact sum",
    WHERE,
    _hard_sums,
    (
        engine("exact"),
        Hypothesis(
            "float32, in order",
            gives(lambda x: _in_order(x, _single)),
            "`arithmetic._sum`: sum in float32, in order",
        ),
        Hypothesis(
            "float16, in order",
            gives(lambda x: _in_order(x, away)),
            "`arithmetic._sum`: round every partial sum to float16",
        ),
        Hypothesis(
            "steps of 2^-16, as the neural engines",
            gives(lambda x: _total(stepped(x))),
            "`_computed`: round what is summed to multiples of 2^-16",
        ),
        Hypothesis(
            "rows in float16, then their sum",
            gives(lambda x: away(away(x.sum(axis=3, keepdims=True)).sum(axis=2, keepdims=True))),
            "`_computed`: round the sum of each row to float16",
        ),
    ),
)


def _means() -> list[Case]:
    x = spread(UNEVEN, 6, 40.0)
    x[:, :2] = 2000
    return [Case("mean", reduction("mean", UNEVEN), {"x": x})]


MEAN = Question(
    "planar-final-scale",
    "Is a sum rounded before FinalScale makes a mean of it?",
    "inferred: one rounding fits softmax and norms",
    WHERE,
    _means,
    (
        engine(ONCE),
        Hypothesis(
            "the sum is rounded too",
            gives(lambda x: away(_total(x)) * np.float64(np.float32(1 / 72))),
            "`_computed`: round before FinalScale",
        ),
        Hypothesis(
            "FinalScale counts as float16",
            gives(lambda x: _total(x) * np.float64(np.float16(1 / 72))),
            "`_computed`: round FinalScale to float16",
        ),
    ),
)


#: Bias and scale of each channel, as a task of kind gain and offset reads them out of the constants.
GAIN, OFFSET = half(np.linspace(0.7, 1.9, 16)), half(np.linspace(-3, 5, 16))


def _constants() -> list[Case]:
    program = network("gain", ("x", SUMMED), build=lambda g, x: g.add(x, OFFSET.reshape(16, 1, 1)))
    rows = np.concatenate([OFFSET, GAIN]).tobytes()
    return [Case("add", with_const(program, rows + bytes(program.const[len(rows) :])), {"x": spread(SUMMED, 7)})]


def _by_channel(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float64).reshape(1, -1, 1, 1)


GAIN_AND_OFFSET = Question(
    "planar-gain-offset",
    "Is the sum rounded before the gain of a gain-and-offset task, and which comes first?",
    "layer norms come out right with the offset first and one rounding; constant adds have a gain of 1",
    WHERE,
    _constants,
    (
        engine(ONCE),
        Hypothesis(
            "twice",
            gives(lambda x: away(x + _by_channel(OFFSET)) * _by_channel(GAIN)),
            "`_combined`: round behind the offset",
        ),
        Hypothesis(
            "the gain first",
            gives(lambda x: x * _by_channel(GAIN) + _by_channel(OFFSET)),
            "`_combined`: the gain before the offset",
        ),
    ),
)


def _squares() -> list[Case]:
    program = edited(two_sources("add"), {"PE.Cfg": {"OpMode": "SumSquares"}})
    return [Case("add", program, {"a": spread(SMALL, 8), "b": spread(SMALL, 9)})]


SQUARES = Question(
    "planar-squares",
    "Is the sum rounded before SumSquares squares it?",
    "one rounding on an M1 where the second source is 0; open where it is not",
    WHERE,
    _squares,
    (
        engine(ONCE),
        Hypothesis("twice", gives(lambda a, b: away(a + b) ** 2), "`arithmetic.sum_squares`: round the sum"),
        Hypothesis(
            "the sum of the squares", gives(lambda a, b: a * a + b * b), "`arithmetic.sum_squares`: a * a + b * b"
        ),
    ),
)


def _prescaled() -> list[Case]:
    program = edited(two_sources("add"), {"PE.PreScale": {"PreScale": 1.7001953125}})
    return [Case("add", program, {"a": spread(SMALL, 10), "b": spread(SMALL, 11)})]


FACTOR = 1.7001953125
PRESCALE = Question(
    "planar-prescale",
    "Is the product with PreScale rounded before the operation, and whose factor is it?",
    "source 1 in programs of 2023; its rounding is inferred",
    WHERE,
    _prescaled,
    (
        engine(ONCE),
        Hypothesis("twice", gives(lambda a, b: away(a * FACTOR) + b), "`_combined`: round behind PreScale"),
        Hypothesis("both sources", gives(lambda a, b: (a + b) * FACTOR), "`_combined`: PreScale for source 2 too"),
        Hypothesis("source 2", gives(lambda a, b: a + b * FACTOR), "`_combined`: PreScale for source 2"),
    ),
)

# Functions


def _positive(shape: Shape, seed: int) -> np.ndarray:
    x = np.zeros(shape)
    x[..., 0] = np.exp2(np.random.default_rng(seed).uniform(-10, 10, shape[:3]))
    return half(x)


def _reciprocals() -> list[Case]:
    program = edited(reduction("sum", ROWS, (3,)), {"PE.Cfg": {"NLMode": "Reciprocal"}})
    return [Case("sum", program, {"x": _positive(ROWS, 12)})]


def _by_table(x: np.ndarray) -> np.ndarray:
    return lut.evaluate(known_curve("reciprocal"), x.sum(axis=3, keepdims=True))


RECIPROCAL = Question(
    "planar-reciprocal",
    "How exact is the planar engine's reciprocal?",
    "the programs that use it come out right with one rounding; no bits of it were published",
    "hwx2py/emulator/arithmetic.py",
    _reciprocals,
    (
        engine(ONCE),
        Hypothesis(
            "cut off",
            gives(lambda x: 1 / x.sum(axis=3, keepdims=True), cut),
            "`_reciprocal`: cut off instead of rounded",
        ),
        Hypothesis("by the table of 33 samples", gives(_by_table), "`_reciprocal`: the table of the neural engines"),
    ),
)


def _roots() -> list[Case]:
    program = edited(reduction("sum", ROWS, (3,)), {"PE.Cfg": {"NLMode": "Rsqrt"}})
    program = edited(program, {"PE.PreScale": {"Epsilon": EPSILON}})
    return [Case("sum", program, {"x": _positive(ROWS, 13)})]


RECIPROCAL_ROOT = Question(
    "planar-reciprocal-root",
    "How exact is the planar engine's reciprocal root, and where is Epsilon added?",
    "layer norms come out right with Epsilon under the root and one rounding; no bits of it were published",
    "hwx2py/emulator/arithmetic.py",
    _roots,
    (
        engine(ONCE),
        Hypothesis(
            "root and reciprocal are rounded",
            gives(lambda x: 1 / away(np.sqrt(x.sum(axis=3, keepdims=True) + EPSILON))),
            "`_reciprocal_root`: round the root",
        ),
        Hypothesis(
            "cut off",
            gives(lambda x: 1 / np.sqrt(x.sum(axis=3, keepdims=True) + EPSILON), cut),
            "`_reciprocal_root`: cut off instead of rounded",
        ),
        Hypothesis(
            "Epsilon is added to the root",
            gives(lambda x: 1 / (np.sqrt(x.sum(axis=3, keepdims=True)) + EPSILON)),
            "`_reciprocal_root`: Epsilon behind the root",
        ),
    ),
)

QUESTIONS = (
    ROUNDING,
    OVERFLOW,
    SCALE_AND_BIAS,
    RELU_AND_MAGNITUDE,
    REDUCE_AND_RELU,
    REDUCE_AND_MAGNITUDE,
    REDUCTION_WIDTH,
    MEAN,
    GAIN_AND_OFFSET,
    SQUARES,
    PRESCALE,
    RECIPROCAL,
    RECIPROCAL_ROOT,
)
