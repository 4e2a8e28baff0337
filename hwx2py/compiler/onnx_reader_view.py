"""A node of an ONNX model as the functions that read it see it: operands, attributes, and the graph that grows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from .graph import Graph, Value
from .operators.operator import checked_axis


@dataclass(frozen=True, slots=True)
class Comparison:
    """A truth value for each element, which lives in the graph as the numbers 0 and 1.

    Attributes:
        kind: "Greater", "Less" and so on; empty for what is made of others.
        first: the left operand.
        second: the right one.
        mask: 1 where it is true, else 0.
    """

    kind: str
    first: Value | np.ndarray | None
    second: Value | np.ndarray | None
    mask: Value

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the mask."""
        return self.mask.shape


Operand = Value | np.ndarray | Comparison | None


@dataclass(frozen=True, slots=True)
class NodeView:
    """A node of a model.

    Attributes:
        graph: the graph that it is added to.
        kind: its type.
        operands: tensors of the graph, constants as arrays; None for one that is left out.
        attributes: by name.
        results: how many results it has.
        opset: version of the operator set.
    """

    graph: Graph
    kind: str
    operands: Sequence[Operand]
    attributes: Mapping[str, Any]
    results: int
    opset: int

    def has(self, index: int) -> bool:
        """Whether an operand is given."""
        return index < len(self.operands) and self.operands[index] is not None

    def tensor(self, index: int = 0) -> Value:
        """An operand as a tensor of the graph; a constant becomes one.

        Raises:
            UnsupportedError: it is left out, or holds truth values.
        """
        operand = self.operands[index] if self.has(index) else None
        match operand:
            case None:
                raise UnsupportedError(f"operand {index} is missing")
            case Comparison():
                return operand.mask
            case Value():
                return operand
        return self.graph.constant(_real(operand))

    def constant(self, index: int, what: str) -> np.ndarray:
        """An operand that has to be constant.

        Raises:
            UnsupportedError: it is computed at run time, or left out.
        """
        operand = self.operands[index] if self.has(index) else None
        if not isinstance(operand, np.ndarray):
            where = "is missing" if operand is None else "is computed at run time"
            raise UnsupportedError(f"{what} {where}, and has to be a constant")
        return operand

    def weights(self, index: int, what: str) -> Value:
        """A constant operand as a tensor of the graph."""
        return self.graph.constant(_real(self.constant(index, what)))

    def attribute(self, name: str, default: Any = None) -> Any:
        """An attribute, or what it is if it is left out."""
        return self.attributes.get(name, default)

    def integers(self, name: str, index: int, default: Sequence[int] | None = None) -> list[int] | None:
        """Integers that older operator sets have as an attribute, newer ones as a constant operand."""
        if name in self.attributes:
            return [int(value) for value in self.attributes[name]]
        if self.has(index):
            return [int(value) for value in np.atleast_1d(self.constant(index, name)).ravel()]
        return None if default is None else list(default)

    def number(self, name: str, index: int, default: float) -> float:
        """A number that older operator sets have as an attribute, newer ones as a constant operand."""
        if name in self.attributes:
            return float(self.attributes[name])
        if not self.has(index):
            return default
        values = self.constant(index, name)
        if values.size != 1:
            raise UnsupportedError(f"{name} has {values.size} elements instead of one")
        return float(values.ravel()[0])

    def axis(self, value: int, index: int = 0) -> int:
        """An axis of an operand, counted from the front."""
        return checked_axis(int(value), len(self.tensor(index).shape))


def _real(array: np.ndarray) -> np.ndarray:
    """A constant as numbers of floating point."""
    if array.dtype.kind not in "fiub":
        raise UnsupportedError(f"a constant of type {array.dtype}")
    return array if array.dtype.kind == "f" else array.astype(np.float64)
