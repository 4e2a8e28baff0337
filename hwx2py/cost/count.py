"""Counts what tasks move and compute, and estimates how long they take.

Bytes are those of the elements: what a broadcast repeats counts once, padding does not count. L2 is counted where a
tensor comes from it or stays in it, not where it passes through on its way between memory and engines.
"""

from collections.abc import Iterator
from typing import NamedTuple

from ..operations import InL2, Names, Neural, Planar, sentence
from ..operations.coefficients import fetches
from ..operations.reader import Reader
from ..operations.transfer import transfers
from ..program.program import SCRATCH_BAR, Program
from ..program.register_file import walk
from ..registers import Architecture
from ..registers.machine import BLOCK_BYTES
from .ranges import Range, Touch, live_ranges, touches
from .time import CYCLES_PER_PLANE, MEMORY_BOUND, ChipTime, Cycles, chips, cycles, engines_us, idle_factor, work_of

CONVOLUTION, CHANNEL_SUM, UNICAST = "Conv", "ChannelSum", ("ElementwiseMult", "CrossChannelMax")

CYCLES_BASIS = (
    "ExeCycles is the compiler's estimate, not a measured time; one is taken as a microsecond (inferred: memory-bound "
    "programs fit). Where a header has 0, the compiler's formula is used, and a chained task is counted in the "
    "first of its chain"
)
ENGINES_BASIS = (
    "engines: all of them at the highest measured peak where each has as many output channels as the others; else what "
    "the one with most of them takes (inferred: a channel is computed by one engine)"
)
TILES_BASIS = (
    "bytes count once however many tiles a task has, as in ExeCycles of 19 tasks of 2023 with 80 (read in files); "
    "none of these has a window, so nothing tells whether rows that tiles share are fetched again"
)


class TaskCost(NamedTuple):
    """What a task costs.

    Attributes:
        index: its number.
        sentence: what it does.
        read_bytes: read from memory by tile DMA.
        written_bytes: written to memory.
        coefficient_bytes: coefficients and tables, fetched by kernel DMA.
        l2_read_bytes: read from tensors that lie in L2.
        l2_written_bytes: written to tensors that stay in L2.
        macs: multiply-accumulate operations.
        elementwise: operations on single elements.
        exe_cycles: the compiler's estimate, as the header has it.
        formula_cycles: the same by the compiler's formula; None where it is not known.
        engines_us: how long the engines take for the multiply-accumulates at the highest peak that was measured on a
            chip of this generation, longer where some have fewer output channels than others, microseconds; None where
            nobody measured such work.
        estimate_us: how long the task takes at least, microseconds: the larger of both; None where nothing tells.
        bound_by: "memory", "engine", "chain" (counted with the task before) or "unknown".
    """

    index: int  # type: ignore[assignment] # hides tuple's method
    sentence: str
    read_bytes: int
    written_bytes: int
    coefficient_bytes: int
    l2_read_bytes: int
    l2_written_bytes: int
    macs: int
    elementwise: int
    exe_cycles: int
    formula_cycles: int | None
    engines_us: float | None
    estimate_us: float | None
    bound_by: str


class CostReport(NamedTuple):
    """What a program costs.

    Attributes:
        tasks: a cost for each task.
        basis: how the estimates come about, a line each.
        chips: what chips were measured to take at least for the multiply-accumulates.
        l2: tensors that lie in L2, and from which task to which.
        scratch: the same of the scratch memory.
    """

    tasks: tuple[TaskCost, ...]
    basis: tuple[str, ...]
    chips: tuple[ChipTime, ...]
    l2: tuple[Range, ...]
    scratch: tuple[Range, ...]

    def total(self, name: str) -> int | float:
        """The sum of an attribute of the tasks, None counting as 0."""
        return sum(getattr(task, name) or 0 for task in self.tasks)


def cost(program: Program) -> CostReport:
    """What a program costs.

    Args:
        program: the program.

    Returns:
        Costs by task, with their basis, and the live ranges of L2 and scratch.
    """
    reader, names = Reader(program.arch), Names.of(program)
    tasks: list[TaskCost] = []
    in_l2: list[Touch] = []
    in_scratch: list[Touch] = []
    macs: dict[str, int] = {}
    for index, registers in enumerate(walk(program.arch, program.tasks)):
        operation = reader.read(registers)
        text = sentence(operation, names)
        tasks.append(_task(program.arch, index, text, operation, registers.header("ExeCycles")))
        work = work_of(operation)
        macs[work] = macs.get(work, 0) + tasks[-1].macs
        in_l2 += touches(index, operation, program.arch.machine.l2_bytes)
        in_scratch += _kernel_touch(index, operation)
        in_scratch += (
            (index, transfer.dma.base_bytes, transfer.end, transfer.writes)
            for transfer in transfers(operation)
            if transfer.dma.enabled and transfer.dma.bar == SCRATCH_BAR
        )
    chip_times = chips(program.arch, macs)
    basis = _basis(program.arch)
    return CostReport(tuple(tasks), basis, chip_times, live_ranges(in_l2), live_ranges(in_scratch))


def _basis(arch: Architecture) -> tuple[str, ...]:
    machine = arch.machine
    if not machine.cycles_per_block:
        unknown = f"the compiler's formula for {arch.name} is not known: what bounds a task is unknown"
        return CYCLES_BASIS, unknown, ENGINES_BASIS
    cycle_bytes = BLOCK_BYTES / machine.cycles_per_block
    formula = (
        f"the formula: bytes / {cycle_bytes:.7g}, or planes of the source x {CYCLES_PER_PLANE} where that is more; "
        f"rows count as multiples of 64 bytes ({machine.cycles_evidence})"
    )
    return CYCLES_BASIS, formula, ENGINES_BASIS, TILES_BASIS


def _task(arch: Architecture, index: int, text: str, operation: Planar | Neural, exe_cycles: int) -> TaskCost:
    moved = list(transfers(operation))
    read = sum(transfer.size_bytes for transfer in moved if not transfer.writes)
    written = sum(transfer.size_bytes for transfer in moved if transfer.writes)
    coefficients = _coefficient_bytes(operation)
    macs, elementwise = _operations(operation)
    formula, engines = (
        cycles(arch, operation, moved, coefficients),
        engines_us(arch, macs, work_of(operation), idle_factor(arch, operation)),
    )
    chained = isinstance(operation.inputs[0].where, InL2) and operation.inputs[0].where.chained
    estimate, bound = _estimate(exe_cycles, formula, engines, chained)
    return TaskCost(
        index=index,
        sentence=text,
        read_bytes=read,
        written_bytes=written,
        coefficient_bytes=coefficients,
        l2_read_bytes=sum(
            operand.shape.count * operand.element.size_bytes
            for operand in operation.inputs
            if isinstance(operand.where, InL2)
        ),
        l2_written_bytes=operation.result.shape.count * operation.result.element.size_bytes
        if operation.result.l2
        else 0,
        macs=macs,
        elementwise=elementwise,
        exe_cycles=exe_cycles,
        formula_cycles=formula and formula.whole,
        engines_us=engines,
        estimate_us=estimate,
        bound_by=bound,
    )


def _estimate(
    exe_cycles: int, formula: Cycles | None, engines: float | None, chained: bool
) -> tuple[float | None, str]:
    """Microseconds, and what bounds the task."""
    if chained and not exe_cycles:
        return engines or 0.0, "engine" if engines else "chain"
    if not exe_cycles and formula is None:
        return engines or None, "engine" if engines else "unknown"
    compiler = float(exe_cycles) if exe_cycles or formula is None else max(formula)
    if engines and engines > compiler:
        return engines, "engine"
    if formula is None:
        return compiler, "unknown"
    return compiler, "memory" if formula.memory >= MEMORY_BOUND * compiler else "engine"


def _coefficient_bytes(operation: Planar | Neural) -> int:
    """What memory gives for coefficients; engines that fetch the same bytes count once."""
    places = {(fetch.start_bytes, fetch.size_bytes): fetch.times for fetch in fetches(operation)}
    return sum(size_bytes * times for (_, size_bytes), times in places.items())


def _kernel_touch(index: int, operation: Planar | Neural) -> Iterator[Touch]:
    """What a task reads of the scratch memory as its kernel."""
    kernel = operation.kernel if isinstance(operation, Neural) else None
    if kernel and kernel.enabled and kernel.bar == SCRATCH_BAR:
        start = kernel.base_bytes + min((channel.base_bytes for channel in kernel.channels), default=0)
        yield index, start, start + _coefficient_bytes(operation), False


def _operations(operation: Planar | Neural) -> tuple[int, int]:
    """Multiply-accumulates, and operations on single elements."""
    results = operation.result.shape.count
    if isinstance(operation, Planar):
        return 0, max(results, *(operand.shape.count for operand in operation.inputs))
    mode = operation.mode.name if operation.mode else ""
    channels = operation.source.shape.channels if operation.unicast is None else operation.unicast
    if mode == CONVOLUTION:
        return results * channels * operation.window.height * operation.window.width, 0
    if mode == CHANNEL_SUM or mode in UNICAST:
        return 0, results * channels
    return 0, results
