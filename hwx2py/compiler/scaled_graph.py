"""Powers of two that keep intermediates inside float16: a factor on what an operation stores, undone further on.

Each value of a graph has an exponent e: it is stored as itself times 2^-e. An operation with weights gives its result
any exponent through its weights and bias, and undoes that of its operand there. Operations that give a multiple of
their result for a multiple of their operand carry the exponent on: sums and maxima bring their operands to one
exponent, products add the exponents of theirs. In front of all others, and of outputs, a task of its own takes the
factor away.

Everything is a multiplication by a power of two, so the numbers stay the same bits, but for those that become so small
that float16 has fewer bits for them: below 2^-14 after scaling.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from . import operators
from .builder import LARGEST_HALF, saturated
from .graph import Graph, Node, Origin, Value
from .operators.arithmetic import Combine, Function

#: Powers of two beyond this have no normal float16 for the factor that undoes them, or for its inverse.
MOST_EXPONENT = 14
#: The least number of which float16 has all bits.
LEAST_NORMAL = 2.0**-14

#: Functions that carry a positive factor on.
HOMOGENEOUS = (Function.RELU, Function.LEAKY_RELU, Function.ABS)
#: Operators that carry the exponent of their first operand on; further operands are constants that stay as they are.
CARRIES = (
    operators.Reshape, operators.Transpose, operators.Slice, operators.Select, operators.Expand, operators.Mix,
    operators.DepthToSpace, operators.SpaceToDepth, operators.Pool, operators.Reduce, operators.PRelu,
)  # fmt: skip


class Scaled(NamedTuple):
    """An operation that scaling changes.

    Attributes:
        origin: the operation.
        exponent: its result is stored times 2 to minus this.
        how: what carries the factor.
        causes: the operations that leave float16, for which this is done.
        rounded: constants that have fewer bits after scaling, because float16 has fewer for them.
    """

    origin: Origin
    exponent: int
    how: str
    causes: tuple[Origin, ...]
    rounded: int = 0


class ScaledGraph(NamedTuple):
    """A graph with scaled intermediates.

    Attributes:
        graph: the graph.
        rows: the operations that differ.
        undone: tasks that take a factor away -> what needs the number itself.
    """

    graph: Graph
    rows: tuple[Scaled, ...]
    undone: Mapping[Origin, str]


class _NoConstantError(Exception):
    """A constant times a power of two that float16 does not hold."""


def scaled(graph: Graph, wanted: Mapping[Origin, int]) -> ScaledGraph:
    """A graph in which some operations store their results times a power of two.

    Args:
        graph: the network, before operations are put together.
        wanted: operation -> the exponent, at least, of what it stores; those that cannot carry one keep their place.

    Returns:
        A graph with the same inputs and outputs.
    """
    scaler = _Scaler(wanted)
    for node in graph.nodes:
        scaler.take(node)
    outputs = {
        name: scaler.brought_to(value, 0, f"output {name}") if scaler.exponent(value) else value
        for name, value in graph.outputs.items()
    }
    done = Graph(list(graph.inputs), outputs, scaler.nodes, truths=set(graph.truths))
    return ScaledGraph(done, tuple(scaler.rows), scaler.undone)


@dataclass(slots=True)
class _Scaler:
    """Goes through the nodes of a graph in their order."""

    wanted: Mapping[Origin, int]
    nodes: list[Node] = field(default_factory=list)
    rows: list[Scaled] = field(default_factory=list)
    undone: dict[Origin, str] = field(default_factory=dict)
    _exponents: dict[Value, int] = field(default_factory=dict)
    _causes: dict[Value, tuple[Origin, ...]] = field(default_factory=dict)
    _brought: dict[tuple[Value, int], Value] = field(default_factory=dict)
    _rounded: int = 0

    def exponent(self, value: Value) -> int:
        """A value is stored times 2 to minus this."""
        return self._exponents.get(value, 0)

    def take(self, node: Node) -> None:
        """Takes the next node over, changed where it has to be."""
        want = self.wanted.get(node.origin, 0)
        if not want and not any(map(self.exponent, node.inputs)):
            self.nodes.append(node)
            return
        self._rounded = 0
        operator = node.operator
        match operator:
            case operators.Conv() | operators.ConvTranspose() | operators.Affine():
                self._by_constants(node, want, 1, 2)
            case operators.Linear():
                self._linear(node, operator, want)
            case operators.MatMul() | operators.Binary(Combine.MUL):
                fixed = [place for place, value in enumerate(node.inputs[:2]) if value.array is not None]
                if fixed:
                    self._by_constants(node, want, fixed[0], 2)
                else:
                    self._product(node, want)
            case operators.Binary(Combine.DIV) if node.inputs[1].array is not None:
                self._by_constants(node, want, 1, 2, divides=True)
            case operators.Binary(Combine.ADD | Combine.SUB | Combine.MAX | Combine.MIN) | operators.Concat():
                self._alike(node, max(want, *map(self.exponent, node.inputs)))
            case operators.Unary(function) if function in HOMOGENEOUS:
                self._carried(node, want)
            case operators.Clip():
                self._clip(node, operator, want)
            case operators.Power(exponent) if exponent in (2.0, 3.0):
                self._power(node, int(exponent), want)
            case operators.Standardize():
                self._standardize(node, operator, want)
            case operators.Sign():
                self._put(node, 0, "the sign is the same", self._causes_of(node.inputs))
            case operator if isinstance(operator, CARRIES):
                self._carried(node, want)
            case _:
                self._plain(node)

    def brought_to(self, value: Value, exponent: int, user: str) -> Value:
        """A value with another exponent: a constant times a power of two, or by a task of its own.

        Args:
            value: the value.
            exponent: which.
            user: what needs it so.
        """
        by = self.exponent(value) - exponent
        if not by:
            return value
        if value.array is not None:
            return self._constant(value, by)
        if abs(by) > MOST_EXPONENT:
            value = self.brought_to(value, self.exponent(value) - int(math.copysign(MOST_EXPONENT, by)), user)
            return self.brought_to(value, exponent, user)
        if (value, exponent) not in self._brought:
            origin = Origin("Scale", f"{value.name} by 2^{by}")
            result = Value(origin.name, value.shape)
            causes = self._causes.get(value, ())
            if by > 0:
                self.undone[origin] = user
            self.nodes.append(Node(operators.Linear(2.0**by), (value,), result, origin))
            self._note(result, exponent, causes)
            self.rows.append(Scaled(origin, exponent, "a task of its own", causes))
            self._brought[value, exponent] = result
        return self._brought[value, exponent]

    def _note(self, value: Value, exponent: int, causes: tuple[Origin, ...]) -> None:
        self._exponents[value], self._causes[value] = exponent, causes

    def _causes_of(self, values: Iterable[Value]) -> tuple[Origin, ...]:
        return tuple(dict.fromkeys(cause for value in values for cause in self._causes.get(value, ())))

    def _put(self, node: Node, exponent: int, how: str, causes: tuple[Origin, ...]) -> None:
        """A node whose result has an exponent."""
        own = (node.origin,) if self.wanted.get(node.origin, 0) else ()
        together = tuple(dict.fromkeys((*own, *causes)))
        self.nodes.append(node)
        self.rows.append(Scaled(node.origin, exponent, how, together, self._rounded))
        self._note(node.output, exponent, together if exponent else ())

    def _constant(self, value: Value, exponent: int) -> Value:
        """A constant times 2 to the exponent."""
        array = np.asarray(saturated(np.asarray(value.array)))
        exact = array if array.dtype == np.float64 else array.astype(np.float32)
        half, moved = exact.astype(np.float16), np.ldexp(exact, exponent)
        with np.errstate(over="ignore"):
            after = moved.astype(np.float16)
        largest = np.abs(after).max(initial=0.0)
        if np.isinf(after[np.isfinite(half)]).any() or (half.any() and largest < LEAST_NORMAL):
            raise _NoConstantError
        if exponent < 0:
            lost = np.ldexp(half.astype(np.float64), exponent) != after
            self._rounded += int(np.count_nonzero(lost & np.isfinite(half)))
        return Value(f"{value.name} by 2^{exponent}", value.shape, moved)

    def _by_constants(self, node: Node, want: int, factor: int, offset: int, divides: bool = False) -> None:
        """Operations with constant factors, and constants that are added."""
        tensors = [value for value in node.inputs[:2] if value.array is None]
        given = sum(map(self.exponent, tensors))
        for exponent in _ends(given, want):
            inputs = list(node.inputs)
            by = exponent - given if divides else given - exponent
            try:
                if by:
                    inputs[factor] = self._constant(inputs[factor], by)
                if exponent and len(inputs) > offset:
                    inputs[offset] = self._constant(inputs[offset], -exponent)
            except _NoConstantError:
                self._rounded = 0
                continue
            how = "its weights" if len(inputs) <= offset else "its weights and bias"
            self._put(replace(node, inputs=tuple(inputs)), exponent, how, self._causes_of(tensors))
            return
        self._plain(node)

    def _linear(self, node: Node, operator: operators.Linear, want: int) -> None:
        (x,) = node.inputs
        given = self.exponent(x)
        for exponent in _ends(given, want):
            scale, bias = operator.scale * 2.0 ** (given - exponent), operator.bias * 2.0**-exponent
            if abs(scale) <= LARGEST_HALF and not 0 < abs(scale) < LEAST_NORMAL:
                changed = replace(node, operator=operators.Linear(scale, bias))
                self._put(changed, exponent, "its scale and bias", self._causes_of([x]))
                return
        self._plain(node)

    def _product(self, node: Node, want: int) -> None:
        """A product of two tensors: its exponent is the sum of theirs."""
        inputs = list(node.inputs)
        less = want - sum(map(self.exponent, inputs[:2]))
        if less > 0 and inputs[0] is inputs[1]:
            half = self.exponent(inputs[0]) + math.ceil(less / 2)
            inputs[:2] = [self.brought_to(inputs[0], half, str(node.origin))] * 2
        elif less > 0:
            inputs[0] = self.brought_to(inputs[0], self.exponent(inputs[0]) + less, str(node.origin))
        exponent = sum(map(self.exponent, inputs[:2]))
        try:
            if len(inputs) > 2:
                inputs[2] = self._constant(inputs[2], -exponent)
        except _NoConstantError:
            self._plain(node)
            return
        self._put(replace(node, inputs=tuple(inputs)), exponent, "its operands", self._causes_of(node.inputs))

    def _alike(self, node: Node, exponent: int) -> None:
        """Operands of one exponent, which the result has too."""
        try:
            inputs = tuple(self.brought_to(value, exponent, str(node.origin)) for value in node.inputs)
        except _NoConstantError:
            self._plain(node)
            return
        self._put(replace(node, inputs=inputs), exponent, "its operands", self._causes_of(node.inputs))

    def _carried(self, node: Node, want: int) -> None:
        x, *rest = node.inputs
        exponent = max(want, self.exponent(x))
        inputs = (self.brought_to(x, exponent, str(node.origin)), *rest)
        self._put(replace(node, inputs=inputs), exponent, "its operand", self._causes_of([x]))

    def _clip(self, node: Node, operator: operators.Clip, want: int) -> None:
        (x,) = node.inputs
        exponent = max(want, self.exponent(x))
        limits = [end * 2.0**-exponent for end in (operator.low, operator.high)]
        if any(0 < abs(limit) < LEAST_NORMAL for limit in limits):
            self._plain(node)
            return
        changed = replace(node, operator=replace(operator, low=limits[0], high=limits[1]))
        self._put(
            replace(changed, inputs=(self.brought_to(x, exponent, str(node.origin)),)), exponent, "its limits",
            self._causes_of([x]),
        )  # fmt: skip

    def _power(self, node: Node, power: int, want: int) -> None:
        (x,) = node.inputs
        own = max(self.exponent(x), math.ceil(want / power))
        inputs = (self.brought_to(x, own, str(node.origin)),)
        self._put(replace(node, inputs=inputs), power * own, "its operand", self._causes_of([x]))

    def _standardize(self, node: Node, operator: operators.Standardize, want: int) -> None:
        """What it gives is the same for any multiple of its operand; its largest numbers are squares of that."""
        (x,) = node.inputs
        exponent = self.exponent(x) + math.ceil(want / 2)
        epsilon = operator.epsilon * 4.0**-exponent
        half = float(np.float16(epsilon))
        if operator.epsilon and not half:
            self._plain(node)
            return
        self._rounded = int(half * 4.0**exponent != float(np.float16(operator.epsilon)))
        changed = replace(node, operator=replace(operator, epsilon=epsilon))
        inputs = (self.brought_to(x, exponent, str(node.origin)),)
        self._put(replace(changed, inputs=inputs), 0, "its epsilon", self._causes_of([x]))

    def _plain(self, node: Node) -> None:
        """What needs the numbers themselves."""
        inputs = tuple(self.brought_to(value, 0, str(node.origin)) for value in node.inputs)
        self.nodes.append(replace(node, inputs=inputs))


def _ends(given: int, want: int) -> Sequence[int]:
    """Exponents that a result with weights may have, the best first."""
    return list(dict.fromkeys((want, max(given, want))))
