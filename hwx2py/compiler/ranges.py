"""Where a network leaves float16: what its operations bound by themselves, whatever its inputs are.

A range is that of an operation with a bounded result, such as a clip or a sigmoid, followed through operations of
single elements, which reach its ends. Sums of many products have bounds too, but no input may reach them: they are left
to samples (`--calibrate`).
"""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from . import operators
from .graph import Graph, Node, Origin, Value
from .operators.arithmetic import Combine, Function

#: From here on a number rounds to infinity.
INFINITE_FROM = 65520.0
#: Sums of a convolution or product that reach this become infinite.
SUMS_INFINITE_FROM = 32768.0
#: exp beyond this is more than float64 holds.
LARGEST_EXPONENT = 700.0
#: Operations whose largest number is a sum of products.
SUMS = ("Conv", "ConvTranspose", "Gemm", "MatMul", "conv", "convtranspose", "matmul")


class Range(NamedTuple):
    """The ends that a tensor's elements may reach."""

    low: float
    high: float


class Beyond(NamedTuple):
    """An operation that leaves float16.

    Attributes:
        origin: the operation.
        largest: the magnitude that it reaches.
        is_sampled: given samples reach it; else some input does.
    """

    origin: Origin
    largest: float
    is_sampled: bool

    @property
    def shift(self) -> int:
        """Its numbers times 2 to minus this stay inside."""
        limit = SUMS_INFINITE_FROM if self.origin.kind in SUMS else INFINITE_FROM
        return max(1, math.floor(math.log2(self.largest / limit)) + 1) if self.largest >= limit else 1

    @property
    def limit(self) -> str:
        """Where such numbers end, in words."""
        return "sums of products end at 32768" if self.origin.kind in SUMS else "float16 ends at 65504"

    def __str__(self) -> str:
        what = "its weights and bias" if self.origin.kind in SUMS else "what goes into it"
        who = "with the given samples" if self.is_sampled else "for some input"
        reached = f"reaches {self.largest:.3g}" if self.largest >= SUMS_INFINITE_FROM else "becomes infinite"
        return (
            f"{self.origin} {reached} {who}, and {self.limit}; {what} times 2^-{self.shift}, and what "
            f"follows times 2^{self.shift}, keeps it inside"
        )


BOUNDED: Mapping[Function, Range] = {
    Function.SIGMOID: Range(0.0, 1.0),
    Function.HARD_SIGMOID: Range(0.0, 1.0),
    Function.TANH: Range(-1.0, 1.0),
    Function.ERF: Range(-1.0, 1.0),
}
RISING: Mapping[Function, Callable[[float], float]] = {
    Function.EXP: lambda x: math.exp(min(x, LARGEST_EXPONENT)),
    Function.RELU: lambda x: max(x, 0.0),
    Function.SQRT: lambda x: math.sqrt(max(x, 0.0)),
    Function.SIGMOID: lambda x: 1 / (1 + math.exp(-min(max(x, -LARGEST_EXPONENT), LARGEST_EXPONENT))),
    Function.TANH: math.tanh,
    Function.ERF: math.erf,
}
#: Operators that leave the elements as they are, or some of them.
MOVES = (
    operators.Reshape, operators.Transpose, operators.Slice, operators.Expand, operators.DepthToSpace,
    operators.SpaceToDepth,
)  # fmt: skip


def provable(graph: Graph) -> list[Beyond]:
    """Operations that leave float16 for some input, as far as their operands say so by themselves.

    Args:
        graph: a network, before anything of it is put together.
    """
    ranges: dict[Value, Range] = {}
    found = []
    for node in graph.nodes:
        reached = _range_of(node, ranges)
        if reached is None:
            continue
        largest = max(abs(reached.low), abs(reached.high))
        if largest >= INFINITE_FROM:
            found.append(Beyond(node.origin, largest, False))
            continue
        ranges[node.output] = reached
    return found


def _range_of(node: Node, ranges: Mapping[Value, Range]) -> Range | None:
    """The range of a node's result; None where nothing bounds it."""
    operator, x = node.operator, ranges.get(node.inputs[0])
    if isinstance(operator, operators.Unary):
        return _of_function(operator, x)
    if isinstance(operator, operators.Clip):
        ends = Range(operator.low, operator.high) if x is None else Range(
            min(max(x.low, operator.low), operator.high), min(max(x.high, operator.low), operator.high)
        )  # fmt: skip
        return ends if math.isfinite(ends.low) and math.isfinite(ends.high) else None
    if isinstance(operator, operators.Linear) and x is not None:
        return _ends(operator.scale * end + operator.bias for end in x)
    if isinstance(operator, operators.Binary):
        return _with_number(operator.function, node, ranges)
    return x if isinstance(operator, MOVES) else None


def _of_function(operator: operators.Unary, x: Range | None) -> Range | None:
    function = operator.function
    if x is None:
        return BOUNDED.get(function)
    rising = RISING.get(function)
    if rising is not None:
        return Range(rising(x.low), rising(x.high))
    return BOUNDED.get(function)


def _with_number(function: Combine, node: Node, ranges: Mapping[Value, Range]) -> Range | None:
    """Arithmetic of a bounded tensor and one number."""
    first, second = node.inputs
    for x, y, swapped in ((first, second, False), (second, first, True)):
        reached = ranges.get(x)
        if reached is None or y.array is None or y.array.size != 1:
            continue
        number = float(y.array.ravel()[0])
        match function:
            case Combine.ADD:
                return _ends(end + number for end in reached)
            case Combine.MUL:
                return _ends(end * number for end in reached)
            case Combine.SUB:
                return _ends((number - end if swapped else end - number) for end in reached)
            case Combine.DIV if number and not swapped:
                return _ends(end / number for end in reached)
    return None


def _ends(values: Iterable[float]) -> Range:
    found = sorted(values)
    return Range(found[0], found[-1])
