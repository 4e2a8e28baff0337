"""H16 (A17 Pro, M4): its task header, blocks, registers and fields, as rows of data.

Names and positions come from published register notes, which place them by the layout of Apple's objects; wherever
decoded compiler streams disagreed, the streams decided. Names are H13's where the same thing exists there.
"""

from functools import partial

from . import h14
from .derive import carry, edit, redo, row, single, strides
from .h13 import FORMAT, L2_FORMAT, MEMORY_FORMAT, SOURCE_TYPE, TASK_TYPE
from .model import Architecture, Block, Field, Register

SEEN = "decoded H16 compiler streams"
TWIN = "as on H13 and H14; decoded H16 streams agree"
NOTES = "freedomtan's register notes, by object layout"
H13 = "as on H13 and H14; no H16 stream sets it"

POOL_MODE = {0: "Sum", 1: "Avg", 2: "Max", 3: "Min"}
CONDITION = {0: "None", 1: "Less", 2: "Greater", 3: "NotEqual", 4: "Equal", 5: "LessEqual", 6: "GreaterEqual", 7: "Abs"}
SMALL_SOURCE = {0: "Normal", 1: "SSM", 2: "SSM_Tiny", 3: "NP2_6"}
TEXTURE = {0: "Off", 1: "Gather", 2: "Bilinear", 3: "Bicubic", 4: "Nearest"}
COMPRESSED = {0: "None", 1: "Compressed", 2: "Lossy"}

F, R, S = Field, Register, single
M, L = partial(Register, confidence="medium"), partial(Register, confidence="low")


# fmt: off
HEADER = redo(
    carry(h14.HEADER, NOTES, "high", "W0 W2 W4 DTID", SEEN),
    edit(row(h14.HEADER, "W2"),
         F("LogEvents", 26, 0, "event mask; the program command counts its bits", SEEN, kind="hex", noise=True)),
    R("W6", 0x18, "0 in every task"),
    R("W7", 0x1c, "what outlives the task", (
        F("LiveOuts", 31, 0, "0 in the last task, else mostly 1; use open", SEEN, kind="hex", confidence="medium",
          also="UnknownFlags"),)),
    R("W8", 0x20, "synchronisation and engines", (
        F("TSR", 0, 0, "1 in every task; exact use open", SEEN, confidence="medium"),
        F("TDE", 1, 1, "the DTID word follows the header", SEEN),
        F("LastTask", 3, 3, "last task of the program", SEEN, also="Unknown3"),
        F("ENE", 18, 16, "0 planar engine, else 1 + ActiveNE + FatTileEnable + WUStackLog2", SEEN))),
    row(h14.HEADER, "DTID")._replace(offset=0x24),
    words=10,
)

_SAME = carry(h14.COMMON, H13, "high", "ConvCfg PatchCfg PECfg", TWIN)

COMMON = Block("Common", 0x0000, 23, "shapes, formats and kind of the task", (
    M("ChCfg", 0x00, "element formats", (
        F("InFmt", 1, 0, "format of source 1", H13, enum=FORMAT, start=2),
        F("Src2InFmt", 3, 2, "format of source 2", H13, enum=FORMAT, start=2),
        F("OutFmt", 5, 4, "format of the result", H13, enum=FORMAT, start=2))),
    S("InWidth", 0x04, "Win", 16, 0, "input width, elements", SEEN, start=0x100),
    S("InHeight", 0x08, "Hin", 16, 0, "input height, elements", SEEN),
    S("Cin", 0x0c, "Cin", 16, 0, "input channels of a group", SEEN, also="InChannels", start=0x10),
    S("InDepth", 0x10, "Din", 16, 0, "input depth, elements", NOTES, "medium"),
    S("OutWidth", 0x14, "Wout", 16, 0, "output width, elements", SEEN, start=0x100),
    S("OutHeight", 0x18, "Hout", 16, 0, "output height, elements", SEEN),
    S("Cout", 0x1c, "Cout", 16, 0, "output channels of a group", SEEN, also="OutChannels", start=0x10),
    S("OutDepth", 0x20, "Dout", 16, 0, "output depth, elements", NOTES, "medium"),
    S("NumGroups", 0x24, "NumGroups", 16, 0, "groups", SEEN),
    edit(row(_SAME, "ConvCfg"), offset=0x28, renamed={"Px": "PadLeft", "Py": "PadTop"}),
    edit(row(_SAME, "ConvCfg3d"), offset=0x2c, confidence="medium"),
    R("UnicastCfg", 0x30, "output channels with input channels of their own", (
        F("UnicastEn", 14, 14, "an output channel reads only its own UnicastCin input channels", TWIN),
        F("ElemMultMode", 15, 15, "the unicast channels are combined element by element", TWIN),
        F("UnicastCin", 31, 16, "input channels that one output channel reads", TWIN))),
    S("TileCfg", 0x34, "TileHeight", 16, 0, "rows of a tile", SEEN, also="TileHeight"),
    M("TileOverlap", 0x38, "what neighbouring tiles share", (
        F("Overlap", 20, 16, "rows that tiles share", NOTES),
        F("PadTop", 25, 21, "padding above a tile, rows", NOTES),
        F("PadBottom", 30, 26, "padding below a tile, rows", NOTES))),
    R("Cfg", 0x3c, "kind of task and engines", (
        F("SmallSourceMode", 3, 2, "small source", SEEN, enum=SMALL_SOURCE, confidence="medium"),
        F("TaskType", 7, 4, "kind of task", TWIN, enum=TASK_TYPE, confidence="medium"),
        F("ShPref", 10, 8, "preferred sharing", TWIN),
        F("ShMin", 14, 12, "least sharing", TWIN),
        F("ShMax", 18, 16, "most sharing", TWIN),
        F("ActiveNE", 21, 19, "log2 of the neural engines that work", TWIN),
        F("TraceEn", 22, 22, "trace the task", NOTES, confidence="medium"),
        F("L2Barrier", 23, 23, "wait at a barrier in L2", NOTES, confidence="medium"),
        F("ReluType", 26, 24, "kind of ReLU", NOTES, confidence="medium"),
        F("OutTrans", 28, 28, "the neural engines' result is stored with C and W swapped", TWIN, confidence="medium"),
        F("FillLowerNE", 29, 29, "fill lower engines first", TWIN, confidence="medium")), also="MacCfg"),
    R("NECfg", 0x40, "how channels lie on the neural engines", (
        F("OCGSize", 2, 0, "log2 of the output channels that a kernel plane holds", TWIN),
        F("FatTileEnable", 3, 3, "counts one into the header's ENE; use open", SEEN, confidence="medium"),
        F("WUStackLog2", 5, 4, "counts into the header's ENE; use open", SEEN, confidence="medium"))),
    edit(row(_SAME, "PatchCfg"), offset=0x44),
    edit(row(_SAME, "PECfg"),
         F("IdxTranspose", 14, 14, "the index source is stored transposed", NOTES, confidence="low"),
         F("IdxBroadcast", 15, 15, "the index source is broadcast", NOTES, confidence="low"),
         F("PEPrimarySource", 18, 16, "first source of the planar engine", NOTES, confidence="low"), offset=0x48),
    S("TaskInfo", 0x4c, "NID", 20, 20, "1 in every NE task, else 0; an id is doubtful", SEEN, "medium", also="NID"),
    S("DPE", 0x50, "Category", 3, 0, "kind of work", TWIN, "medium", field_also="DPE"),
))

_L2_FIELDS = (
    F("AliasConvSrc", 4, 4, "aliasing; no effect on values seen", TWIN),
    F("AliasConvRslt", 5, 5, "aliasing; no effect on values seen", TWIN),
    F("DMAFmt", 7, 6, "element size", TWIN, enum=L2_FORMAT),
    F("DMAInterleave", 11, 8, "channels stored side by side", TWIN, also="Interleave"),
    F("AliasPlanarSrc", 20, 20, "aliasing; no effect on values seen", TWIN),
    F("AliasPlanarRslt", 22, 22, "aliasing; no effect on values seen", TWIN),
    F("Compression", 26, 25, "compression", NOTES, confidence="medium"),
)
_L2_SOURCE = (
    F("SourceType", 1, 0, "where the source comes from", TWIN, enum=SOURCE_TYPE, confidence="medium"),
    F("Dependent", 3, 2, "waits for an earlier task", TWIN),
)


def _l2_base(name: str, offset: int, of: str, source: str = TWIN, level: str = "high", also: str = "") -> Register:
    return S(name, offset, "Addr", 20, 4, f"address of {of} in L2, bytes", source, level, also=also, kind="address")


def _l2_strides(prefix: str, offset: int, of: str, also: str = "") -> tuple[Register, ...]:
    return strides(prefix, offset, "Channel Row Depth Group", f"{of} in L2", 20, 4, TWIN, also=also)


def _wrap(name: str, offset: int, of: str) -> Register:
    return M(name, offset, f"wrap-around of {of}", (
        F("WrapNumBlocks", 11, 0, "blocks before it wraps", NOTES),
        F("WrapLen", 31, 12, "length of a block; unit open", NOTES)))


L2 = Block("L2", 0x4100, 41, "the buffer memory between DMA and the engines", (
    R("L2Cfg", 0x00, "what happens on entry", (
        F("InputReLU", 0, 0, "clamp source 1 at zero", NOTES, confidence="medium", also="Src1ReLU"),
        F("PaddingMode", 3, 2, "what lies outside the source", TWIN,
          enum={0: "Clamp", 1: "Zero", 2: "Mirror", 3: "Constant"}, confidence="low"),
        F("Src2ReLU", 4, 4, "clamp source 2 at zero", NOTES, confidence="medium"),
        F("BarrierEnable", 16, 16, "wait at a barrier", NOTES, confidence="medium"),
        F("BarrierIndex", 23, 17, "which barrier", NOTES, confidence="low")), also="Control"),
    R("SourceCfg", 0x04, "where source 1 comes from", (*_L2_SOURCE, *_L2_FIELDS), also="Src1Cfg"),
    R("Source2Cfg", 0x08, "where source 2 comes from", (*_L2_SOURCE, *_L2_FIELDS), also="Src2Cfg"),
    M("SrcIdxCfg", 0x0c, "where the index source comes from", (
        *_L2_SOURCE, *_L2_FIELDS[:3], *_L2_FIELDS[4:6],
        F("Bit27", 27, 27, "meaning open", NOTES))),
    _l2_base("SourceBase", 0x10, "source 1", also="Src1Base"),
    *_l2_strides("Source", 0x14, "source 1", "Src1"),
    _l2_base("Source2Base", 0x24, "source 2", also="Src2Base"),
    *_l2_strides("Source2", 0x28, "source 2", "Src2"),
    _l2_base("SrcIdxBase", 0x38, "the index source", NOTES, "medium"),
    *strides("SrcIdx", 0x3c, "Channel Depth Group", "the index source in L2", 20, 4, NOTES, "medium"),
    R("ResultCfg", 0x48, "where the result goes", (
        F("ResultType", 1, 0, "0 stays in L2, 1 stays and is stored, 2 is stored", TWIN, confidence="medium"),
        F("L2BfrMode", 3, 3, "buffer mode", TWIN),
        *_L2_FIELDS)),
    _l2_base("ResultBase", 0x4c, "the result"),
    *_l2_strides("Result", 0x50, "the result"),
    _wrap("SrcAndResultWrapCfg", 0x64, "sources and result in L2"),
    _wrap("Src1WrapStart", 0x68, "source 1 in L2, at the start"),
    _wrap("Src2WrapStart", 0x6c, "source 2 in L2, at the start"),
    M("ResultWrapIndexOffset", 0x74, "wrap-around of the result in L2", (
        F("WrapIndex", 15, 0, "index of the wrap", NOTES),
        F("WrapStartOffset", 31, 16, "offset at the start; unit open", NOTES))),
    _l2_base("Result2Base", 0x7c, "a second result", NOTES, "low"),
    *strides("Result2", 0x80, "Channel Row Depth", "a second result in L2", 20, 4, NOTES, "low"),
    M("PEIndexCfg", 0x8c, "index source of the planar engine", (
        F("MaxIndex", 15, 0, "largest index", NOTES),
        F("Mode", 18, 16, "mode; values open", NOTES),
        F("Broadcast", 25, 24, "broadcast of the index", NOTES),
        F("Transpose", 26, 26, "the index is stored transposed", NOTES))),
    S("Src1AddrWrap", 0x90, "Value", 31, 0, "address wrap of source 1, use open", NOTES, "low", kind="hex"),
    S("Src2AddrWrap", 0x94, "Value", 31, 0, "address wrap of source 2, use open", NOTES, "low", kind="hex"),
    M("ResultWrapAddrCfg", 0x9c, "where the address of the result wraps", (
        F("ResultWrapAddr", 11, 0, "address; unit open", NOTES),
        F("ResultWrapAddrOffset", 26, 16, "offset; unit open", NOTES))),
    M("SrcOffsetLsbs", 0xa0, "low bits of the sources' offsets", (
        F("Src1OffsetXLsbs", 5, 0, "column of source 1, low bits", NOTES),
        F("Src1OffsetYLsbs", 12, 8, "row of source 1, low bits", NOTES),
        F("Src2OffsetXLsbs", 21, 16, "column of source 2, low bits", NOTES, confidence="low"),
        F("Src2OffsetYLsbs", 28, 24, "row of source 2, low bits", NOTES, confidence="low"))),
))


def _number(name: str, offset: int, use: str, source: str = NOTES, level: str = "medium", also: str = "") -> Register:
    return S(name, offset, name, 31, 0, use, source, level, also=also, field_also="Value", kind="fp32")


PE = Block("PE", 0x4500, 15, "the planar engine", (
    R("Cfg", 0x00, "operation", (
        F("PoolMode", 1, 0, "how a reduction combines", TWIN, enum=POOL_MODE, confidence="medium"),
        F("OpMode", 4, 2, "operation", TWIN, enum={0: "Add", 1: "Mul", 2: "Max", 3: "Min", 4: "SumSquares"},
          also="Operation"),
        F("LutEn", 5, 5, "the last step is a table (on H13 and H14: clamp at zero)", NOTES, confidence="medium"),
        F("Cond", 8, 6, "condition", SEEN, enum=CONDITION, confidence="medium", also="Condition"),
        F("ReduceIndex", 10, 9, "the reduction gives an index", NOTES, confidence="low"),
        F("ReduceKeep", 11, 11, "what a reduction keeps", NOTES, confidence="low"),
        F("NLMode", 13, 12, "last step", H13, enum={0: "None", 1: "Reciprocal", 2: "Rsqrt"}, confidence="medium"),
        F("FirstSrc", 16, 16, "sign of source 1", H13, enum={0: "+Source1", 1: "-Source1"}, confidence="low",
          also="Src1Sel"),
        F("SecSrc", 19, 18, "source 2 and its sign", TWIN, enum={0: "None", 2: "+Source2", 3: "-Source2"},
          also="Src2Sel")), also="Config"),
    _number("Bias", 0x04, "added after the operation"),
    _number("Scale", 0x08, "factor after the operation", SEEN, "high"),
    _number("Epsilon", 0x0c, "added under the reciprocal square root", also="FinalScaleEpsilon"),
    _number("PreScale", 0x10, "factor before the operation"),
    _number("FinalScale", 0x14, "last factor (1/N of a mean)", SEEN, "high"),
    S("LUT", 0x18, "Value", 31, 0, "table of the last step, format open", NOTES, "medium", count=8, kind="hex"),
    edit(row(carry(h14.PE, NOTES, "medium"), "Quant"), offset=0x38),
))

NE = Block("NE", 0x4900, 12, "the neural engines", (
    R("KernelCfg", 0x00, "format of the coefficients", (
        F("KernelFmt", 1, 0, "format of a weight", TWIN, enum=FORMAT),
        F("PalettizedEn", 2, 2, "weights are indexes into a palette", H13),
        F("PalettizedBits", 7, 4, "bits of an index; 8 in every task that writes it", TWIN),
        F("SparseFmt", 8, 8, "weights are sparse", H13),
        F("GroupKernelReuse", 10, 10, "groups share a kernel", H13),
        F("SparseBinary", 15, 15, "sparse weights are binary", NOTES, confidence="medium"),
        F("AlignmentFmt", 16, 16, "set in every task with a lookup table", SEEN, confidence="medium"),
        F("SparseBlockSize", 23, 21, "size of a sparse block; unit open", NOTES, confidence="medium"),
        F("AsymQuantEn", 24, 24, "weights are quantised asymmetrically", NOTES, confidence="medium"))),
    R("MACCfg", 0x04, "operation", (
        F("OpMode", 2, 0, "operation", TWIN,
          enum={0: "Conv", 2: "ElementwiseMult", 3: "CrossChannelMax", 4: "Bypass"}),
        F("KernelMode", 3, 3, "where the kernel comes from", TWIN, enum={0: "Kernel", 1: "Unity"}),
        F("BiasMode", 4, 4, "a row of biases precedes the weights", H13, also="BiasEn"),
        F("PassthroughEn", 5, 5, "pass the source through", NOTES, confidence="medium"),
        F("MatrixBiasEn", 6, 6, "matrix bias", H13, also="MVBiasEn"),
        F("BinaryPoint", 13, 8, "60 for fp16", TWIN),
        F("PostScaleMode", 14, 14, "post-scale mode; meaning open", H13, also="PostScaleEn"),
        F("NonlinearMode", 17, 16, "last step", TWIN, enum={0: "None", 1: "ReLU", 2: "LUT"}, also="NLMode"),
        F("PaddingMode", 18, 18, "what lies outside the source", NOTES, confidence="low"),
        F("MaxPoolEn", 19, 19, "pool by maximum", NOTES, confidence="medium"),
        F("ArgOutputSelect", 23, 20, "1 in every NE task; the name is doubtful", SEEN, confidence="low"),
        F("DoubleInt8En", 26, 26, "two int8 operations at a time", NOTES, confidence="medium")), also="MacCfg"),
    S("MatrixVectorBias", 0x08, "MatrixVectorBias", 15, 0, "matrix bias, use open", H13, "medium", field_also="Bias",
      kind="hex"),
    R("AccBias", 0x0c, "start value of the accumulators", (
        F("AccBias", 15, 0, "added to every sum", TWIN, kind="fp16", also="Bias"),
        F("ExpIdx", 20, 16, "exponent; never set", NOTES, confidence="medium")), also="NEBias"),
    R("PostScale", 0x10, "factor on the sums", (
        F("PostScale", 15, 0, "factor; 1.0 in most tasks", TWIN, kind="fp16", also="Scale"),
        F("ExpIdx", 20, 16, "exponent, negated; never set", NOTES, confidence="medium")), also="NEPostScale"),
    M("RcasConfig", 0x14, "compare and select (RCAS)", (
        F("KeyMask", 7, 0, "mask of the key", NOTES, kind="hex", confidence="low"),
        F("CmpBit", 10, 8, "bit that is compared", NOTES, confidence="low"),
        F("SenseAxis", 13, 12, "axis", NOTES, confidence="low"),
        F("SenseBit", 19, 16, "bit that is sensed", NOTES, confidence="low"),
        F("Mode", 20, 20, "mode", NOTES, confidence="low"))),
    M("RoundModeCfg", 0x18, "rounding", (
        F("Mode", 1, 0, "mode; values open", NOTES, confidence="low"),
        F("IntegerBits", 8, 4, "bits before the binary point", NOTES, confidence="low"))),
    S("SRSeed", 0x1c, "Seed", 31, 0, "seed of stochastic rounding", NOTES, "medium", count=4, kind="hex"),
    S("QuantZeroPoint", 0x2c, "ZeroPoint", 7, 0, "zero point of quantised elements", NOTES, "medium"),
))


def _dma_config(name: str, offset: int, of: str, *more: Field, also: str = "") -> Register:
    return R(name, offset, f"DMA of {of}", (
        F("En", 0, 0, f"move {of}", SEEN),
        F("CacheHint", 7, 4, "cache hint", SEEN),
        F("DataSetId", 15, 8, "set of data in the cache; 0 in every stream, added when the program is loaded", NOTES),
        F("UserTag", 23, 16, "index of the task", SEEN), *more), also=also)


def _cache_hints(name: str, offset: int, of: str, also: str) -> Register:
    return R(name, offset, f"more cache hints of {of}", (
        F("CacheHintReuse", 3, 0, "cache hint for data used again", SEEN),
        F("CacheHintNoReuse", 7, 4, "cache hint for data used once", SEEN),
        F("WrapCfgDim", 10, 8, "dimension that wraps; never set", NOTES, confidence="low"),
        F("WrapStatic", 31, 16, "wrap; never set", NOTES, confidence="low")), also=also)


def _wide(name: str, offset: int, of: str, source: str, level: str, also: str = "") -> tuple[Register, Register]:
    """A 64-bit address in two registers; `also` is what the notes call it, without `Lo` and `Hi`."""
    names = ((name, f"{also}Lo", "low", "Lo"), (f"{name}Hi", f"{also}Hi", "high", "Hi"))
    return tuple(
        S(here, offset + 4 * i, "Addr", 31, 0, f"offset of {of} from the slot's address, {half} half, bytes", source,
          level, also="" if not also or there == here else there, field_also=f"Addr{tail}" if also else "", kind="address")
        for i, (here, there, half, tail) in enumerate(names))


def _meta(name: str, offset: int, of: str, also: str) -> tuple[Register, Register]:
    return _wide(f"{name}MetaDataAddr", offset, f"the metadata of {of}", NOTES, "medium", f"{also}MetaDataAddr")


def _compressed(prefix: str, offset: int, of: str, *more: Field, also: str = "") -> Register:
    return M(f"{prefix}CompressedInfo", offset, f"compression of {of}", (
        F("CompressedEnable", 0, 0, f"{of} is compressed", NOTES),
        F("MacroblockSize", 2, 2, "size of a macroblock; values open", NOTES),
        F("PackingFormatTableIdx", 9, 4, "index of the packing format", NOTES),
        F("LossyEnable", 13, 13, "compression is lossy", NOTES), *more), also=also)


_MEMORY_FIELDS = (
    F("FmtMode", 1, 0, "1 for fp16, 3 for fp32, 0 for 8 bits", TWIN),
    F("Truncate", 6, 4, "3 for fp16", TWIN),
    F("Shift", 8, 8, "shift; use open", NOTES),
    F("MemFmt", 13, 12, "element size in memory", TWIN, enum=MEMORY_FORMAT),
    F("OffsetCh", 18, 16, "channel offset", NOTES),
    F("Interleave", 27, 24, "channels stored side by side; 0 behaves as 1", TWIN),
    F("CmpVec", 31, 28, "compression vector", NOTES),
)
_TILE_STEPS = "Row Plane Depth Group"


def _source(name: str, number: int) -> tuple[Register, ...]:
    """Registers that both sources have; those of source 2 lie behind those of source 1."""
    of, one = f"source {number}", 4 * (number - 1)
    return (
        _dma_config(f"{name}DMAConfig", one, of,
                    F("DependencyInterval", 27, 24, "interval of the waits", NOTES),
                    F("DependencyMode", 29, 28, "waits for an earlier task's result", NOTES)),
        _cache_hints(f"{name}DMAConfigExt", 0x08 + one, of, f"{name}WrapCfg"),
        *_wide(f"{name}BaseAddr", 0x10 + 6 * one, of, SEEN, "high", f"{name}BaseAddr"),
        *strides(name, 0x18 + 6 * one, _TILE_STEPS, of, 31, 6, TWIN),
        *_meta(name, 0x40 + 2 * one, of, name),
        S(f"{name}MetaDataConfig", 0x50 + 3 * one, "Config0", 31, 7, f"metadata of {of}", NOTES, "medium", kind="hex"),
        S(f"{name}MetaDataConfig1", 0x54 + 3 * one, "Config1", 31, 7, f"metadata of {of}", NOTES, "low", kind="hex"),
        S(f"{name}MetaDataSize", 0x58 + 3 * one, "Size", 31, 7, f"size of the metadata of {of}, bytes", NOTES, "medium",
          kind="bytes"),
        R(f"{name}Fmt", 0x68 + one, f"layout of {of} in memory", _MEMORY_FIELDS),
        _compressed(name, 0x78 + 4 * one, of, F("MdUserTag", 31, 24, "tag of the metadata", NOTES)),
        S(f"{name}CompressedSizeLo", 0x7c + 4 * one, "SizeLo", 31, 0, f"compressed size of {of}, low half", NOTES, "medium"),
        S(f"{name}CompressedSizeHi", 0x80 + 4 * one, "SizeHi", 31, 0, f"compressed size of {of}, high half", NOTES, "medium"),
        M(f"{name}CropOffset", 0x84 + 4 * one, f"where the crop of {of} begins", (
            F("OffsetY", 15, 0, "row", NOTES),
            F("CropOffset", 31, 16, "offset; unit open", NOTES))),
        _wrap(f"{name}WrapDynamic", 0xb8 + one, of),
        S(f"{name}DependencyOffset", 0xc0 + one, "Offset", 31, 0, f"offset up to which {of} waits", NOTES, "medium"),
    )


TILE_DMA_SRC = redo(Block("TileDMASrc", 0x4d00, 81, "DMA that fetches the sources", ()), *_source("Src1", 1), *_source("Src2", 2),
    M("TextureConfig", 0xc8, "texture engine", (
        F("Mode", 2, 0, "mode", NOTES, enum=TEXTURE),
        F("Norm1", 5, 3, "normalisation; values open", NOTES),
        F("Norm2", 8, 6, "normalisation; values open", NOTES),
        F("Filter", 14, 12, "filter; values open", NOTES),
        F("CropCoeff2", 20, 17, "coefficient of the crop", NOTES),
        F("BackgroundEn", 22, 22, "the background value is used", NOTES),
        F("DepthValSel", 23, 23, "where the depth comes from", NOTES),
        F("WrapParam", 28, 24, "wrap; use open", NOTES))),
    M("TextureIdxPermute", 0xcc, "order of the index's dimensions", (
        F("Permute0", 8, 6, "dimension", NOTES),
        F("Permute1", 14, 12, "dimension", NOTES))),
    M("TextureSrcPermute", 0xd0, "order of the source's dimensions", (
        F("SrcPermute", 2, 0, "dimension of source 1", NOTES),
        F("Src2Permute", 14, 12, "dimension of source 2", NOTES),
        F("IndPermute", 18, 16, "dimension of the index", NOTES),
        F("PreserveFrac", 22, 22, "keep the fraction", NOTES),
        F("WrapParam", 28, 24, "wrap; use open", NOTES))),
    S("TextureBackgroundVal", 0xd4, "Value", 15, 0, "background value", NOTES, "medium", kind="hex"),
    *(M(name, offset, f"{use}", (
        F("Lo", 15, 0, "low half", NOTES),
        F("Hi", 31, 16, "high half", NOTES)))
      for name, offset, use in (("TextureExtMaxDim1", 0xd8, "largest extent, first part"),
                                ("TextureExtMaxDim2", 0xdc, "largest extent, second part"),
                                ("TextureCropBatchSplitDim1", 0xe4, "batch split of the crop"),
                                ("TextureCropDepthDim1", 0xe8, "depth of the crop"))),
    S("TextureExtMaxDim3", 0xe0, "Val", 15, 0, "largest extent, third part", NOTES, "medium"),
    S("TextureCropBatchSplitDim2", 0xec, "Lo", 15, 0, "batch split of the crop", NOTES, "medium"),
    S("Src1Ephemeral", 0xf8, "EphemeralEnable", 0, 0, "source 1 is not kept", NOTES, "medium"),
    S("TextureCropCoeffVal", 0x104, "CoeffValue", 31, 0, "coefficient of the crop", NOTES, "medium", kind="hex"),
)

TILE_DMA_DST = Block("TileDMADst", 0x5100, 21, "DMA that stores the result", (
    _dma_config("DMAConfig", 0x00, "the result", F("L2BfrMode", 24, 24, "buffer mode", SEEN, confidence="medium"),
                also="DstDMAConfig"),
    S("Padding", 0x04, "Value", 31, 0, "padding, use open", NOTES, "low", also="DstPadding", kind="hex"),
    *_wide("BaseAddr", 0x08, "the result", SEEN, "high", "DstBaseAddr"),
    *strides("", 0x10, _TILE_STEPS, "the result", 31, 6, TWIN, also="Dst"),
    L("InternalCfg", 0x20, "use open", (
        F("InternalBits", 15, 0, "use open", NOTES, kind="hex"),
        F("Flag1", 16, 16, "use open", NOTES),
        F("Flag2", 17, 17, "use open", NOTES),
        F("Flag3", 18, 18, "use open", NOTES)), also="DstInternalCfg"),
    *_meta("", 0x28, "the result", "Dst"),
    M("FormatMode", 0x30, "compression of the result", (
        F("FormatMode", 1, 0, "kind", NOTES, enum=COMPRESSED),
        F("MetaDataSize", 31, 7, "size of the metadata, bytes", NOTES, kind="bytes")), also="DstFormatMode"),
    R("Fmt", 0x38, "layout of the result in memory", (
        *_MEMORY_FIELDS[:2],
        F("Shift", 10, 8, "shift; use open", NOTES),
        *_MEMORY_FIELDS[3:5],
        F("ZeroPadFirst", 20, 20, "fill the row's start with zeros", TWIN, confidence="medium"),
        F("ZeroPadLast", 21, 21, "fill the row's end with zeros", TWIN, confidence="medium"),
        *_MEMORY_FIELDS[5:]), also="DstFmt"),
    _compressed("", 0x40, "the result", also="DstCompressedInfo"),
    S("CompSizeLo", 0x48, "SizeLo", 31, 0, "compressed size of the result, low half", NOTES, "medium", also="DstCompSizeLo"),
    S("CompSizeHi", 0x4c, "SizeHi", 31, 0, "compressed size of the result, high half", NOTES, "medium", also="DstCompSizeHi"),
    M("PixelOffset", 0x50, "offset of the first pixel", (
        F("OffsetLow", 15, 0, "pixels", NOTES),
        F("CropY", 31, 16, "row where the crop begins", NOTES)), also="DstPixelOffset"),
))


def _stream(name: str, offset: int, of: str, count: int = 1, level: str = "high") -> Register:
    return R(name, offset, f"fetch of {of}", (
        F("En", 0, 0, f"fetch {of}", SEEN),
        F("CacheHint", 7, 4, "cache hint", SEEN),
        F("DataSetId", 15, 8, "set of data in the cache; 0 in every stream", NOTES),
        F("UserTag", 23, 16, "index of the task", SEEN)), count, level)


def _extra(name: str, offset: int, of: str, source: str, level: str) -> tuple[Register, ...]:
    """A channel for other coefficients: config, size, 64-bit base. The notes take the size for an address."""
    return (_stream(f"{name}DMAConfig", offset, of, 1, level),
            S(f"{name}BfrSize", offset + 4, "MemBfrSize", 31, 6, f"size of {of}, bytes", source, level,
              also=f"{name}BaseAddr", field_also="Addr", kind="bytes"),
            *_wide(f"{name}Base", offset + 8, of, source, level))


_LIKE = "decoded H16 streams, by analogy with the lookup tables"

KERNEL_DMA_SRC = Block("KernelDMASrc", 0x5500, 72, "DMA that fetches coefficients, a channel for each neural engine", (
    R("MasterConfig", 0x00, "fetch of coefficients", (
        F("GroupKernelReuse", 4, 4, "groups share a kernel", NOTES, confidence="medium"),
        F("KernelSparseFmt", 5, 5, "the coefficients are sparse", NOTES, confidence="medium"),
        F("MasterEnable", 6, 6, "coefficients are fetched", SEEN),
        F("LastTask", 7, 7, "last task of the program", SEEN),
        F("Unk9", 9, 9, "set together with MasterEnable", SEEN, confidence="low"),
        F("UserTag", 31, 16, "index of the task plus one where coefficients are fetched", SEEN))),
    S("AlignedCoeffSizePerCh", 0x04, "Size", 27, 0, "aligned size of a channel, bytes", NOTES, "medium", kind="bytes"),
    M("Prefetch", 0x08, "prefetch of coefficients", (
        F("EarlyTermEn", 0, 0, "may end early", NOTES),
        F("StopOnError", 1, 1, "stop on an error", NOTES),
        F("PrefetchRate", 31, 16, "rate; unit open", NOTES))),
    *_wide("CoeffBase", 0x10, "the coefficients", SEEN, "high"),
    S("KernelGroupStride", 0x18, "Stride", 31, 6, "from group to group of the coefficients, bytes", NOTES, "medium",
      kind="bytes"),
    S("KernelOCGStride", 0x1c, "Stride", 31, 6, "from output channel group to group of the coefficients, bytes", SEEN,
      "medium", kind="bytes"),
    _stream("CoeffDMAConfig", 0x20, "an engine's coefficients", 16),
    S("CoeffBaseAddr", 0x60, "Addr", 31, 6, "offset of an engine's coefficients from CoeffBase, bytes", SEEN, count=16,
      kind="address"),
    S("CoeffBfrSize", 0xa0, "MemBfrSize", 31, 6, "size of an engine's coefficients, bytes", SEEN, count=16,
      field_also="Size", kind="bytes"),
    *_extra("Bias", 0xe0, "biases", _LIKE, "low"),
    *_extra("PostScale", 0xf0, "post-scales", _LIKE, "low"),
    *_extra("PaletteLut", 0x100, "palettes", _LIKE, "low"),
    *_extra("NonLinearLut", 0x110, "lookup tables", SEEN, "high"),
))

CACHE_DMA = Block("CacheDMA", 0x5900, 12, "DMA between memory and the system's cache", (
    M("Control", 0x00, "what the cache does", (
        F("Flush", 0, 0, "flush", NOTES),
        F("Enable", 1, 1, "enable; 1 in every last task", SEEN),
        F("TaskSyncPostDone", 2, 2, "say when it is done", NOTES),
        F("TaskSyncWaitPrev", 3, 3, "wait for the one before", NOTES),
        F("EarlyTerm", 8, 4, "may end early; 1 in every last task", SEEN),
        F("FootprintLimiter", 9, 9, "limit the footprint", NOTES, confidence="low"),
        F("FootprintThreshold", 31, 16, "threshold of the footprint; unit open", NOTES, confidence="low"))),
    M("Pre0", 0x04, "prefetch", (
        F("BandwidthLimit", 9, 0, "limit; 160 in every last task, unit open", SEEN),
        F("Sieve2", 19, 16, "use open", NOTES),
        F("TelemetryAgeOut", 23, 20, "age; 10 in every last task, unit open", SEEN))),
    R("Pre1", 0x08, "prefetch", (
        F("Sieve1", 13, 0, "use open; 0xe0 in every last of several tasks", SEEN, kind="hex", confidence="medium"),
        F("UserTag", 23, 16, "index of the task", SEEN))),
    S("Dsid", 0x18, "DataSetIdAndSize", 29, 7, "data set and its size; 0 in every last task", NOTES, "medium"),
    S("FootprintArg", 0x1c, "FootprintArg2", 27, 17, "argument of the footprint, use open", NOTES, "medium"),
    M("EarlyTermArg12", 0x20, "when it may end early", (
        F("Arg1", 15, 0, "use open", NOTES),
        F("Arg2", 31, 16, "use open", NOTES))),
    S("FlushArg", 0x24, "FlushArg", 15, 0, "argument of the flush, use open", NOTES, "medium"),
    M("EarlyTermArg34", 0x28, "when it may end early", (
        F("Arg3", 7, 0, "use open", NOTES),
        F("Arg4", 23, 16, "use open; 127 in every last task", SEEN))),
    M("Backoff", 0x2c, "how it backs off", (
        F("Enable", 0, 0, "enable", SEEN),
        F("Delay", 7, 4, "delay; unit open", NOTES),
        F("Min", 15, 8, "least; unit open", SEEN),
        F("Max", 23, 16, "most; unit open", SEEN),
        F("Scale", 31, 24, "factor; unit open", SEEN))),
))
# fmt: on

ARCHITECTURE = Architecture(
    name="H16",
    cpusubtype=7,
    chips=("A17 Pro (T8130)", "M4 (T8132)", "M4 Pro, Max (T6040, T6041)"),
    stream="records",
    header=HEADER,
    dtid_flag=(8, 1),
    blocks=(COMMON, L2, PE, NE, TILE_DMA_SRC, TILE_DMA_DST, KERNEL_DMA_SRC, CACHE_DMA),
    program_kind=4,
    first_tensor_bar=6,
    fixed_bars={0: "text", 1: "const", 4: "dma-config"},
    carries_state=False,
    confidence="medium",
    evidence="decoded compiler streams of small networks and raw streams of another encoder; none was run",
)
