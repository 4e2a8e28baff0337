"""Reads where sources and results lie, in memory or in L2, and in which format."""

from .look import Look
from .operand import Dma, Element, InL2, Operand, Result, Shape, Strides
from .understood import MEMORY

#: Element formats by the name that Common.ChCfg's enumeration gives them.
ELEMENTS = {
    "UInt8": Element("UInt8", 1, "uint8"),
    "Int8": Element("Int8", 1, "int8"),
    "Float16": Element("Float16", 2, "float16"),
}
FLOAT16 = ELEMENTS["Float16"]

#: What the format registers say of elements by their size in bytes, in every program: of memory, and of memory to L2.
MEMORY_FORMAT = {1: {"MemFmt": 0, "Truncate": 0}, 2: {"MemFmt": 2, "Truncate": 3}}
L2_FORMAT = {1: 0, 2: 1}

#: The Linux driver maps buffers below this address, so no base can lie beyond it.
ADDRESS_END = 0xE0000000

#: L2.SourceCfg.SourceType and L2.ResultCfg.ResultType.
FROM_L2, DMA_KEEP, DMA, CHAIN_READ = 0, 1, 2, 3
STAYS, STAYS_AND_STORED, STORED, CHAIN_WRITE = 0, 1, 2, 3


def source_1(look: Look, shape: Shape, exchanged: bool, broadcast: str = "") -> Operand:
    """Source 1 of a task; `shape` is its own, 1 along the axes that are broadcast."""
    kind = look.number("L2.SourceCfg.SourceType")
    element = _element(look, "Common.InFmt")
    where = _source(look, "1", "source 1", "RBase0", kind, element, shape.exchanged() if exchanged else shape)
    if isinstance(where, Dma):
        _check_l2_format(look, "L2.SourceCfg", element, where.interleave)
    stage = None if isinstance(where, InL2) else _in_l2(look, "L2.Source", "L2.SourceBase", False)
    relu = bool(look.number("L2.InputReLU"))
    return Operand(where, shape, element, relu, exchanged, broadcast, stage, kind == DMA_KEEP)


def source_2(look: Look, shape: Shape, exchanged: bool, broadcast: str) -> Operand:
    """Source 2 of a planar task.

    It comes by DMA where L2.SourceCfg or L2.Source2Cfg says so: the enable bit of its own DMA configuration is 0 in
    every program with two sources.
    """
    kind = look.number("L2.Source2Cfg.SourceType") if look.has("L2.Source2Cfg.SourceType") else None
    if kind is None:
        kind = DMA if look.number("L2.Source2Dma") else FROM_L2
    element = _element(look, "Common.Src2InFmt")
    where = _source(look, "2", "source 2", "RBase1", kind, element, shape.exchanged() if exchanged else shape)
    stage = None if isinstance(where, InL2) else _in_l2(look, "L2.Source2", "L2.Source2Base", False)
    relu = bool(look.number("L2.Src2ReLU"))
    return Operand(where, shape, element, relu, exchanged, broadcast, stage, kind == DMA_KEEP)


def check_tiles(look: Look, source: Operand) -> None:
    """Looks at the height of a tile: a 0 hangs an M1, in a task that says how its source passes through L2.

    A task that does not say so was not made by a compiler, and nothing is known of it.
    """
    stage = source.where if isinstance(source.where, InL2) else source.stage
    if stage and any(stage.strides):
        look.size("Common.TileHeight")


def result(look: Look, shape: Shape, exchanged: bool) -> Result:
    """The result of a task."""
    kind = look.number("L2.ResultCfg.ResultType")
    element = _element(look, "Common.OutFmt")
    stored_shape = shape.exchanged() if exchanged else shape
    in_l2 = memory = None
    if kind != STORED:
        in_l2 = _in_l2(look, "L2.Result", "L2.ResultBase", kind == CHAIN_WRITE)
        if element.size_bytes == 2 and kind != CHAIN_WRITE and look.number("L2.ResultCfg.DMAInterleave") > 1:
            look.refuse("L2.ResultCfg.DMAInterleave", "results that stay in L2 interleaved were never seen")
    if _is_on(look, "TileDMADst.DMAConfig"):
        memory = _memory(look, "the result", "WBase", "TileDMADst.", "TileDMADst.Fmt", element, stored_shape)
        if kind in (STAYS_AND_STORED, STORED):
            _check_l2_format(look, "L2.ResultCfg", element, memory.interleave)
    if (memory is not None) != (kind in (STAYS_AND_STORED, STORED)):
        look.refuse("L2.ResultCfg.ResultType", f"the result's DMA is {'off' if memory is None else 'on'}")
    return Result(shape, element, exchanged, in_l2, memory)


def _source(look: Look, number: str, use: str, selector: str, kind: int, element: Element, stored: Shape) -> Dma | InL2:
    if kind in (FROM_L2, CHAIN_READ):
        prefix = "L2.Source" if number == "1" else "L2.Source2"
        return _in_l2(look, prefix, f"{prefix}Base", kind == CHAIN_READ)
    prefix = f"TileDMASrc.Src{number}"
    return _memory(look, use, selector, prefix, f"{prefix}Fmt", element, stored)


def _element(look: Look, field: str) -> Element:
    name = look.value(field, "Float16")
    if name not in ELEMENTS:
        look.refuse(field, "its size is not known")
        return FLOAT16
    return ELEMENTS[name]


def is_fetched(look: Look) -> bool:
    """Whether the DMA of source 1 is on."""
    return _is_on(look, "TileDMASrc.Src1DMAConfig")


def _is_on(look: Look, register: str) -> bool:
    """Whether a tile DMA works. On an M1 it does with bit 0 clear and bit 1 set, too."""
    enabled = look.number(f"{register}.En")
    word = look.registers.word(register) or 0
    return bool(enabled or word & 2)


def _memory(look: Look, use: str, selector: str, prefix: str, form: str, element: Element, stored: Shape) -> Dma:
    """Elements in a buffer. Only strides along axes with more than one element are looked at."""
    base = f"{prefix}BaseAddr"
    base_bytes = look.number(f"{base}.Addr")
    if look.has(f"{base}Hi.Addr") and (look.registers.word(f"{base}Hi") or 0):
        look.refuse(f"{base}Hi", "addresses beyond 32 bits were never seen")
    if base_bytes >= ADDRESS_END:
        look.refuse(f"{base}.Addr", "it lies beyond the addresses that the driver maps")
    interleave = _interleave(look, form, element)
    strides = Strides(
        group=look.number(f"{prefix}GroupStride.Stride") if stored.groups > 1 else 0,
        channel=look.number(f"{prefix}PlaneStride.Stride") if stored.channels > 1 else 0,
        depth=look.number(f"{prefix}DepthStride.Stride") if stored.depth > 1 else 0,
        row=look.number(f"{prefix}RowStride.Stride") if stored.height > 1 else 0,
    )
    if look.has(f"Header.{selector}"):
        bar, enabled = look.number(f"Header.{selector}"), look.is_enabled(selector)
        return Dma(use, bar, enabled, base_bytes, strides, interleave, base, f"Header.{selector}")
    slot = look.registers.slot(base)
    return Dma(use, slot, slot is not None, base_bytes, strides, interleave, base, base)


def _interleave(look: Look, form: str, element: Element) -> int:
    """Channels that lie side by side, by a format register; 0 counts as 1."""
    if not look.has(f"{form}.MemFmt"):
        (word,) = look.words(form, 1)
        if element is not FLOAT16 or word not in look.arch.machine.plain_formats:
            look.refuse(form, "of its formats only plain float16 is known")
        return 1
    look.check(MEMORY, form)
    for field, number in MEMORY_FORMAT[element.size_bytes].items():
        if look.number(f"{form}.{field}") != number:
            look.refuse(f"{form}.{field}", f"{number} goes with {element.name} elements in every program")
    return look.number(f"{form}.Interleave") or 1


def _check_l2_format(look: Look, register: str, element: Element, interleave: int) -> None:
    """What L2 says of elements in memory must be what the DMA says."""
    if look.number(f"{register}.DMAFmt") != L2_FORMAT[element.size_bytes]:
        look.refuse(f"{register}.DMAFmt", f"{L2_FORMAT[element.size_bytes]} goes with {element.name} in every program")
    if (look.number(f"{register}.DMAInterleave") or 1) != interleave:
        look.refuse(f"{register}.DMAInterleave", f"memory has {interleave}")


def _in_l2(look: Look, prefix: str, base: str, chained: bool) -> InL2:
    strides = Strides(
        group=look.number(f"{prefix}GroupStride.Stride"),
        channel=look.number(f"{prefix}ChannelStride.Stride"),
        depth=look.number(f"{prefix}DepthStride.Stride"),
        row=look.number(f"{prefix}RowStride.Stride"),
    )
    return InL2(look.number(f"{base}.Addr"), strides, base, chained)
