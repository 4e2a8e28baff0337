"""H13 to H14 (M1 to M2), as rows: which fields have other values, and how tasks are written.

Twins are decoded programs of compiler 9.509 for one network on both; 448 of the 463 words of theirs that configure no
DMA are equal. No program that follows from these rows was run on an M2.
"""

from ...operations import InL2
from ...program.program import CONST_BAR
from ...program.streams import FRAME_WORDS
from ...registers import by_name
from ...registers.architecture import Architecture
from ..habits import Habits, Sharing
from . import values
from .rule import Base, Dropped, Generations, Moved, Rule, Subject, Writing
from .values import always

TWINS = "twins: decoded programs of one network on both"
STREAMS = "in all decoded H14 streams"
ONE_RECORD = "read in one decoded program; use open"
INFERRED = "inferred"
CONTEXT = "H14 takes over in L2 what H13 hands on by a change of context (softmax on both)"

CAUTION = "not run on an M2: these words follow from decoded programs, and the virtual ANE executes them"

#: Every H13 task with this logs one event more; H14 has it in none.
H13_LOG_EVENT = 0x400
#: The last task of H13 has a second bit here.
H13_LAST_DEBUG_EVENT = 0x2
FLOAT16, PALETTIZED_BITS, DATA_SET = 2, 8, 14
TENSOR_HINT, MADE_HINT = 2, 4
#: A tag has eight bits.
TAG_MASK = 0xFF
EXTRA = ("Bias", "PostScale", "PaletteLut")

MOVED = (
    Moved("TileDMASrc.Src1DMAConfig.CacheHintReuse", "TileDMASrc.Src1DMAConfigExt.CacheHintReuse", TWINS),
    Moved("TileDMASrc.Src1DMAConfig.CacheHintNoReuse", "TileDMASrc.Src1DMAConfigExt.CacheHintNoReuse", TWINS),
    Moved("TileDMASrc.Src2DMAConfig.CacheHintReuse", "TileDMASrc.Src2DMAConfigExt.CacheHintReuse", TWINS),
    Moved("TileDMASrc.Src2DMAConfig.CacheHintNoReuse", "TileDMASrc.Src2DMAConfigExt.CacheHintNoReuse", TWINS),
    Moved("TileDMADst.DMAConfig.Unk19", "TileDMADst.DMAConfig.Unk27", "where a softmax becomes a kernel, on both"),
    Moved("TileDMADst.DMAConfig.Unk24", "TileDMADst.DMAConfig.Unk30", "where a softmax becomes a kernel, on both"),
    Moved("Header.W8.ENE", "Header.W7.ENE", TWINS),
)


def _live_outs(task: Subject, index: int) -> int:
    """Whether something in L2 is read later; a second bit where the next task fetches a kernel that a task wrote."""
    return task.lives_on | task.kernel_for_next << 1 if task.lives_on else 0


def _step(task: Subject, number: int, axis: str) -> int | None:
    """A step of a source: in memory and out of L2 along axes of more than one element only."""
    source = task.source(number)
    if source is None:
        return None
    place, name = axis.split()
    shape = values.stored(source)
    if isinstance(source.where, InL2):
        if place == "memory":
            return None
        several = getattr(shape, values.EXTENTS[name]) > 1 or source.where.chained
        return int(getattr(source.where.strides, name)) if several else 0
    if place == "memory":
        return values.in_memory(source.where, shape, name)
    return int(getattr(source.stage.strides, name)) if source.stage else None


def _result_rules() -> tuple[Rule, ...]:
    def in_memory(step: str, axis: str) -> Rule:
        def value(task: Subject, index: int) -> int | None:
            memory = task.operation.result.memory
            return None if memory is None else values.in_memory(memory, values.stored_result(task), axis)

        return Rule(f"TileDMADst.{step}Stride.Stride", value, TWINS)

    def in_l2(step: str, axis: str) -> Rule:
        def value(task: Subject, index: int) -> int | None:
            result = task.operation.result
            if result.l2 is None or result.memory is not None or result.l2.chained:
                return None
            several = getattr(values.stored_result(task), values.EXTENTS[axis]) > 1
            return int(getattr(result.l2.strides, axis)) if several else 0

        return Rule(f"L2.Result{step}Stride.Stride", value, TWINS)

    return (
        *(in_memory(step, axis) for axis, step in values.MEMORY_STEPS.items()),
        *(in_l2(step, axis) for axis, step in values.L2_STEPS.items()),
    )


def _reads_memory(task: Subject) -> bool:
    return task.is_fetched(1) or task.is_fetched(2)


def _second_format(task: Subject, index: int) -> int:
    """All float16 where there is no source 2: the start image, and what twins have."""
    return FLOAT16 if task.source(2) is None else task.registers.get("Common.ChCfg.Src2InFmt")


def _l2_format_of_source(task: Subject, index: int) -> int | None:
    return None if _reads_memory(task) else 0


def _l2_format_of_result(task: Subject, index: int) -> int | None:
    """0 where the planar engine's result stays in L2."""
    result = task.operation.result
    stays = result.l2 is not None and result.memory is None and not result.l2.chained
    return 0 if task.is_planar and stays else None


def _channel(index: int, task: Subject) -> int:
    chunks = task.coefficients.chunks
    return chunks[index].size_bytes if index < len(chunks) else 0


def _channel_base(task: Subject, index: int) -> int:
    chunks = task.coefficients.chunks
    return chunks[index].base_bytes - task.coefficients.base_bytes if _channel(index, task) else 0


def _channel_hint(task: Subject, index: int) -> int:
    return MADE_HINT if values.kernel_was_made(task) else TENSOR_HINT


def _data_set(task: Subject, index: int) -> int:
    """14 for a kernel that is no constant."""
    return DATA_SET if task.coefficients.bar != CONST_BAR else 0


def _table_base(task: Subject, index: int) -> int:
    return task.coefficients.table.base_bytes if task.coefficients.table else 0


def _round_step(task: Subject, index: int) -> int:
    """From round to round of a kernel that a task made: all engines' planes."""
    return sum(chunk.size_bytes for chunk in task.coefficients.chunks) if values.kernel_was_made(task) else 0


def _name(task: Subject, index: int) -> int:
    return task.number


def _tag(task: Subject, index: int) -> int:
    """The task's index; how it goes on behind 255 is our own choice, and no result depends on it."""
    return task.number & TAG_MASK


def _tag_behind(task: Subject, index: int) -> int:
    """That of the next task, where coefficients are fetched."""
    return task.number + 1 & TAG_MASK if task.fetches else 0


def _extra_tag(task: Subject, index: int) -> int:
    """Channels that are off carry the task's index where a table is fetched, and are not written otherwise."""
    return _tag(task, index) if task.coefficients.table else 0


RULES = (
    Rule("Header.W0.TID", _name, STREAMS),
    Rule("Header.W2.LogEvents", lambda task, _: task.registers.header("LogEvents") & ~H13_LOG_EVENT, TWINS),
    Rule("Header.W4.DebugLogEvents",
         lambda task, _: task.registers.header("DebugLogEvents") & ~H13_LAST_DEBUG_EVENT, TWINS),
    Rule("Header.W6.LiveOuts", _live_outs, f"{STREAMS}; the second bit: {ONE_RECORD}"),
    Rule("Header.W7.TSR", always(1), STREAMS),
    Rule("Header.W7.TDE", lambda task, _: int(values.kernel_was_made(task)), STREAMS),
    Rule("Common.ChCfg.Src2InFmt", _second_format, TWINS),
    Rule("Common.TaskInfo.TaskID", always(0), STREAMS),
    Rule("Common.TaskInfo.TaskQ", always(0), STREAMS),
    Rule("Common.TaskInfo.NID", lambda task, _: int(not task.is_planar), STREAMS),
    Rule("L2.SourceCfg.DMAFmt", _l2_format_of_source, TWINS),
    Rule("L2.ResultCfg.DMAFmt", _l2_format_of_result, TWINS),
    *values.names_of_steps(TWINS, _step),
    *(Rule(f"TileDMASrc.Src{number}BaseAddr.Addr", values.base_of_source(number), STREAMS) for number in (1, 2)),
    *_result_rules(),
    Rule("TileDMASrc.Src1DMAConfig.En", always(1), STREAMS),
    *(Rule(f"TileDMASrc.Src{number}DMAConfig.{name}", value, STREAMS)
      for number in (1, 2) for name, value in (("DataSetId", always(DATA_SET)), ("UserTag", _tag))),
    Rule("TileDMASrc.Src2Fmt.FmtMode", lambda task, _: int(task.operation.inputs[1].element.size_bytes == 2), TWINS),
    Rule("TileDMASrc.Src2Fmt.Interleave", lambda task, _: task.registers.get("TileDMASrc.Src2Fmt.Interleave") or 1,
         TWINS),
    Rule("TileDMADst.DMAConfig.En", always(1), STREAMS),
    Rule("TileDMADst.DMAConfig.DataSetId", always(DATA_SET), STREAMS),
    Rule("TileDMADst.DMAConfig.UserTag", _tag, STREAMS),
    Rule("NE.KernelCfg.KernelFmt", always(FLOAT16), f"the start image; {STREAMS}"),
    Rule("NE.KernelCfg.PalettizedBits", always(PALETTIZED_BITS), STREAMS),
    Rule("NE.KernelCfg.AlignmentFmt",
         lambda task, _: int(values.has_table(task) or values.kernel_was_made(task)), STREAMS),
    Rule("NE.MACCfg.ArgOutputSelect", always(1), STREAMS),
    Rule("KernelDMASrc.MasterConfig.MasterEnable", lambda task, _: int(task.fetches), STREAMS),
    Rule("KernelDMASrc.MasterConfig.Unk9", lambda task, _: int(task.fetches), STREAMS),
    Rule("KernelDMASrc.MasterConfig.LastTask", lambda task, _: int(task.is_last), STREAMS),
    Rule("KernelDMASrc.MasterConfig.UserTag", _tag_behind, STREAMS),
    Rule("KernelDMASrc.CoeffBase.Addr", lambda task, _: task.coefficients.base_bytes, STREAMS),
    Rule("KernelDMASrc.KernelOCGStride.Stride", _round_step, "executed; read in decoded products of two inputs"),
    Rule("KernelDMASrc.CoeffDMAConfig.En", lambda task, index: int(_channel(index, task) > 0), STREAMS),
    Rule("KernelDMASrc.CoeffDMAConfig.CacheHint", _channel_hint, STREAMS),
    Rule("KernelDMASrc.CoeffDMAConfig.DataSetId", _data_set, STREAMS),
    Rule("KernelDMASrc.CoeffDMAConfig.UserTag", _tag, STREAMS),
    Rule("KernelDMASrc.CoeffBaseAddr.Addr", _channel_base, STREAMS),
    Rule("KernelDMASrc.CoeffBfrSize.MemBfrSize", lambda task, index: _channel(index, task) or 0x40, STREAMS),
    *(Rule(f"KernelDMASrc.{name}DMAConfig.{field}", value, STREAMS)
      for name in EXTRA
      for field, value in (("En", always(0)), ("CacheHint", always(TENSOR_HINT)), ("UserTag", _extra_tag))),
    *(Rule(f"KernelDMASrc.{name}{field}", always(0), STREAMS)
      for name in EXTRA for field in ("BaseAddr.Addr", "BfrSize.MemBfrSize")),
    Rule("KernelDMASrc.NonLinearLutDMAConfig.En", lambda task, _: int(task.coefficients.table is not None), STREAMS),
    Rule("KernelDMASrc.NonLinearLutDMAConfig.CacheHint", always(TENSOR_HINT), STREAMS),
    Rule("KernelDMASrc.NonLinearLutDMAConfig.UserTag", _extra_tag, STREAMS),
    Rule("KernelDMASrc.NonLinearLutBase.Addr", _table_base, STREAMS),
    Rule("KernelDMASrc.NonLinearLutBaseAddr.Addr", _table_base, f"{STREAMS}; the engine does not add it"),
    Rule("KernelDMASrc.NonLinearLutBfrSize.MemBfrSize",
         lambda task, _: task.coefficients.table.size_bytes if task.coefficients.table else 0, STREAMS),
)  # fmt: skip

DROPPED = (
    Dropped("Common.Cfg.ContextSwitchIn", CONTEXT),
    Dropped("Common.Cfg.ContextSwitchOut", CONTEXT),
    Dropped("NE.KernelCfg.KeepKernel", CONTEXT),
    Dropped("NE.KernelCfg.UsePrevKernel", CONTEXT, lambda task: not values.has_kernel(task)),
    *(Dropped(f"KernelDMASrc.{name}DMAConfig.{field}", f"{INFERRED}: hints")
      for name in ("Coeff", *EXTRA, "NonLinearLut") for field in ("CrH", "PrefetchParticipateEn")),
)  # fmt: skip


def start_words(arch: Architecture) -> dict[str, int]:
    """The start image; coefficient channels that are off keep the hint that every task writes (inferred: task 0).

    Args:
        arch: H14, or a later architecture.
    """
    words = {}
    for place in arch.rows:
        for index in range(place.register.count):
            name = f"{place.name}[{index}]" if place.register.count > 1 else place.name
            words[name] = arch.start_image.get(place.address + 4 * index, 0)
            if place.name.startswith("KernelDMASrc.") and place.name.endswith("DMAConfig"):
                words[name] = TENSOR_HINT << 4
    return words


def table_bar(task: Subject) -> int | None:
    """The buffer of the lookup table that has a channel of its own; None without."""
    return task.bar(task.coefficients.bar) if task.coefficients.table else None


def kernel_bar(task: Subject) -> int | None:
    """The buffer of the kernel; None without."""
    return task.bar(task.coefficients.bar) if task.coefficients.chunks else None


WRITING = Writing(
    blocks=("KernelDMASrc", "Common", "TileDMASrc", "L2", "PE", "NE", "TileDMADst"),
    at_first=lambda: start_words(by_name("H14")),
    sparse=True,
    always=frozenset((
        "Common.InDim", "Common.OutDim", "Common.TileCfg", "Common.Cfg", "Common.TaskInfo", "L2.SourceCfg",
        "NE.MACCfg", "NE.PostScale",
    )),
    bases=(
        Base(("KernelDMASrc.CoeffBase", "KernelDMASrc.CoeffBaseHi"), kernel_bar),
        Base(("KernelDMASrc.NonLinearLutBase", "KernelDMASrc.NonLinearLutBaseHi"), table_bar),
        Base(("KernelDMASrc.NonLinearLutBaseAddr",), table_bar),
        Base(("TileDMASrc.Src1BaseAddr", "TileDMASrc.Src1BaseAddrHi"), values.bar_of_source(1)),
        Base(("TileDMASrc.Src2BaseAddr", "TileDMASrc.Src2BaseAddrHi"), values.bar_of_source(2)),
        Base(("TileDMADst.BaseAddr", "TileDMADst.BaseAddrHi"), values.bar_of_result),
    ),
    filler=("TileDMADst.Spare0", 0xDEAD),
    opening=b"".join(word.to_bytes(4, "little") for word in FRAME_WORDS),
)  # fmt: skip

#: Read in the products of 512 x 64 x 512 (H14) and 256 x 256 x 256 (H16), in the exchanging copies of 64, 64 and 512
#: channels of H14 and H16 (means and maxima among them), and in the product of 1 x 256 by 256 x 512.
HABITS = Habits(skips_zeros=False, rounds=4, lanes_exchanged=8, few_rows=Sharing(3, 0))

H13_TO_H14 = Generations("H13", "H14", RULES, MOVED, DROPPED, values.on_planar_tasks(), WRITING, CAUTION, HABITS)
