"""Operators that combine the elements along axes, and products of matrices."""

from dataclasses import dataclass
from enum import StrEnum

from .operator import Shape, ShapeMismatch, broadcast, checked_axis, replaced


class Reduction(StrEnum):
    """How elements are combined into one."""

    SUM = "sum"
    MEAN = "mean"
    MAX = "max"
    MIN = "min"


@dataclass(frozen=True, slots=True)
class Reduce:
    """The elements along some axes combined into one; the axes stay, with length 1.

    Attributes:
        kind: how they are combined.
        axes: which axes.
        flat: the result is one row of all channels.
    """

    kind: Reduction
    axes: tuple[int, ...]
    flat: bool = False

    def result_shape(self, *shapes: Shape) -> Shape:
        """The axes with length 1."""
        shape = shapes[0]
        for axis in self.axes:
            shape = replaced(shape, checked_axis(axis, len(shape)), 1)
        return shape


@dataclass(frozen=True, slots=True)
class Softmax:
    """exp(x) over its sum along an axis, or the logarithm of that."""

    axis: int
    logarithm: bool = False

    def result_shape(self, *shapes: Shape) -> Shape:
        """The same shape."""
        checked_axis(self.axis, len(shapes[0]))
        return shapes[0]


@dataclass(frozen=True, slots=True)
class Attend:
    """The softmax of the rows of x, times the second matrix: what an attention does with its scores."""

    def result_shape(self, *shapes: Shape) -> Shape:
        """[..., M, D]."""
        return MatMul().result_shape(*shapes)


@dataclass(frozen=True, slots=True)
class Attention:
    """softmax(q k^T) v for three tensors of one shape, [..., S, D].

    Attributes:
        scale: a factor on the scores.
    """

    scale: float = 1.0

    def result_shape(self, *shapes: Shape) -> Shape:
        """The same shape."""
        if len(set(shapes)) != 1 or len(shapes[0]) < 2:
            raise ShapeMismatch(f"an attention of {', '.join(map(str, shapes))}")
        return shapes[0]


@dataclass(frozen=True, slots=True)
class Standardize:
    """(x - mean) / sqrt(variance + epsilon) over some axes: layer and instance norm without gain and bias."""

    axes: tuple[int, ...]
    epsilon: float

    def result_shape(self, *shapes: Shape) -> Shape:
        """The same shape."""
        for axis in self.axes:
            checked_axis(axis, len(shapes[0]))
        return shapes[0]


@dataclass(frozen=True, slots=True)
class MatMul:
    """The product of matrices in the last two axes; those in front broadcast. A constant bias (N,) may follow.

    Attributes:
        scale: a factor on the product.
        transposed: the second matrix is given transposed.
        transposed_first: the first matrix is given transposed.
        transposed_result: the result is transposed; for a constant second matrix.
    """

    scale: float = 1.0
    transposed: bool = False
    transposed_first: bool = False
    transposed_result: bool = False

    @property
    def scale_differs(self) -> bool:
        """Whether there is a factor other than 1."""
        return self.scale != 1.0

    def result_shape(self, *shapes: Shape) -> Shape:
        """[..., M, N]."""
        x, y = shapes[0], shapes[1]
        if self.transposed and len(y) > 1:
            y = (*y[:-2], y[-1], y[-2])
        if self.transposed_first and len(x) > 1:
            x = (*x[:-2], x[-1], x[-2])
        if min(len(x), len(y)) < 2 or x[-1] != y[-2]:
            raise ShapeMismatch(f"a product of matrices {x} and {y}")
        if len(shapes) > 2 and shapes[2] != (y[-1],):
            raise ShapeMismatch(f"a bias of shape {shapes[2]} for {y[-1]} columns")
        rows, columns = (y[-1], x[-2]) if self.transposed_result else (x[-2], y[-1])
        return (*broadcast(x[:-2], y[:-2]), rows, columns)
