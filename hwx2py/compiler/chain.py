"""Intermediates that stay in L2 from the task that makes them to those that read them, instead of going to memory.

L2 keeps what a task leaves there only within a run of tasks, which nothing interrupts. So forms that follow each other
are joined to a run, up to the length of the longest known one, where all that one leaves for another may lie in L2.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ..program.l2 import (
    BANKS_BYTES,
    SIZE_BYTES,
    Tile,
    channel_bytes,
    exchanged_row_bytes,
    handed_row_bytes,
    kept_row_bytes,
    neural_row_bytes,
    rows_log2,
)
from ..units import round_up
from . import l2_operands
from .l2_layout import Layout, pitches_of
from .l2_places import Placed, Stay, places
from .l2_seen import NAMES, Operand, where_seen
from .surface import HALF_BYTES, Surface
from .task import RuntimeKernel, Source, TaskPlan, own

#: Tasks of the longest known run: a softmax over 375 rows (published tables).
MOST_TASKS = 8

IN_A_RUN = own("a run of several forms, between which tensors stay in L2")


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
        stays: intermediates that lie in L2 all along, and where.
        shifts: for each task by how much all else moves that it has in L2.
        saved_bytes: what is not moved to and from memory any more.
    """

    tasks: range
    stays: tuple[Placed, ...]
    shifts: tuple[int, ...]
    saved_bytes: int


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
        staying = {placed.stay.buffer for placed in run.stays}
        for task, shift in zip(run.tasks, run.shifts):
            plan = l2_operands.without_context(changed[task])
            if plan.evidence.source is Source.RECORD:
                plan = replace(plan, evidence=IN_A_RUN)
            plan = l2_operands.shifted(plan, chooser.other_operands(task, staying), shift)
            changed[task] = replace(plan, ends_segment=task == run.tasks[-1])
        for placed in run.stays:
            item = chooser.intermediates[placed.stay.buffer]
            assert item.layout is not None
            for access in item.accesses:
                tile = item.layout._replace(base_bytes=placed.base_bytes).tile(access.surface)
                changed[access.task] = _kept(changed[access.task], access.operand, tile)
    return Chained(changed, [run.tasks for run in runs])


def _kept(plan: TaskPlan, operand: Operand, tile: Tile) -> TaskPlan:
    work = l2_operands.work_of(plan)
    note = f"{NAMES[operand]} in L2 as in {where_seen(work, operand)}"
    evidence = plan.evidence if plan.evidence.source is Source.OWN else IN_A_RUN
    kept = f"{evidence.kept}; {note}" if evidence.kept else note
    return replace(l2_operands.moved(plan, operand, tile), evidence=evidence._replace(kept=kept))


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
    made, outer = item.accesses[0].surface, pitches.outer.memory_bytes
    channel = channel_bytes(pitches.row_bytes // HALF_BYTES)
    rows_are_inner = made.row_bytes < outer if made.shape.h > 1 else made.shape.c > 1 and made.plane_bytes >= outer
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
        self.extents = [
            {operand: extent for operand in Operand if (extent := l2_operands.extent_in_l2(plan, operand))}
            for plan in plans
        ]

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
                if len(tasks) > MOST_TASKS:
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

    def run(self, tasks: range, forms: Iterable[range]) -> Run | None:
        """The run of some tasks; None where one needs from memory what another stores, or L2 does not hold it all."""
        inside = [item for task in tasks for item in self.by_first.get(task, ()) if item.last < tasks.stop]
        staying = {item.buffer: item for item in inside if item.layout is not None}
        for form in forms:
            for task in form:
                for writer, buffer in self.written_before.get(task, ()):
                    if buffer not in staying and tasks.start <= writer < form.start:
                        return None
        stays = places(
            [
                Stay(item.buffer, item.first, item.last, item.layout.size_bytes)
                for item in staying.values()
                if item.layout is not None
            ]
        )
        shifts = self._shifts(forms, stays)
        if shifts is None:
            return None
        return Run(tasks, tuple(stays), shifts, sum(item.moved_bytes for item in staying.values()))

    def _shifts(self, forms: Iterable[range], stays: Sequence[Placed]) -> tuple[int, ...] | None:
        """How far what else a form has in L2 moves, for each task; None where L2 does not hold it then.

        What passes through lies behind what stays, as in all records, and its banks are the same as before.
        """
        staying = {placed.stay.buffer for placed in stays}
        shifts: list[int] = []
        for form in forms:
            top = max(
                (p.end_bytes for p in stays if p.stay.first < form.stop and form.start <= p.stay.last), default=0
            )  # fmt: skip
            others = [self.extents[task][operand] for task in form for operand in self.other_operands(task, staying)]
            shift = 0
            if others:
                shift = round_up(top - min(extent.start for extent in others), BANKS_BYTES)
                if shift + max(extent.end for extent in others) > SIZE_BYTES:
                    return None
            shifts += [shift] * len(form)
        return tuple(shifts)

    def other_operands(self, task: int, staying: Collection[str]) -> list[Operand]:
        """The operands of a task in L2, but for some intermediates.

        Args:
            task: its index.
            staying: buffers of these intermediates.
        """
        surfaces = ((operand, l2_operands.surface_of(self.plans[task], operand)) for operand in self.extents[task])
        return [operand for operand, surface in surfaces if surface is None or surface.buffer not in staying]


def _forms(plans: Sequence[TaskPlan]) -> Iterable[range]:
    """The forms: tasks up to one that ends its run."""
    start = 0
    for task, plan in enumerate(plans):
        if plan.ends_segment or task == len(plans) - 1:
            yield range(start, task + 1)
            start = task + 1
