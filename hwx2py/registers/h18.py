"""H18 (A19) as differences from H17.

One decoded compiler stream places what an elementwise task needs: the tile DMA blocks are laid out anew, the rest
stands where H17 has it. Everything else is from published register notes.
"""

from . import h17, later_machines
from .architecture import Field, Register, unnamed_register
from .bearing import IN_USE, TASK_NAME, UNEXPLAINED
from .derive import carry, edit, redo, row, shift, single, span
from .enums import FORMAT
from .kinds import HEX

SEEN = "decoded H18 streams; bits as on H17"
STREAM = "decoded H18 streams"
NOTES = "freedomtan's register notes, by object layout"

FORMAT_8 = {**FORMAT, 4: "E4M3"}

F, R, S = Field, Register, single


# fmt: off
_HEADER = carry(h17.HEADER, NOTES, "high", "W0 W2 W4 W7 W8", SEEN)

HEADER = redo(
    _HEADER,
    edit(row(_HEADER, "W8"),
         F("ENE", 18, 16, "engines: 0 is the planar engine, else 1 + ActiveNE and more", SEEN)),
)

_COMMON = carry(h17.COMMON, NOTES, "medium",
                "InWidth InHeight Cin OutWidth OutHeight Cout TileCfg Cfg PatchCfg TaskInfo", SEEN)

COMMON = redo(
    _COMMON,
    R("ChCfg", 0x00, "element formats", (
        F("InFmt",      2,  0, "format of source 1", NOTES, enum=FORMAT_8),
        F("Src2InFmt",  5,  3, "format of source 2", NOTES, enum=FORMAT_8, bearing=IN_USE),
        F("OutFmt",     8,  6, "format of the result", NOTES, enum=FORMAT_8)), confidence="medium"),
    edit(row(_COMMON, "TileOverlap"),
         F("PadReflect", 31, 31, "padding mirrors the rows", NOTES)),
    edit(row(_COMMON, "NECfg"),
         F("HalfWUMode",  7,  6, "half work units; values open", NOTES), drop=("WUStackLog2",)),
)

_L2 = carry(h17.L2, NOTES, "medium",
            "SourceCfg Source2Cfg SourceChannelStride SourceRowStride SourceDepthStride SourceGroupStride Source2Base "
            "Source2ChannelStride Source2RowStride Source2DepthStride Source2GroupStride ResultCfg ResultBase", SEEN)

L2 = redo(
    _L2,
    edit(row(_L2, "L2TraceCfg"), offset=0xa8, confidence="medium"),
    words=43,
)

_PE = carry(h17.PE, NOTES, "medium", "Cfg", SEEN)

PE = redo(_PE, edit(row(_PE, "PETraceCfg"), confidence="medium"))

_NE = carry(h17.NE, NOTES, "medium", "MACCfg", SEEN)

NE = redo(
    _NE,
    edit(row(_NE, "KernelCfg"),
         F("KernelFmt",  1,  0, "format of a weight", NOTES, enum={**FORMAT, 3: "E4M3"}, bearing=IN_USE)),
    edit(row(_NE, "MACCfg"),
         F("Unk27", 27, 27, "set in a product with constants, which comes out to the last bit without it", STREAM,
           confidence="low", bearing=UNEXPLAINED)),
)

_SOURCE = carry(h17.TILE_DMA_SRC, NOTES, "medium",
                "Src1DMAConfig Src1DMAConfigExt Src1BaseAddr Src1BaseAddrHi Src1PlaneStride "
                "Src2DMAConfig Src2DMAConfigExt Src2BaseAddr Src2BaseAddrHi Src2PlaneStride", SEEN)

#: Two words more stand before each base, so the rest lies 8 bytes further on. The words of Src1Fmt and Src2Fmt
#: (0x3211 for fp16) do not read with H17's positions.
TILE_DMA_SRC = _SOURCE._replace(words=81, registers=(
    *(edit(register, drop=("DependencyInterval", "DependencyMode"))
      for register in span(_SOURCE, "Src1DMAConfig", "Src2DMAConfig")),
    *(edit(register, drop=("WrapCfgDim", "WrapStatic"))
      for register in span(_SOURCE, "Src1DMAConfigExt", "Src2DMAConfigExt")),
    unnamed_register(0x4d10, 0x10)._replace(bearing=UNEXPLAINED),
    unnamed_register(0x4d14, 0x14)._replace(bearing=UNEXPLAINED),
    *shift(span(_SOURCE, "Src1BaseAddr", "Src2GroupStride"), 8),
    R("Src1Fmt", 0x70, "layout of source 1 in memory; positions open", confidence="medium", bearing=IN_USE),
    R("Src2Fmt", 0x74, "layout of source 2 in memory; positions open", confidence="medium", bearing=IN_USE),
    S("TileDmaSrcTraceCfg", 0x134, "Value", 31,  0, "what is traced, use open", NOTES, "low", kind=HEX),
))

_RESULT = carry(h17.TILE_DMA_DST, NOTES, "medium", "DMAConfig BaseAddr BaseAddrHi PlaneStride", SEEN)

TILE_DMA_DST = _RESULT._replace(words=27, registers=(
    row(_RESULT, "DMAConfig"),
    unnamed_register(0x5108, 0x08)._replace(bearing=UNEXPLAINED),
    *shift(span(_RESULT, "BaseAddr", "GroupStride"), 8),
    R("Fmt", 0x40, "layout of the result in memory; positions open", confidence="medium", bearing=IN_USE),
))

_KERNEL = carry(h17.KERNEL_DMA_SRC, NOTES, "medium",
                "MasterConfig NonLinearLutDMAConfig NonLinearLutBfrSize NonLinearLutBase NonLinearLutBaseHi", SEEN)

#: The lookup tables' channel lies further on than on H17, and 16 bytes a channel do not lead there: where the three
#: channels before it lie is not known, so they have no rows.
KERNEL_DMA_SRC = redo(
    _KERNEL,
    *shift(span(_KERNEL, "NonLinearLutDMAConfig", "NonLinearLutBfrSize"), 0x1c),
    *shift(span(_KERNEL, "NonLinearLutBase", "NonLinearLutBaseHi"), 0x20),
    S("NonLinearUserTag", 0x148, "Value", 31,  0, "tag of the lookup tables, use open", NOTES, "low",
      bearing=TASK_NAME),
    drop=[register.name for register in span(_KERNEL, "BiasDMAConfig", "PaletteLutBaseHi")],
    words=83,
)

CACHE_DMA = carry(h17.CACHE_DMA, NOTES, "low", "Control Pre0 Dsid EarlyTermArg34 Backoff", SEEN)
# fmt: on

ARCHITECTURE = h17.ARCHITECTURE._replace(
    name="H18",
    cpusubtype=10,
    chips=("A19, A19 Pro (T8150)",),
    header=HEADER,
    blocks=(COMMON, L2, PE, NE, TILE_DMA_SRC, TILE_DMA_DST, KERNEL_DMA_SRC, CACHE_DMA),
    confidence="low",
    evidence="one decoded compiler stream; the stream known for the M6 is not counted: its NE block differs",
    machine=later_machines.H18,
)
