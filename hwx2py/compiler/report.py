"""What became of a network: for each operation its tasks, where their words come from, and what they cost."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .lower import OperationTasks
from .ranges import Beyond
from .task import Evidence, Source, TaskPlan


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
        beyond: operations that leave float16, for some input or with given samples.
    """

    arch: str
    operations: tuple[OperationReport, ...]
    figures: TaskFigures
    tasks: int
    scratch_bytes: int
    coefficient_bytes: int
    choices: tuple[OwnChoice, ...]
    evidence: dict[str, int]
    beyond: tuple[Beyond, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "arch": self.arch,
            "tasks": self.tasks,
            **_data(self.figures),
            "scratch_bytes": self.scratch_bytes,
            "coefficient_bytes": self.coefficient_bytes,
            "evidence": self.evidence,
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
) -> Report:
    """Puts a report together.

    Args:
        arch: the architecture.
        plans: the tasks.
        operations: the tasks of each node of the lowered graph.
        costs: of each task.
        scratch_bytes: size of the scratch memory.
        coefficient_bytes: size of the constants.
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
        {source.name.lower(): sum(plan.evidence.source is source for plan in plans) for source in Source},
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
            found.setdefault(plan.evidence, []).append(index)
    return tuple(OwnChoice(evidence.reason, tuple(tasks)) for evidence, tasks in found.items())
