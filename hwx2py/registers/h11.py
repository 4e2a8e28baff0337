"""H11 (A12): its task header as rows of data; its registers by name only.

No source says where the register blocks lie, so no address in a stream can be named. The rows of the blocks are in
`UNPLACED_BLOCKS`, each with base 0: addresses unknown, names only. Positions are from published register notes.
"""

from .architecture import Architecture, Block, Field, Register
from .bearing import ESTIMATE, LOGGED, PRIORITY
from .derive import single, strides
from .enums import FORMAT, L2_FORMAT, MEMORY_FORMAT, SOURCE_TYPE
from .kinds import ADDRESS, BAR, BYTES, FP16, HEX, LAYOUT

NOTES = "freedomtan's register notes"
H13 = "freedomtan's register notes; values as on H13"

F, R, S = Field, Register, single


# fmt: off
def _bar(name: str, enable: str, lsb: int, use: str, also: str = "", enable_also: str = "") -> tuple[Field, Field]:
    return (F(name, lsb + 2, lsb, f"BAR of {use}", NOTES, kind=BAR, also=also, enable=enable),
            F(enable, lsb + 3, lsb + 3, f"{name} is in use", NOTES, also=enable_also))


def _register(name: str, offset: int, meaning: str, fields: tuple[Field, ...], also: str = "") -> Register:
    return R(name, offset, meaning, fields, confidence="medium", also=also)


HEADER = Block("Header", 0x00, 8, "task descriptor header", (
    _register("W0", 0x00, "identity of the task", (
        F("TID",  15,  0, "task id", NOTES),
        F("NID",  23, 16, "network id", NOTES),
        F("LNID", 24, 24, "last task of the network", NOTES),
        F("EON",  25, 25, "end of network", NOTES))),
    _register("W1", 0x04, "cost, and size of the next task", (
        F("ExeCycles", 15,  0, "estimated cycles", NOTES, bearing=ESTIMATE),
        F("NextSize",  23, 16, "words of the next task minus one", H13, kind=LAYOUT))),
    _register("W2", 0x08, "events that are logged or raise an exception", (
        F("LogEvents",  15,  0, "event mask", NOTES, kind=HEX, bearing=LOGGED),
        F("Exceptions", 31, 16, "event mask", NOTES, kind=HEX))),
    _register("W3", 0x0c, "the same when debugging", (
        F("DebugLogEvents",  15,  0, "event mask", NOTES, kind=HEX, bearing=LOGGED),
        F("DebugExceptions", 31, 16, "event mask", NOTES, kind=HEX, bearing=LOGGED))),
    _register("W4", 0x10, "synchronisation and placement", (
        F("SPL",          11, 11, "synchronisation; exact use open", NOTES),
        F("TSR",          12, 12, "synchronisation; exact use open", NOTES),
        F("SPC",          13, 13, "synchronisation; exact use open", NOTES),
        F("DPC",          14, 14, "synchronisation; exact use open", NOTES),
        F("TSE",          15, 15, "synchronisation; exact use open", NOTES),
        F("NextPriority", 21, 16, "priority of the next task", NOTES, bearing=PRIORITY),
        F("TDE",          24, 24, "the DTID word follows the header", H13),
        F("SrcLoc",       28, 28, "the source lies in DRAM", H13),
        F("DstLoc",       29, 29, "the result goes to DRAM", H13),
        F("TQDis",        31, 31, "task queue disabled", NOTES))),
    _register("W5", 0x14, "where the next task lies", (
        F("NextPointer", 31,  0, "byte offset of the next task in the text; 0 ends the chain", H13, kind=LAYOUT),)),
    _register("W6", 0x18, "buffers that the task uses", (
        *_bar("KBase0", "KBE0", 0, "the coefficients", "KBase", "KBE"),
        *_bar("RBase0", "RBE0", 4, "the source", "RBase", "RBE"),
        *_bar("WBase", "WBE", 8, "the result"),
        *_bar("TBase", "TBE", 12, "an unresolved use"),
        F("ENE", 23, 16, "engines; values open", NOTES))),
    _register("DTID", 0x1c, "the task whose result is this task's kernel", (
        F("DTID", 15,  0, "task id", H13),)),
))

COMMON = Block("Common", 0, 11, "shapes, formats and kind of the task", (
    _register("InDim", 0x00, "input size", (
        F("Win", 14,  0, "input width, elements", NOTES),
        F("Hin", 30, 16, "input height, elements", NOTES))),
    _register("ChCfg", 0x04, "element formats", (
        F("InFmt",   1,  0, "format of the source", H13, enum=FORMAT),
        F("OutFmt",  5,  4, "format of the result", H13, enum=FORMAT))),
    S("Cin",  0x08, "Cin",  16,  0, "input channels of a group", NOTES, "medium"),
    S("Cout", 0x0c, "Cout", 16,  0, "output channels of a group", NOTES, "medium"),
    _register("OutDim", 0x10, "output size", (
        F("Wout", 14,  0, "output width, elements", NOTES),
        F("Hout", 30, 16, "output height, elements", NOTES))),
    _register("ConvCfg", 0x14, "kernel window", (
        F("Kw",       4,  0, "kernel width, elements", NOTES),
        F("Kh",      10,  6, "kernel height, elements", NOTES),
        F("OCGSize", 14, 12, "log2 of the output channels that a kernel plane holds", H13),
        F("Sx",      17, 16, "horizontal stride, elements", NOTES),
        F("Sy",      19, 18, "vertical stride, elements", NOTES),
        F("Px",      23, 20, "padding left, elements", NOTES),
        F("Py",      27, 24, "padding above, elements", NOTES),
        F("Ox",      29, 28, "meaning open", NOTES),
        F("Oy",      31, 30, "meaning open", NOTES))),
    _register("GroupConvCfg", 0x18, "groups", (
        F("NumGroups",    12,  0, "groups", NOTES),
        F("UnicastEn",    14, 14, "an output channel reads only its own UnicastCin input channels", H13),
        F("ElemMultMode", 15, 15, "the unicast channels are combined element by element", H13),
        F("UnicastCin",   31, 16, "input channels that one output channel reads", H13))),
    S("TileCfg", 0x1c, "TileHeight", 14,  0, "rows of a tile", NOTES, "medium"),
    _register("Cfg", 0x20, "kind of task and engines", (
        F("SmallSourceMode",   2,  2, "small source", NOTES),
        F("ShPref",           10,  8, "preferred sharing", NOTES),
        F("ShMin",            14, 12, "least sharing", NOTES),
        F("ShMax",            18, 16, "most sharing", NOTES),
        F("ActiveNE",         20, 19, "log2 of the neural engines that work", H13),
        F("ContextSwitchIn",  22, 22, "context switch in", NOTES),
        F("ContextSwitchOut", 24, 24, "context switch out", NOTES),
        F("AccDoubleBufEn",   26, 26, "double-buffered accumulators", NOTES))),
    _register("TaskInfo", 0x24, "identity of the task, for the blocks", (
        F("TaskID", 15,  0, "task id", NOTES),
        F("TaskQ",  18, 16, "task queue", NOTES),
        F("NID",    27, 20, "network id", NOTES))),
    S("DPE", 0x28, "Category",  3,  0, "kind of work", NOTES, "medium"),
))

_L2_FIELDS = (
    F("AliasConvSrc",   4,  4, "aliasing; use open", NOTES, also="AliasSrc"),
    F("AliasConvRslt",  5,  5, "aliasing; use open", NOTES, also="AliasConv"),
    F("DMAFmt",         7,  6, "element size", H13, enum=L2_FORMAT),
    F("DMAInterleave", 11,  8, "channels stored side by side", NOTES),
    F("DMACmpVec",     15, 12, "compression vector", NOTES),
    F("DMAOffsetCh",   18, 16, "channel offset", NOTES),
)

L2 = Block("L2", 0, 9, "the buffer memory between DMA and the engines", (
    _register("L2Cfg", 0x00, "what happens on entry", (
        F("InputReLU",    0,  0, "clamp the source at zero", NOTES),
        F("PaddingMode",  2,  2, "what lies outside the source; values open", NOTES))),
    _register("SourceCfg", 0x04, "where the source comes from", (
        F("SourceType",  1,  0, "where the source comes from", H13, enum=SOURCE_TYPE, also="TileSourceType"),
        F("Dependent",   2,  2, "waits for an earlier task", NOTES),
        *_L2_FIELDS), also="TileSourceCfg"),
    _register("SourceBase", 0x08, "where the source lies in L2", (
        F("Sox",   3,  0, "meaning open", NOTES),
        F("Addr", 20,  4, "address of the source in L2, bytes", NOTES, kind=ADDRESS)), also="TileSourceBase"),
    *strides("Source", 0x0c, "Channel", "the source in L2", 15, 4, NOTES, "medium", also="TileSource"),
    *strides("Source", 0x10, "Row", "the source in L2", 19, 4, NOTES, "medium", also="TileSource"),
    _register("ResultCfg", 0x14, "where the result goes", (
        F("ResultType",  1,  0, "where the result goes; values as on H13", H13, also="ConvResultType"),
        F("L2BfrMode",   3,  3, "buffer mode", NOTES),
        *_L2_FIELDS), also="ConvResultCfg"),
    S("ResultBase", 0x18, "Addr", 20,  4, "address of the result in L2, bytes", NOTES, "medium", also="ConvResultBase",
      kind=ADDRESS),
    *strides("Result", 0x1c, "Channel", "the result in L2", 15, 4, NOTES, "medium", also="ConvResult"),
    *strides("Result", 0x20, "Row", "the result in L2", 19, 4, NOTES, "medium", also="ConvResult"),
))

NE = Block("NE", 0, 5, "the neural engines", (
    _register("KernelCfg", 0x00, "format of the coefficients", (
        F("KernelFmt",         1,  0, "format of a weight", H13, enum=FORMAT),
        F("PalettizedEn",      2,  2, "weights are indexes into a palette", NOTES),
        F("PalettizedBits",    7,  4, "bits of an index", NOTES),
        F("SparseFmt",         8,  8, "weights are sparse", NOTES),
        F("GroupKernelReuse", 10, 10, "groups share a kernel", NOTES))),
    _register("MACCfg", 0x04, "operation", (
        F("OpMode",         2,  0, "operation; values open", NOTES),
        F("KernelMode",     3,  3, "where the kernel comes from", NOTES),
        F("BiasMode",       4,  4, "a row of biases precedes the weights", H13),
        F("MatrixBiasEn",   6,  6, "matrix bias", NOTES),
        F("BinaryPoint",   12,  8, "binary point", NOTES),
        F("PostScaleMode", 14, 14, "post-scale mode; meaning open", NOTES),
        F("NonlinearMode", 17, 16, "last step; values open", NOTES))),
    S("MatrixVectorBias", 0x08, "MatrixVectorBias", 15,  0, "matrix bias, use open", NOTES, "medium", kind=HEX),
    _register("AccBias", 0x0c, "start value of the accumulators", (
        F("AccBias",      15,  0, "added to every sum", H13, kind=FP16),
        F("AccBiasShift", 20, 16, "shift; use open", NOTES))),
    _register("PostScale", 0x10, "factor on the sums", (
        F("PostScale",      15,  0, "factor", H13, kind=FP16),
        F("PostRightShift", 20, 16, "shift; use open", NOTES))),
))

_MEMORY_FIELDS = (
    F("FmtMode",     1,  0, "format", NOTES),
    F("Truncate",    5,  4, "truncation", NOTES),
    F("Shift",       8,  8, "shift; use open", NOTES),
    F("MemFmt",     13, 12, "element size in memory", H13, enum=MEMORY_FORMAT),
    F("OffsetCh",   18, 16, "channel offset", NOTES),
    F("Interleave", 27, 24, "channels stored side by side", H13),
    F("CmpVec",     31, 28, "compression vector", NOTES),
)


def _dma(name: str, of: str, *more: Field, also: str = "") -> Register:
    return _register(name, 0x00, f"DMA of {of}", (
        F("En",         0,  0, f"move {of}", NOTES),
        F("CrH",        4,  4, "use open", NOTES),
        F("CacheHint", 15, 12, "cache hint", NOTES), *more), also)


def _base(name: str, of: str, also: str = "") -> Register:
    return S(name, 0x04, "Addr", 31, 6, f"offset of {of} from its BAR, bytes", NOTES, "medium", also=also,
             kind=ADDRESS)


def _steps(prefix: str, of: str) -> tuple[Register, Register]:
    return (S(f"{prefix}RowStride", 0x08, "Stride", 29, 6, f"from row to row of {of}, bytes", NOTES, "medium",
              also=prefix and "RowStride", kind=BYTES),
            S(f"{prefix}PlaneStride", 0x0c, "Stride", 29, 6, f"from channel to channel of {of}, bytes", NOTES, "medium",
              also=prefix and "PlaneStride", field_also="PlaneStride", kind=BYTES))


TILE_DMA_SRC = Block("TileDMASrc", 0, 9, "DMA that fetches the source", (
    _dma("Src1DMAConfig", "the source",
         F("CacheHintReuse",   19, 16, "cache hint for data used again", NOTES),
         F("CacheHintNoReuse", 23, 20, "cache hint for data used once", NOTES),
         F("DependencyMode",   25, 24, "waits for an earlier task's result", NOTES), also="DMAConfig"),
    _base("Src1BaseAddr", "the source", "BaseAddr"),
    *_steps("Src1", "the source"),
    _register("Src1Fmt", 0x10, "layout of the source in memory", _MEMORY_FIELDS, "Fmt"),
    S("PixelOffset", 0x14, "Offset", 15,  0, "offset of the first pixel, pixels", NOTES, "medium", count=4),
))

TILE_DMA_DST = Block("TileDMADst", 0, 5, "DMA that stores the result", (
    _dma("DMAConfig", "the result",
         F("L2BfrMode", 26, 26, "buffer mode", NOTES),
         F("BypassEOW", 27, 27, "use open", NOTES)),
    _base("BaseAddr", "the result"),
    *_steps("", "the result"),
    _register("Fmt", 0x10, "layout of the result in memory", (
        *_MEMORY_FIELDS[:5],
        F("ZeroPadLast",  20, 20, "fill the row's end with zeros", NOTES),
        F("ZeroPadFirst", 21, 21, "fill the row's start with zeros", NOTES),
        F("CmpVecFill",   22, 22, "compression vector", NOTES),
        *_MEMORY_FIELDS[5:])),
))

KERNEL_DMA_SRC = Block("KernelDMASrc", 0, 3, "DMA that fetches coefficients: one of eight equal channels", (
    _dma("CoeffDMAConfig", "an engine's coefficients",
         F("PrefetchParticipateEn", 28, 28, "take part in prefetch", NOTES), also="DMAConfig"),
    _base("CoeffBaseAddr", "an engine's coefficients", "BaseAddr"),
    S("CoeffBfrSize", 0x08, "MemBfrSize", 16,  6, "size of an engine's coefficients, bytes", NOTES, "medium",
      also="BfrSize", kind=BYTES),
))
# fmt: on

#: Registers whose addresses are unknown: names and positions only, each block with base 0. A task has a record for
#: each of eight KernelDMASrc channels, then Common, TileDMASrc, L2, NE, TileDMADst.
UNPLACED_BLOCKS = (KERNEL_DMA_SRC, COMMON, TILE_DMA_SRC, L2, NE, TILE_DMA_DST)

ARCHITECTURE = Architecture(
    name="H11",
    cpusubtype=1,
    chips=("A12 (T8020)",),
    stream="linked",
    header=HEADER,
    dtid_flag=(4, 24),
    blocks=(),
    program_kind=1,
    first_tensor_bar=2,
    fixed_bars={0: "text", 1: "const"},
    carries_state=True,
    confidence="low",
    evidence="no real file is known: header rows only; block addresses and the first tensor's BAR are unknown",
)
