"""Operators that work on each element: of two tensors, of one, and with constants."""

from dataclasses import dataclass
from enum import StrEnum

from .operator import Operator, Shape, ShapeMismatch, broadcast


class Function(StrEnum):
    """A function of one number."""

    RELU = "relu"
    ABS = "abs"
    SIGMOID = "sigmoid"
    TANH = "tanh"
    ERF = "erf"
    EXP = "exp"
    LOG = "log"
    SQRT = "sqrt"
    RSQRT = "rsqrt"
    RECIPROCAL = "reciprocal"
    ELU = "elu"
    SELU = "selu"
    SOFTPLUS = "softplus"
    MISH = "mish"
    GELU = "gelu"
    SILU = "silu"
    FLOOR = "floor"
    LEAKY_RELU = "leaky_relu"
    HARD_SIGMOID = "hard_sigmoid"
    HARD_SWISH = "hard_swish"
    NOT = "not"
    FROM_TRUTHS = "from_truths"


class Combine(StrEnum):
    """A function of two numbers."""

    ADD = "add"
    SUB = "sub"
    MUL = "mul"
    DIV = "div"
    MAX = "max"
    MIN = "min"
    POW = "pow"


@dataclass(frozen=True, slots=True)
class Binary:
    """A function of the elements of two tensors, which broadcast.

    Attributes:
        function: what is computed.
    """

    function: Combine

    def result_shape(self, *shapes: Shape) -> Shape:
        """The broadcast of both shapes."""
        return broadcast(*shapes)


@dataclass(frozen=True, slots=True)
class Gated:
    """x combined with a number for each channel: a convolution 1 x 1 of the second input, a column of channels.

    The third input has the weights of the convolution, a fourth the bias.

    Attributes:
        function: how they are combined.
        gate: the last step of the convolution, if it has one.
        adds_one: the number is 1 more, as where x is added to the product.
    """

    function: Combine
    gate: Operator | None = None
    adds_one: bool = False

    def result_shape(self, *shapes: Shape) -> Shape:
        """The shape of x."""
        if shapes[1][2:] != (1, 1) or shapes[2] != (shapes[0][1], shapes[1][1], 1, 1):
            raise ShapeMismatch(f"{shapes[0]} gated by {shapes[1]} with weights {shapes[2]}")
        return shapes[0]


@dataclass(frozen=True, slots=True)
class Unary:
    """A function of each element.

    Attributes:
        function: what is computed.
        alpha: its first parameter, if it has one: the slope of leaky relu and hard sigmoid, the scale of elu, what
            rsqrt adds to its argument.
        beta: its second parameter: what hard sigmoid adds.
    """

    function: Function
    alpha: float = 0.0
    beta: float = 0.0

    def result_shape(self, *shapes: Shape) -> Shape:
        """The same shape."""
        return shapes[0]


@dataclass(frozen=True, slots=True)
class Lookup:
    """A table of the engine, by its content.

    Attributes:
        what: the function's name.
        data: the 128 bytes of the table.
    """

    what: str
    data: bytes

    def result_shape(self, *shapes: Shape) -> Shape:
        """The same shape."""
        return shapes[0]


@dataclass(frozen=True, slots=True)
class Linear:
    """scale * x + bias with two numbers."""

    scale: float = 1.0
    bias: float = 0.0

    def result_shape(self, *shapes: Shape) -> Shape:
        """The same shape."""
        return shapes[0]


@dataclass(frozen=True, slots=True)
class Power:
    """x to the power of a number."""

    exponent: float

    def result_shape(self, *shapes: Shape) -> Shape:
        """The same shape."""
        return shapes[0]


@dataclass(frozen=True, slots=True)
class Clip:
    """x, but at least `low` and at most `high`; an infinite limit does not bind.

    Attributes:
        low: the lower limit.
        high: the upper limit.
        slope: what negative elements are multiplied by before the limits.
    """

    low: float
    high: float
    slope: float = 1.0

    def result_shape(self, *shapes: Shape) -> Shape:
        """The same shape."""
        return shapes[0]


@dataclass(frozen=True, slots=True)
class PRelu:
    """x where x is positive, else x times the second input, a constant that broadcasts."""

    def result_shape(self, *shapes: Shape) -> Shape:
        """The broadcast of both shapes."""
        return broadcast(*shapes)


@dataclass(frozen=True, slots=True)
class Sign:
    """A number for negative elements, one for 0, one for positive elements."""

    negative: float
    zero: float
    positive: float

    def result_shape(self, *shapes: Shape) -> Shape:
        """The same shape."""
        return shapes[0]


@dataclass(frozen=True, slots=True)
class Affine:
    """x times the second input plus the third, constants that broadcast: a batch norm."""

    def result_shape(self, *shapes: Shape) -> Shape:
        """The broadcast of the shapes."""
        return broadcast(*shapes)
