"""Where a task's sources come from and where its result goes: tile DMA and L2.

A source that comes by DMA may be kept in L2 for a later task; a result may stay in L2, be stored, or both. The
engine works with what this module hands over and does not know where it lies.
"""

from typing import NamedTuple

import numpy as np

from . import support
from .context import Bar, Context
from .surface import Layout, Shape

#: L2.SourceCfg.SourceType.
FROM_L2, DMA_KEEP, L2_CHAIN = 0, 1, 3
#: L2.ResultCfg.ResultType.
STAYS, STAYS_AND_STORED, STORED = 0, 1, 2
#: Common.ChCfg formats.
UINT8, INT8, FLOAT16 = 0, 1, 2
ELEMENT_BYTES = {UINT8: 1, INT8: 1, FLOAT16: 2}


#: What the format registers say of elements of so many bytes, in every program: of memory, and of memory to L2.
MEMORY_FORMAT = {1: {"MemFmt": 0, "Truncate": 0, "FmtMode": 0}, 2: {"MemFmt": 2, "Truncate": 3, "FmtMode": 1}}
L2_FORMAT = {1: 0, 2: 1}


class _Source(NamedTuple):
    """Names of the registers of a source."""

    use: str
    bar: str
    enable: str
    base: str
    prefix: str
    format: str
    l2: str
    l2_base: str
    element: str


SOURCE_1 = _Source(
    "source 1", "RBase0", "RBE0", "TileDMASrc.Src1BaseAddr", "TileDMASrc.Src1", "TileDMASrc.Src1Fmt", "L2.Source",
    "L2.SourceBase", "Common.InFmt",
)  # fmt: skip
SOURCE_2 = _Source(
    "source 2", "RBase1", "RBE1", "TileDMASrc.Src2BaseAddr", "TileDMASrc.Src2", "TileDMASrc.Src2Fmt", "L2.Source2",
    "L2.Source2Base", "Common.Src2InFmt",
)  # fmt: skip


def fetch_first(context: Context, shape: Shape, transposed: bool = False) -> np.ndarray:
    """Source 1 as element bits, (groups, channels, height, width).

    Args:
        context: the task.
        shape: as the engine wants it.
        transposed: it is stored with channels and width exchanged.
    """
    kind = context.get("L2.SourceType")
    if kind == L2_CHAIN:
        raise context.refuse("L2.SourceType", "chaining was never seen")
    if kind != FROM_L2 and not context.get("TileDMASrc.Src1DMAConfig.En"):
        raise context.faults.hang("dma-disabled", "source 1 waits for a DMA that is off", "TileDMASrc.Src1DMAConfig")
    elements = _fetch(context, SOURCE_1, kind != FROM_L2, shape, transposed)
    if kind == DMA_KEEP:
        stored = elements.swapaxes(1, 3) if transposed else elements
        context.write_l2(_l2_layout(context, SOURCE_1.l2, SOURCE_1.l2_base, stored.itemsize), stored, "L2.SourceBase")
    return elements


def fetch_second(context: Context, shape: Shape, transposed: bool = False) -> np.ndarray:
    """Source 2, likewise. It comes by DMA where SourceCfg.Source2Dma says so; its own En bit is 0 in every program."""
    return _fetch(context, SOURCE_2, bool(context.get("L2.Source2Dma")), shape, transposed)


def _fetch(context: Context, source: _Source, by_dma: bool, shape: Shape, transposed: bool) -> np.ndarray:
    stored = shape.swapped() if transposed else shape
    if by_dma:
        registers = context.registers
        bar = context.bar(
            registers.header(source.bar), bool(registers.header(source.enable)), f"Header.{source.bar}", source.use
        )
        layout = _memory_layout(context, source.base, source.prefix, source.format, source.element, stored)
        if source is SOURCE_1:
            _check_l2_format(context, "L2.SourceCfg", layout)
        _check_element(context, bar, layout, source.base)
        elements = context.read(bar, layout, stored, source.base)
    else:
        layout = _l2_layout(context, source.l2, source.l2_base, _element_bytes(context, source.element))
        elements = context.read_l2(layout, stored, source.l2_base)
    return elements.swapaxes(1, 3) if transposed else elements


def put(context: Context, elements: np.ndarray) -> None:
    """Takes the result, as element bits (groups, channels, height, width), to where the task wants it."""
    kind, stored = context.get("L2.ResultType"), bool(context.get("TileDMADst.DMAConfig.En"))
    if kind not in (STAYS, STAYS_AND_STORED, STORED) or stored != (kind != STAYS):
        raise context.refuse("L2.ResultType", f"it does not go with a result DMA that is {'on' if stored else 'off'}")
    if kind != STORED:
        if elements.itemsize != 2 or context.get("L2.ResultCfg.DMAInterleave") != 1:
            raise context.refuse("L2.ResultCfg.DMAInterleave", "only plain float16 results were seen to stay in L2")
        context.write_l2(_l2_layout(context, "L2.Result", "L2.ResultBase", 2), elements, "L2.ResultBase")
    if stored:
        registers = context.registers
        bar = context.bar(registers.header("WBase"), bool(registers.header("WBE")), "Header.WBase", "the result")
        shape = Shape(*elements.shape)
        layout = _memory_layout(context, "TileDMADst.BaseAddr", "TileDMADst.", "TileDMADst.Fmt", "Common.OutFmt", shape)
        _check_l2_format(context, "L2.ResultCfg", layout)
        _check_element(context, bar, layout, "TileDMADst.BaseAddr")
        context.write(bar, layout, elements, "TileDMADst.BaseAddr")


def _memory_layout(context: Context, base: str, prefix: str, form: str, element: str, shape: Shape) -> Layout:
    support.check(context, support.MEMORY, form)
    size = _element_bytes(context, element)
    wanted = MEMORY_FORMAT[size]
    if form == SOURCE_2.format:
        wanted = wanted | {"FmtMode": 0}
    for name, number in wanted.items():
        if context.get(f"{form}.{name}") != number:
            why = f"it does not go with {element} = {context.registers.label(element)}"
            raise context.refuse(f"{form}.{name}", why)
    return Layout(
        base=context.word(base),
        group=context.word(f"{prefix}GroupStride") if shape.groups > 1 else 0,
        plane=context.word(f"{prefix}PlaneStride"),
        row=context.word(f"{prefix}RowStride"),
        interleave=context.get(f"{form}.Interleave") or 1,
        element=size,
    )


def _element_bytes(context: Context, element: str) -> int:
    """Bytes of an element of the format that a field of Common.ChCfg names."""
    size = ELEMENT_BYTES.get(context.get(element))
    if size is None:
        raise context.refuse(element, "its size is not known")
    return size


def _check_l2_format(context: Context, register: str, layout: Layout) -> None:
    """What L2 is told of elements in memory must be what the DMA is told."""
    form, interleave = context.get(f"{register}.DMAFmt"), context.get(f"{register}.DMAInterleave") or 1
    for name, agrees in (
        ("DMAFmt", form == L2_FORMAT[layout.element]),
        ("DMAInterleave", interleave == layout.interleave),
    ):
        if not agrees:
            raise context.refuse(f"{register}.{name}", "it does not go with the format in memory")


def _check_element(context: Context, bar: Bar, layout: Layout, register: str) -> None:
    if bar.element and bar.element != layout.element:
        what = f"the task's elements have {layout.element} bytes, those of {bar.name} have {bar.element}"
        context.faults.add("wrong-element", what, register, bar.name)


def _l2_layout(context: Context, prefix: str, base: str, element: int) -> Layout:
    return Layout(
        base=context.get(f"{base}.Addr"),
        group=context.get(f"{prefix}GroupStride.Stride"),
        plane=context.get(f"{prefix}ChannelStride.Stride"),
        row=context.get(f"{prefix}RowStride.Stride"),
        element=element,
    )
