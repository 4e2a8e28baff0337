"""Intermediates that stay in L2 from the task that makes them to those that read them, instead of going to memory.

L2 keeps what a task leaves there only within a run of tasks, which nothing interrupts. So forms that follow each other
are joined to a run, up to the length of the longest known one, where all that one leaves for another may lie in L2.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ..program.l2 import (
    Tile,
    channel_bytes,
    exchanged_row_bytes,
    handed_row_bytes,
    kept_row_bytes,
    neural_row_bytes,
    rows_log2,
)
from . import l2_operands
from .l2_layout import Layout, pitches_of
from .l2_operands import Operand
from .l2_places import Stay, places
from .surface import HALF_BYTES, Surface
from .task import RuntimeKernel, Source, Store, TaskPlan, own

#: Tasks of the longest known run: a softmax over 375 rows (published tables).
MOST_TASKS = 8

KEPT = own("operands in L2 that tasks of one form hand on to each other in records, here from form to form")


class Access(NamedTuple):
    """A task that reads or writes an intermediate.

    Attributes:
        task: its index.
        operand: as what.
        surface: which part.
    """

    task: int
    operand: Operand
    surface: Surface


@dataclass(slots=True)
class Intermediate:
    """A buffer in scratch, and who uses it.

    Attributes:
        buffer: its name.
        accesses: in the order of the tasks.
        kernels: tasks that fetch it as coefficients.
        layout: how it would lie in L2; None where it cannot.
    """

    buffer: str
    accesses: list[Access] = field(default_factory=list)
    kernels: list[int] = field(default_factory=list)
    layout: Layout | None = None

    @property
    def first(self) -> int:
        """The first task that uses it."""
        return self.accesses[0].task

    @property
    def last(self) -> int:
        """The last task that uses it."""
        return max([self.accesses[-1].task, *self.kernels])

    @property
    def moved_bytes(self) -> int:
        """What is moved to and from memory for it."""
        return sum(access.surface.size_bytes for access in self.accesses)


class Run(NamedTuple):
    """Forms that become one run.

    Attributes:
        tasks: indices of their tasks.
        stays: buffers of intermediates that lie in L2 all along, and where.
        saved_bytes: what is not moved to and from memory any more.
    """

    tasks: range
    stays: Mapping[str, int] = {}
    saved_bytes: int = 0


class Chained(NamedTuple):
    """Tasks whose intermediates stay in L2 where that is possible.

    Attributes:
        plans: the tasks.
        runs: indices of the tasks of each run that was joined.
    """

    plans: list[TaskPlan]
    runs: list[range]


def chained(plans: Sequence[TaskPlan], bound: Collection[str]) -> Chained:
    """Keeps intermediates in L2.

    Args:
        plans: the tasks; every form ends its run.
        bound: buffers that are tensors of the program or constants.

    Returns:
        As many tasks, which give the same bits.
    """
    chooser = _Chooser(plans, bound)
    runs, changed = chooser.best(), list(plans)
    for run in runs:
        for buffer, base in run.stays.items():
            item = chooser.intermediates[buffer]
            assert item.layout is not None
            for access in item.accesses:
                tile = item.layout._replace(base_bytes=base).tile(access.surface)
                changed[access.task] = _kept(changed[access.task], access.operand, tile)
        for task in run.tasks[:-1]:
            changed[task] = replace(changed[task], ends_segment=False)
    return Chained(changed, [run.tasks for run in runs])


def _kept(plan: TaskPlan, operand: Operand, tile: Tile) -> TaskPlan:
    plan = l2_operands.moved(plan, operand, tile)
    return plan if plan.evidence.source is Source.OWN else replace(plan, evidence=KEPT)


def intermediates(plans: Sequence[TaskPlan], bound: Collection[str]) -> dict[str, Intermediate]:
    """The intermediates of a program, with the layout of those that could lie in L2.

    Args:
        plans: the tasks.
        bound: buffers that are tensors of the program or constants.
    """
    found: dict[str, Intermediate] = {}
    for task, plan in enumerate(plans):
        for operand in Operand:
            surface = l2_operands.surface_of(plan, operand)
            if surface is not None and surface.buffer not in bound and surface.buffer not in plan.constants:
                item = found.setdefault(surface.buffer, Intermediate(surface.buffer))
                item.accesses.append(Access(task, operand, surface))
        if isinstance(plan.kernel, RuntimeKernel) and plan.kernel.buffer in found:
            found[plan.kernel.buffer].kernels.append(task)
    for item in found.values():
        item.layout = _layout(item, plans)
    return found


def _layout(item: Intermediate, plans: Sequence[TaskPlan]) -> Layout | None:
    """How an intermediate would lie in L2: rows and channels as its first writer has them in records."""
    if item.kernels or not all(l2_operands.can_stay(plans[a.task], a.operand) for a in item.accesses):
        return None
    pitches = pitches_of([access.surface for access in item.accesses])
    if pitches is None or pitches.row_bytes > l2_operands.MOST_ROW_BYTES:
        return None
    made = item.accesses[0]
    channel = channel_bytes(pitches.row_bytes // HALF_BYTES)
    step = made.surface.row_bytes if made.surface.shape.h > 1 else 0
    rows_are_outer = step >= pitches.outer.memory_bytes
    rows_are_inner = not rows_are_outer and (step > 0 or pitches.outer.extent == 1 == made.surface.shape.c)
    if pitches.outer.extent > 1 and not rows_are_outer and made.surface.shape.c > 1:
        rows_are_inner = made.surface.plane_bytes >= pitches.outer.memory_bytes
    channels = pitches.outer.extent if rows_are_inner else pitches.inner.extent
    row = _row_bytes(item, plans, channels, channel)
    return Layout(pitches, channel, row) if rows_are_inner else Layout(pitches, row, channel)


def _row_bytes(item: Intermediate, plans: Sequence[TaskPlan], channels: int, channel: int) -> int:
    made = plans[item.accesses[0].task]
    row = channels * channel
    if not made.engines:
        return kept_row_bytes(row)
    if l2_operands.field(made, "Common.Cfg", "OutTrans"):
        return exchanged_row_bytes(row)
    if any(not plans[access.task].engines for access in item.accesses):
        return handed_row_bytes(row)
    _, _, height, width = item.accesses[0].surface.shape
    return neural_row_bytes(channels, channel, rows_log2(height, HALF_BYTES * width))


class _Chooser:
    """Chooses the runs.

    Args:
        plans: the tasks.
        bound: buffers that are tensors of the program or constants.
    """

    def __init__(self, plans: Sequence[TaskPlan], bound: Collection[str]):
        self.plans = plans
        self.intermediates = intermediates(plans, bound)
        self.by_first: dict[int, list[Intermediate]] = {}
        self.written_before: dict[int, list[tuple[int, str]]] = {}
        for item in self.intermediates.values():
            self.by_first.setdefault(item.first, []).append(item)
            self._remember_writers(item)
        self.forms = list(_forms(plans))
        self.ends = [{operand: l2_operands.end_in_l2(plan, operand) for operand in Operand} for plan in plans]

    def _remember_writers(self, item: Intermediate) -> None:
        """For each task that reads the intermediate, the last one before it that writes it."""
        writers = [access.task for access in item.accesses if access.operand is Operand.RESULT]
        readers = [access.task for access in item.accesses if access.operand is not Operand.RESULT]
        for reader in {*readers, *item.kernels}:
            before = [writer for writer in writers if writer < reader]
            if before:
                self.written_before.setdefault(reader, []).append((max(before), item.buffer))

    def best(self) -> list[Run]:
        """The runs that save most, without those that save nothing."""
        saved = [0] * (len(self.forms) + 1)
        chosen: list[tuple[int, Run | None]] = [(0, None)] * (len(self.forms) + 1)
        for end in range(1, len(self.forms) + 1):
            saved[end], chosen[end] = saved[end - 1], (end - 1, None)
            for start in reversed(range(end - 1)):
                tasks = range(self.forms[start].start, self.forms[end - 1].stop)
                if len(tasks) > MOST_TASKS or self._is_cut(start):
                    break
                run = self.run(tasks, self.forms[start:end])
                if run is not None and saved[start] + run.saved_bytes > saved[end]:
                    saved[end], chosen[end] = saved[start] + run.saved_bytes, (start, run)
        runs: list[Run] = []
        end = len(self.forms)
        while end:
            end, run = chosen[end]
            if run is not None:
                runs.append(run)
        return runs[::-1]

    def _is_cut(self, form: int) -> bool:
        """Whether a form may not be joined with the one behind it."""
        return self.plans[self.forms[form][-1]].store is Store.CONTEXT

    def run(self, tasks: range, forms: Iterable[range]) -> Run | None:
        """The run of some tasks; None where one needs from memory what another stores, or L2 does not hold it all."""
        inside = [item for task in tasks for item in self.by_first.get(task, ()) if item.last < tasks.stop]
        staying = {item.buffer: item for item in inside if item.layout is not None}
        for form in forms:
            for task in form:
                for writer, buffer in self.written_before.get(task, ()):
                    if buffer not in staying and tasks.start <= writer < form.start:
                        return None
        chosen = places(
            [Stay(item.buffer, item.first, item.last, item.layout.size_bytes) for item in staying.values()
             if item.layout is not None],
            self._floors(tasks, forms, staying), tasks.start,
        )  # fmt: skip
        if chosen is None:
            return None
        return Run(tasks, chosen, sum(item.moved_bytes for item in staying.values()))

    def _floors(self, tasks: range, forms: Iterable[range], staying: Collection[str]) -> list[int]:
        """For each task the byte behind all that its form has in L2 besides what stays."""
        floors = [0] * len(tasks)
        for form in forms:
            floor = 0
            for task in form:
                for operand, end in self.ends[task].items():
                    surface = l2_operands.surface_of(self.plans[task], operand)
                    if surface is None or surface.buffer not in staying:
                        floor = max(floor, end)
            for task in form:
                floors[task - tasks.start] = floor
        return floors


def _forms(plans: Sequence[TaskPlan]) -> Iterable[range]:
    """The runs as they are: tasks up to one that ends its run."""
    start = 0
    for task, plan in enumerate(plans):
        if plan.ends_segment or plan.store is Store.CONTEXT or task == len(plans) - 1:
            yield range(start, task + 1)
            start = task + 1
