"""H16 (A17 Pro, M4): its task header, blocks, registers and fields, as rows of data.

Names and positions come from published register notes, which place them by the layout of Apple's objects; wherever
decoded compiler streams disagreed, the streams decided. Names are H13's where the same thing exists there.
"""

from functools import partial

from . import h14, h15, later_machines
from .architecture import Block, Field, Register
from .bearing import ALIAS, HINT, IN_USE, LOGGED, POWER, SHARING, TASK_NAME, TILING, UNEXPLAINED, Bearing
from .derive import alias, carry, edit, redo, row, single, span, strides
from .enums import FORMAT, L2_FORMAT, RESULT_TYPE, SOURCE_TYPE, TASK_TYPE
from .kinds import ADDRESS, HEX

SEEN = "decoded H16 compiler streams"
TWIN = "as on H13 and H14; decoded H16 streams agree"
LIKE_H15 = "as on H15; decoded H16 streams agree"
NOTES = "freedomtan's register notes, by object layout"
H13 = "as on H13 and H14; no H16 stream sets it"

SMALL_SOURCE = {0: "Normal", 1: "SSM", 2: "SSM_Tiny", 3: "NP2_6"}
TEXTURE = {0: "Off", 1: "Gather", 2: "Bilinear", 3: "Bicubic", 4: "Nearest"}

F, R, S = Field, Register, single
M, L = partial(Register, confidence="medium"), partial(Register, confidence="low")


# fmt: off
HEADER = redo(
    carry(h15.HEADER, NOTES, "high", "W0 W2 W4 DTID", SEEN),
    edit(row(h15.HEADER, "W2"),
         F("LogEvents", 26,  0, "event mask; the program command counts its bits", SEEN, kind=HEX, bearing=LOGGED)),
    R("W6", 0x18, "0 in every task"),
    R("W7", 0x1c, "what outlives the task", (
        F("LiveOuts", 31,  0, "0 in the last task, else mostly 1; use open", SEEN, kind=HEX, confidence="medium",
          also="UnknownFlags"),)),
    R("W8", 0x20, "synchronisation and engines", (
        F("TSR",       0,  0, "1 in every task; exact use open", SEEN, confidence="medium"),
        F("TDE",       1,  1, "the DTID word follows the header", SEEN),
        F("LastTask",  3,  3, "last task of the program", SEEN, also="Unknown3"),
        F("ENE",      18, 16, "engines: 0 is the planar one, else 1 + ActiveNE + FatTileEnable + WUStackLog2", SEEN))),
    edit(row(h15.HEADER, "DTID"), offset=0x24),
    words=10,
)

_SAME = carry(h14.COMMON, H13, "high", "ConvCfg PatchCfg PECfg", TWIN)

COMMON = Block("Common", 0x0000, 23, "shapes, formats and kind of the task", (
    M("ChCfg", 0x00, "element formats", (
        F("InFmt",      1,  0, "format of source 1", H13, enum=FORMAT),
        F("Src2InFmt",  3,  2, "format of source 2", H13, enum=FORMAT, bearing=IN_USE),
        F("OutFmt",     5,  4, "format of the result", H13, enum=FORMAT))),
    S("InWidth",   0x04, "Win",       16,  0, "input width, elements", SEEN),
    S("InHeight",  0x08, "Hin",       16,  0, "input height, elements", SEEN),
    S("Cin",       0x0c, "Cin",       16,  0, "input channels of a group", SEEN, also="InChannels"),
    S("InDepth",   0x10, "Din",       16,  0, "input depth, elements", NOTES, "medium"),
    S("OutWidth",  0x14, "Wout",      16,  0, "output width, elements", SEEN),
    S("OutHeight", 0x18, "Hout",      16,  0, "output height, elements", SEEN),
    S("Cout",      0x1c, "Cout",      16,  0, "output channels of a group", SEEN, also="OutChannels"),
    S("OutDepth",  0x20, "Dout",      16,  0, "output depth, elements", NOTES, "medium"),
    S("NumGroups", 0x24, "NumGroups", 16,  0, "groups", SEEN),
    edit(alias(row(_SAME, "ConvCfg"), Px="PadLeft", Py="PadTop"), offset=0x28),
    edit(row(_SAME, "ConvCfg3d"), offset=0x2c, confidence="medium"),
    R("UnicastCfg", 0x30, "output channels with input channels of their own", (
        F("UnicastEn",    14, 14, "an output channel reads only its own UnicastCin input channels", TWIN,
          bearing=IN_USE),
        F("ElemMultMode", 15, 15, "the unicast channels are combined element by element", TWIN),
        F("UnicastCin",   31, 16, "input channels that one output channel reads", TWIN, bearing=IN_USE)),
            bearing=IN_USE),
    S("TileCfg", 0x34, "TileHeight", 16,  0, "rows of a tile", SEEN, also="TileHeight", bearing=TILING),
    M("TileOverlap", 0x38, "what neighbouring tiles share", (
        F("Overlap",   20, 16, "rows that tiles share", NOTES),
        F("PadTop",    25, 21, "padding above a tile, rows", NOTES),
        F("PadBottom", 30, 26, "padding below a tile, rows", NOTES)), bearing=TILING),
    R("Cfg", 0x3c, "kind of task and engines", (
        F("Unk0",             0,  0, "1 except where source 1 lies in L2 and source 2 comes by DMA", TWIN,
          bearing=UNEXPLAINED),
        F("Source2Dma",       1,  1, "source 2 comes by tile DMA, as in L2", TWIN, bearing=IN_USE),
        F("SmallSourceMode",  3,  2, "small source", SEEN, enum=SMALL_SOURCE, confidence="medium", bearing=HINT),
        F("TaskType",         7,  4, "kind of task", TWIN, enum=TASK_TYPE, confidence="medium"),
        F("ShPref",          10,  8, "preferred sharing", TWIN, bearing=SHARING),
        F("ShMin",           14, 12, "least sharing", TWIN, bearing=SHARING),
        F("ShMax",           18, 16, "most sharing", TWIN, bearing=SHARING),
        F("ActiveNE",        21, 19, "log2 of the neural engines that work", TWIN),
        F("TraceEn",         22, 22, "trace the task", NOTES, confidence="medium", bearing=HINT),
        F("L2Barrier",       23, 23, "wait at a barrier in L2", NOTES, confidence="medium"),
        F("ReluType",        26, 24, "kind of ReLU", NOTES, confidence="medium"),
        F("OutTrans",        28, 28, "the neural engines' result is stored with C and W swapped", TWIN,
          confidence="medium"),
        F("FillLowerNE",     29, 29, "fill lower engines first", TWIN, confidence="medium",
          bearing=SHARING)), also="MacCfg"),
    R("NECfg", 0x40, "how channels lie on the neural engines", (
        F("OCGSize",        2,  0, "log2 of the lanes: output channels side by side in a kernel plane", TWIN,
          bearing=IN_USE),
        F("FatTileEnable",  3,  3, "counts one into the header's ENE; use open", SEEN, confidence="medium"),
        F("WUStackLog2",    5,  4, "counts into the header's ENE; use open", SEEN, confidence="medium")),
            bearing=IN_USE),
    edit(row(_SAME, "PatchCfg"), offset=0x44),
    edit(row(_SAME, "PECfg"),
         F("IdxTranspose",    14, 14, "the index source is stored transposed", NOTES, confidence="low"),
         F("IdxBroadcast",    15, 15, "the index source is broadcast", NOTES, confidence="low"),
         F("PEPrimarySource", 18, 16, "first source of the planar engine", NOTES, confidence="low"), offset=0x48),
    S("TaskInfo", 0x4c, "NID", 20, 20, "1 in every NE task, else 0; an id is doubtful", SEEN, "medium", also="NID",
      bearing=TASK_NAME),
    S("DPE", 0x50, "Category", 3, 0, "kind of work", TWIN, "medium", field_also="DPE", bearing=POWER),
))

_L2_FIELDS = (
    F("AliasConvSrc",     4,  4, "aliasing; no effect on values seen", TWIN, bearing=ALIAS),
    F("AliasConvRslt",    5,  5, "aliasing; no effect on values seen", TWIN, bearing=ALIAS),
    F("DMAFmt",           7,  6, "element size", TWIN, enum=L2_FORMAT, bearing=IN_USE),
    F("DMAInterleave",   11,  8, "channels stored side by side", TWIN, also="Interleave", bearing=IN_USE),
    F("AliasPlanarSrc",  20, 20, "aliasing; no effect on values seen", TWIN, bearing=ALIAS),
    F("AliasPlanarRslt", 22, 22, "aliasing; no effect on values seen", TWIN, bearing=ALIAS),
    F("Compression",     26, 25, "compression", NOTES, confidence="medium"),
)
_L2_SOURCE = (
    F("SourceType",  1,  0, "where the source comes from", TWIN, enum=SOURCE_TYPE, confidence="medium"),
    F("Dependent",   3,  2, "waits for an earlier task", TWIN, bearing=HINT),
)


def _l2_base(name: str, offset: int, of: str, source: str = TWIN, level: str = "high", also: str = "",
             bearing: Bearing | None = IN_USE) -> Register:
    return S(name, offset, "Addr", 20, 4, f"address of {of} in L2, bytes", source, level, also=also, kind=ADDRESS,
             bearing=bearing)


def _l2_strides(prefix: str, offset: int, of: str, also: str = "") -> tuple[Register, ...]:
    return strides(prefix, offset, "Channel Row Depth Group", f"{of} in L2", 20, 4, TWIN, also=also)


def _wrap(name: str, offset: int, of: str) -> Register:
    return M(name, offset, f"wrap-around of {of}", (
        F("WrapNumBlocks", 11,  0, "blocks before it wraps", NOTES),
        F("WrapLen",       31, 12, "length of a block; unit open", NOTES)))


L2 = Block("L2", 0x4100, 41, "the buffer memory between DMA and the engines", (
    R("L2Cfg", 0x00, "what happens on entry", (
        F("InputReLU",      0,  0, "clamp source 1 at zero", NOTES, confidence="medium", also="Src1ReLU"),
        F("PaddingMode",    3,  2, "what lies outside the source: 0 or 1 with sums, 1 with maxima, 3 with minima", TWIN,
          confidence="low", bearing=IN_USE),
        F("Src2ReLU",       4,  4, "clamp source 2 at zero", NOTES, confidence="medium", bearing=IN_USE),
        F("BarrierEnable", 16, 16, "wait at a barrier", NOTES, confidence="medium"),
        F("BarrierIndex",  23, 17, "which barrier", NOTES, confidence="low")), also="Control"),
    R("SourceCfg", 0x04, "where source 1 comes from", (*_L2_SOURCE, *_L2_FIELDS), also="Src1Cfg"),
    R("Source2Cfg", 0x08, "where source 2 comes from", (*_L2_SOURCE, *_L2_FIELDS), also="Src2Cfg", bearing=IN_USE),
    M("SrcIdxCfg", 0x0c, "where the index source comes from", (
        *_L2_SOURCE, *_L2_FIELDS[:3], *_L2_FIELDS[4:6],
        F("Bit27", 27, 27, "meaning open", NOTES))),
    _l2_base("SourceBase", 0x10, "source 1", also="Src1Base"),
    *_l2_strides("Source", 0x14, "source 1", "Src1"),
    _l2_base("Source2Base", 0x24, "source 2", also="Src2Base"),
    *_l2_strides("Source2", 0x28, "source 2", "Src2"),
    _l2_base("SrcIdxBase", 0x38, "the index source", NOTES, "medium", bearing=None),
    *strides("SrcIdx", 0x3c, "Channel Depth Group", "the index source in L2", 20, 4, NOTES, "medium", bearing=None),
    R("ResultCfg", 0x48, "where the result goes", (
        F("ResultType",  1,  0, "where the result goes; a chain hands it to the next task tile by tile", TWIN,
          enum=RESULT_TYPE, confidence="medium"),
        F("L2BfrMode",   3,  3, "buffer mode", TWIN, bearing=HINT),
        *_L2_FIELDS)),
    _l2_base("ResultBase", 0x4c, "the result"),
    *_l2_strides("Result", 0x50, "the result"),
    _wrap("SrcAndResultWrapCfg", 0x64, "sources and result in L2"),
    _wrap("Src1WrapStart", 0x68, "source 1 in L2, at the start"),
    _wrap("Src2WrapStart", 0x6c, "source 2 in L2, at the start"),
    M("ResultWrapIndexOffset", 0x74, "wrap-around of the result in L2", (
        F("WrapIndex",       15,  0, "index of the wrap", NOTES),
        F("WrapStartOffset", 31, 16, "offset at the start; unit open", NOTES))),
    _l2_base("Result2Base", 0x7c, "a second result", NOTES, "low", bearing=None),
    *strides("Result2", 0x80, "Channel Row Depth", "a second result in L2", 20, 4, NOTES, "low", bearing=None),
    M("PEIndexCfg", 0x8c, "index source of the planar engine", (
        F("MaxIndex",  15,  0, "largest index", NOTES),
        F("Mode",      18, 16, "mode; values open", NOTES),
        F("Broadcast", 25, 24, "broadcast of the index", NOTES),
        F("Transpose", 26, 26, "the index is stored transposed", NOTES))),
    S("Src1AddrWrap", 0x90, "Value", 31,  0, "address wrap of source 1, use open", NOTES, "low", kind=HEX),
    S("Src2AddrWrap", 0x94, "Value", 31,  0, "address wrap of source 2, use open", NOTES, "low", kind=HEX),
    M("ResultWrapAddrCfg", 0x9c, "where the address of the result wraps", (
        F("ResultWrapAddr",       11,  0, "address; unit open", NOTES),
        F("ResultWrapAddrOffset", 26, 16, "offset; unit open", NOTES))),
    M("SrcOffsetLsbs", 0xa0, "low bits of the sources' offsets", (
        F("Src1OffsetXLsbs",  5,  0, "column of source 1, low bits", NOTES),
        F("Src1OffsetYLsbs", 12,  8, "row of source 1, low bits", NOTES),
        F("Src2OffsetXLsbs", 21, 16, "column of source 2, low bits", NOTES, confidence="low"),
        F("Src2OffsetYLsbs", 28, 24, "row of source 2, low bits", NOTES, confidence="low"))),
))


PE = redo(
    carry(h15.PE, NOTES, "medium", "Cfg Scale", LIKE_H15),
    edit(row(carry(h15.PE, SEEN, "high"), "FinalScale"), confidence="high"),
    edit(row(carry(h14.PE, NOTES, "medium"), "Quant"), offset=0x38),
    words=15,
)

_NE = carry(h15.NE, NOTES, "medium", "KernelCfg MACCfg AccBias PostScale", LIKE_H15)

NE = redo(
    _NE,
    edit(row(_NE, "KernelCfg"),
         F("AlignmentFmt", 16, 16, "set with a lookup table, or a kernel that an earlier task wrote", SEEN,
           confidence="medium", bearing=UNEXPLAINED),
         F("SparseBinary",    15, 15, "sparse weights are binary", NOTES, confidence="medium"),
         F("SparseBlockSize", 23, 21, "size of a sparse block; unit open", NOTES, confidence="medium"),
         F("AsymQuantEn",     24, 24, "weights are quantised asymmetrically", NOTES, confidence="medium")),
    edit(row(_NE, "MACCfg"),
         F("BinaryPoint",  13,  8, "60 for fp16", SEEN, bearing=IN_USE),
         F("DoubleInt8En", 26, 26, "two int8 operations at a time", NOTES, confidence="medium")),
    S("QuantZeroPoint", 0x2c, "ZeroPoint",  7,  0, "zero point of quantised elements", NOTES, "medium"),
    words=12,
)


def _texture(name: str, offset: int, use: str) -> Register:
    return M(name, offset, use, (
        F("Lo", 15,  0, f"{use}, low half", NOTES),
        F("Hi", 31, 16, f"{use}, high half", NOTES)))


def _more(name: str, number: int) -> tuple[Register, ...]:
    """What the sources have behind their formats."""
    of, n = f"source {number}", 4 * (number - 1)
    return (
        M(f"{name}CompressedInfo", 0x78 + 4 * n, f"compression of {of}", (
            F("CompressedEnable",       0,  0, f"{of} is compressed", NOTES),
            F("MacroblockSize",         2,  2, "size of a macroblock; values open", NOTES),
            F("PackingFormatTableIdx",  9,  4, "index of the packing format", NOTES),
            F("LossyEnable",           13, 13, "compression is lossy", NOTES),
            F("MdUserTag",             31, 24, "tag of the metadata", NOTES))),
        S(f"{name}CompressedSizeLo", 0x7c + 4 * n, "SizeLo", 31, 0, "compressed size, low half", NOTES, "medium"),
        S(f"{name}CompressedSizeHi", 0x80 + 4 * n, "SizeHi", 31, 0, "compressed size, high half", NOTES, "medium"),
        M(f"{name}CropOffset", 0x84 + 4 * n, f"where the crop of {of} begins", (
            F("OffsetY",    15,  0, "row", NOTES),
            F("CropOffset", 31, 16, "offset; unit open", NOTES))),
        _wrap(f"{name}WrapDynamic", 0xb8 + n, of),
        S(f"{name}DependencyOffset", 0xc0 + n, "Offset", 31, 0, f"offset up to which {of} waits", NOTES, "medium"),
    )


_SEEN_SOURCE = "{0}DMAConfig {0}DMAConfigExt {0}BaseAddr {0}BaseAddrHi {0}RowStride {0}PlaneStride {0}Fmt "

TILE_DMA_SRC = redo(
    carry(h15.TILE_DMA_SRC, NOTES, "medium", _SEEN_SOURCE.format("Src1") + _SEEN_SOURCE.format("Src2"), LIKE_H15),
    *_more("Src1", 1),
    *_more("Src2", 2),
    M("TextureConfig", 0xc8, "texture engine", (
        F("Mode",          2,  0, "mode", NOTES, enum=TEXTURE),
        F("Norm1",         5,  3, "normalisation; values open", NOTES),
        F("Norm2",         8,  6, "normalisation; values open", NOTES),
        F("Filter",       14, 12, "filter; values open", NOTES),
        F("CropCoeff2",   20, 17, "coefficient of the crop", NOTES),
        F("BackgroundEn", 22, 22, "the background value is used", NOTES),
        F("DepthValSel",  23, 23, "where the depth comes from", NOTES),
        F("WrapParam",    28, 24, "wrap; use open", NOTES))),
    M("TextureIdxPermute", 0xcc, "order of the index's dimensions", (
        F("Permute0",  8,  6, "dimension", NOTES),
        F("Permute1", 14, 12, "dimension", NOTES))),
    M("TextureSrcPermute", 0xd0, "order of the source's dimensions", (
        F("SrcPermute",    2,  0, "dimension of source 1", NOTES),
        F("Src2Permute",  14, 12, "dimension of source 2", NOTES),
        F("IndPermute",   18, 16, "dimension of the index", NOTES),
        F("PreserveFrac", 22, 22, "keep the fraction", NOTES),
        F("WrapParam",    28, 24, "wrap; use open", NOTES))),
    S("TextureBackgroundVal", 0xd4, "Value", 15,  0, "background value", NOTES, "medium", kind=HEX),
    _texture("TextureExtMaxDim1", 0xd8, "largest extent of the first dimensions"),
    _texture("TextureExtMaxDim2", 0xdc, "largest extent of the next dimensions"),
    _texture("TextureCropBatchSplitDim1", 0xe4, "batch split of the crop"),
    _texture("TextureCropDepthDim1", 0xe8, "depth of the crop"),
    S("TextureExtMaxDim3", 0xe0, "Val", 15, 0, "largest extent, third part", NOTES, "medium"),
    S("TextureCropBatchSplitDim2", 0xec, "Lo", 15, 0, "batch split of the crop", NOTES, "medium"),
    S("Src1Ephemeral", 0xf8, "EphemeralEnable", 0, 0, "source 1 is not kept", NOTES, "medium"),
    S("TextureCropCoeffVal", 0x104, "CoeffValue", 31, 0, "coefficient of the crop", NOTES, "medium", kind=HEX),
    words=81,
)

TILE_DMA_DST = carry(h15.TILE_DMA_DST, NOTES, "medium",
                     "DMAConfig BaseAddr BaseAddrHi RowStride PlaneStride GroupStride Fmt", LIKE_H15)

_KERNEL = carry(h15.KERNEL_DMA_SRC, NOTES, "medium",
                "MasterConfig CoeffBase CoeffBaseHi KernelOCGStride CoeffDMAConfig CoeffBaseAddr CoeffBfrSize "
                "NonLinearLutDMAConfig NonLinearLutBfrSize NonLinearLutBase NonLinearLutBaseHi", LIKE_H15)

KERNEL_DMA_SRC = redo(
    _KERNEL,
    edit(row(_KERNEL, "Prefetch"),
         F("StopOnError",  1,  1, "stop on an error", NOTES)),
    *span(carry(h15.KERNEL_DMA_SRC, "by analogy with the lookup tables", "low"), "BiasDMAConfig", "PaletteLutBaseHi"),
)

CACHE_DMA = carry(h15.CACHE_DMA, NOTES, "medium", "Control Pre0 Pre1 Dsid EarlyTermArg34 Backoff", LIKE_H15)
# fmt: on

ARCHITECTURE = h15.ARCHITECTURE._replace(
    name="H16",
    cpusubtype=7,
    chips=("A17 Pro (T8130)", "M4 (T8132)", "M4 Pro, Max (T6040, T6041)"),
    header=HEADER,
    dtid_flag=(8, 1),
    blocks=(COMMON, L2, PE, NE, TILE_DMA_SRC, TILE_DMA_DST, KERNEL_DMA_SRC, CACHE_DMA),
    confidence="medium",
    evidence="decoded and raw compiler streams of small networks, every word compared with the rows; none was run",
    machine=later_machines.H16,
)
