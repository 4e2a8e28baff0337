"""What all operators share: the protocol, shapes, and the error for shapes that do not fit."""

from typing import Protocol

from ...errors import HwxError

Shape = tuple[int, ...]


class ShapeMismatch(HwxError):
    """Shapes or parameters of an operation that contradict each other."""


class Operator(Protocol):
    """The operation of a node: a frozen value whose fields are its parameters."""

    def result_shape(self, *shapes: Shape) -> Shape:
        """Infers the shape of the result.

        Args:
            shapes: those of the node's inputs, constants included.

        Raises:
            ShapeMismatch: the shapes or the parameters contradict each other.
        """

    def __hash__(self) -> int:
        """Operators with the same parameters are the same."""


def checked_axis(axis: int, rank: int) -> int:
    """An axis counted from the front.

    Raises:
        ShapeMismatch: there is no such axis.
    """
    if not -rank <= axis < rank:
        raise ShapeMismatch(f"axis {axis} of a tensor of rank {rank}")
    return axis % rank


def broadcast(*shapes: Shape) -> Shape:
    """The common shape of operands that are repeated along axes of length 1.

    Raises:
        ShapeMismatch: there is none.
    """
    rank = max(map(len, shapes), default=0)
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    result = []
    for lengths in zip(*padded):
        longer = {length for length in lengths if length != 1}
        if len(longer) > 1:
            raise ShapeMismatch(f"shapes {' and '.join(map(str, shapes))} do not broadcast")
        result.append(longer.pop() if longer else 1)
    return tuple(result)


def replaced(shape: Shape, axis: int, length: int) -> Shape:
    """The shape with another length of an axis."""
    return (*shape[:axis], length, *shape[axis + 1 :])
