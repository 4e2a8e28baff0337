"""H14 to H13 (M2 to M1), as rows: what H13 wants that H14 leaves out, and how its tasks are written.

The rules are those of H13's own compiler, as `compiler.link` and `compiler.draft` have them from records; where a step
along an axis with one element is left out on H14, it gets the value of a tensor without gaps.
"""

from ...operations import Dma, InL2, Planar
from ...operations.operand import Strides
from ...program.program import TEXT_BAR
from ...registers import by_name
from ...units import whole
from ..blank import blank
from ..habits import USUAL
from ..link import BLOCK_ORDER, EVERY_LOG, LAST_DEBUG_LOG, ONLY_WITH_KERNEL
from . import values
from .coefficients import Chunk
from .h13_to_h14 import EXTRA, FLOAT16, MOVED, PALETTIZED_BITS, TENSOR_HINT
from .rule import Dropped, Generations, Moved, Rule, Subject, Writing
from .values import always

RECORDS = "records of compiler 9.509"
GAPLESS = "our own choice: as if there were no gaps, which every record has there; no effect on values"

CAUTION = "not run on an M1: tasks hand on in L2 what records of H13 hand on by a change of context"
IDLE_SIZE_BYTES = 0x40


def _memory(task: Subject, number: int) -> Strides | None:
    """All steps of a source in memory."""
    source = task.source(number)
    if source is None or not isinstance(source.where, Dma):
        return None
    return values.filled_memory(source.where, values.stored(source), source.element.size_bytes)


def _step(task: Subject, number: int, axis: str) -> int | None:
    """A step of a source in memory, or in L2."""
    source = task.source(number)
    place, name = axis.split()
    if place == "memory":
        steps = _memory(task, number)
    elif source is None or not isinstance(source.where, InL2) or source.where.chained:
        steps = None  # as it is: sources that come by DMA have all of them on both
    else:
        steps = values.filled_l2(source.where, values.stored(source), source.element.size_bytes)
    return None if steps is None else int(getattr(steps, name))


def _result_rules() -> tuple[Rule, ...]:
    def in_memory(step: str, axis: str) -> Rule:
        def value(task: Subject, index: int) -> int | None:
            result = task.operation.result
            if result.memory is None:
                return None
            shape = values.stored_result(task)
            return int(getattr(values.filled_memory(result.memory, shape, result.element.size_bytes), axis))

        return Rule(f"TileDMADst.{step}Stride.Stride", value, GAPLESS)

    def in_l2(step: str, axis: str) -> Rule:
        def value(task: Subject, index: int) -> int | None:
            result = task.operation.result
            if result.l2 is None or result.memory is not None or result.l2.chained:
                return None
            shape = values.stored_result(task)
            return int(getattr(values.filled_l2(result.l2, shape, result.element.size_bytes), axis))

        return Rule(f"L2.Result{step}Stride.Stride", value, GAPLESS)

    return (
        *(in_memory(step, axis) for axis, step in values.MEMORY_STEPS.items()),
        *(in_l2(step, axis) for axis, step in values.L2_STEPS.items()),
    )


def _channel(task: Subject, index: int) -> Chunk | None:
    """What a channel fetches: its chunk, or the table, which all working engines fetch."""
    chunks, table = task.coefficients.chunks, task.coefficients.table
    if index < len(chunks):
        return chunks[index] if chunks[index].size_bytes else None
    operation = task.operation
    works = not isinstance(operation, Planar) and index < operation.engines
    return table if works and not chunks else None


def _channel_base(task: Subject, index: int) -> int:
    chunk = _channel(task, index)
    return chunk.base_bytes if chunk else 0


def _channel_size(task: Subject, index: int) -> int:
    chunk = _channel(task, index)
    return chunk.size_bytes if chunk else IDLE_SIZE_BYTES


def _rounds(task: Subject) -> int:
    """How many planes of coefficients an engine has."""
    operation = task.operation
    if isinstance(operation, Planar) or operation.kernel is None:
        return 1
    return whole(operation.outputs, operation.kernel.lanes * operation.engines)


def _selector(field: str, enable: str, bar: values.Bar) -> tuple[Rule, Rule]:
    return (
        Rule(f"Header.{field}", lambda task, _: bar(task) or TEXT_BAR, RECORDS),
        Rule(f"Header.{enable}", lambda task, _: int(bar(task) is not None), RECORDS),
    )


def _kernel_bar(task: Subject) -> int | None:
    return task.bar(task.coefficients.bar) if task.fetches else None


RULES = (
    Rule("Header.W0.TID", lambda task, _: task.number, RECORDS),
    Rule("Header.W0.LNID", lambda task, _: int(task.number > 0), RECORDS),
    Rule("Header.W0.EON", lambda task, _: int(task.is_last), RECORDS),
    Rule("Header.W2.LogEvents", lambda task, _: task.registers.header("LogEvents") | EVERY_LOG, RECORDS),
    Rule("Header.W4.DebugLogEvents",
         lambda task, _: task.registers.header("DebugLogEvents") | (LAST_DEBUG_LOG if task.is_last else 0), RECORDS),
    Rule("Header.W6.TDE", lambda task, _: int(values.kernel_was_made(task)), RECORDS),
    Rule("Header.W6.SPL", lambda task, _: int(task.begins), RECORDS),
    Rule("Header.W6.TSR", lambda task, _: int(not task.lives_on), RECORDS),
    Rule("Header.W6.TSE", lambda task, _: int(not task.lives_on), RECORDS),
    Rule("Header.W6.SrcLoc", lambda task, _: int(task.is_fetched(1) or task.is_fetched(2)), RECORDS),
    Rule("Header.W6.DstLoc", lambda task, _: int(values.is_stored(task)), RECORDS),
    *_selector("W8.RBase0", "W8.RBE0", values.bar_of_source(1)),
    *_selector("W8.RBase1", "W8.RBE1", values.bar_of_source(2)),
    *_selector("W8.WBase", "W8.WBE", values.bar_of_result),
    Rule("Header.W8.TBE", lambda task, _: int(not task.is_last), RECORDS),
    *_selector("W9.KBase0", "W9.KBE0", _kernel_bar),
    Rule("Common.ChCfg.Src2InFmt",
         lambda task, _: 0 if task.source(2) is None else task.registers.get("Common.ChCfg.Src2InFmt"), RECORDS),
    Rule("Common.TaskInfo.TaskID", always(0), RECORDS),
    Rule("Common.TaskInfo.TaskQ", always(0), RECORDS),
    Rule("Common.TaskInfo.NID", lambda task, _: int(not task.is_planar), RECORDS),
    Rule("L2.ResultCfg.DMAFmt", lambda task, _: int(task.operation.result.element.size_bytes == 2), RECORDS),
    *values.names_of_steps(GAPLESS, _step),
    *_result_rules(),
    *(Rule(f"TileDMASrc.Src{number}BaseAddr.Addr", values.base_of_source(number), RECORDS) for number in (1, 2)),
    Rule("TileDMASrc.Src1DMAConfig.En", always(1), RECORDS),
    Rule("TileDMASrc.Src2Fmt.FmtMode", always(0), RECORDS),
    Rule("TileDMASrc.Src2Fmt.Interleave",
         lambda task, _: 0 if (count := task.registers.get("TileDMASrc.Src2Fmt.Interleave")) == 1 else count, RECORDS),
    Rule("TileDMADst.DMAConfig.En", always(1), RECORDS),
    Rule("NE.KernelCfg.KernelFmt", always(FLOAT16), RECORDS),
    Rule("NE.KernelCfg.PalettizedBits", always(PALETTIZED_BITS), RECORDS),
    Rule("NE.KernelCfg.AlignmentFmt", lambda task, _: int(values.kernel_was_made(task)), RECORDS),
    Rule("KernelDMASrc.MasterConfig.MasterEnable", lambda task, _: int(task.fetches), RECORDS),
    Rule("KernelDMASrc.CoeffDMAConfig.En", lambda task, index: int(_channel(task, index) is not None), RECORDS),
    Rule("KernelDMASrc.CoeffDMAConfig.CacheHint", always(TENSOR_HINT), RECORDS),
    Rule("KernelDMASrc.CoeffBaseAddr.Addr", _channel_base, RECORDS),
    Rule("KernelDMASrc.CoeffBfrSize.MemBfrSize", _channel_size, RECORDS),
    *(Rule(f"KernelDMASrc.{name}{field}", always(value), RECORDS)
      for name in (*EXTRA, "NonLinearLut")
      for field, value in (("DMAConfig.En", 0), ("DMAConfig.CacheHint", TENSOR_HINT), ("BaseAddr.Addr", 0),
                           ("BfrSize.MemBfrSize", IDLE_SIZE_BYTES))),
)  # fmt: skip

CHANNELS = "kernel DMA: the same by H13's channels, which have no common base"
DROPPED = (
    *(Dropped(f"KernelDMASrc.{name}.Addr", CHANNELS)
      for name in ("CoeffBase", "CoeffBaseHi", "NonLinearLutBase", "NonLinearLutBaseHi")),
    *(Dropped(f"{name}Hi.Addr", "addresses beyond 32 bits are refused when a task is read")
      for name in ("TileDMASrc.Src1BaseAddr", "TileDMASrc.Src2BaseAddr", "TileDMADst.BaseAddr")),
    Dropped("KernelDMASrc.AlignedCoeffSizePerCh.Size", "no engine needs it"),
    Dropped("KernelDMASrc.KernelOCGStride.Stride", "there is one round only", lambda task: _rounds(task) == 1),
    Dropped("KernelDMASrc.KernelGroupStride.Stride", "there is one group only",
            lambda task: task.operation.inputs[0].shape.groups == 1),
)  # fmt: skip

WRITING = Writing(
    blocks=BLOCK_ORDER,
    at_first=lambda: blank(by_name("H13")),
    sparse=False,
    only_with_kernel=ONLY_WITH_KERNEL,
    table_in_front=True,
)

H14_TO_H13 = Generations(
    "H14", "H13", RULES, tuple(Moved(row.two, row.one, row.source) for row in MOVED), DROPPED,
    values.on_planar_tasks(), WRITING, CAUTION, USUAL,
)  # fmt: skip
