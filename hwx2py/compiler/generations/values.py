"""Values of fields that follow from what a task does, for the rows of several generations."""

from collections.abc import Callable

from ...operations import Dma, InL2, Operand, Planar, Shape, Strides
from ...program.l2 import channel_bytes
from ...units import round_up
from .rule import Rule, Subject, Use

Value = Callable[[Subject, int], int | None]
Bar = Callable[[Subject], int | None]

ROW_BYTES = 64
#: Registers of the steps along the axes of an operand: in memory, and in L2.
MEMORY_STEPS = {"row": "Row", "channel": "Plane", "depth": "Depth", "group": "Group"}
L2_STEPS = {"channel": "Channel", "row": "Row", "depth": "Depth", "group": "Group"}
EXTENTS = {"row": "height", "channel": "channels", "depth": "depth", "group": "groups"}


def always(number: int) -> Value:
    """The same number in every task."""
    return lambda task, index: number


def stored(operand: Operand) -> Shape:
    """The shape of a source as it lies in its buffer, or in L2."""
    return operand.stored


def stored_result(task: Subject) -> Shape:
    """The shape of the result as it is stored."""
    return task.operation.result.stored


def is_neural(task: Subject) -> bool:
    """Whether the neural engines work."""
    return not task.is_planar


def has_kernel(task: Subject) -> bool:
    """Whether the task multiplies with coefficients."""
    return bool(task.coefficients.chunks)


def has_table(task: Subject) -> bool:
    """Whether the task has a lookup table."""
    operation = task.operation
    return not isinstance(operation, Planar) and operation.table is not None


def kernel_was_made(task: Subject) -> bool:
    """Whether an earlier task wrote the task's kernel."""
    operation = task.operation
    return not isinstance(operation, Planar) and operation.kernel is not None and operation.kernel.from_task is not None


def is_stored(task: Subject) -> bool:
    """Whether the result goes to memory."""
    return task.operation.result.memory is not None


def bar_of_source(number: int) -> Callable[[Subject], int | None]:
    """The buffer that a source comes from; None where it lies in L2, or there is none."""

    def bar(task: Subject) -> int | None:
        source = task.source(number)
        if source is None or not isinstance(source.where, Dma) or not source.where.enabled:
            return None
        return task.bar(source.where.bar)

    return bar


def bar_of_result(task: Subject) -> int | None:
    """The buffer that the result goes to."""
    memory = task.operation.result.memory
    return task.bar(memory.bar) if memory and memory.enabled else None


def base_of_source(number: int) -> Value:
    """Where a source begins in its buffer; constants may have moved."""

    def base(task: Subject, index: int) -> int | None:
        source = task.source(number)
        if source is None or not isinstance(source.where, Dma):
            return None
        return task.arranged.place(source.where.bar, source.where.base_bytes)

    return base


def writer_of_kernel(task: Subject) -> int | None:
    """The task that wrote the kernel; None where none did."""
    operation = task.operation
    return None if isinstance(operation, Planar) or operation.kernel is None else operation.kernel.from_task


def in_memory(where: Dma, shape: Shape, axis: str) -> int:
    """A step of a tensor in memory; 0 along an axis with one element."""
    return int(getattr(where.strides, axis)) if getattr(shape, EXTENTS[axis]) > 1 else 0


def filled_memory(where: Dma, shape: Shape, element_bytes: int) -> Strides:
    """All steps of a tensor in memory, those along axes with one element as if it had no gaps."""
    row = _step(where, shape, "row", round_up(shape.width * element_bytes * where.interleave, ROW_BYTES))
    plane = _step(where, shape, "channel", row * shape.height)
    depth = _step(where, shape, "depth", plane * max(shape.channels // where.interleave, 1))
    return Strides(_step(where, shape, "group", depth), plane, depth, row)


def filled_l2(where: InL2, shape: Shape, element_bytes: int) -> Strides:
    """All steps of a tensor in L2, those along axes with one element as if it had no gaps."""
    channel = _step(where, shape, "channel", channel_bytes(shape.width, element_bytes))
    row = _step(where, shape, "row", channel * shape.channels)
    depth = _step(where, shape, "depth", channel * shape.channels)
    return Strides(_step(where, shape, "group", depth), channel, depth, row)


def _step(where: Dma | InL2, shape: Shape, axis: str, without_gaps: int) -> int:
    """A step along an axis, which may be 0: the same element again; along one element the step of no gaps."""
    return int(getattr(where.strides, axis)) if getattr(shape, EXTENTS[axis]) > 1 else without_gaps


def on_planar_tasks() -> tuple[Use, ...]:
    """Registers by the engine that works, and by where operands lie."""
    return (
        Use("TileDMASrc.Src1", lambda task: task.is_fetched(1)),
        Use("TileDMASrc.Src2", lambda task: task.is_fetched(2)),
        Use("TileDMASrc.", lambda task: False),
        Use("TileDMADst.", is_stored),
        Use("L2.Source2Cfg", lambda task: True),
        Use("L2.Source2", lambda task: task.source(2) is not None),
        Use("Common.OCGSize", is_neural),
        Use("Common.ConvCfg", is_neural),
        Use("Common.PatchCfg", lambda task: task.is_planar),
        Use("Common.PECfg", lambda task: task.is_planar),
        Use("PE.", lambda task: task.is_planar),
        Use("NE.", is_neural),
        Use("KernelDMASrc.MasterConfig", lambda task: True),
        Use("KernelDMASrc.", lambda task: task.fetches),
    )


def names_of_steps(source: str, value: Callable[[Subject, int, str], int | None]) -> tuple[Rule, ...]:
    """Rules for the steps of the sources in memory and in L2.

    Args:
        source: how they are known.
        value: from the task, the number of the source, and the axis with "memory" or "L2" in front.
    """

    def rule(field: str, number: int, axis: str) -> Rule:
        return Rule(field, lambda task, index: value(task, number, axis), source)

    return tuple(
        rule(f"{prefix}{step}Stride.Stride", number, f"{where} {axis}")
        for number, names in ((1, ("TileDMASrc.Src1", "L2.Source")), (2, ("TileDMASrc.Src2", "L2.Source2")))
        for prefix, where, steps in ((names[0], "memory", MEMORY_STEPS), (names[1], "L2", L2_STEPS))
        for axis, step in steps.items()
    )
