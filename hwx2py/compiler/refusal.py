"""Operations that do not compile: collected, and reported together before anything is written."""

from collections.abc import Sequence
from typing import NamedTuple

from ..errors import UnsupportedError
from .graph import Origin
from .operators.operator import Shape

#: Operations that the message names; more are counted.
MOST_NAMED = 12


class Refusal(NamedTuple):
    """An operation that does not compile.

    Attributes:
        origin: its type and name.
        shapes: of its operands; None where one is unknown.
        reason: why.
    """

    origin: Origin
    shapes: tuple[Shape | None, ...]
    reason: str

    def __str__(self) -> str:
        shapes = ", ".join("x".join(map(str, shape)) if shape is not None else "?" for shape in self.shapes)
        return f"{self.origin.kind} {self.origin.name!r} of {shapes or 'nothing'}: {self.reason}"


class Part(NamedTuple):
    """A part of a network that does compile.

    Attributes:
        operations: how many it has.
        starts: the tensors that it begins with; empty for the network's own inputs.
        ends: the tensors that it ends with; empty for the network's own outputs.
    """

    operations: int
    starts: tuple[str, ...]
    ends: tuple[str, ...]

    def __str__(self) -> str:
        cuts = [f"--from {name}" for name in self.starts] + [f"--until {name}" for name in self.ends]
        return f"{' '.join(cuts)} ({self.operations} operations)"


class RefusedError(UnsupportedError):
    """A network of which some operations do not compile.

    Attributes:
        refusals: the operations.
        parts: the largest parts without them.
    """

    def __init__(self, refusals: Sequence[Refusal], parts: Sequence[Part]):
        count = len(refusals)
        named = "; ".join(map(str, refusals[:MOST_NAMED]))
        more = f"; and {count - MOST_NAMED} more" if count > MOST_NAMED else ""
        what = f"{count} operation{'' if count == 1 else 's'} cannot be compiled: {named}{more}"
        super().__init__(what, hint=f"what would compile: {', or '.join(map(str, parts))}" if parts else "")
        self.refusals, self.parts = tuple(refusals), tuple(parts)


def refused(refusals: Sequence[Refusal], parts: Sequence[Part]) -> RefusedError:
    """The error for operations that do not compile.

    Args:
        refusals: the operations, each once.
        parts: the largest parts without them.
    """
    return RefusedError(list(dict.fromkeys(refusals)), parts)
