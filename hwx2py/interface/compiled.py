"""Compiling networks: a graph or an ONNX model as a program, with a report."""

import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from .program import Program

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ..compiler.compile import CompiledNetwork
    from ..compiler.ranges import Beyond
    from ..compiler.report import Report, Traffic
    from ..compiler.tune import Judgement
    from ..cost import CostReport
    from ..program.program import Program as ProgramContent


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
    chain: bool = True,
    precise: bool = False,
    tune: bool = False,
    tune_seconds: float | None = None,
    calibrate: "Mapping[str, ArrayLike] | None" = None,
    scale: bool = False,
) -> Compiled:
    """Compiles a network into one program.

    Args:
        model: a `Graph`, the path of an ONNX model, or an onnx.ModelProto.
        arch: the architecture to write words for.
        shapes: input -> shape, for models whose shapes are open.
        fixed: input -> the constant that takes its place.
        starts: tensors that become inputs; what comes before them is left out.
        ends: tensors that become outputs; what comes after them is left out.
        chain: whether intermediates stay in L2 from task to task where known programs do that; the bits are the same.
        precise: sigmoid, tanh, exp and what is made of them by several tasks each, with a smaller error.
        tune: try alternatives of the forms, and take what costs least by `cost`, the only judge; `report.tuning` has
            all that was tried.
        tune_seconds: how long to try, then the best so far is taken; None is a minute.
        calibrate: input -> sample, or samples along a further axis in front: `report.beyond` then has the operations
            that leave float16 with them.
        scale: store what leaves float16 with the samples times powers of two, which are undone in what follows;
            `report.scaling` has the operations.

    Raises:
        UnsupportedError: operations that the engine cannot do, or that no power of two keeps inside, each by name.
        UsageError: the model cannot be read, or an option does not fit it.
    """
    from ..compiler.compile import compile_network
    from ..compiler.report import Chaining, TaskFigures, make_report
    from ..compiler.tune import USUAL_SECONDS, Tuner
    from ..cost import cost

    if scale and calibrate is None:
        raise UsageError("nothing says what leaves float16", hint="give samples (calibrate), or leave out scale")
    name = os.path.basename(os.fspath(model)) if isinstance(model, str | os.PathLike) else "network"
    seconds = USUAL_SECONDS if tune_seconds is None else tune_seconds
    tuner = Tuner(_judge, seconds, objection=_finding) if tune else None
    done = compile_network(
        model, arch, shapes=shapes, fixed=fixed, starts=starts, ends=ends, precise=precise, name=name, chain=chain,
        tuner=tuner, leaving=functools.partial(_leaving, calibrate) if scale and calibrate is not None else None,
    )  # fmt: skip
    program, costs = done.program, cost(done.program)
    traffic = _traffic(costs)
    unchained = traffic if done.unchained is None else _traffic(cost(done.unchained.program))
    figures = [
        TaskFigures(
            task.read_bytes + task.written_bytes + task.coefficient_bytes,
            task.macs + task.elementwise,
            task.estimate_us,
        )
        for task in costs.tasks
    ]
    report = make_report(
        program.arch.name, done.plans, done.operations, figures, done.scratch_bytes, len(program.const),
        Chaining(done.runs, traffic, unchained), done.tuning,
    )  # fmt: skip
    beyond = done.beyond
    if calibrate is not None:
        from .calibration import sampled

        beyond = (*beyond, *sampled(done, calibrate))
    return Compiled(Program(program), report._replace(beyond=beyond, scaling=done.scaling), done.caution)


def _leaving(samples: "Mapping[str, ArrayLike]", done: "CompiledNetwork") -> "Sequence[Beyond]":
    """The operations that leave float16 with samples."""
    from .calibration import sampled

    return sampled(done, samples)


def _judge(program: "ProgramContent") -> "Judgement":
    """What a program costs, for choosing among several."""
    from ..compiler.tune import Judgement
    from ..cost import cost

    traffic = _traffic(cost(program))
    return Judgement(traffic.estimate_us, traffic.tensor_bytes + traffic.coefficient_bytes)


def _finding(program: "ProgramContent") -> str:
    """The first error or warning of `check`; empty where there is none."""
    from ..checks import Subject, findings

    serious = (finding for finding in findings(Subject(program)) if finding.level in ("error", "warning"))
    return next(map(str, serious), "")


def _traffic(costs: "CostReport") -> "Traffic":
    """The sums over the tasks of a program."""
    from ..compiler.report import Traffic

    tensors = costs.total("read_bytes") + costs.total("written_bytes")
    return Traffic(int(tensors), int(costs.total("coefficient_bytes")), round(float(costs.total("estimate_us")), 3))
