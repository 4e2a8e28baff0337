"""Compiling networks: a graph or an ONNX model as a program, with a report."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .program import Program

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ..compiler.report import Report


@dataclass(frozen=True, repr=False)
class Compiled:
    """A network as a program of the engine.

    Attributes:
        program: the program.
        report: its operations, their tasks, where the words of each come from, and what they cost.
        caution: what to know of programs for this architecture; empty where there is nothing.
    """

    program: Program
    report: "Report"
    caution: str = ""

    def __repr__(self) -> str:
        return f"<compiled: {len(self.report.operations)} operations, {self.program!r}>"


def compile(
    model: Any,
    arch: str = "H13",
    *,
    shapes: Mapping[str, Sequence[int]] | None = None,
    fixed: "Mapping[str, ArrayLike] | None" = None,
    starts: Sequence[str] = (),
    ends: Sequence[str] = (),
    precise: bool = False,
) -> Compiled:
    """Compiles a network into one program.

    Args:
        model: a `Graph`, the path of an ONNX model, or an onnx.ModelProto.
        arch: the architecture to write words for.
        shapes: input -> shape, for models whose shapes are open.
        fixed: input -> the constant that takes its place.
        starts: tensors that become inputs; what comes before them is left out.
        ends: tensors that become outputs; what comes after them is left out.
        precise: sigmoid, tanh, exp and what is made of them by several tasks each, with a smaller error.

    Raises:
        UnsupportedError: operations that the engine cannot do, each by name.
        UsageError: the model cannot be read, or an option does not fit it.
    """
    from .. import cost
    from ..compiler.compile import compile_network
    from ..compiler.report import TaskFigures, make_report

    name = os.path.basename(os.fspath(model)) if isinstance(model, str | os.PathLike) else "network"
    done = compile_network(
        model, arch, shapes=shapes, fixed=fixed, starts=starts, ends=ends, precise=precise, name=name
    )
    program = done.program
    costs = [
        TaskFigures(
            task.read_bytes + task.written_bytes + task.coefficient_bytes,
            task.macs + task.elementwise,
            task.estimate_us,
        )
        for task in cost.cost(program).tasks
    ]
    report = make_report(program.arch.name, done.plans, done.operations, costs, done.scratch_bytes, len(program.const))
    return Compiled(Program(program), report, done.caution)
