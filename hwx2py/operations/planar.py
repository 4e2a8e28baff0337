"""What a task of the planar engine does.

    s = combine(PreScale * source 1, +-source 2)      one source: s = PreScale * source 1, or its square
    y = s * Scale + Bias, clamped at 0, its magnitude
    y = sum, largest or smallest y over depth, height and width      (reductions)
    y = function(y * FinalScale)

Gain and offset: y = (source 1 +- source 2 [row 0]) * source 2 [row 1]. Known by running decoded programs of compiler
9.509 and real programs of 2023 against what they compute.
"""

from typing import NamedTuple

from ..registers.enums import Value
from .operand import Operand, Result, Unknown


class Planar(NamedTuple):
    """A task of the planar engine.

    Attributes:
        kind: Common.Cfg.TaskType by name.
        first: source 1.
        second: source 2, or None.
        combine: how the sources are combined; None where the one source passes as it is.
        negate_first: source 1 enters with a minus.
        negate_second: source 2 enters with a minus.
        prescale: factor on source 1.
        scale: factor on what was combined.
        bias: added after that.
        relu: clamp at 0.
        magnitude: take the absolute value.
        reduce: how depth, height and width are combined into one element; None where they are not.
        final_scale: factor in front of the function.
        function: the last step; None where there is none.
        epsilon: added under the reciprocal root.
        result: where it goes.
        zeros: names of the fields of sizes that hold 0: the engine hangs.
        unknowns: what the reader did not understand; empty for a task that can be executed.
        fields: names of the fields that decide what the task does, `Block.Register.Field`.
    """

    kind: str
    first: Operand
    second: Operand | None
    combine: Value | None
    negate_first: bool
    negate_second: bool
    prescale: float
    scale: float
    bias: float
    relu: bool
    magnitude: bool
    reduce: Value | None
    final_scale: float
    function: Value | None
    epsilon: float
    result: Result
    zeros: tuple[str, ...] = ()
    unknowns: tuple[Unknown, ...] = ()
    fields: frozenset[str] = frozenset()

    @property
    def inputs(self) -> tuple[Operand, ...]:
        """The sources in order."""
        return (self.first,) if self.second is None else (self.first, self.second)
