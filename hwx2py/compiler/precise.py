"""Functions by more tasks than a table of 33 samples takes, and with a smaller error: what `--precise` asks for.

A table has 32 straight lines. Two or three tables whose ranges lie inside each other have more: the finest one has the
curve around 0 and goes on as a constant, the next one has what the curve changes by beyond, and so on; their sum is the
curve. A function is reduced to a part that is small, so that float16 has fine steps there, and depends on the magnitude
of the argument alone, so that the samples are needed on one side of 0 only:

    sigmoid(x) = 1/2 + s(x), tanh, erf       s and both others are odd, which tables know
    gelu(x) = max(x, 0) - g(|x|)             g(a) = a (1 - erf(a / sqrt 2)) / 2
    silu(x) = max(x, 0) - k(|x|)             k(a) = a / (1 + exp a)
    softplus(x) = max(x, 0) + m(|x|)         m(a) = log(1 + exp -a)
    mish(x) = x tanh(softplus x)
    exp(x) = exp(w) 2^(f log2 e)             w is the whole part of x, f the rest; both exact

Softmax stays as it is: exp of differences to the maximum is near 1 where it counts, and its error (8e-4 of the value,
a rounding is 5e-4) does not get smaller this way.

Tables and sums round to float16 on the way, which is most of the error that is left. All of it is an own choice: no
compiler was seen to do so. The tasks are those of tables, sums and products.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..operations import tables as kinds
from ..operations.tables import SAMPLES, Curve, Line, table_bytes
from . import operators
from .curves import FRACTION_CURVE
from .graph import Node, Value
from .operators.arithmetic import Combine, Function
from .operators.operator import Operator
from .tables import EXP2, table, truncation

LOG2_E = 1.4426950408889634
LARGEST_HALF = 65504.0
#: exp of whole numbers: e^-17 rounds to 0, e^12 is beyond float16.
EXP_LOW, EXP_HIGH = -17.0, 12.0

OfArrays = Callable[["np.ndarray"], "np.ndarray"]


def nested(function: OfArrays, shifts: Sequence[int], limit: float, symmetry: int = kinds.PLAIN) -> tuple[bytes, ...]:
    """Tables whose sum is a function of the magnitude of the argument.

    Args:
        function: vectorised.
        shifts: log2 of the samples per unit of each table, the finest first.
        limit: the function's value from the end of the coarsest table on.
        symmetry: `kinds.ODD` for odd functions; without, the argument has to be a magnitude.

    Returns:
        The tables, 128 bytes each.
    """
    made: list[bytes] = []
    covered, reached = 0.0, 0.0
    for shift in shifts:
        step = 2.0**-shift
        places = np.arange(SAMPLES) * step
        curve = _between(function, places, step)
        # Inside the range of the finer tables this one adds nothing; they add a constant beyond.
        samples = np.where(places <= covered, 0.0, curve - reached) if made else curve
        halves = samples.astype(np.float16).astype(float)
        first, last = float(halves[0]), float(halves[-1])
        end = limit - reached if shift == shifts[-1] else last
        curve_of = Curve(
            0.0, float(places[-1]), first, end, tuple(halves.tolist()), Line(0.0, first), Line(0.0, end), shift,
            kinds.DIRECT, symmetry,
        )  # fmt: skip
        made.append(table_bytes(curve_of))
        covered, reached = float(places[-1]), reached + last
    return tuple(made)


def _between(function: OfArrays, places: "np.ndarray", step: float) -> "np.ndarray":
    """Samples beside the curve, by half of what the lines between samples on it are off in the middle."""
    on_curve = function(places)
    off = function(places[:-1] + step / 2) - (on_curve[:-1] + on_curve[1:]) / 2
    samples = on_curve.copy()
    samples[1:-1] += (off[:-1] + off[1:]) / 4
    return samples


def _erf(x: "np.ndarray") -> "np.ndarray":
    found: np.ndarray = np.vectorize(math.erf)(x)
    return found


def _half_sigmoid(x: "np.ndarray") -> "np.ndarray":
    return 0.5 * np.tanh(x / 2)


def _gelu_gap(a: "np.ndarray") -> "np.ndarray":
    found: np.ndarray = a / 2 * (1 - _erf(a / math.sqrt(2.0)))
    return found


def _silu_gap(a: "np.ndarray") -> "np.ndarray":
    found: np.ndarray = a / (1 + np.exp(a))
    return found


def _softplus_gap(a: "np.ndarray") -> "np.ndarray":
    found: np.ndarray = np.log1p(np.exp(-a))
    return found


def _whole_powers() -> bytes:
    """Exp at whole numbers."""
    samples = np.minimum(np.exp(np.arange(-16.0, 17.0)), LARGEST_HALF).astype(np.float16).astype(float)
    return table_bytes(
        Curve(
            EXP_LOW, EXP_HIGH, 0.0, math.inf, tuple(samples.tolist()), Line(0.0, 0.0), Line(0.0, LARGEST_HALF), 0,
            kinds.CENTRED, kinds.PLAIN,
        )
    )  # fmt: skip


@dataclass(slots=True)
class Steps:
    """The nodes that take the place of one.

    Attributes:
        node: which one.
        made: in the order in which they run.
    """

    node: Node
    made: list[Node] = field(default_factory=list)

    def apply(self, operator: Operator, *inputs: Value) -> Value:
        """Adds a step."""
        shape = operator.result_shape(*(value.shape for value in inputs))
        name = f"{self.node.output.name}, step {len(self.made) + 1}"
        self.made.append(Node(operator, inputs, Value(name, shape), self.node.origin))
        return self.made[-1].output

    def finished(self) -> list[Node]:
        """The steps, of which the last one makes the result."""
        last = self.made[-1]
        result = Node(last.operator, last.inputs, self.node.output, last.origin, self.node.fused)
        return [*self.made[:-1], result]

    def looked_up(self, what: str, tables: Sequence[bytes], x: Value) -> Value:
        """The sum of tables."""
        parts = [self.apply(operators.Lookup(f"{what}, a part", table), x) for table in tables]
        total = parts[0]
        for part in parts[1:]:
            total = self.combined(Combine.ADD, total, part)
        return total

    def combined(self, function: Combine, x: Value, y: Value) -> Value:
        """A function of two tensors."""
        return self.apply(operators.Binary(function), x, y)

    def unary(self, function: Function, x: Value) -> Value:
        """A function of each element."""
        return self.apply(operators.Unary(function), x)


Expansion = Callable[[Steps, Value], Value]


def _odd(what: str, function: OfArrays, shifts: Sequence[int]) -> Expansion:
    return lambda steps, x: steps.looked_up(what, nested(function, shifts, 1.0, kinds.ODD), x)


def _sigmoid(steps: Steps, x: Value) -> Value:
    odd = steps.looked_up("sigmoid", nested(_half_sigmoid, (3, 2), 0.5, kinds.ODD), x)
    return steps.apply(operators.Linear(1.0, 0.5), odd)


def _beside_clamp(what: str, gap: OfArrays, shifts: Sequence[int], function: Combine) -> Expansion:
    """max(x, 0) with a function of |x| taken off or added."""

    def expanded(steps: Steps, x: Value) -> Value:
        found = steps.looked_up(what, nested(gap, shifts, 0.0), steps.unary(Function.ABS, x))
        return steps.combined(function, steps.unary(Function.RELU, x), found)

    return expanded


_softplus = _beside_clamp("softplus", _softplus_gap, (3, 1), Combine.ADD)
_tanh = _odd("tanh", np.tanh, (4, 3))


def _mish(steps: Steps, x: Value) -> Value:
    return steps.combined(Combine.MUL, x, _tanh(steps, _softplus(steps, x)))


def _exp(steps: Steps, x: Value) -> Value:
    whole = steps.apply(operators.Lookup("whole part", truncation()), x)
    of_whole = steps.apply(operators.Lookup("exp of a whole number", _whole_powers()), whole)
    rest = steps.apply(operators.Lookup("fraction", table_bytes(FRACTION_CURVE)), x)
    scaled = steps.apply(operators.Linear(LOG2_E), rest)
    of_rest = steps.apply(operators.Lookup("exp2", table(EXP2).data), scaled)
    return steps.combined(Combine.MUL, of_whole, of_rest)


#: Function -> its steps.
EXPANSIONS: Mapping[Function, Expansion] = {
    Function.SIGMOID: _sigmoid,
    Function.TANH: _tanh,
    Function.ERF: _odd("erf", _erf, (4, 3)),
    Function.GELU: _beside_clamp("gelu", _gelu_gap, (4, 3), Combine.SUB),
    Function.SILU: _beside_clamp("silu", _silu_gap, (4, 2, 1), Combine.SUB),
    Function.SOFTPLUS: _softplus,
    Function.MISH: _mish,
    Function.EXP: _exp,
}


def precise(nodes: Sequence[Node]) -> list[Node]:
    """The nodes with steps in place of functions that a table alone is too coarse for.

    Args:
        nodes: of a graph, no function in the last step of another operation yet.
    """
    result: list[Node] = []
    for node in nodes:
        steps = Steps(node)
        if isinstance(node.operator, operators.Unary) and node.operator.function in EXPANSIONS:
            EXPANSIONS[node.operator.function](steps, node.inputs[0])
        result += steps.finished() if steps.made else [node]
    return result
