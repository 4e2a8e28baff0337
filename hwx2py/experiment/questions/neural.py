"""Questions about the neural engines' sums: steps, limits, biases, factors."""

import functools
from collections.abc import Callable

import numpy as np

from ...compiler.graph import Graph, Value
from ...program.program import Program
from ..predictions import Formula, away, by_case, engine, even, gives, stepped
from ..programs import Shape, edited, filled, half, network, spread
from ..question import Case, Hypothesis, Predict, Question

WHERE = "hwx2py/emulator/neural.py"
NUMBERS = "hwx2py/emulator/numbers.py"
PRODUCTS = "hwx2py/emulator/products.py"
CHANNELS = 16
X: Shape = (1, CHANNELS, 4, 8)
#: Sums of this and more are infinite.
LIMIT = 32768.0
ONCE = "rounded once"
NAN_WORD = 0xFFFF

Rounding = Callable[[np.ndarray], np.ndarray]


def pointwise(weights: np.ndarray, bias: np.ndarray | None = None, relu: bool = False) -> Program:
    """A 1 x 1 convolution of 16 channels."""
    shaped = half(weights).reshape(-1, CHANNELS, 1, 1)

    def build(g: Graph, x: Value) -> Value:
        y = g.conv(x, shaped, bias)
        return g.relu(y) if relu else y

    return network("convolution", ("x", X), build=build)


def one_to_one(factor: float, relu: bool = False) -> Program:
    """A convolution that gives each channel times a number."""
    return pointwise(np.eye(CHANNELS) * factor, relu=relu)


def over_channels(operation: str, channels: int = CHANNELS) -> Program:
    """The largest of all channels, their sum, or the product of two, by the neural engines."""
    program = network(operation, ("x", (1, channels, 4, 8)), build=lambda g, x: g.reduce("max", x, (1,)))
    if operation == "maximum":
        return program
    number = {"sum": 0, "product": 2}[operation]
    return edited(program, {"NE.MACCfg": {"OpMode": number}})


def pass_through() -> Program:
    """ReLU, which passes its input through the engines."""
    return network("relu", ("x", X), build=lambda g, x: g.relu(x))


def products(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Exact products: (outputs, inputs, H, W)."""
    found: np.ndarray = weights.astype(np.float64)[:, :, None, None] * x[0][None]
    return found


def _exponents(values: np.ndarray) -> np.ndarray:
    return np.where(values == 0, 99, np.maximum(np.frexp(values)[1] - 1, -14))


def _sums(weights: np.ndarray, dropped_at: int | None, steps: bool = True, bias: float = 0.0) -> Formula:
    """Sums of products, in steps or exact, without those whose exponents sum to a number or less."""

    def formula(x: np.ndarray) -> np.ndarray:
        each = products(x, weights)
        if steps:
            each = stepped(each)
        if dropped_at is not None:
            exponents = _exponents(weights.astype(np.float64))[:, :, None, None] + _exponents(x[0])[None]
            each = np.where(exponents <= dropped_at, 0.0, each)
        return each.sum(axis=1)[None] + bias

    return formula


# Steps


@functools.cache
def _fine_weights() -> np.ndarray:
    return half(np.random.default_rng(20).standard_normal((CHANNELS, CHANNELS)) * 2.0**-7)


def _fine() -> list[Case]:
    return [Case("convolution", pointwise(_fine_weights()), {"x": spread(X, 21, 2.0**-5)})]


STEPS = Question(
    "neural-steps",
    "Into which steps are products rounded, and which are dropped?",
    "multiples of 2^-16, halves away, and dropped where the exponents sum to -17 or less: 9 of 9 counts on an M2; "
    "errors of seeded products on M1, M5, M6",
    NUMBERS,
    _fine,
    (
        engine("2^-16, dropped from -17 down"),
        Hypothesis(
            "2^-16, dropped from -18 down",
            gives(_sums(_fine_weights(), -18)),
            "`DROPPED_EXPONENT`: -18",
        ),
        Hypothesis("2^-16, none dropped", gives(_sums(_fine_weights(), None)), "`products`: drop nothing"),
        Hypothesis("exact", gives(_sums(_fine_weights(), None, steps=False)), "`CHIP`: stepped=False"),
    ),
)


@functools.cache
def _ties() -> np.ndarray:
    weights = np.zeros((CHANNELS, CHANNELS))
    weights[:, 0], weights[:, 1] = 2048, 1
    return half(weights)


def _tied() -> list[Case]:
    x = np.zeros(X)
    x[0, 0], x[0, 1] = 1, np.arange(1, 64, 2).reshape(4, 8)
    return [Case("convolution", pointwise(_ties()), {"x": half(x)})]


ROUNDING = Question(
    "neural-rounding",
    "Which way do the neural engines round halves?",
    "away from zero: figures published for M1 and M2 come out",
    NUMBERS,
    _tied,
    (
        engine("away from zero"),
        Hypothesis("to even", gives(_sums(_ties(), None), even), "`CHIP`: away=False for neural results"),
    ),
)


def _tiny_channels() -> list[Case]:
    x = spread(X, 22, 2.0**-14)
    x[0, 4:] = 0
    return [Case("sum", over_channels("sum"), {"x": x})]


CHANNEL_SUM = Question(
    "neural-channel-sum",
    "Is each channel rounded to a multiple of 2^-16 before channels are summed?",
    "inferred: the sum is taken to be a convolution with weights of 1",
    WHERE,
    _tiny_channels,
    (
        engine("each channel"),
        Hypothesis("no", gives(lambda x: x.sum(axis=1, keepdims=True)), "`_channel_sum`: without `on_grid`"),
        Hypothesis(
            "the sum only",
            gives(lambda x: stepped(x.sum(axis=1, keepdims=True))),
            "`_channel_sum`: `on_grid` of the sum",
        ),
    ),
)


def _pairs() -> list[Case]:
    return [Case("product", over_channels("product", 2), {"x": spread((1, 2, 4, 8), 23, 2.0**-6)})]


PAIRS = Question(
    "neural-pair-product",
    "Is the product of two channels rounded to a multiple of 2^-16?",
    "inferred: it is taken to be a convolution's product",
    WHERE,
    _pairs,
    (
        engine("yes"),
        Hypothesis(
            "no", gives(lambda x: x[:, :1] * x[:, 1:]), "`_channel_product`: exact products, rounded to float16"
        ),
    ),
)

# Limits


def _near_limit() -> list[Case]:
    x = np.linspace(500, 524, 32).reshape(1, 1, 4, 8) * np.where(np.arange(CHANNELS) % 2, -1, 1).reshape(1, -1, 1, 1)
    return [Case("convolution", one_to_one(64.0), {"x": half(x)})]


SUM_LIMIT = Question(
    "neural-sum-limit",
    "From which sum on is a result of the neural engines infinite?",
    "one survey of M1 to M6: products turn infinite between 32752 and 32768",
    NUMBERS,
    _near_limit,
    (
        engine("32768"),
        Hypothesis("65520", gives(lambda x: x * 64), "`CHIP`: limit=inf"),
        Hypothesis(
            "none, 32767.98 is the largest",
            gives(lambda x: np.clip(x * 64, -32768 + 2.0**-16, 32768 - 2.0**-16)),
            "`Numbers.limited`: clamp instead of infinity",
        ),
    ),
)

#: Three products whose sum is small, and whose partial sums are large, small, or large with the other sign.
ORDERS = ((20000, 20000, -30000), (20000, -30000, 20000), (-30000, 20000, 20000), (-20000, -20000, 30000))


def _partial() -> list[Case]:
    x = np.zeros(X)
    for column, order in enumerate(ORDERS):
        x[0, 1:4, 0, column] = np.array(order) / 16
        x[0, [2, 7, 13], 1, column] = np.array(order) / 16
    return [Case("convolution", pointwise(np.full((CHANNELS, CHANNELS), 16.0)), {"x": half(x)})]


def _step_by_step(limit: Rounding, reverse: bool = False) -> Formula:
    def formula(x: np.ndarray) -> np.ndarray:
        total = np.zeros((1, 1, 4, 8))
        for channel in reversed(range(CHANNELS)) if reverse else range(CHANNELS):
            total = limit(total + x[:, channel : channel + 1] * 16)
        return total

    return formula


def _sticky(total: np.ndarray) -> np.ndarray:
    return np.where(np.abs(total) >= LIMIT, np.copysign(np.inf, total), total)


def _clamped(total: np.ndarray) -> np.ndarray:
    return np.clip(total, -LIMIT, LIMIT - 2.0**-16)


PARTIAL_SUMS = Question(
    "neural-partial-sums",
    "Does a partial sum of 32768 or more spoil the result?",
    "open: no run was published",
    NUMBERS,
    _partial,
    (
        engine("no, only the final sum counts"),
        Hypothesis(
            "yes, infinite from then on, in the order of the channels",
            gives(_step_by_step(_sticky)),
            "`products`: make partial sums infinite, channel by channel",
        ),
        Hypothesis(
            "yes, infinite, in the opposite order",
            gives(_step_by_step(_sticky, reverse=True)),
            "`products`: make partial sums infinite, from the last channel to the first",
        ),
        Hypothesis(
            "yes, it is clamped, in the order of the channels",
            gives(_step_by_step(_clamped)),
            "`products`: clamp partial sums, channel by channel",
        ),
    ),
)


def _limited(values: np.ndarray) -> np.ndarray:
    return _sticky(np.asarray(values))


def _passed() -> list[Case]:
    return [Case("relu", pass_through(), {"x": filled(X, [40000, 32768, 32752, 65504, -40000, 5])})]


PASS_THROUGH = Question(
    "neural-pass-through-limit",
    "Is what passes through the neural engines limited to 32768?",
    "open: the survey looked at products",
    WHERE,
    _passed,
    (
        engine("no"),
        Hypothesis("yes", gives(lambda x: _limited(np.maximum(x, 0))), "`_LastStep`: limit pass-through too"),
    ),
)


def _largest() -> list[Case]:
    x = spread(X, 24, 30000.0)
    x[0, :, 2:] = spread((1, CHANNELS, 2, 8), 25, 2.0**-16)[0]
    return [Case("maximum", over_channels("maximum"), {"x": x})]


MAXIMUM = Question(
    "neural-maximum-limit",
    "Is a maximum over channels limited to 32768?",
    "open: the survey looked at products",
    WHERE,
    _largest,
    (
        engine("no"),
        Hypothesis("yes", gives(lambda x: _limited(x.max(axis=1, keepdims=True))), "`_channel_maximum`: limit it"),
        Hypothesis(
            "each channel is rounded to a step first",
            gives(lambda x: stepped(x).max(axis=1, keepdims=True)),
            "`_channel_maximum`: `on_grid`",
        ),
    ),
)

# Biases and factors

BIASES = half(np.ldexp(np.linspace(1, 1.9, CHANNELS), -np.arange(12, 12 + CHANNELS)))


def _tiny_bias() -> list[Case]:
    return [
        Case(
            "convolution",
            pointwise(np.zeros((CHANNELS, CHANNELS)) + np.eye(CHANNELS), BIASES),
            {"x": half(np.zeros(X))},
        )
    ]


BIAS = Question(
    "neural-bias-step",
    "Is a bias rounded to a multiple of 2^-16?",
    "open",
    NUMBERS,
    _tiny_bias,
    (
        engine("no"),
        Hypothesis(
            "yes",
            gives(lambda x: stepped(BIASES.astype(np.float64)).reshape(1, -1, 1, 1)),
            "`convolution.run`: `on_grid` of the bias row",
        ),
        Hypothesis(
            "below 2^-14 it is 0",
            gives(lambda x: np.where(BIASES < 2.0**-14, 0, BIASES.astype(np.float64)).reshape(1, -1, 1, 1)),
            "`convolution.run`: subnormal biases are 0",
        ),
    ),
)

#: No multiple of 2^-16.
ACC_BIAS = 5 * 2.0**-18


def _acc_bias() -> list[Case]:
    program = edited(one_to_one(1.0), {"NE.AccBias": {"AccBias": ACC_BIAS}})
    return [Case("convolution", program, {"x": filled(X, [0.0, 2.0**-15, 1.0, -(2.0**-14)])})]


ACCUMULATOR_BIAS = Question(
    "neural-accbias-step",
    "Is AccBias rounded to a multiple of 2^-16?",
    "open",
    NUMBERS,
    _acc_bias,
    (
        engine("no"),
        Hypothesis(
            "yes", gives(lambda x: x + stepped(ACC_BIAS)), "`convolution.run`, `_channel_sum`: `on_grid` of AccBias"
        ),
        Hypothesis("it is ignored", gives(lambda x: x), "`convolution.run`: no AccBias without its mode"),
    ),
)


def _scaled_sums() -> list[Case]:
    program = edited(pointwise(_ties()), {"NE.PostScale": {"PostScale": 0.7001953125}})
    x = np.zeros(X)
    x[0, 0], x[0, 1] = 1, np.arange(1, 64, 2).reshape(4, 8)
    return [Case("convolution", program, {"x": half(x)})]


POST_SCALE = Question(
    "neural-post-scale",
    "Is the sum rounded to float16 before PostScale?",
    "inferred: one rounding fits the products with a fused factor that were read",
    WHERE,
    _scaled_sums,
    (
        engine(ONCE),
        Hypothesis(
            "twice",
            gives(lambda x: away(_sums(_ties(), None)(x)) * 0.7001953125),
            "`_LastStep`: round before PostScale",
        ),
    ),
)


def _post_scale_nan() -> list[Case]:
    x = {"x": filled(X, [5.0, -3.0, 0.0, 2.0**-20, -(2.0**-20), 1.0])}
    registers = {"NE.PostScale": NAN_WORD}
    return [
        Case("relu", edited(pass_through(), registers), x),
        Case("convolution", edited(one_to_one(1.0), registers), x),
    ]


def _times(factor: float) -> Formula:
    """What PostScale gives of both cases: the convolution has no ReLU."""

    def formula(x: np.ndarray) -> np.ndarray:
        found = x * factor
        return np.where(np.isnan(found) & ~np.isnan(factor), 0.0, found)

    return formula


def _post_scaled(factor: float) -> Predict:
    """The ReLU and the convolution by 1, each times a number."""
    formula = _times(factor)
    clamped = gives(lambda x: np.where(np.isnan(formula(x)), np.nan, np.maximum(formula(x), 0)))
    return by_case(relu=clamped, convolution=gives(lambda x: formula(stepped(x))))


POST_SCALE_NAN = Question(
    "neural-post-scale-nan",
    "What does a PostScale that is not a number do?",
    "ReLU of 5 gave infinity, and of -3 gave 0, on an M1; without ReLU it is open",
    WHERE,
    _post_scale_nan,
    (
        engine("counts as infinity"),
        Hypothesis("gives NaN", _post_scaled(np.nan), "`_LastStep`: keep NaN"),
        Hypothesis("counts as 1", _post_scaled(1.0), "`_LastStep`: ignore a PostScale that is NaN"),
        Hypothesis("counts as 0", _post_scaled(0.0), "`_LastStep`: 0 for a PostScale that is NaN"),
    ),
)


QUESTIONS = (
    ROUNDING,
    STEPS,
    CHANNEL_SUM,
    PAIRS,
    SUM_LIMIT,
    PARTIAL_SUMS,
    PASS_THROUGH,
    MAXIMUM,
    BIAS,
    ACCUMULATOR_BIAS,
    POST_SCALE,
    POST_SCALE_NAN,
)
