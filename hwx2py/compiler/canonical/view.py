"""The nodes of a graph as rules look at them: what makes a value, and whether another node needs it too."""

import math
from collections import Counter
from collections.abc import Collection, Iterable
from typing import TypeVar

import numpy as np

from .. import operators
from ..builder import saturated
from ..graph import Node, Value
from ..operators.arithmetic import Combine, Function
from ..operators.operator import Operator

Kind = TypeVar("Kind", bound=Operator)


def weights(name: str, numbers: "np.ndarray") -> Value:
    """Weights that a rule worked out, in float32, which takes half the memory of float64.

    They are rounded to odd: float16 is then what rounding the float64 numbers would give.
    """
    single = numbers.astype(np.float32)
    bits = single.view(np.uint32)
    bits -= np.abs(single) > np.abs(numbers)
    bits |= single != numbers
    return Value(name, numbers.shape, single)


class Nodes:
    """Nodes by their results.

    Args:
        nodes: the nodes of a graph.
        outputs: its outputs.
        truths: its tensors of truth values.
    """

    def __init__(self, nodes: Iterable[Node], outputs: set[Value], truths: Collection[Value] = ()):
        self.truths = truths
        self._by_output = {node.output: node for node in nodes}
        self._uses = Counter(value for node in self._by_output.values() for value in dict.fromkeys(node.inputs))
        self._outputs = outputs
        self._users: dict[Value, list[Value]] = {}
        for node in self._by_output.values():
            for value in dict.fromkeys(node.inputs):
                self._users.setdefault(value, []).append(node.output)

    def put(self, node: Node) -> None:
        """Takes a node in place of the one with the same result."""
        self._by_output[node.output] = node

    def maker(self, value: Value) -> Node | None:
        """The node that makes a value; None for inputs and constants."""
        return self._by_output.get(value)

    def users(self, value: Value) -> list[Node]:
        """The nodes that need a value, in order."""
        nodes = (self._by_output[output] for output in self._users.get(value, ()))
        return [node for node in nodes if value in node.inputs]

    def is_single(self, value: Value) -> bool:
        """Whether only one node needs a value, and it is no output."""
        return self._uses[value] <= 1 and value not in self._outputs

    def is_inner(self, value: Value) -> bool:
        """Whether a value is no output."""
        return value not in self._outputs

    def made_by(self, value: Value, kind: type[Kind], *, single: bool = True) -> Node | None:
        """The node of a kind that makes a value, which no other node needs if `single`."""
        node = self.maker(value)
        if node is None or not isinstance(node.operator, kind) or (single and not self.is_single(value)):
            return None
        return node

    def unary(self, value: Value, function: Function, *, single: bool = True) -> Node | None:
        """The node that makes a value by a function of one number."""
        node = self.made_by(value, operators.Unary, single=single)
        return node if node is not None and getattr(node.operator, "function", None) is function else None

    def binary(self, value: Value, function: Combine, *, single: bool = True) -> Node | None:
        """The node that makes a value by a function of two numbers."""
        node = self.made_by(value, operators.Binary, single=single)
        return node if node is not None and getattr(node.operator, "function", None) is function else None

    def linear(self, value: Value, *, single: bool = True) -> tuple[Value, float, float] | None:
        """x, scale and bias where a value is scale * x + bias with two numbers."""
        node = self.maker(value)
        if node is None or (single and not self.is_single(value)):
            return None
        return as_linear(node)


def number(value: Value) -> float | None:
    """The number that a constant holds, if it is one number."""
    if value.array is None or value.array.size != 1:
        return None
    return float(saturated(np.asarray(value.array)).ravel()[0])


def as_linear(node: Node) -> tuple[Value, float, float] | None:
    """x, scale and bias where a node is scale * x + bias with two numbers, and keeps the shape of x."""
    if isinstance(node.operator, operators.Linear) and node.tail is None:
        return node.inputs[0], node.operator.scale, node.operator.bias
    if not isinstance(node.operator, operators.Binary) or node.tail is not None:
        return None
    x, y = node.inputs
    function = node.operator.function
    first, second = number(x), number(y)
    if second is not None and x.array is None and x.shape == node.output.shape:
        match function:
            case Combine.ADD:
                return x, 1.0, second
            case Combine.SUB:
                return x, 1.0, -second
            case Combine.MUL:
                return x, second, 0.0
            case Combine.DIV if second != 0:
                return x, 1.0 / second, 0.0
    if first is not None and y.array is None and y.shape == node.output.shape:
        match function:
            case Combine.ADD:
                return y, 1.0, first
            case Combine.MUL:
                return y, first, 0.0
            case Combine.SUB:
                return y, -1.0, first
    return None


def is_near(one: float, two: float) -> bool:
    """Whether two numbers are the same but for rounding to float16."""
    return math.isclose(one, two, rel_tol=1e-3)
