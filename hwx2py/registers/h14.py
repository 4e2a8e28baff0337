"""H14 (A15, M2): its task header, blocks, registers and fields, as rows of data.

The word order comes from decoded compiler streams: their values line up with the H13 programs for the same
operators. Bit positions that those values do not prove are from published register notes. Names are H13's.
"""

from . import later_machines
from .architecture import Architecture, Block, Field, Register
from .bearing import (
    ALIAS,
    ESTIMATE,
    FILLER,
    FORMAT_MODE,
    HINT,
    IN_USE,
    LOGGED,
    NOT_NEEDED,
    ONE_VALUE,
    POWER,
    ROW_ENDS,
    SHARING,
    TASK_NAME,
    TILING,
    UNEXPLAINED,
    Bearing,
)
from .derive import single, strides
from .enums import (
    CONDITION,
    FIRST_SRC,
    FORMAT,
    KERNEL_MODE,
    L2_FORMAT,
    MEMORY_FORMAT,
    NE_LAST,
    NE_OP_MODE,
    PE_COMBINE,
    PE_FUNCTION,
    PE_REDUCE,
    RESULT_TYPE,
    SECOND_SRC,
    SOURCE_TYPE,
    TASK_TYPE,
    names,
)
from .kinds import ADDRESS, BYTES, FP16, FP32, HEX, LAYOUT

SEEN = "decoded H14 compiler streams"
TWIN = "as on H13; decoded H14 streams agree"
NOTES = "freedomtan's register notes"
ATTENTION = "a decoded attention of compiler 9.509, executed; bits 19 and 24 on H13"
H13 = "as on H13; no H14 stream sets it"
H16 = "named as on H16"

F, R, S = Field, Register, single


# fmt: off
HEADER = Block("Header", 0x00, 9, "task descriptor header", (
    R("W0", 0x00, "identity and size of the task", (
        F("TID",      15,  0, "task id, its index", SEEN),
        F("TaskSize", 26, 16, "words of the task, header included", SEEN, kind=LAYOUT))),
    R("W1", 0x04, "cost", (
        F("ExeCycles", 15,  0, "estimated cycles, low half", NOTES, bearing=ESTIMATE),)),
    R("W2", 0x08, "events that are logged", (
        F("LogEvents", 23,  0, "event mask; the program command counts its bits", SEEN, kind=HEX, bearing=LOGGED),)),
    R("W3", 0x0c, "events that raise an exception", (
        F("Exceptions", 23,  0, "event mask", NOTES, kind=HEX),)),
    R("W4", 0x10, "events that are logged when debugging", (
        F("DebugLogEvents", 23,  0, "event mask; the program command counts its bits", SEEN, kind=HEX,
          bearing=LOGGED),)),
    R("W5", 0x14, "events that raise an exception when debugging", (
        F("DebugExceptions", 23,  0, "event mask", NOTES, kind=HEX, bearing=LOGGED),)),
    R("W6", 0x18, "what outlives the task", (
        F("LiveOuts", 31,  0, "0 in a last task, else mostly 1; use open", NOTES, kind=HEX, confidence="medium"),)),
    R("W7", 0x1c, "synchronisation and engines", (
        F("TSR",  0,  0, "1 in every task; exact use open", SEEN, confidence="medium"),
        F("TDE",  1,  1, "the DTID word follows the header", SEEN),
        F("ENE", 18, 16, "engines: 0 is the planar engine, n are 2^(n - 1) neural engines", SEEN))),
    R("DTID", 0x20, "the task whose result is this task's kernel", (
        F("DTID", 15,  0, "task id", SEEN),)),
))

COMMON = Block("Common", 0x0000, 19, "shapes, formats and kind of the task", (
    R("InDim", 0x00, "input size", (
        F("Win", 14,  0, "input width, elements", TWIN),
        F("Hin", 30, 16, "input height, elements", TWIN))),
    R("InDepth", 0x04, "input depth", (
        F("Din", 14,  0, "input depth, elements", H13),)),
    R("ChCfg", 0x08, "element formats", (
        F("InFmt",      1,  0, "format of source 1", H13, enum=FORMAT),
        F("Src2InFmt",  3,  2, "format of source 2", H13, enum=FORMAT, bearing=IN_USE),
        F("OutFmt",     5,  4, "format of the result", H13, enum=FORMAT))),
    R("Cin", 0x0c, "input channels", (
        F("Cin", 16,  0, "input channels of a group", TWIN),)),
    R("Cout", 0x10, "output channels", (
        F("Cout", 16,  0, "output channels of a group", TWIN),)),
    R("OutDim", 0x14, "output size", (
        F("Wout", 14,  0, "output width, elements", TWIN),
        F("Hout", 30, 16, "output height, elements", TWIN))),
    R("OutDepth", 0x18, "output depth", (
        F("Dout", 14,  0, "output depth, elements", H13),)),
    R("OCGSize", 0x1c, "output channel groups", (
        F("OCGSize",  2,  0, "log2 of the lanes: output channels side by side in a kernel plane", TWIN,
          bearing=IN_USE),),
            bearing=IN_USE),
    R("ConvCfg", 0x20, "kernel window", (
        F("Kw",  5,  0, "kernel width, elements", SEEN),
        F("Kh", 11,  6, "kernel height, elements", SEEN),
        F("Sx", 14, 13, "horizontal stride, elements", SEEN),
        F("Sy", 16, 15, "vertical stride, elements", SEEN),
        F("Px", 21, 17, "padding left, elements", SEEN),
        F("Py", 26, 22, "padding above, elements", SEEN),
        F("Ox", 29, 28, "outputs side by side in a slot, as on H13; 1 in every file", SEEN),
        F("Oy", 31, 30, "1 in every file; meaning open", SEEN)), bearing=IN_USE),
    R("ConvCfg3d", 0x24, "kernel window, third dimension", (
        F("Kd",  4,  0, "kernel depth, elements", H13),
        F("Sz",  7,  6, "stride in depth, elements", H13),
        F("Pz", 11,  8, "padding in front, elements", H13),
        F("Oz", 14, 13, "meaning open", H13, bearing=ONE_VALUE)), confidence="low", bearing=IN_USE),
    R("GroupConvCfg", 0x28, "groups", (
        F("NumGroups",    12,  0, "groups", TWIN),
        F("UnicastEn",    14, 14, "an output channel reads only its own UnicastCin input channels", TWIN,
          bearing=IN_USE),
        F("ElemMultMode", 15, 15, "the unicast channels are combined element by element", TWIN),
        F("UnicastCin",   31, 16, "input channels that one output channel reads", TWIN, bearing=IN_USE)),
            bearing=IN_USE),
    R("TileCfg", 0x2c, "tiling", (
        F("TileHeight", 14,  0, "rows of a tile", TWIN),), bearing=TILING),
    R("PatchCfg", 0x30, "planar engine patch", (
        F("PatchWidth",   3,  0, "log2 of the width of the patch that the planar engine works on, elements", TWIN),
        F("PatchHeight",  8,  4, "log2 of the height of that patch, elements", TWIN)), confidence="medium",
            bearing=TILING),
    R("PECfg", 0x34, "broadcast and transposition of the planar engine", (
        F("Src1BroadcastW",   0,  0, "source 1 has one column, used for all", TWIN),
        F("Src1BroadcastH",   1,  1, "source 1 has one row, used for all", TWIN),
        F("Src1BroadcastD",   2,  2, "source 1 has one depth slice, used for all", TWIN),
        F("Src1BroadcastC",   3,  3, "source 1 has one channel, used for all", TWIN),
        F("Src2BroadcastW",   4,  4, "source 2 has one column, used for all", TWIN),
        F("Src2BroadcastH",   5,  5, "source 2 has one row, used for all", TWIN),
        F("Src2BroadcastD",   6,  6, "source 2 has one depth slice, used for all", TWIN),
        F("Src2BroadcastC",   7,  7, "source 2 has one channel, used for all", TWIN),
        F("Src1Transpose",    8,  8, "source 1 is stored with C and W swapped", TWIN),
        F("Src2Transpose",    9,  9, "source 2 is stored with C and W swapped", TWIN),
        F("OutputTranspose", 10, 10, "the result is stored with C and W swapped", TWIN)), confidence="medium",
            bearing=IN_USE),
    R("Cfg", 0x38, "kind of task and engines", (
        F("Unk0",             0,  0, "1 except where source 1 lies in L2 and source 2 comes by DMA", TWIN,
          bearing=UNEXPLAINED),
        F("Source2Dma",       1,  1, "source 2 comes by tile DMA, as in L2", TWIN, bearing=IN_USE),
        F("SmallSourceMode",  3,  2, "small source", NOTES, bearing=HINT),
        F("TaskType",         7,  4, "kind of task", TWIN, enum=TASK_TYPE, confidence="medium"),
        F("ShPref",          10,  8, "preferred sharing", TWIN, bearing=SHARING),
        F("ShMin",           14, 12, "least sharing", TWIN, bearing=SHARING),
        F("ShMax",           18, 16, "most sharing", TWIN, bearing=SHARING),
        F("ActiveNE",        21, 19, "log2 of the neural engines that work", TWIN),
        F("OutTrans",        28, 28, "the neural engines' result is stored with C and W swapped", TWIN,
          confidence="medium"),
        F("FillLowerNE",     29, 29, "fill lower engines first", TWIN, confidence="medium", bearing=SHARING))),
    R("TaskInfo", 0x3c, "identity of the task, for the blocks", (
        F("TaskID", 15,  0, "task id", H13),
        F("TaskQ",  19, 16, "task queue", H13),
        F("NID",    27, 20, "network id; 1 in every NE task", TWIN)), bearing=TASK_NAME),
    R("DPE", 0x40, "power estimation", (
        F("Category",  3,  0, "kind of work", TWIN),), bearing=POWER),
))


def _l2_base(name: str, offset: int, of: str, confidence: str = "high") -> Register:
    return S(name, offset, "Addr", 20, 4, f"address of {of} in L2, bytes", TWIN, confidence, kind=ADDRESS,
             bearing=IN_USE)


def _l2_strides(prefix: str, offset: int, of: str, *levels: str) -> tuple[Register, ...]:
    return strides(prefix, offset, "Channel Row Depth Group", f"{of} in L2", 20, 4, TWIN, *levels)


def _wrap(name: str, offset: int, of: str) -> Register:
    return R(name, offset, f"wrap-around of {of} in L2", (
        F("WrapNumBlocks", 11,  0, "blocks before it wraps", NOTES),
        F("WrapLen",       31, 12, "length of a block; unit open", NOTES)), confidence="low")


_L2_FORMAT_FIELDS = (
    F("AliasConvSrc",     4,  4, "aliasing; no effect on values seen", TWIN, bearing=ALIAS),
    F("AliasConvRslt",    5,  5, "aliasing; no effect on values seen", TWIN, bearing=ALIAS),
    F("DMAFmt",           7,  6, "element size", TWIN, enum=L2_FORMAT, bearing=IN_USE),
    F("DMAInterleave",   11,  8, "channels stored side by side", TWIN, bearing=IN_USE),
    F("DMACmpVec",       15, 12, "compression vector", H13),
    F("DMAOffsetCh",     18, 16, "channel offset", H13),
    F("AliasPlanarSrc",  20, 20, "aliasing; no effect on values seen", TWIN, bearing=ALIAS),
    F("AliasPlanarRslt", 22, 22, "aliasing; no effect on values seen", TWIN, bearing=ALIAS),
)

L2 = Block("L2", 0x0500, 25, "the buffer memory between DMA and the engines", (
    R("L2Cfg", 0x00, "what happens on entry", (
        F("InputReLU",    0,  0, "clamp source 1 at zero", TWIN),
        F("PaddingMode",  3,  2, "what lies outside the source: 0 or 1 with sums, 1 with maxima, 3 with minima", NOTES,
          confidence="low", bearing=IN_USE),
        F("Src2ReLU",     4,  4, "clamp source 2 at zero", SEEN, confidence="medium", bearing=IN_USE))),
    R("SourceCfg", 0x04, "where the sources come from", (
        F("SourceType",  1,  0, "where source 1 comes from", TWIN, enum=SOURCE_TYPE, confidence="medium"),
        F("Dependent",   3,  2, "waits for an earlier task", TWIN, bearing=HINT),
        *_L2_FORMAT_FIELDS,
        F("Source2Dma", 24, 24, "source 2 comes by tile DMA, else out of L2", SEEN, confidence="medium",
          bearing=IN_USE))),
    _l2_base("SourceBase", 0x08, "source 1"),
    *_l2_strides("Source", 0x0c, "source 1", "high", "high", "medium"),
    _l2_base("Source2Base", 0x1c, "source 2", "medium"),
    *_l2_strides("Source2", 0x20, "source 2", "medium"),
    R("ResultCfg", 0x30, "where the result goes", (
        F("ResultType",  1,  0, "where the result goes; a chain hands it to the next task tile by tile", TWIN,
          enum=RESULT_TYPE, confidence="medium"),
        F("L2BfrMode",   3,  3, "buffer mode", TWIN, bearing=HINT),
        *_L2_FORMAT_FIELDS)),
    _l2_base("ResultBase", 0x34, "the result"),
    *_l2_strides("Result", 0x38, "the result", "high", "high", "medium"),
    _wrap("SrcAndResultWrapCfg", 0x48, "sources and result"),
    _wrap("Src1WrapStart", 0x4c, "source 1, at the start"),
    _wrap("Src2WrapStart", 0x50, "source 2, at the start"),
    R("ResultWrapIndex", 0x58, "wrap-around of the result in L2", (
        F("WrapIndex", 15,  0, "index of the wrap", NOTES),), confidence="low"),
    R("ResultWrapStartOffset", 0x5c, "wrap-around of the result in L2", (
        F("StartOffset", 15,  0, "offset at the start; unit open", NOTES),), confidence="low"),
))

PE = Block("PE", 0x0900, 5, "the planar engine", (
    R("Cfg", 0x00, "operation", (
        F("PoolMode",  1,  0, "how a reduction combines", TWIN, enum=names(PE_REDUCE), confidence="medium"),
        F("OpMode",    4,  2, "operation", TWIN, enum=names(PE_COMBINE)),
        F("ReluEn",    5,  5, "clamp at zero", H13),
        F("Cond",      6,  6, "condition", H13, enum=CONDITION),
        F("NLMode",   13, 12, "last step", TWIN, enum=names(PE_FUNCTION), confidence="medium"),
        F("FirstSrc", 16, 16, "sign of source 1", H13, enum=FIRST_SRC, confidence="low"),
        F("SecSrc",   19, 18, "source 2 and its sign", TWIN, enum=SECOND_SRC,
          confidence="medium"))),
    R("BiasScale", 0x04, "after the operation: times Scale, plus Bias", (
        F("Bias",  15,  0, "added", TWIN, kind=FP16),
        F("Scale", 31, 16, "factor", TWIN, kind=FP16))),
    R("PreScale", 0x08, "before the operation", (
        F("Epsilon",  15,  0, "added under the reciprocal square root", H13, kind=FP16, confidence="medium"),
        F("PreScale", 31, 16, "factor on source 1", H13, kind=FP16))),
    R("FinalScale", 0x0c, "last factor (1/N of a mean)", (
        F("FinalScale", 31,  0, "factor", TWIN, kind=FP32),)),
    R("Quant", 0x10, "offsets of quantised elements", (
        F("Src1InputOffset",  7,  0, "offset of source 1", NOTES),
        F("Src2InputOffset", 15,  8, "offset of source 2", NOTES),
        F("OutputZeroPoint", 23, 16, "zero point of the result", NOTES)), confidence="medium"),
))

NE = Block("NE", 0x0d00, 5, "the neural engines", (
    R("KernelCfg", 0x00, "format of the coefficients", (
        F("KernelFmt",         1,  0, "format of a weight", TWIN, enum=FORMAT, bearing=IN_USE),
        F("PalettizedEn",      2,  2, "weights are indexes into a palette", H13),
        F("PalettizedBits",    7,  4, "bits of an index; 8 in every task that writes it", TWIN, bearing=UNEXPLAINED),
        F("SparseFmt",         8,  8, "weights are sparse", H13, bearing=IN_USE),
        F("GroupKernelReuse", 10, 10, "groups share a kernel", H13),
        F("AlignmentFmt",     16, 16, "set with a lookup table, or a kernel that an earlier task wrote", SEEN,
          confidence="low", bearing=UNEXPLAINED)), bearing=IN_USE),
    R("MACCfg", 0x04, "operation", (
        F("OpMode",           2,  0, "operation", TWIN,
          enum=NE_OP_MODE),
        F("KernelMode",       3,  3, "where the kernel comes from", TWIN, enum=KERNEL_MODE),
        F("BiasMode",         4,  4, "a row of biases precedes the weights", H13),
        F("MatrixBiasEn",     6,  6, "matrix bias", H13),
        F("BinaryPoint",     13,  8, "28 for fp16", TWIN, confidence="medium", bearing=IN_USE),
        F("PostScaleMode",   14, 14, "post-scale mode; meaning open", H13),
        F("NonlinearMode",   17, 16, "last step", TWIN, enum=names(NE_LAST)),
        F("ArgOutputSelect", 23, 20, "1 in every NE task; on H13 0 and 1 give the same", H16,
          confidence="low")), also="MacCfg"),
    R("MatrixVectorBias", 0x08, "matrix bias", (
        F("MatrixVectorBias", 15,  0, "bias; use open", H13, kind=HEX, also="BiasVal"),), bearing=IN_USE),
    R("AccBias", 0x0c, "start value of the accumulators", (
        F("AccBias",      15,  0, "added to every sum", TWIN, kind=FP16),
        F("AccBiasShift", 20, 16, "shift; use open", H13))),
    R("PostScale", 0x10, "factor on the sums", (
        F("PostScale",      15,  0, "factor; 1.0 in most tasks", TWIN, kind=FP16),
        F("PostRightShift", 20, 16, "shift; use open", H13))),
))


def _dma_config(
    name: str, offset: int, of: str, *more: Field, also: str = "", bearing: Bearing | None = None
) -> Register:
    return R(name, offset, f"DMA of {of}", (
        F("En",         0,  0, f"move {of}", SEEN),
        F("CrH",        3,  2, "use open", NOTES, bearing=HINT),
        F("CacheHint",  7,  4, "cache hint", SEEN, bearing=HINT),
        F("DataSetId", 15,  8, "set of data in the cache; 14 in every stream", NOTES, bearing=TASK_NAME),
        F("UserTag",   23, 16, "index of the task", SEEN, bearing=TASK_NAME),
        *more), also=also, bearing=bearing)


def _cache_hints(name: str, offset: int, of: str) -> Register:
    return R(name, offset, f"more cache hints of {of}", (
        F("CacheHintReuse",    3,  0, "cache hint for data used again", SEEN, bearing=HINT),
        F("CacheHintNoReuse",  7,  4, "cache hint for data used once", SEEN, bearing=HINT)), bearing=HINT)


def _base(
    name: str, offset: int, of: str, also: str = "", confidence: str = "high", high: Bearing | None = IN_USE
) -> tuple[Register, Register]:
    return (S(name, offset, "Addr", 31, 6, f"offset of {of} from the slot's address, low half, bytes", SEEN, confidence,
              also=f"{also or name}Lo", kind=ADDRESS, bearing=IN_USE),
            S(f"{name}Hi", offset + 4, "Addr", 9, 0, f"offset of {of} from the slot's address, high half", SEEN,
              confidence, also=also and f"{also}Hi", kind=ADDRESS, bearing=high))


def _tile_strides(prefix: str, offset: int, of: str, also: str = "") -> tuple[Register, ...]:
    return strides(prefix, offset, "Row Plane Depth Group", of, 31, 6, SEEN, also=also)


_DEPENDENCY = F("DependencyMode", 29, 28, "waits for an earlier task's result", NOTES, bearing=HINT)
_MEMORY_FIELDS = (
    F("FmtMode",     1,  0, "1 for 16 bits", TWIN, bearing=FORMAT_MODE),
    F("Truncate",    5,  4, "3 for 16 bits", TWIN),
    F("Shift",       8,  8, "shift; use open", H13),
    F("MemFmt",     13, 12, "element size in memory", TWIN, enum=MEMORY_FORMAT),
    F("OffsetCh",   18, 16, "channel offset", H13),
    F("Interleave", 27, 24, "channels stored side by side; 0 behaves as 1", TWIN),
    F("CmpVec",     31, 28, "compression vector", H13),
)

TILE_DMA_SRC = Block("TileDMASrc", 0x1100, 53, "DMA that fetches the sources", (
    _dma_config("Src1DMAConfig", 0x00, "source 1", _DEPENDENCY, bearing=IN_USE),
    _dma_config("Src2DMAConfig", 0x04, "source 2", _DEPENDENCY, bearing=IN_USE),
    _cache_hints("Src1DMAConfigExt", 0x08, "source 1"),
    _cache_hints("Src2DMAConfigExt", 0x0c, "source 2"),
    *_base("Src1BaseAddr", 0x10, "source 1"),
    *_tile_strides("Src1", 0x18, "source 1"),
    *_base("Src2BaseAddr", 0x28, "source 2"),
    *_tile_strides("Src2", 0x30, "source 2"),
    R("Src1Fmt", 0x50, "layout of source 1 in memory", _MEMORY_FIELDS, bearing=IN_USE),
    R("Src2Fmt", 0x54, "layout of source 2 in memory", _MEMORY_FIELDS, bearing=IN_USE),
    R("PixelOffset", 0x68, "offset of the first pixel", (
        F("Offset", 15,  0, "pixels", NOTES),), count=4, confidence="medium"),
))

TILE_DMA_DST = Block("TileDMADst", 0x1500, 11, "DMA that stores the result", (
    _dma_config("DMAConfig", 0x00, "the result",
                F("L2BfrMode", 24, 24, "buffer mode", NOTES, bearing=HINT),
                F("BypassEOW", 25, 25, "use open; never set", NOTES, confidence="low", bearing=HINT),
                F("Unk27", 27, 27, "set with bit 30 where a softmax becomes a kernel; no effect on values", ATTENTION,
                  confidence="low", bearing=UNEXPLAINED),
                F("Unk30", 30, 30, "set with bit 27; no effect on values", ATTENTION, confidence="low",
                  bearing=UNEXPLAINED), also="DstDMAConfig"),
    *_base("BaseAddr", 0x08, "the result", "DstBaseAddr", high=None),
    *_tile_strides("", 0x10, "the result", "Dst"),
    R("Fmt", 0x20, "layout of the result in memory", (
        *_MEMORY_FIELDS[:5],
        F("ZeroPadLast",  20, 20, "fill the row's end with zeros", TWIN, bearing=ROW_ENDS),
        F("ZeroPadFirst", 21, 21, "fill the row's start with zeros", TWIN, bearing=ROW_ENDS),
        F("CmpVecFill",   22, 22, "compression vector", H13),
        *_MEMORY_FIELDS[5:]), also="DstFmt", bearing=IN_USE),
    R("Spare0", 0x24, "filler: keeps the end of a task off 64-byte boundaries", (
        F("Spare", 31,  0, "0xdead", SEEN, kind=HEX),), alone=True, bearing=FILLER),
    R("Spare1", 0x28, "unused", (
        F("Spare", 31,  0, "no value seen", NOTES, kind=HEX),), confidence="medium", bearing=FILLER),
))


def _stream_config(name: str, offset: int, of: str, count: int = 1, confidence: str = "high") -> Register:
    return R(name, offset, f"fetch of {of}", (
        F("En",         0,  0, f"fetch {of}", SEEN),
        F("CacheHint",  7,  4, "cache hint", SEEN, bearing=HINT),
        F("DataSetId", 15,  8, "set of data in the cache; 14 for a run-time kernel, else 0", NOTES, bearing=TASK_NAME),
        F("UserTag",   23, 16, "index of the task", SEEN, bearing=TASK_NAME)), count, confidence, bearing=IN_USE)


def _stream_base(name: str, offset: int, of: str, count: int = 1, confidence: str = "high") -> Register:
    return S(name, offset, "Addr", 31, 6, f"offset of {of} from the slot's address, bytes", SEEN, confidence,
             count=count, kind=ADDRESS, bearing=IN_USE)


def _stream_size(name: str, offset: int, of: str, count: int = 1, confidence: str = "high") -> Register:
    return S(name, offset, "MemBfrSize", 31, 6, f"size of {of}, bytes", SEEN, confidence, count=count,
             field_also="Size", kind=BYTES, bearing=IN_USE)


_EXTRA = (("Bias", "biases", "medium"), ("PostScale", "post-scales", "medium"), ("PaletteLut", "palettes", "medium"),
          ("NonLinearLut", "lookup tables", "high"))

KERNEL_DMA_SRC = Block("KernelDMASrc", 0x1900, 70, "DMA that fetches coefficients, a channel for each neural engine", (
    R("MasterConfig", 0x00, "fetch of coefficients", (
        F("GroupKernelReuse",  4,  4, "groups share a kernel", NOTES),
        F("KernelSparseFmt",   5,  5, "the coefficients are sparse", NOTES, bearing=IN_USE),
        F("MasterEnable",      6,  6, "coefficients are fetched", SEEN, bearing=IN_USE),
        F("LastTask",          7,  7, "last task of the program", SEEN, confidence="medium", bearing=TASK_NAME),
        F("Unk9",              9,  9, "set together with MasterEnable", SEEN, confidence="low", bearing=UNEXPLAINED),
        F("UserTag",          23, 16, "index of the task plus one where coefficients are fetched", SEEN,
          confidence="medium", bearing=TASK_NAME)), bearing=IN_USE),
    S("AlignedCoeffSizePerCh", 0x04, "Size", 27,  0, "aligned size of a channel, bytes", NOTES, "medium", kind=BYTES,
      bearing=NOT_NEEDED),
    *_base("CoeffBase", 0x08, "the coefficients", confidence="medium"),
    S("KernelGroupStride", 0x10, "Stride", 31,  6, "from group to group, bytes", NOTES, "medium", kind=BYTES,
      bearing=IN_USE),
    S("KernelOCGStride",   0x14, "Stride", 31,  6, "from output channel group to group, bytes", NOTES, "medium",
      kind=BYTES, bearing=IN_USE),
    _stream_config("CoeffDMAConfig", 0x18, "an engine's coefficients", 16),
    _stream_base("CoeffBaseAddr",    0x58, "an engine's coefficients", 16),
    _stream_size("CoeffBfrSize",     0x98, "an engine's coefficients", 16),
    *(_stream_config(f"{name}DMAConfig", 0xd8 + 4 * i, of, 1, sure) for i, (name, of, sure) in enumerate(_EXTRA)),
    *(_stream_base(f"{name}BaseAddr", 0xe8 + 4 * i, of, 1, sure) for i, (name, of, sure) in enumerate(_EXTRA)),
    *_base("NonLinearLutBase", 0x100, "the lookup tables", confidence="medium"),
    *(_stream_size(f"{name}BfrSize", 0x108 + 4 * i, of, 1, sure) for i, (name, of, sure) in enumerate(_EXTRA)),
))
# fmt: on

ARCHITECTURE = Architecture(
    name="H14",
    cpusubtype=5,
    chips=("A15 (T8110)", "M2 (T8112)", "M2 Pro, Max, Ultra (T6020, T6021, T6022)"),
    stream="records",
    header=HEADER,
    dtid_flag=(7, 1),
    blocks=(COMMON, L2, PE, NE, TILE_DMA_SRC, TILE_DMA_DST, KERNEL_DMA_SRC),
    program_kind=4,
    first_tensor_bar=4,
    fixed_bars={0: "text", 1: "const"},
    carries_state=False,
    confidence="high",
    evidence="decoded compiler streams of small networks, compared with their H13 twins; none was run",
    machine=later_machines.H14,
)
