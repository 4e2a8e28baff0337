"""Scaling by samples: what leaves float16 with them gets a factor, round by round, until nothing does."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import UnsupportedError
from .graph import Graph, Origin
from .ranges import Beyond
from .scaled_graph import MOST_EXPONENT, Scaled, ScaledGraph, scaled


class Cause(NamedTuple):
    """An operation that is scaled because it leaves float16.

    Attributes:
        beyond: what it reaches without scaling.
        exponent: its result is stored times 2 to minus this; 0 where its operand is scaled instead.
        undone: the operations in which the factor ends.
    """

    beyond: Beyond
    exponent: int
    undone: tuple[Origin, ...]

    def __str__(self) -> str:
        reached = f"{self.beyond.largest:.3g} with the given samples, and {self.beyond.limit}"
        what = f"is stored times 2^-{self.exponent}" if self.exponent else "gets a scaled operand"
        return f"{self.beyond.origin} {what}: it reaches {reached}; undone in {', '.join(map(str, self.undone))}"


class ScaledOperations(NamedTuple):
    """What scaling did.

    Attributes:
        causes: the operations that left float16.
        rows: all operations that differ for that.
    """

    causes: tuple[Cause, ...]
    rows: tuple[Scaled, ...]

    @property
    def rounded(self) -> int:
        """Constants that have fewer bits than without scaling."""
        return sum(row.rounded for row in self.rows)

    def as_data(self) -> list[dict[str, Any]]:
        """As JSON has it."""
        reached = {cause.beyond.origin: cause.beyond.largest for cause in self.causes}
        return [
            {
                "type": row.origin.kind,
                "name": row.origin.name,
                "exponent": -row.exponent,
                "how": row.how,
                "reaches": reached.get(row.origin),
                "because_of": [str(cause) for cause in row.causes],
                "rounded_constants": row.rounded,
            }
            for row in self.rows
        ]


class Scaling:
    """Finds the exponents that keep a network inside, round by round: samples show only what leaves first.

    Attributes:
        current: the graph as it is scaled now.
        reasons: operation -> what it reached, without any scaling.
    """

    def __init__(self, graph: Graph):
        self._graph = graph
        self._wanted: dict[Origin, int] = {}
        self.current = ScaledGraph(graph, (), {})
        self.reasons: dict[Origin, Beyond] = {}

    @property
    def operations(self) -> ScaledOperations:
        """What was done."""
        rows = [
            row._replace(causes=tuple(cause for cause in row.causes if cause in self.reasons))
            for row in self.current.rows
        ]
        stored: dict[Origin, int] = {}
        for row in rows:
            stored[row.origin] = max(row.exponent, stored.get(row.origin, 0))
        causes = [
            Cause(
                beyond, stored.get(origin, 0),
                tuple(dict.fromkeys(row.origin for row in rows if origin in row.causes and not row.exponent)),
            )
            for origin, beyond in self.reasons.items()
        ]  # fmt: skip
        return ScaledOperations(tuple(causes), tuple(rows))

    def more(self, found: Sequence[Beyond], fused: Mapping[Origin, Sequence[Origin]]) -> None:
        """Scales further operations, or the same ones by more.

        Args:
            found: the operations that left float16 as the graph is now.
            fused: operation -> those that its tasks do as well.

        Raises:
            UnsupportedError: no factor can be carried to what follows.
        """
        refused = []
        for beyond in found:
            group = (beyond.origin, *fused.get(beyond.origin, ()))
            reason = self._stuck(beyond, group)
            if reason:
                refused.append(f"{beyond.origin}: {reason}")
                continue
            first = self.reasons.get(beyond.origin)
            self.reasons[beyond.origin] = first or beyond
            for origin in group:
                self._wanted[origin] = self._wanted.get(origin, 0) + beyond.shift
        if not refused:
            self.current = scaled(self._graph, self._wanted)
            changed = {row.origin for row in self.current.rows}
            refused = [
                f"{beyond.origin}: it reaches {beyond.largest:.3g}; neither weights nor operands of it take a factor"
                for beyond in found
                if changed.isdisjoint((beyond.origin, *fused.get(beyond.origin, ())))
            ]
        if refused:
            count = f"{len(refused)} operation{'' if len(refused) == 1 else 's'}"
            raise UnsupportedError(
                f"scaling by powers of two does not keep {count} inside float16: {'; '.join(refused)}",
                hint="leave out --scale, or cut the network there (--until)",
            )

    def _stuck(self, beyond: Beyond, group: Sequence[Origin]) -> str:
        """Why an operation cannot be scaled further; empty where it can."""
        for origin in group:
            if origin in self.current.undone:
                return f"{self.current.undone[origin]} needs the number itself, which reaches {beyond.largest:.3g}"
        if self._wanted.get(beyond.origin, 0) + beyond.shift > MOST_EXPONENT:
            return f"it takes more than 2^-{MOST_EXPONENT}"
        before = self.reasons.get(beyond.origin)
        if before is not None and beyond.largest >= before.largest:
            return f"it reaches {beyond.largest:.3g} with a factor of 2^-{self._wanted[beyond.origin]} too"
        return ""
