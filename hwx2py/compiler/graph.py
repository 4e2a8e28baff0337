"""A network as a graph: tensors with shapes and names, constants, and typed operations between them.

    g = Graph()
    x = g.input("x", (1, 3, 32, 32))
    y = g.relu(g.conv(x, weights, bias, stride=2))
    g.output("y", y)

`compile` takes one, and the ONNX reader makes one. It knows nothing of the engine.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import UsageError
from . import operators
from .operators.arithmetic import Combine, Function
from .operators.operator import Operator, Shape, checked_axis, replaced
from .operators.reductions import Reduction
from .operators.spatial import Pads

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


#: What the engine addresses.
MOST_BYTES = 0xE000_0000
#: Tasks are numbered in 16 bits, and every element of a batch takes one at least.
MOST_BATCH = 1 << 16


class Origin(NamedTuple):
    """The operation of the network that a node comes from.

    Attributes:
        kind: its type, as ONNX names it.
        name: its name.
    """

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A tensor of a graph.

    Attributes:
        name: its name, unique in the graph.
        shape: its axes, any number of them.
        array: the elements of a constant; None for what is computed.
    """

    name: str
    shape: Shape
    array: "np.ndarray | None" = None

    def __repr__(self) -> str:
        return f"<{'constant' if self.array is not None else 'tensor'} {self.name} {self.shape}>"


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """An operation of a graph.

    Attributes:
        operator: what it does.
        inputs: its operands, constants included.
        output: its result.
        origin: the operation of the network that it comes from.
        fused: further operations that it does as well.
        tail: a function of each element that comes last, if there is one.
    """

    operator: Operator
    inputs: tuple[Value, ...]
    output: Value
    origin: Origin
    fused: tuple[Origin, ...] = ()
    tail: Operator | None = None


@dataclass(slots=True)
class Graph:
    """A network that is being put together.

    Attributes:
        inputs: the input tensors.
        outputs: name -> tensor.
        nodes: the operations in an order in which they can run.
        origin: what further nodes come from; None names each after its operation.
        truths: tensors of truth values, a byte each, which few operations take.
    """

    inputs: list[Value] = field(default_factory=list)
    outputs: dict[str, Value] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    origin: Origin | None = None
    truths: set[Value] = field(default_factory=set)
    _names: set[str] = field(default_factory=set)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def input(self, name: str, shape: Iterable[int], truths: bool = False) -> Value:
        """Adds an input tensor.

        Args:
            name: its name in the program.
            shape: its axes.
            truths: it holds truth values, a byte each, and not numbers.

        Raises:
            UsageError: the name is taken, or an axis is not positive.
        """
        axes = tuple(int(length) for length in shape)
        if min(axes, default=1) < 1:
            raise UsageError(f"input {name}: shape {axes}; every axis is at least 1")
        if name in self._names or not name:
            raise UsageError(f"input {name!r}: the name is taken" if name else "an input needs a name")
        _check_size(f"input {name}", axes)
        value = Value(name, axes)
        self._names.add(name)
        self.inputs.append(value)
        if truths:
            self.truths.add(value)
        return value

    def output(self, name: str, value: Value) -> None:
        """Makes a tensor an output.

        Args:
            name: its name in the program.
            value: the tensor.

        Raises:
            UsageError: the name is taken, or the tensor is a constant.
        """
        if not name or name in self.outputs or name in {tensor.name for tensor in self.inputs}:
            raise UsageError(f"output {name!r}: the name is taken" if name else "an output needs a name")
        if value.array is not None:
            raise UsageError(f"output {name}: a constant needs no program; leave it out")
        self.outputs[name] = value

    def constant(self, array: "ArrayLike", name: str = "") -> Value:
        """A constant tensor.

        Args:
            array: its elements.
            name: its name; made up if left out.
        """
        elements = np.asarray(array)
        return Value(name or f"constant_{next(self._numbers)}", elements.shape, elements)

    def apply(self, operator: Operator, *inputs: "Value | ArrayLike", name: str = "") -> Value:
        """Adds an operation.

        Args:
            operator: what it does.
            inputs: its operands; arrays and numbers are constants.
            name: of its result; made up if left out.

        Returns:
            Its result.

        Raises:
            ShapeMismatch: the operands contradict each other.
        """
        values = tuple(value if isinstance(value, Value) else self.constant(value) for value in inputs)
        shape = operator.result_shape(*(value.shape for value in values))
        _check_size(f"the result of {name or type(operator).__name__}", shape)
        kind = str(getattr(operator, "function", type(operator).__name__.lower()))
        if not name or name in self._names:
            name = self._fresh(name or kind)
        self._names.add(name)
        result = Value(name, shape)
        self._check_truths(operator, values, result)
        self.nodes.append(Node(operator, values, result, self.origin or Origin(kind, name)))
        return result

    def _check_truths(self, operator: Operator, values: Sequence[Value], result: Value) -> None:
        """Truth values only change places, are negated, or become numbers."""
        of_truths = (operators.Unary(Function.NOT), operators.Unary(Function.FROM_TRUTHS))
        if operator in of_truths and not self.truths.issuperset(values):
            raise UsageError(f"{values[0].name} holds numbers, and not and from_truths take truth values")
        for value in values:
            if value in self.truths:
                if operator == operators.Unary(Function.FROM_TRUTHS):
                    continue
                if not isinstance(operator, operators.Transpose) and operator != operators.Unary(Function.NOT):
                    hint = "convert it (Cast), or cut the network behind it (--from)"
                    what = f"{value.name} holds truth values, which only a transpose, a negation or a conversion takes"
                    raise UsageError(what, hint=hint)
                self.truths.add(result)

    def _fresh(self, stem: str) -> str:
        numbers = itertools.count(len(self.nodes))
        return next(name for number in numbers if (name := f"{stem}_{number}") not in self._names)

    # Arithmetic

    def add(self, x: "Value | ArrayLike", y: "Value | ArrayLike", name: str = "") -> Value:
        """X + y; both broadcast, and either may be a constant."""
        return self.apply(operators.Binary(Combine.ADD), x, y, name=name)

    def sub(self, x: "Value | ArrayLike", y: "Value | ArrayLike", name: str = "") -> Value:
        """X - y."""
        return self.apply(operators.Binary(Combine.SUB), x, y, name=name)

    def mul(self, x: "Value | ArrayLike", y: "Value | ArrayLike", name: str = "") -> Value:
        """X * y."""
        return self.apply(operators.Binary(Combine.MUL), x, y, name=name)

    def div(self, x: "Value | ArrayLike", y: "Value | ArrayLike", name: str = "") -> Value:
        """X / y."""
        return self.apply(operators.Binary(Combine.DIV), x, y, name=name)

    def maximum(self, x: "Value | ArrayLike", y: "Value | ArrayLike", name: str = "") -> Value:
        """The larger of x and y."""
        return self.apply(operators.Binary(Combine.MAX), x, y, name=name)

    def minimum(self, x: "Value | ArrayLike", y: "Value | ArrayLike", name: str = "") -> Value:
        """The smaller of x and y."""
        return self.apply(operators.Binary(Combine.MIN), x, y, name=name)

    def linear(self, x: Value, scale: float = 1.0, bias: float = 0.0, name: str = "") -> Value:
        """Scale * x + bias with two numbers."""
        return self.apply(operators.Linear(float(scale), float(bias)), x, name=name)

    def unary(self, function: str, x: Value, alpha: float = 0.0, beta: float = 0.0, name: str = "") -> Value:
        """A function of each element.

        Args:
            function: one of `Function`, such as "sigmoid", "tanh", "gelu" or "exp".
            x: the operand.
            alpha: the function's first parameter, if it has one.
            beta: its second.
            name: of the result.
        """
        if function not in list(Function):
            raise UsageError(f"unknown function {function}", hint=f"functions: {', '.join(Function)}")
        return self.apply(operators.Unary(Function(function), float(alpha), float(beta)), x, name=name)

    def sign(self, x: Value, negative: float, zero: float, positive: float, name: str = "") -> Value:
        """A number for negative elements, one for 0, one for positive elements."""
        return self.apply(operators.Sign(float(negative), float(zero), float(positive)), x, name=name)

    def affine(self, x: Value, factor: "ArrayLike", offset: "ArrayLike", name: str = "") -> Value:
        """Factor * x + offset with constants that broadcast, such as a batch norm."""
        return self.apply(operators.Affine(), x, factor, offset, name=name)

    def relu(self, x: Value, name: str = "") -> Value:
        """The larger of x and 0."""
        return self.unary("relu", x, name=name)

    def sigmoid(self, x: Value, name: str = "") -> Value:
        """1 / (1 + exp(-x))."""
        return self.unary("sigmoid", x, name=name)

    def tanh(self, x: Value, name: str = "") -> Value:
        """The hyperbolic tangent."""
        return self.unary("tanh", x, name=name)

    def gelu(self, x: Value, name: str = "") -> Value:
        """X times the normal distribution at x."""
        return self.unary("gelu", x, name=name)

    def clip(self, x: Value, low: float = -math.inf, high: float = math.inf, name: str = "") -> Value:
        """x, but at least `low`, and at most `high`, which wins where it is the lower one, as in ONNX."""
        return self.apply(operators.Clip(float(min(low, high)), float(high)), x, name=name)

    def power(self, x: Value, exponent: float, name: str = "") -> Value:
        """X to the power of a number; below 0 that needs a whole exponent."""
        return self.apply(operators.Power(float(exponent)), x, name=name)

    def prelu(self, x: Value, slopes: "Value | ArrayLike", name: str = "") -> Value:
        """X where it is positive, else x times the slopes, which broadcast."""
        return self.apply(operators.PRelu(), x, slopes, name=name)

    # Windows

    def conv(
        self,
        x: Value,
        weights: "Value | ArrayLike",
        bias: "Value | ArrayLike | None" = None,
        stride: "int | tuple[int, int]" = 1,
        pads: "int | tuple[int, int, int, int] | Pads" = 0,
        dilation: "int | tuple[int, int]" = 1,
        groups: int = 1,
        name: str = "",
    ) -> Value:
        """Convolution.

        Args:
            x: N, C, H, W.
            weights: Cout, C / groups, Kh, Kw.
            bias: Cout, or nothing.
            stride: of rows and columns.
            pads: zeros around the planes: one number, or top, left, bottom, right.
            dilation: distance of the taps.
            groups: parts of the channels that are convolved apart.
            name: of the result.
        """
        operator = operators.Conv(_pair(stride), _pads(pads), _pair(dilation), groups)
        return self.apply(operator, x, weights, *([] if bias is None else [bias]), name=name)

    def conv_transpose(
        self,
        x: Value,
        weights: "Value | ArrayLike",
        bias: "Value | ArrayLike | None" = None,
        stride: "int | tuple[int, int]" = 1,
        pads: "int | tuple[int, int, int, int] | Pads" = 0,
        name: str = "",
    ) -> Value:
        """Transposed convolution; weights are C, Cout, Kh, Kw, and pads cut off the result."""
        operator = operators.ConvTranspose(_pair(stride), _pads(pads))
        return self.apply(operator, x, weights, *([] if bias is None else [bias]), name=name)

    def max_pool(
        self,
        x: Value,
        kernel: "int | tuple[int, int]",
        stride: "int | tuple[int, int]" = 1,
        pads: "int | tuple[int, int, int, int] | Pads" = 0,
        name: str = "",
    ) -> Value:
        """The largest element of each window."""
        return self.apply(operators.Pool(True, _pair(kernel), _pair(stride), _pads(pads)), x, name=name)

    def average_pool(
        self,
        x: Value,
        kernel: "int | tuple[int, int]",
        stride: "int | tuple[int, int]" = 1,
        pads: "int | tuple[int, int, int, int] | Pads" = 0,
        counts_pads: bool = False,
        name: str = "",
    ) -> Value:
        """The mean of each window."""
        operator = operators.Pool(False, _pair(kernel), _pair(stride), _pads(pads), counts_pads=counts_pads)
        return self.apply(operator, x, name=name)

    # Reductions and products

    def reduce(self, kind: str, x: Value, axes: Iterable[int], keep: bool = True, name: str = "") -> Value:
        """The elements along axes combined.

        Args:
            kind: "sum", "mean", "max" or "min".
            x: the operand.
            axes: which axes; negative ones count from the end.
            keep: leave the axes with length 1, else drop them.
            name: of the result.
        """
        if kind not in list(Reduction):
            raise UsageError(f"unknown reduction {kind}", hint=f"reductions: {', '.join(Reduction)}")
        rank = len(x.shape)
        which = tuple(sorted({checked_axis(int(axis), rank) for axis in axes}))
        y = self.apply(operators.Reduce(Reduction(kind), which), x, name=name if keep else "")
        if keep:
            return y
        return self.reshape(y, [n for axis, n in enumerate(y.shape) if axis not in which], name=name)

    def softmax(self, x: Value, axis: int = -1, logarithm: bool = False, name: str = "") -> Value:
        """exp(x) over its sum along an axis, or the logarithm of that."""
        return self.apply(operators.Softmax(checked_axis(axis, len(x.shape)), logarithm), x, name=name)

    def standardize(self, x: Value, axes: Iterable[int] = (-1,), epsilon: float = 1e-5, name: str = "") -> Value:
        """(x - mean) / sqrt(variance + epsilon) over axes."""
        which = tuple(sorted({checked_axis(int(axis), len(x.shape)) for axis in axes}))
        return self.apply(operators.Standardize(which, float(epsilon)), x, name=name)

    def layer_norm(
        self, x: Value, gain: "ArrayLike", bias: "ArrayLike | None" = None, epsilon: float = 1e-5, name: str = ""
    ) -> Value:
        """Layer normalisation over the last axes, as many as the gain has."""
        rank = len(np.shape(gain))
        y = self.mul(self.standardize(x, range(-rank, 0), epsilon), gain, name="" if bias is not None else name)
        return y if bias is None else self.add(y, bias, name=name)

    def matmul(
        self, x: "Value | ArrayLike", y: "Value | ArrayLike", bias: "ArrayLike | None" = None, name: str = ""
    ) -> Value:
        """The product of matrices in the last two axes; either may be a constant."""
        return self.apply(operators.MatMul(), x, y, *([] if bias is None else [bias]), name=name)

    # Moving elements

    def reshape(self, x: Value, shape: Iterable[int], name: str = "") -> Value:
        """The same elements in another shape; one length may be -1, which the others give."""
        axes = [int(length) for length in shape]
        if axes.count(-1) == 1:
            rest = math.prod(length for length in axes if length != -1)
            axes[axes.index(-1)] = math.prod(x.shape) // rest if rest > 0 else 0
        return self.apply(operators.Reshape(tuple(axes)), x, name=name)

    def transpose(self, x: Value, order: Sequence[int], name: str = "") -> Value:
        """Axis i of the result is axis order[i] of x."""
        return self.apply(operators.Transpose(tuple(int(axis) for axis in order)), x, name=name)

    def concat(self, parts: "Sequence[Value | ArrayLike]", axis: int, name: str = "") -> Value:
        """Tensors one behind the other along an axis."""
        rank = len(parts[0].shape if isinstance(parts[0], Value) else np.shape(parts[0]))
        return self.apply(operators.Concat(checked_axis(axis, rank)), *parts, name=name)

    def slice(
        self, x: Value, axis: int, start: int | None = None, stop: int | None = None, step: int = 1, name: str = ""
    ) -> Value:
        """x[start:stop:step] of an axis, as Python counts."""
        axis = checked_axis(axis, len(x.shape))
        places = range(x.shape[axis])[slice(start, stop, step)]
        operator = operators.Slice(axis, places.start, len(places), places.step)
        return self.apply(operator, x, name=name)

    def select(self, x: Value, axis: int, places: Iterable[int], name: str = "") -> Value:
        """Places of an axis by number; -1 gives zeros."""
        axis = checked_axis(axis, len(x.shape))
        return self.apply(operators.Select(axis, tuple(int(place) for place in places)), x, name=name)

    def mix(self, x: Value, axis: int, matrix: "ArrayLike", name: str = "") -> Value:
        """A constant matrix (M, L) times x along an axis of length L."""
        return self.apply(operators.Mix(checked_axis(axis, len(x.shape))), x, matrix, name=name)

    def expand(self, x: Value, shape: Iterable[int], name: str = "") -> Value:
        """X repeated along axes of length 1."""
        return self.apply(operators.Expand(tuple(int(length) for length in shape)), x, name=name)

    def unsqueeze(self, x: Value, axis: int, name: str = "") -> Value:
        """X with a further axis of length 1."""
        axis = checked_axis(axis, len(x.shape) + 1)
        return self.reshape(x, (*x.shape[:axis], 1, *x.shape[axis:]), name=name)

    def squeeze(self, x: Value, axis: int, name: str = "") -> Value:
        """X without an axis of length 1."""
        axis = checked_axis(axis, len(x.shape))
        return self.reshape(x, replaced(x.shape, axis, 1)[:axis] + x.shape[axis + 1 :], name=name)


def _check_size(what: str, shape: Shape) -> None:
    """Refuses a tensor that no program can hold.

    Raises:
        UsageError: it has more bytes than the engine addresses, or a batch of more elements than tasks have numbers.
    """
    size = 2 * math.prod(shape)
    if size > MOST_BYTES:
        raise UsageError(f"{what}: shape {shape} takes {size:,} bytes, and the engine addresses {MOST_BYTES:,}")
    if len(shape) > 2 and shape[0] > MOST_BATCH:
        raise UsageError(f"{what}: shape {shape}; a batch has at most {MOST_BATCH:,} elements")


def _pair(value: Any) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    first, second = value
    return int(first), int(second)


def _pads(value: Any) -> Pads:
    if isinstance(value, Pads):
        return value
    return Pads(value, value, value, value) if isinstance(value, int) else Pads(*map(int, value))
