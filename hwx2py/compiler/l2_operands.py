"""Operands of tasks that move from memory into L2: which can, and what changes in the registers.

The words are those of tasks inside the forms that stay in L2: softmax, norms, rounding, attention.
"""

import functools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from ..program.l2 import Aliases, Tile, channel_bytes
from ..registers import by_name
from ..registers.architecture import FieldPlace
from .blank import blank
from .draft import ARCH_NAME, Draft
from .engines import BYTES_A_CYCLE, CYCLES_A_PLANE
from .forms.softmax import ELEMENTS_A_CYCLE, table_cycles
from .l2_seen import Operand, Work, where_seen
from .surface import HALF_BYTES, Surface
from .task import Coefficients, Fetch, RuntimeKernel, Store, TaskPlan

#: Rows in L2 that both engines take whole (records: 375 and 512 columns).
MOST_ROW_BYTES = 0x400


#: Operand -> its registers of tile DMA: their block, and how their names begin.
_DMA = {
    Operand.SOURCE: ("TileDMASrc", "Src1"),
    Operand.SECOND: ("TileDMASrc", "Src2"),
    Operand.RESULT: ("TileDMADst", ""),
}
_AXES = ("Row", "Plane", "Depth", "Group")
_BROADCAST = {
    Operand.SOURCE: ("Src1BroadcastW", "Src1BroadcastH", "Src1BroadcastD", "Src1BroadcastC", "Src1Transpose"),
    Operand.SECOND: ("Src2BroadcastW", "Src2BroadcastH", "Src2BroadcastD", "Src2BroadcastC", "Src2Transpose"),
    Operand.RESULT: ("OutputTranspose",),
}


@functools.cache
def _place(name: str) -> FieldPlace:
    return by_name(ARCH_NAME).place(name)


@functools.cache
def _idle() -> Mapping[str, int]:
    return blank(by_name(ARCH_NAME))


def field(plan: TaskPlan, register: str, name: str) -> int:
    """A field of a register of a task.

    Args:
        plan: the task.
        register: `Block.Register`.
        name: the field.
    """
    return _place(f"{register}.{name}").number(plan.registers[register])


def surface_of(plan: TaskPlan, operand: Operand) -> Surface | None:
    """What an operand is in memory; None where it is not there."""
    if operand is Operand.SOURCE:
        return None if plan.fetch is Fetch.CONTEXT else plan.source
    if operand is Operand.SECOND:
        return plan.source2
    return None if plan.store is Store.CONTEXT else plan.result


def can_stay(plan: TaskPlan, operand: Operand) -> bool:
    """Whether an operand of a task that lies in memory may as well lie in L2.

    It may where the whole of it passes through L2 in one tile, its registers are those of its surface, and tasks of
    records have such an operand in L2.
    """
    surface = surface_of(plan, operand)
    if surface is None or surface.element_bytes != HALF_BYTES or surface.shape.n > 1:
        return False
    if surface.shape.w * surface.element_bytes > MOST_ROW_BYTES or not _is_whole(plan):
        return False
    if where_seen(work_of(plan), operand) is None:
        return False
    if any(field(plan, "Common.PECfg", name) for name in _BROADCAST[operand]):
        return False
    if operand is Operand.RESULT:
        plain = field(plan, "TileDMADst.Fmt", "Interleave") == 1 and plan.store in (Store.TENSOR, Store.WHOLE)
        kinds = ("DmaWrite", "L2WriteAndDma") if plan.ends_segment else ("DmaWrite",)
        return plain and _kind(plan, operand) in kinds and surface.shape[1:] == _result_size(plan)
    if operand is Operand.SOURCE and _kind(plan, operand) != "DmaRead":
        return False
    return surface.shape[1:] == _source_size(plan)


#: TaskType of the planar engine -> what it does.
_PLANAR = {
    "ElementwiseOneSource": Work.ONE,
    "ElementwiseTwoSources": Work.TWO,
    "GainOffset": Work.GAIN_OFFSET,
    "ReduceOneSource": Work.REDUCE,
    "ReduceTwoSources": Work.REDUCE_TWO,
}


def work_of(plan: TaskPlan) -> Work | None:
    """What a task does; None for what no row of `l2_seen` is about."""
    if not plan.engines:
        return _PLANAR.get(str(_named(plan, "Common.Cfg", "TaskType")))
    mode = _named(plan, "NE.MACCfg", "OpMode")
    if mode == "Bypass":
        return Work.PASS
    if mode != "Conv" or _named(plan, "NE.MACCfg", "KernelMode") != "Kernel":
        return None
    single = all(field(plan, "Common.ConvCfg", name) == 1 for name in ("Kh", "Kw", "Sx", "Sy"))
    each = field(plan, "Common.GroupConvCfg", "UnicastEn")
    return Work.PRODUCT if single and not each else Work.WINDOW


def _named(plan: TaskPlan, register: str, name: str) -> int | float | str:
    place = _place(f"{register}.{name}")
    return place.field.decode(plan.registers[register])


def passes_through(plan: TaskPlan) -> bool:
    """Whether all operands of a task come from memory, or go there, and only pass through L2."""
    second = work_of(plan) not in _TWO_SOURCES or plan.source2 is not None
    stored = _kind(plan, Operand.RESULT) == "DmaWrite" and bool(field(plan, "L2.ResultCfg", "L2BfrMode"))
    return second and stored and _kind(plan, Operand.SOURCE) == "DmaRead"


def _is_whole(plan: TaskPlan) -> bool:
    """Whether the task has neither groups nor depth nor tiles of a part of the rows."""
    single = ("Common.InDepth", "Din"), ("Common.OutDepth", "Dout"), ("Common.GroupConvCfg", "NumGroups")
    if any(field(plan, *name) != 1 for name in single):
        return False
    return field(plan, "Common.TileCfg", "TileHeight") == field(plan, "Common.OutDim", "Hout")


def _kind(plan: TaskPlan, operand: Operand) -> str:
    name = "SourceType" if operand is Operand.SOURCE else "ResultType"
    return str(_named(plan, f"L2.{operand.value}Cfg", name))


def _source_size(plan: TaskPlan) -> tuple[int, int, int]:
    dim = "Common.InDim"
    return field(plan, "Common.Cin", "Cin"), field(plan, dim, "Hin"), field(plan, dim, "Win")


def _result_size(plan: TaskPlan) -> tuple[int, int, int]:
    """Channels, height and width of the result as it is stored."""
    dim = "Common.OutDim"
    channels, height, width = field(plan, "Common.Cout", "Cout"), field(plan, dim, "Hout"), field(plan, dim, "Wout")
    return (width, height, channels) if field(plan, "Common.Cfg", "OutTrans") else (channels, height, width)


def moved(plan: TaskPlan, operand: Operand, tile: Tile) -> TaskPlan:
    """The task with an operand in L2 instead of memory.

    Args:
        plan: the task.
        operand: which operand.
        tile: where it lies.
    """
    draft = Draft(plan.what, plan.evidence)
    draft.words = dict(plan.registers)
    _idle_words(draft, operand)
    if operand is Operand.RESULT:
        draft.result_tile("L2Write", tile, Aliases.ALL)
        plan = replace(plan, result=None, store=Store.TENSOR)
    elif operand is Operand.SECOND:
        draft.put("Common.Cfg", Source2Dma=0, Unk0=1)
        draft.put("L2.SourceCfg", Source2Dma=0, **Aliases.ALL.fields())
        draft.second_tile(tile)
        if plan.source is None:
            draft.put("L2.SourceCfg", DMAFmt=0)
            _idle_words(draft, Operand.SOURCE)
        plan = replace(plan, source2=None, fetch2=Fetch.TENSOR)
    else:
        second = plan.source2 is not None
        draft.source_tile("L2Read", tile, Aliases.ALL, dma=second, second_by_dma=second)
        if second:
            draft.put("Common.Cfg", Unk0=0)
            draft.put("TileDMASrc.Src1DMAConfig", En=1)
            draft.put("TileDMASrc.Src1Fmt", FmtMode=1)
        plan = replace(plan, source=None, fetch=Fetch.TENSOR)
    plan = replace(plan, registers=draft.words)
    return replace(plan, cycles=_cycles(plan))


def _idle_words(draft: Draft, operand: Operand) -> None:
    """The registers of tile DMA of an operand as in a task that has none."""
    block, start = _DMA[operand]
    names = [f"{start}DMAConfig", f"{start}BaseAddr", *(f"{start}{axis}Stride" for axis in _AXES), f"{start}Fmt"]
    for name in names:
        draft.words[f"{block}.{name}"] = _idle()[f"{block}.{name}"]


def without_context(plan: TaskPlan) -> TaskPlan:
    """The task as it is inside of a run: what it hands on in L2, or takes from there, needs no change of context.

    Records have both: products of constants change the context between the exchanging copy and the product, attention
    does not.

    Args:
        plan: the task.
    """
    draft = Draft(plan.what, plan.evidence)
    draft.words = dict(plan.registers)
    if plan.store is Store.CONTEXT:
        _idle_words(draft, Operand.RESULT)
        plan = replace(plan, result=None, store=Store.TENSOR)
    if plan.fetch is Fetch.CONTEXT:
        _idle_words(draft, Operand.SOURCE)
        draft.put("L2.SourceCfg", DMAFmt=0)
        plan = replace(plan, source=None, fetch=Fetch.TENSOR)
    return replace(plan, registers=draft.words)


def _cycles(plan: TaskPlan) -> int:
    """The estimate of a task with operands in L2: for what is still moved, or as records have it of tables, pairs."""
    kernel = plan.kernel
    size = 0
    if isinstance(kernel, RuntimeKernel):
        size = kernel.size_bytes * kernel.engines * kernel.rounds
    elif isinstance(kernel, Coefficients) and not kernel.shared:
        size = kernel.size_bytes
    surfaces = [surface for operand in Operand if (surface := surface_of(plan, operand)) is not None]
    planes = sum(source.shape.n * source.shape.c for source in (plan.source, plan.source2) if source is not None)
    least = max((size + sum(surface.size_bytes for surface in surfaces)) / BYTES_A_CYCLE, CYCLES_A_PLANE * planes)
    if surfaces:
        return int(least)
    channels, height, width = _source_size(plan)
    if isinstance(kernel, Coefficients) and kernel.shared:
        return table_cycles(channels, height, width)
    return int(least) if plan.engines else max(int(least), channels * height * width // ELEMENTS_A_CYCLE)


class Extent(NamedTuple):
    """What an operand takes up in L2: its first byte, and the byte behind its last."""

    start: int
    end: int


def extent_in_l2(plan: TaskPlan, operand: Operand) -> Extent | None:
    """What an operand takes up in L2 as the task has it; None where the task has no such operand.

    Where the engine lays a result out itself, this is what forms leave for it: whole rows of all channels.

    Args:
        plan: the task.
        operand: which operand.
    """
    name = operand.value
    if operand is Operand.SECOND and work_of(plan) not in _TWO_SOURCES:
        return None
    base = field(plan, f"L2.{name}Base", "Addr")
    size = _result_size(plan) if operand is Operand.RESULT else _source_size(plan)
    if field(plan, "Common.PECfg", _BROADCAST[operand][-1]):
        size = size[::-1]
    channels, height, width = size
    groups, depth = field(plan, "Common.GroupConvCfg", "NumGroups"), field(plan, "Common.InDepth", "Din")
    row_bytes = channel_bytes(width)
    strides = [field(plan, f"L2.{name}{axis}Stride", "Stride") for axis in ("Channel", "Row", "Depth", "Group")]
    if operand is Operand.RESULT:
        if _kind(plan, operand) == "DmaWrite" and not any(strides):
            rows = groups * depth * field(plan, "Common.TileCfg", "TileHeight")
            return Extent(base, base + rows * channels * row_bytes)
    else:
        rows = field(plan, "Common.TileCfg", "TileHeight") * field(plan, "Common.ConvCfg", "Sy")
        height = min(height, rows + field(plan, "Common.ConvCfg", "Kh") - 1)
    steps = zip(strides, (channels, height, depth, groups))
    return Extent(base, base + sum(stride * (extent - 1) for stride, extent in steps) + row_bytes)


def shifted(plan: TaskPlan, operands: Iterable[Operand], shift_bytes: int) -> TaskPlan:
    """The task with some of its operands elsewhere in L2.

    Args:
        plan: the task.
        operands: which.
        shift_bytes: by how much.
    """
    draft = Draft(plan.what, plan.evidence)
    draft.words = dict(plan.registers)
    for operand in operands:
        register = f"L2.{operand.value}Base"
        draft.put(register, Addr=field(plan, register, "Addr") + shift_bytes)
    return replace(plan, registers=draft.words)


_TWO_SOURCES = (Work.TWO, Work.GAIN_OFFSET, Work.REDUCE_TWO)
