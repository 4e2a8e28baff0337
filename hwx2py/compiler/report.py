"""What became of a network: for each operation its tasks, where their words come from, and what they cost."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .lower import OperationTasks
from .ranges import Beyond
from .scaling import ScaledOperations
from .task import Evidence, Source, TaskPlan
from .tune import Tuning


class TaskFigures(NamedTuple):
    """What a task costs.

    Attributes:
        moved_bytes: read and written by DMA, coefficients included.
        operations: multiply-accumulates and operations on single elements.
        estimate_us: how long it takes, microseconds; None where nothing tells.
    """

    moved_bytes: int
    operations: int
    estimate_us: float | None


class OperationReport(NamedTuple):
    """An operation of the network.

    Attributes:
        kind: its type, as ONNX names it.
        name: its name.
        tasks: indices of its tasks; none where it is done by strides, or together with another operation.
        forms: what its tasks do, each once.
        evidence: where the words of its tasks come from, each once.
        figures: the sum over its tasks.
        fused: names of operations that its tasks do as well.
    """

    kind: str
    name: str
    tasks: tuple[int, ...]
    forms: tuple[str, ...]
    evidence: tuple[str, ...]
    figures: TaskFigures
    fused: tuple[str, ...] = ()


class OwnChoice(NamedTuple):
    """An own choice of middle risk, and the tasks that rest on it."""

    reason: str
    tasks: tuple[int, ...]


class Traffic(NamedTuple):
    """What a program moves to and from memory, and how long it takes.

    Attributes:
        tensor_bytes: of inputs, outputs and intermediates.
        coefficient_bytes: of coefficients.
        estimate_us: by `hwx2py cost`, microseconds.
    """

    tensor_bytes: int
    coefficient_bytes: int
    estimate_us: float

    def as_data(self) -> dict[str, int | float]:
        """As JSON has it."""
        return {
            "bytes": self.tensor_bytes + self.coefficient_bytes,
            "tensor_bytes": self.tensor_bytes,
            "coefficient_bytes": self.coefficient_bytes,
            "estimate_us": self.estimate_us,
        }


class Chaining(NamedTuple):
    """What intermediates that stay in L2 change.

    Attributes:
        runs: the tasks of each run in which some stay.
        chained: the program as it is.
        unchained: the same with all intermediates in scratch.
    """

    runs: tuple[range, ...]
    chained: Traffic
    unchained: Traffic

    def as_data(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "runs": [[run.start, run.stop - 1] for run in self.runs],
            "chained": self.chained.as_data(),
            "unchained": self.unchained.as_data(),
        }


class Fusion(NamedTuple):
    """Operations of one type that the tasks of another type do as well.

    Attributes:
        kind: their type.
        into: the type of the other ones.
        operations: how many.
    """

    kind: str
    into: str
    operations: int

    def __str__(self) -> str:
        return f"{self.operations} {self.kind} into {self.into}"


class Report(NamedTuple):
    """What became of a network.

    Attributes:
        arch: the architecture.
        operations: in the order in which they run.
        figures: the sum over all tasks.
        tasks: how many tasks there are.
        scratch_bytes: size of the scratch memory.
        coefficient_bytes: size of the constants.
        choices: own choices of middle risk.
        evidence: tasks by where their words come from: "record", "rule", "own".
        chaining: what it changes that intermediates stay in L2.
        tuning: which alternatives were tried; None where none were.
        beyond: operations that leave float16, for some input or with given samples.
        scaling: operations that store multiples of their results so that samples stay inside; None where none do.
    """

    arch: str
    operations: tuple[OperationReport, ...]
    figures: TaskFigures
    tasks: int
    scratch_bytes: int
    coefficient_bytes: int
    choices: tuple[OwnChoice, ...]
    evidence: dict[str, int]
    chaining: Chaining
    tuning: Tuning | None = None
    beyond: tuple[Beyond, ...] = ()
    scaling: ScaledOperations | None = None

    @property
    def fusions(self) -> tuple[Fusion, ...]:
        """What was put into what, the most frequent first."""
        counts: Counter[tuple[str, str]] = Counter()
        for item in self.operations:
            counts.update((name.split(" ", 1)[0], item.kind) for name in item.fused)
        return tuple(Fusion(kind, into, count) for (kind, into), count in counts.most_common())

    def as_data(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "arch": self.arch,
            "tasks": self.tasks,
            **_data(self.figures),
            "scratch_bytes": self.scratch_bytes,
            "coefficient_bytes": self.coefficient_bytes,
            "evidence": self.evidence,
            "chaining": self.chaining.as_data(),
            "fused": [item._asdict() for item in self.fusions],
            **({} if self.tuning is None else {"tuning": self.tuning.as_data()}),
            **({} if self.scaling is None else {"scaled": self.scaling.as_data()}),
            "own_choices_of_middle_risk": [{"choice": c.reason, "tasks": list(c.tasks)} for c in self.choices],
            "beyond_float16": [
                {
                    "type": item.origin.kind,
                    "name": item.origin.name,
                    "reaches": item.largest,
                    "sampled": item.is_sampled,
                }
                for item in self.beyond
            ],
            "operations": [
                {
                    "type": item.kind,
                    "name": item.name,
                    "tasks": list(item.tasks),
                    "form": list(item.forms),
                    "evidence": list(item.evidence),
                    "fused": list(item.fused),
                    **_data(item.figures),
                }
                for item in self.operations
            ],
        }


def _data(figures: TaskFigures) -> dict[str, Any]:
    return {
        "bytes": figures.moved_bytes,
        "operations_counted": figures.operations,
        "estimate_us": figures.estimate_us,
    }


def make_report(
    arch: str,
    plans: Sequence[TaskPlan],
    operations: Sequence[OperationTasks],
    costs: Sequence[TaskFigures],
    scratch_bytes: int,
    coefficient_bytes: int,
    chaining: Chaining,
    tuning: Tuning | None = None,
) -> Report:
    """Puts a report together.

    Args:
        arch: the architecture.
        plans: the tasks.
        operations: the tasks of each node of the lowered graph.
        costs: of each task.
        scratch_bytes: size of the scratch memory.
        coefficient_bytes: size of the constants.
        chaining: what it changes that intermediates stay in L2.
        tuning: which alternatives were tried.
    """
    rows: dict[tuple[str, str], list[int]] = {}
    fused: dict[tuple[str, str], list[str]] = {}
    for item in operations:
        rows.setdefault(item.origin, []).extend(item.tasks)
        fused.setdefault(item.origin, []).extend(str(other) for other in item.fused)
    reports = tuple(
        OperationReport(
            kind, name, tuple(tasks), _once(plans[task].what for task in tasks),
            _once(str(plans[task].evidence) for task in tasks), total(costs[task] for task in tasks),
            _once(fused[kind, name]),
        )
        for (kind, name), tasks in rows.items()
    )  # fmt: skip
    return Report(
        arch, reports, total(costs), len(plans), scratch_bytes, coefficient_bytes, _choices(plans),
        {source.name.lower(): sum(plan.evidence.source is source for plan in plans) for source in Source}, chaining,
        tuning,
    )  # fmt: skip


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def total(costs: Iterable[TaskFigures]) -> TaskFigures:
    """The sum of figures."""
    moved = operations = 0
    time = 0.0
    for cost in costs:
        moved += cost.moved_bytes
        operations += cost.operations
        time += cost.estimate_us or 0.0
    return TaskFigures(moved, operations, round(time, 3))


def _choices(plans: Sequence[TaskPlan]) -> tuple[OwnChoice, ...]:
    found: dict[Evidence, list[int]] = {}
    for index, plan in enumerate(plans):
        if plan.evidence.source is Source.OWN and plan.evidence.risk == "middle":
            found.setdefault(plan.evidence._replace(kept=""), []).append(index)
    return tuple(OwnChoice(evidence.reason, tuple(tasks)) for evidence, tasks in found.items())
