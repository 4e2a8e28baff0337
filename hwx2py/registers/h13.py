"""H13 (A14, M1): its task header, blocks, registers and fields, as rows of data.

Positions follow the field walk of Apple's own register printer that tinygrad published; where another source
disagreed, real files decided. Names are verbatim from there; the words that no source names are called after
their address. Meanings come from running the decoded programs against what they compute.
"""

from . import machines
from .architecture import Architecture, Block, Field, Register
from .bearing import (
    ALIAS,
    ESTIMATE,
    HINT,
    IN_USE,
    LOGGED,
    POWER,
    PRIORITY,
    ROW_ENDS,
    SHARING,
    TILING,
    UNEXPLAINED,
    Bearing,
    Idle,
    Ignored,
    Reach,
    When,
)
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
from .kinds import ADDRESS, BAR, BYTES, FP16, FP32, HEX, LAYOUT

AR = "Apple's register printer, as tinygrad walked it"
HWX = "read off real H13 files"
ORDER = "holds in all 138 tasks of real H13 files and decoded programs"
REC = "decoded compiler 9.509 programs, executed"
GELU = "a GELU of compiler 10.26.6, published with its results on an M1"
M1 = "measured on an M1"
EDITED = "edited on an M1: nothing changed"
INERT = "real programs with it run exactly on M1 and M1 Max; compilers before 7.6 write 0"

#: As bit 22 says it of the result.
ALIAS_SOURCE_2 = Bearing(Reach.PLACE, "executed: a program with it, which ran exactly on an M1, comes out right")
#: Addresses and strides of which no recorded edit changed low bits alone: of the others one more was run on an M1.
LOW_BITS_NOT_EDITED = frozenset((
    "SourceBase", "Source2Base", "ResultBase", "Source2ChannelStride", "ResultGroupStride",
    "Src1DepthStride", "Src2RowStride", "BaseAddr", "RowStride",
))  # fmt: skip


def _low_bits(name: str, unit_bytes: int) -> tuple[Ignored]:
    """The bits below the unit of an address or a stride."""
    how = "inferred from the registers beside it" if name in LOW_BITS_NOT_EDITED else EDITED
    return (Ignored(unit_bytes - 1, f"{how}; the unit is {unit_bytes} bytes"),)


#: Bit 1 of a tile DMA's configuration.
EITHER_ENABLE = Ignored(0x2, f"{EDITED}, not even with bit 0, the enable, cleared: either one will do")

# Bearings that edits on an M1 confirm.
EDITED_NAME = Bearing(Reach.NAME, f"{EDITED} (0 in place of the task's id and network id)")
EDITED_DEPTH = Bearing(Reach.NOTHING, f"{EDITED} (0 in place of 1, in a task without depth)")
EDITED_MODE = Bearing(Reach.NOTHING, f"{EDITED} (0 for source 1, 1 for source 2, 2 for the result)")
EDITED_BUFFERING = Bearing(Reach.TIME, f"{EDITED} (0 in place of 1)")
PATCH = Bearing(Reach.PLACE, f"{TILING.evidence}; 4 hung an M1 in a task of the neural engines", When.IN_USE)
EDITED_UNUSED = Bearing(Reach.RESULT, f"{EDITED}, in a task that does not use it", When.IN_USE)

H14 = "named as on H14, where the compiler uses it"
H16 = "named as on H16"

F, R = Field, Register


# fmt: off
def _bar(name: str, enable: str, lsb: int, use: str, source: str = HWX) -> tuple[Field, Field]:
    return (F(name,   lsb + 4, lsb,     f"BAR of {use}", source, kind=BAR, enable=enable),
            F(enable, lsb + 5, lsb + 5, f"{name} is in use", source))


HEADER = Block("Header", 0x00, 11, "task descriptor header", (
    R("W0", 0x00, "identity of the task", (
        F("TID",             15,  0, "task id", AR),
        F("NID",             23, 16, "network id; the driver's bootstrap copy carries 0x40", AR),
        F("LNID",            24, 24, "last task of the network", AR),
        F("EON",             25, 25, "end of network", AR))),
    R("W1", 0x04, "cost, and size of the next task", (
        F("ExeCycles",       15,  0, "estimated cycles, low half", AR, bearing=ESTIMATE),
        F("NextSize",        24, 16, "words of the next task minus one; 0 after the last", AR, kind=LAYOUT))),
    R("W2", 0x08, "events that are logged", (
        F("LogEvents",       23,  0, "event mask", AR, kind=HEX, bearing=LOGGED),)),
    R("W3", 0x0c, "events that raise an exception", (
        F("Exceptions",      23,  0, "event mask", AR, kind=HEX),)),
    R("W4", 0x10, "events that are logged when debugging", (
        F("DebugLogEvents",  23,  0, "event mask", AR, kind=HEX, bearing=LOGGED),)),
    R("W5", 0x14, "events that raise an exception when debugging", (
        F("DebugExceptions", 23,  0, "event mask", AR, kind=HEX, bearing=LOGGED),)),
    R("W6", 0x18, "synchronisation and placement", (
        F("DisallowAbort",    8,  8, "the task may not be aborted", AR),
        F("TDSkip",           9,  9, "skip this task descriptor", AR),
        F("KPC",             10, 10, "synchronisation of kernel prefetch by its name; 0 in every file", AR),
        F("SPL",             11, 11, "a run of tasks begins: set in the first, and behind a task with TSE", ORDER),
        F("TSR",             12, 12, "a run of tasks ends: equal to TSE", ORDER),
        F("SPC",             13, 13, "follows a task with DPC, whose result lies in L2: set nowhere else", ORDER),
        F("DPC",             14, 14, "the result stays in L2, and the next task has SPC", ORDER),
        F("TSE",             15, 15, "a run of tasks ends: set in the last, and where the next task has SPL", ORDER),
        F("NextPriority",    21, 16, "priority of the next task", AR, bearing=PRIORITY),
        F("TDE",             24, 24, "the DTID word follows the header", HWX),
        F("SrcLoc",          28, 28, "the source lies in DRAM", HWX),
        F("DstLoc",          29, 29, "the result goes to DRAM", HWX),
        F("TQDis",           31, 31, "task queue disabled", AR))),
    R("W7", 0x1c, "where the next task lies", (
        F("NextPointer",     31,  0, "byte offset of the next task in the text; 0 is none", AR, kind=LAYOUT),)),
    R("W8", 0x20, "buffers that the task reads and writes", (
        *_bar("RBase0", "RBE0",  0, "source 1"),
        *_bar("RBase1", "RBE1",  6, "source 2"),
        *_bar("WBase",  "WBE",  12, "the result"),
        *_bar("TBase",  "TBE",  18, "an unresolved use", AR),
        F("ENE",             26, 24, "engines: 0 is the planar engine, n are 2^(n - 1) neural engines", HWX))),
    R("W9", 0x24, "buffers that hold coefficients", (
        *_bar("KBase0", "KBE0",  0, "the coefficients"),
        *_bar("KBase1", "KBE1",  6, "a second coefficient stream", AR),
        *_bar("KBase2", "KBE2", 12, "a third coefficient stream", AR),
        *_bar("KBase3", "KBE3", 18, "a fourth coefficient stream", AR))),
    R("DTID", 0x28, "the task whose result is this task's kernel", (
        F("DTID",            15,  0, "task id", REC),)),
))

COMMON = Block("Common", 0x00000, 16, "shapes, formats and kind of the task", (
    R("InDim", 0x00, "input size", (
        F("Win",             14,  0, "input width, elements", AR),
        F("Hin",             30, 16, "input height, elements", AR))),
    R("InDepth", 0x04, "input depth", (
        F("Din",             14,  0, "input depth, elements", HWX, confidence="medium"),)),
    R("ChCfg", 0x08, "element formats", (
        F("InFmt",            1,  0, "format of source 1", AR, enum=FORMAT),
        F("Src2InFmt",        3,  2, "format of source 2", AR, enum=FORMAT, confidence="medium", bearing=IN_USE),
        F("OutFmt",           5,  4, "format of the result", AR, enum=FORMAT))),
    R("Cin", 0x0c, "input channels", (
        F("Cin",             16,  0, "input channels of a group", AR),)),
    R("Cout", 0x10, "output channels", (
        F("Cout",            16,  0, "output channels of a group", AR),)),
    R("OutDim", 0x14, "output size", (
        F("Wout",            14,  0, "output width, elements", AR),
        F("Hout",            30, 16, "output height, elements", AR))),
    R("OutDepth", 0x18, "output depth", (
        F("Dout",            14,  0, "output depth, elements", HWX, confidence="medium"),)),
    R("ConvCfg", 0x1c, "kernel window", (
        F("Kw",               4,  0, "kernel width, elements", AR),
        F("Kh",               9,  5, "kernel height, elements", AR),
        F("OCGSize",         12, 10, "log2 of the lanes: output channels side by side in a kernel plane", REC,
          bearing=IN_USE),
        F("Sx",              14, 13, "horizontal stride, elements", AR),
        F("Sy",              16, 15, "vertical stride, elements", AR),
        F("Px",              21, 17, "padding left, elements", AR),
        F("Py",              26, 22, "padding above, elements", AR),
        F("Ox",              29, 28, "outputs side by side in a slot; 2 halves Wout, with kernels wider than 5", REC),
        F("Oy",              31, 30, "1 in every file; meaning open", AR)), bearing=IN_USE),
    R("ConvCfg3d", 0x20, "kernel window, third dimension", (
        F("Kd",               4,  0, "kernel depth, elements", HWX),
        F("Sz",               7,  6, "stride in depth, elements", HWX),
        F("Pz",              11,  8, "padding in front, elements", HWX),
        F("Oz",              14, 13, "1 in every file; meaning open", HWX, bearing=EDITED_DEPTH)), confidence="medium",
            bearing=EDITED_UNUSED),
    R("GroupConvCfg", 0x24, "groups", (
        F("NumGroups",       12,  0, "groups", AR),
        F("UnicastEn",       14, 14, "an output channel reads only its own UnicastCin input channels", AR,
          bearing=IN_USE),
        F("ElemMultMode",    15, 15, "the unicast channels are combined element by element", AR),
        F("UnicastCin",      31, 16, "input channels that one output channel reads", AR, bearing=IN_USE)),
            bearing=IN_USE),
    R("TileCfg", 0x28, "tiling", (
        F("TileHeight",      14,  0, "rows of a tile", AR),), bearing=TILING),
    R("PatchCfg", 0x2c, "planar engine patch", (
        F("PatchWidth",       3,  0, "log2 of the width of the patch that the planar engine works on, elements", HWX),
        F("PatchHeight",      8,  4, "log2 of the height of that patch, elements", HWX)), confidence="medium",
            bearing=PATCH),
    R("PECfg", 0x30, "broadcast and transposition of the planar engine", (
        F("Src1BroadcastW",   0,  0, "source 1 has one column, used for all", REC),
        F("Src1BroadcastH",   1,  1, "source 1 has one row, used for all", REC),
        F("Src1BroadcastD",   2,  2, "source 1 has one depth slice, used for all", REC),
        F("Src1BroadcastC",   3,  3, "source 1 has one channel, used for all", REC),
        F("Src2BroadcastW",   4,  4, "source 2 has one column, used for all", REC),
        F("Src2BroadcastH",   5,  5, "source 2 has one row, used for all", REC),
        F("Src2BroadcastD",   6,  6, "source 2 has one depth slice, used for all", REC),
        F("Src2BroadcastC",   7,  7, "source 2 has one channel, used for all", REC),
        F("Src1Transpose",    8,  8, "source 1 is stored with C and W swapped", REC),
        F("Src2Transpose",    9,  9, "source 2 is stored with C and W swapped", REC),
        F("OutputTranspose", 10, 10, "the result is stored with C and W swapped", REC)), confidence="medium",
            bearing=IN_USE),
    R("Cfg", 0x34, "kind of task and engines", (
        F("Unk0",             0,  0, "1 except where source 1 lies in L2 and source 2 comes by DMA", ORDER,
          bearing=UNEXPLAINED),
        F("Source2Dma",       1,  1, "source 2 comes by tile DMA, as L2.SourceCfg says", ORDER, bearing=IN_USE),
        F("SmallSourceMode",  2,  2, "small source", AR, bearing=HINT),
        F("TaskType",         7,  4, "kind of task", REC, enum=TASK_TYPE, confidence="medium"),
        F("ShPref",          10,  8, "preferred sharing", AR, bearing=SHARING),
        F("ShMin",           14, 12, "least sharing", AR, bearing=SHARING),
        F("ShMax",           18, 16, "most sharing", AR, bearing=SHARING),
        F("ActiveNE",        21, 19, "log2 of the neural engines that work", AR),
        F("ContextSwitchIn", 22, 22, "context switch in", AR),
        F("ContextSwitchOut", 24, 24, "context switch out", AR),
        F("AccDoubleBufEn",  26, 26, "double-buffered accumulators", AR, bearing=HINT),
        F("OutTrans",        28, 28, "the neural engines' result is stored with C and W swapped", REC,
          confidence="medium"),
        F("FillLowerNE",     29, 29, "fill lower engines first", AR, confidence="medium", bearing=SHARING))),
    R("TaskInfo", 0x38, "identity of the task, for the blocks", (
        F("TaskID",          15,  0, "task id", AR),
        F("TaskQ",           19, 16, "task queue", AR),
        F("NID",             27, 20, "network id; 1 in every NE task", AR)), bearing=EDITED_NAME),
    R("DPE", 0x3c, "power estimation", (
        F("Category",         3,  0, "kind of work", AR),), bearing=POWER),
))


def _l2_stride(name: str, offset: int, of: str, source: str = AR, confidence: str = "high") -> Register:
    return R(name, offset, of, (F("Stride", 20, 4, f"{of}, bytes", source, kind=BYTES),), confidence=confidence,
             bearing=IN_USE, ignored=_low_bits(name, 16))


def _l2_strides(prefix: str, offset: int, of: str, source: str, confidence: str) -> tuple[Register, ...]:
    return (_l2_stride(f"{prefix}ChannelStride", offset,     f"from channel to channel of {of} in L2", source),
            _l2_stride(f"{prefix}RowStride",     offset + 4, f"from row to row of {of} in L2", source),
            _l2_stride(f"{prefix}DepthStride",   offset + 8, f"from depth slice to depth slice of {of} in L2", HWX,
                       confidence),
            _l2_stride(f"{prefix}GroupStride",   offset + 12, f"from group to group of {of} in L2", HWX, confidence))


def _l2_base(name: str, offset: int, of: str, source: str = AR, confidence: str = "high") -> Register:
    return R(name, offset, f"where {of} lies in L2", (
        F("Addr", 20, 4, f"address of {of} in L2, bytes", source, kind=ADDRESS),), confidence=confidence,
            bearing=IN_USE,
        ignored=_low_bits(name, 16))


_L2_FORMAT_FIELDS = (
    F("AliasConvSrc",         4,  4, "aliasing; no effect on values seen", AR, bearing=ALIAS),
    F("AliasConvRslt",        5,  5, "aliasing; no effect on values seen", AR, bearing=ALIAS),
    F("DMAFmt",               7,  6, "element size", AR, enum=L2_FORMAT, bearing=IN_USE),
    F("DMAInterleave",       11,  8, "channels stored side by side", AR, bearing=IN_USE),
    F("DMACmpVec",           15, 12, "compression vector", AR),
    F("DMAOffsetCh",         18, 16, "channel offset", AR),
    F("AliasPlanarSrc",      20, 20, "aliasing; no effect on values seen", AR, bearing=ALIAS),
    F("AliasPlanarRslt",     22, 22, "aliasing; no effect on values seen", AR, bearing=ALIAS),
)

L2 = Block("L2", 0x04800, 18, "the buffer memory between DMA and the engines", (
    R("L2Cfg", 0x00, "what happens on entry", (
        F("InputReLU",        0,  0, "clamp source 1 at zero", AR),
        F("PaddingMode",      3,  2, "what lies outside the source: 0 or 1 with sums, 1 with maxima, 3 with minima", AR,
          confidence="low", bearing=IN_USE),
        F("Src2ReLU",         4,  4, "clamp source 2 at zero", H14, confidence="medium",
          bearing=IN_USE)), ignored=(Ignored(0x100, EDITED),)),
    R("SourceCfg", 0x04, "where the sources come from", (
        F("SourceType",       1,  0, "where source 1 comes from", REC, enum=SOURCE_TYPE, confidence="medium"),
        F("Dependent",        3,  2, "waits for an earlier task", AR, bearing=HINT),
        *_L2_FORMAT_FIELDS,
        F("Source2Dma",      24, 24, "source 2 comes by tile DMA, else out of L2", HWX, confidence="medium",
          bearing=EDITED_UNUSED),
        F("AliasSrc2",       26, 26, "source 2 is what the task before wrote, in place", GELU, confidence="low",
          bearing=ALIAS_SOURCE_2))),
    _l2_base("SourceBase", 0x08, "source 1"),
    *_l2_strides("Source", 0x0c, "source 1", AR, "medium"),
    _l2_base("Source2Base", 0x1c, "source 2", HWX, "medium"),
    *_l2_strides("Source2", 0x20, "source 2", HWX, "medium"),
    R("ResultCfg", 0x30, "where the result goes", (
        F("ResultType",       1,  0, "where the result goes; a chain hands it on tile by tile", REC,
          enum=RESULT_TYPE, confidence="medium"),
        F("L2BfrMode",        3,  3, "buffer mode", AR, bearing=HINT),
        *_L2_FORMAT_FIELDS)),
    _l2_base("ResultBase", 0x34, "the result"),
    *_l2_strides("Result", 0x38, "the result", AR, "medium"),
))

PE = Block("PE", 0x08800, 4, "the planar engine", (
    R("Cfg", 0x00, "operation", (
        F("PoolMode",         1,  0, "how a reduction combines", REC, enum=names(PE_REDUCE), confidence="medium"),
        F("OpMode",           4,  2, "operation", REC, enum=names(PE_COMBINE)),
        F("ReluEn",           5,  5, "clamp at zero", REC),
        F("Cond",             6,  6, "condition", REC, enum=CONDITION),
        F("NLMode",          13, 12, "last step", REC, enum=names(PE_FUNCTION),
          confidence="medium"),
        F("FirstSrc",        16, 16, "sign of source 1", REC, enum=FIRST_SRC, confidence="low"),
        F("SecSrc",          19, 18, "source 2 and its sign", REC, enum=SECOND_SRC,
          confidence="medium"))),
    R("BiasScale", 0x04, "after the operation: times Scale, plus Bias", (
        F("Bias",            15,  0, "added", REC, kind=FP16),
        F("Scale",           31, 16, "factor", REC, kind=FP16))),
    R("PreScale", 0x08, "before the operation", (
        F("Epsilon",         15,  0, "added under the reciprocal square root", REC, kind=FP16, confidence="medium"),
        F("PreScale",        31, 16, "factor on source 1; -1.0 makes b - a of an Add", REC, kind=FP16))),
    R("FinalScale", 0x0c, "last factor (1/N of a mean)", (
        F("FinalScale",      31,  0, "factor", REC, kind=FP32),)),
))

NE = Block("NE", 0x0c800, 5, "the neural engines", (
    R("KernelCfg", 0x00, "format of the coefficients", (
        F("KernelFmt",        1,  0, "format of a weight", AR, enum=FORMAT, bearing=EDITED_UNUSED),
        F("PalettizedEn",     2,  2, "weights are indexes into a palette", AR),
        F("PalettizedBits",   7,  4, "bits of an index; 8 in every file of compilers 4.2 and 7 to 9", AR,
          bearing=EDITED_UNUSED),
        F("SparseFmt",        8,  8, "weights are sparse", AR, bearing=IN_USE),
        F("GroupKernelReuse", 10, 10, "groups share a kernel", AR),
        F("KeepKernel",      12, 12, "keep the kernel for a later task", REC, confidence="medium", bearing=UNEXPLAINED),
        F("UsePrevKernel",   14, 14, "use the kernel of an earlier task", REC, confidence="medium", bearing=IN_USE),
        F("AlignmentFmt",    16, 16, "set where an earlier task wrote the kernel", H16, confidence="low",
          bearing=UNEXPLAINED)),
            bearing=EDITED_UNUSED, idle=Idle(0x80, INERT)),
    R("MACCfg", 0x04, "operation", (
        F("OpMode",           2,  0, "operation", REC,
          enum=NE_OP_MODE, confidence="medium"),
        F("KernelMode",       3,  3, "where the kernel comes from", AR, enum=KERNEL_MODE),
        F("BiasMode",         4,  4, "a row of biases precedes the weights", REC),
        F("MatrixBiasEn",     6,  6, "matrix bias", AR),
        F("BinaryPoint",     12,  8, "28 for fp16", AR, bearing=IN_USE),
        F("PostScaleMode",   14, 14, "post-scale mode; meaning open", AR),
        F("NonlinearMode",   17, 16, "last step", REC, enum=names(NE_LAST)),
        F("ArgOutputSelect", 23, 20, "1 in every NE task; 0 and 1 give the same (edited on an M1)", H16,
          confidence="low")), idle=Idle(0x00100000, INERT)),
    R("MatrixVectorBias", 0x08, "matrix bias", (
        F("MatrixVectorBias", 15, 0, "bias; use open", AR, kind=HEX),), bearing=EDITED_UNUSED),
    R("AccBias", 0x0c, "start value of the accumulators", (
        F("AccBias",         15,  0, "added to every sum", AR, kind=FP16),
        F("AccBiasShift",    20, 16, "shift; use open", AR))),
    R("PostScale", 0x10, "factor on the sums", (
        F("PostScale",       15,  0, "factor; 0 gives 0 (measured on an M1)", M1, kind=FP16),
        F("PostRightShift",  20, 16, "shift; use open", AR))),
))


def _tile_stride(name: str, offset: int, of: str, source: str = AR, confidence: str = "high") -> Register:
    return R(name, offset, of, (F("Stride", 31, 6, f"{of}, bytes", source, kind=BYTES),), confidence=confidence,
             bearing=IN_USE, ignored=_low_bits(name, 64))


def _tile_strides(
    prefix: str, offset: int, of: str, source: str = AR, confidence: str = "high"
) -> tuple[Register, ...]:
    return (_tile_stride(f"{prefix}RowStride",   offset,      f"from row to row of {of}", source, confidence),
            _tile_stride(f"{prefix}PlaneStride", offset + 4,  f"from channel to channel of {of}", source, confidence),
            _tile_stride(f"{prefix}DepthStride", offset + 8,  f"from depth slice to depth slice of {of}", source,
                         confidence),
            _tile_stride(f"{prefix}GroupStride", offset + 12, f"from group to group of {of}", source, confidence))


def _base(name: str, offset: int, of: str, source: str = AR, confidence: str = "high") -> Register:
    return R(name, offset, f"where {of} begins in its BAR", (
        F("Addr", 31, 6, f"offset of {of} from its BAR, bytes", source, kind=ADDRESS),), confidence=confidence,
        bearing=IN_USE, ignored=_low_bits(name, 64))


def _source_dma(name: str, offset: int, of: str, confidence: str = "high") -> Register:
    return R(name, offset, f"how {of} is fetched", (
        F("En",               0,  0, f"fetch {of}", AR),
        F("CrH",              5,  4, "use open", AR, bearing=HINT),
        F("CacheHint",        9,  6, "cache hint", AR, bearing=HINT),
        F("CacheHintReuse",  13, 10, "cache hint for data used again", AR, bearing=HINT),
        F("CacheHintNoReuse", 17, 14, "cache hint for data used once", AR, bearing=HINT),
        F("DependencyMode",  19, 18, "waits for an earlier task's result", AR, bearing=HINT)), confidence=confidence,
        bearing=IN_USE)


_MEMORY_FIELDS = (
    F("FmtMode",              1,  0, "1 for source 1 and the result", AR, bearing=EDITED_MODE),
    F("Truncate",             5,  4, "3 for 16 bits", AR),
    F("Shift",                8,  8, "shift; use open", AR),
    F("MemFmt",              13, 12, "element size in memory", REC, enum=MEMORY_FORMAT),
    F("OffsetCh",            18, 16, "channel offset", AR),
)
_INTERLEAVE_FIELDS = (
    F("Interleave",          27, 24, "channels stored side by side; 0 behaves as 1", REC),
    F("CmpVec",              31, 28, "compression vector", AR),
)


def _unknown(address: int, base: int, meaning: str = "no name in any source", source: str = HWX) -> Register:
    return R(f"Unk{address:05x}", address - base, meaning, (), confidence="low")


TILE_DMA_SRC = Block("TileDMASrc", 0x13800, 28, "DMA that fetches the sources", (
    _source_dma("Src1DMAConfig", 0x00, "source 1")._replace(ignored=(EITHER_ENABLE,)),
    _source_dma("Src2DMAConfig", 0x04, "source 2", "medium"),
    _base("Src1BaseAddr", 0x08, "source 1"),
    *_tile_strides("Src1", 0x0c, "source 1"),
    _base("Src2BaseAddr", 0x1c, "source 2", HWX, "medium"),
    *_tile_strides("Src2", 0x20, "source 2", HWX, "medium"),
    _unknown(0x13830, 0x13800)._replace(ignored=(Ignored(0x1, EDITED),)),
    _unknown(0x13834, 0x13800),
    R("Src1Fmt", 0x38, "layout of source 1 in memory", (*_MEMORY_FIELDS, *_INTERLEAVE_FIELDS),
      bearing=IN_USE, ignored=(Ignored(0x00300000, EDITED),)),
    R("Src2Fmt", 0x3c, "layout of source 2 in memory", (*_MEMORY_FIELDS, *_INTERLEAVE_FIELDS), confidence="medium",
      bearing=EDITED_UNUSED),
    _unknown(0x13840, 0x13800, "0x100 since compiler 7.6 and wherever the NE works, else 0")._replace(
        ignored=(Ignored(0x101, f"{EDITED}; 0x100 since compiler 7.6"),), idle=Idle(0x100, INERT)),
    _unknown(0x13844, 0x13800),
    _unknown(0x13848, 0x13800),
    _unknown(0x1384c, 0x13800),
    R("PixelOffset", 0x50, "offset of the first pixel", (
        F("Offset",          15,  0, "pixels", AR),), count=4),
    _unknown(0x13860, 0x13800),
    _unknown(0x13864, 0x13800),
    _unknown(0x13868, 0x13800),
    _unknown(0x1386c, 0x13800),
))

TILE_DMA_DST = Block("TileDMADst", 0x17800, 7, "DMA that stores the result", (
    R("DMAConfig", 0x00, "how the result is stored", (
        F("En",               0,  0, "store the result", AR),
        F("CrH",              5,  4, "use open", AR, bearing=HINT),
        F("CacheHint",        9,  6, "cache hint", AR, bearing=HINT),
        F("Unk18",           18, 18, "set with bit 22 in norm and atan2; no effect on values seen", HWX,
          bearing=UNEXPLAINED),
        F("Unk19",           19, 19, "set with bit 24 where a softmax becomes a kernel; no effect on values seen", REC,
          confidence="low", bearing=UNEXPLAINED),
        F("Unk22",           22, 22, "set with bit 18; no effect on values seen", HWX, bearing=UNEXPLAINED),
        F("Unk23",           23, 23, "set in norm with bits 18 and 22; no effect on values seen", HWX,
          bearing=UNEXPLAINED),
        F("Unk24",           24, 24, "set with bit 19; no effect on values seen", REC, confidence="low",
          bearing=UNEXPLAINED),
        F("L2BfrMode",       26, 26, "buffer mode", AR, bearing=EDITED_BUFFERING),
        F("BypassEOW",       27, 27, "use open", AR, bearing=HINT)), ignored=(EITHER_ENABLE,)),
    _base("BaseAddr", 0x04, "the result"),
    *_tile_strides("", 0x08, "the result"),
    R("Fmt", 0x18, "layout of the result in memory", (
        *_MEMORY_FIELDS,
        F("ZeroPadLast",     20, 20, "fill the row's end with zeros", AR, bearing=ROW_ENDS),
        F("ZeroPadFirst",    21, 21, "fill the row's start with zeros", AR, bearing=ROW_ENDS),
        F("CmpVecFill",      22, 22, "compression vector", AR),
        *_INTERLEAVE_FIELDS), bearing=IN_USE),
))


def _stream_config(name: str, offset: int, of: str, source: str, confidence: str, count: int = 1) -> Register:
    return R(name, offset, f"fetch of {of}", (
        F("En",               0,  0, f"fetch {of}; 0x80 alone is a disabled channel", source),
        F("CrH",              5,  4, "use open", AR, bearing=HINT),
        F("CacheHint",        9,  6, "cache hint", AR, bearing=HINT),
        F("PrefetchParticipateEn", 28, 28, "take part in prefetch", AR, bearing=HINT)), count, confidence,
        bearing=IN_USE)


def _stream_base(name: str, offset: int, of: str, source: str, confidence: str, count: int = 1) -> Register:
    return R(name, offset, f"where {of} begin in the coefficient BAR", (
        F("Addr",            31,  6, f"offset of {of} in the BAR, bytes", source, kind=ADDRESS),), count, confidence,
        bearing=IN_USE)


def _stream_size(name: str, offset: int, of: str, source: str, confidence: str, count: int = 1) -> Register:
    return R(name, offset, f"size of {of}", (
        F("MemBfrSize",      31,  6, f"size of {of}, bytes", source, kind=BYTES),), count, confidence, bearing=IN_USE)


_EXTRA = (("Bias", "biases"), ("PostScale", "post-scales"), ("PaletteLut", "palettes"),
          ("NonLinearLut", "lookup tables"))

KERNEL_DMA_SRC = Block("KernelDMASrc", 0x1f800, 62, "DMA that fetches coefficients, a channel for each neural engine", (
    R("MasterConfig", 0x00, "fetch of coefficients", (
        F("GroupKernelReuse", 4,  4, "groups share a kernel", H16, confidence="low"),
        F("KernelSparseFmt",  5,  5, "the coefficients are sparse", REC, confidence="medium", bearing=IN_USE),
        F("MasterEnable",     6,  6, "coefficients are fetched", REC, confidence="medium",
          bearing=IN_USE)), confidence="medium",
            bearing=IN_USE),
    _unknown(0x1f804, 0x1f800),
    _stream_config("CoeffDMAConfig", 0x08, "an engine's coefficients", AR, "high", 16),
    _stream_base("CoeffBaseAddr",    0x48, "an engine's coefficients", AR, "high", 16),
    _stream_size("CoeffBfrSize",     0x88, "an engine's coefficients", AR, "high", 16),
    *(_stream_config(f"{name}DMAConfig", 0xc8 + 4 * i, of, H14, "low") for i, (name, of) in enumerate(_EXTRA)),
    *(_stream_base(f"{name}BaseAddr",    0xd8 + 4 * i, of, H14, "low") for i, (name, of) in enumerate(_EXTRA)),
    *(_stream_size(f"{name}BfrSize",     0xe8 + 4 * i, of, H14, "low") for i, (name, of) in enumerate(_EXTRA)),
))
# fmt: on

ARCHITECTURE = Architecture(
    name="H13",
    cpusubtype=4,
    chips=("A14 (T8101)", "M1 (T8103)", "M1 Pro, Max, Ultra (T6000, T6001, T6002)"),
    stream="linked",
    header=HEADER,
    dtid_flag=(6, 24),
    blocks=(COMMON, L2, PE, NE, TILE_DMA_SRC, TILE_DMA_DST, KERNEL_DMA_SRC),
    program_kind=1,
    first_tensor_bar=4,
    fixed_bars={0: "text", 1: "const"},
    carries_state=True,
    confidence="high",
    evidence="real files of compilers 4.2 to 9.509, decoded compiler programs, and results recorded on an M1",
    machine=machines.H13,
)
