"""H15 (A16, M3): its task header, blocks, registers and fields, as rows of data.

H14's packed sizes and an L2 block like H14's, at new addresses; planar engine, neural engines, tile DMA, kernel DMA
and cache DMA are new, and H16 keeps them. Decoded compiler streams place every register that a program needs; the
others stand where published register notes have them, for H15 or for H16, whose streams agree word for word.
"""

from functools import partial

from . import h14, later_machines
from .architecture import Architecture, Block, Field, Register
from .bearing import ALIAS, FORMAT_MODE, HINT, IN_USE, LOGGED, NOT_NEEDED, ROW_ENDS, TASK_NAME, UNEXPLAINED, Bearing
from .derive import alias, carry, edit, redo, row, shift, single, span, strides
from .enums import (
    CONDITION_WIDE,
    FIRST_SRC,
    L2_FORMAT,
    MEMORY_FORMAT,
    PE_COMBINE,
    PE_FUNCTION,
    RESULT_TYPE,
    SECOND_SRC,
    SOURCE_TYPE,
    names,
)
from .kinds import ADDRESS, BYTES, FP16, FP32, HEX

SEEN = "decoded H15 compiler streams"
TWIN = "as on H14; decoded H15 streams agree"
NOTES = "freedomtan's register notes, by object layout"
H14 = "as on H14; no H15 stream sets it"
H16 = "as in the notes on H16, whose streams are the same word for word"

POOL_MODE = {0: "Sum", 1: "Avg", 2: "Max", 3: "Min"}
COMPRESSED = {0: "None", 1: "Compressed", 2: "Lossy"}

F, R, S = Field, Register, single
M, L = partial(Register, confidence="medium"), partial(Register, confidence="low")


# fmt: off
HEADER = redo(
    carry(h14.HEADER, NOTES, "high", "W0 W2 W4 W6", SEEN),
    edit(row(h14.HEADER, "W2"),
         F("LogEvents", 25,  0, "event mask; the program command counts its bits", SEEN, kind=HEX, bearing=LOGGED)),
    edit(row(h14.HEADER, "W7"),
         F("TSR",       0,  0, "1 in every task; exact use open", SEEN, confidence="medium"),
         F("TDE",       1,  1, "the DTID word follows the header; never set", "as on H14 and H16", confidence="medium"),
         F("LastTask",  3,  3, "last task of the program", SEEN),
         F("ENE",      18, 16, "engines: 0 is the planar engine, else 1 + ActiveNE", SEEN)),
)

_COMMON = carry(h14.COMMON, H14, "medium",
                "InDim Cin Cout OutDim OCGSize GroupConvCfg TileCfg PatchCfg Cfg TaskInfo DPE", TWIN)

COMMON = redo(
    _COMMON,
    edit(row(_COMMON, "TaskInfo"),
         F("NID", 27, 20, "1 in every NE task, else 0; an id is doubtful", TWIN), confidence="medium"),
)

_L2_FIELDS = (
    F("AliasConvSrc",     4,  4, "aliasing; no effect on values seen", TWIN, bearing=ALIAS),
    F("AliasConvRslt",    5,  5, "aliasing; no effect on values seen", TWIN, bearing=ALIAS),
    F("DMAFmt",           7,  6, "element size", TWIN, enum=L2_FORMAT, bearing=IN_USE),
    F("DMAInterleave",   11,  8, "channels stored side by side", TWIN, also="Interleave", bearing=IN_USE),
    F("AliasPlanarSrc",  20, 20, "aliasing; no effect on values seen", TWIN, bearing=ALIAS),
    F("AliasPlanarRslt", 22, 22, "aliasing; no effect on values seen", TWIN, bearing=ALIAS),
)
_L2_SOURCE = (
    F("SourceType",  1,  0, "where the source comes from", TWIN, enum=SOURCE_TYPE, confidence="medium"),
    F("Dependent",   3,  2, "waits for an earlier task", TWIN, bearing=HINT),
    *_L2_FIELDS,
)
_L2 = carry(h14.L2, TWIN, "high")

L2 = Block("L2", 0x4100, 30, "the buffer memory between DMA and the engines", (
    alias(row(carry(h14.L2, H14, "low"), "L2Cfg"), "Control", InputReLU="Src1ReLU"),
    R("SourceCfg", 0x04, "where source 1 comes from", _L2_SOURCE, also="Src1Cfg"),
    R("Source2Cfg", 0x08, "where source 2 comes from", _L2_SOURCE, bearing=IN_USE),
    *(register._replace(confidence="high") for register in shift(span(_L2, "SourceBase", "Source2GroupStride"), 4)),
    R("ResultCfg", 0x34, "where the result goes", (
        F("ResultType",  1,  0, "where the result goes; a chain hands it to the next task tile by tile", TWIN,
          enum=RESULT_TYPE, confidence="medium"),
        F("L2BfrMode",   3,  3, "buffer mode", TWIN, bearing=HINT),
        *_L2_FIELDS)),
    *shift(span(_L2, "ResultBase", "ResultChannelStride"), 4),
    *shift(span(carry(h14.L2, H14, "medium"), "ResultRowStride", "ResultGroupStride"), 4),
))


# The notes give these 19 bits; wherever a stream writes one, the word is a whole fp32.
def _number(name: str, offset: int, use: str, source: str = NOTES, level: str = "medium", also: str = "") -> Register:
    return S(name, offset, name, 31, 0, use, source, level, also=also, field_also="Value", kind=FP32)


PE = Block("PE", 0x4500, 14, "the planar engine", (
    R("Cfg", 0x00, "operation", (
        F("PoolMode",     1,  0, "how a reduction combines", TWIN, enum=POOL_MODE, confidence="medium"),
        F("OpMode",       4,  2, "operation", TWIN, enum=names(PE_COMBINE),
          also="Operation"),
        F("LutEn",        5,  5, "the last step is a table (H13, H14: clamp at zero)", NOTES, confidence="medium"),
        F("Cond",         8,  6, "condition", SEEN, enum=CONDITION_WIDE, confidence="medium", also="Condition"),
        F("ReduceIndex", 10,  9, "the reduction gives an index", NOTES, confidence="low"),
        F("ReduceKeep",  11, 11, "what a reduction keeps", NOTES, confidence="low"),
        F("NLMode",      13, 12, "last step", H14, enum=names(PE_FUNCTION),
          confidence="medium"),
        F("FirstSrc",    16, 16, "sign of source 1", H14, enum=FIRST_SRC, confidence="low",
          also="Src1Sel"),
        F("SecSrc",      19, 18, "source 2 and its sign", TWIN, enum=SECOND_SRC,
          also="Src2Sel")), also="Config"),
    _number("Bias", 0x04, "added after the operation"),
    _number("Scale", 0x08, "factor after the operation", SEEN, "high"),
    _number("Epsilon", 0x0c, "added under the reciprocal square root", also="FinalScaleEpsilon"),
    _number("PreScale", 0x10, "factor on source 1, before the operation"),
    _number("FinalScale", 0x14, "last factor (1/N of a mean)"),
    S("LUT", 0x18, "Value", 31,  0, "table of the last step, format open", NOTES, "medium", count=8, kind=HEX),
))

_NE = carry(h14.NE, TWIN, "high")

NE = Block("NE", 0x4900, 11, "the neural engines", (
    edit(row(_NE, "KernelCfg"),
         F("AlignmentFmt", 16, 16, "set in every task with a lookup table", SEEN,
           confidence="medium", bearing=UNEXPLAINED)),
    edit(alias(row(_NE, "MACCfg"), BiasMode="BiasEn", MatrixBiasEn="MVBiasEn", PostScaleMode="PostScaleEn",
               NonlinearMode="NLMode"),
         F("PassthroughEn",    5,  5, "pass the source through", NOTES, confidence="medium"),
         F("PaddingMode",     18, 18, "what lies outside the source", NOTES, confidence="low", bearing=IN_USE),
         F("MaxPoolEn",       19, 19, "pool by maximum", NOTES, confidence="medium"),
         F("ArgOutputSelect", 23, 20, "1 in every NE task; on H13 0 and 1 give the same", SEEN, confidence="low")),
    S("MatrixVectorBias", 0x08, "MatrixVectorBias", 15,  0, "matrix bias, use open", H14, "medium", field_also="Bias",
      kind=HEX, bearing=IN_USE),
    M("AccBias", 0x0c, "start value of the accumulators", (
        F("AccBias", 15,  0, "added to every sum", H14, kind=FP16, also="Bias"),
        F("ExpIdx",  20, 16, "exponent; never set", NOTES)), also="NEBias"),
    R("PostScale", 0x10, "factor on the sums", (
        F("PostScale", 15,  0, "factor; 1.0 in most tasks", TWIN, kind=FP16, also="Scale"),
        F("ExpIdx",    20, 16, "exponent, negated; never set", NOTES, confidence="medium")), also="NEPostScale"),
    L("RcasConfig", 0x14, "compare and select (RCAS)", (
        F("KeyMask",    7,  0, "mask of the key", NOTES, kind=HEX),
        F("CmpBit",    10,  8, "bit that is compared", NOTES),
        F("SenseAxis", 13, 12, "axis", NOTES),
        F("SenseBit",  19, 16, "bit that is sensed", NOTES),
        F("Mode",      20, 20, "mode", NOTES))),
    L("RoundModeCfg", 0x18, "rounding", (
        F("Mode",         1,  0, "mode; values open", NOTES),
        F("IntegerBits",  8,  4, "bits before the binary point", NOTES))),
    S("SRSeed", 0x1c, "Seed", 31,  0, "seed of stochastic rounding", NOTES, "medium", count=4, kind=HEX),
))


def _dma_config(
    name: str, offset: int, of: str, *more: Field, also: str = "", bearing: Bearing | None = None
) -> Register:
    return R(name, offset, f"DMA of {of}", (
        F("En",         0,  0, f"move {of}", SEEN),
        F("CacheHint",  7,  4, "cache hint", SEEN, bearing=HINT),
        F("DataSetId", 15,  8, "set of data in the cache; 0 in every stream, perhaps added on loading", NOTES,
          bearing=TASK_NAME),
        F("UserTag",   23, 16, "index of the task", SEEN, bearing=TASK_NAME), *more), also=also, bearing=bearing)


def _wide(
    name: str, offset: int, of: str, source: str, level: str, also: str = "", *,
    bearings: tuple[Bearing | None, Bearing | None] = (IN_USE, IN_USE),
) -> tuple[Register, ...]:
    """A 64-bit address in two registers; `also` is what the notes call it, without `Lo` and `Hi`."""
    return tuple(
        S(f"{name}{ours}", offset + 4 * i, "Addr", 31, 0, f"offset of {of} from the slot's address, {half}, bytes",
          source, level, also=also and f"{also}{theirs}", field_also=also and f"Addr{theirs}", kind=ADDRESS,
          bearing=bearings[i])
        for i, (ours, theirs, half) in enumerate((("", "Lo", "low half"), ("Hi", "Hi", "high half"))))


_MEMORY_FIELDS = (
    F("FmtMode",     1,  0, "1 for fp16, 3 for fp32, 0 for 8 bits", TWIN, bearing=FORMAT_MODE),
    F("Truncate",    6,  4, "3 for fp16", TWIN),
    F("Shift",       8,  8, "shift; use open", NOTES),
    F("MemFmt",     13, 12, "element size in memory", TWIN, enum=MEMORY_FORMAT),
    F("OffsetCh",   18, 16, "channel offset", NOTES),
    F("Interleave", 27, 24, "channels stored side by side; 0 behaves as 1", TWIN),
    F("CmpVec",     31, 28, "compression vector", NOTES),
)


def _source(name: str, number: int) -> tuple[Register, ...]:
    """The registers of one of the two sources."""
    of, n = f"source {number}", 4 * (number - 1)
    return (
        _dma_config(f"{name}DMAConfig", n, of,
                    F("DependencyInterval", 27, 24, "interval of the waits", H16, confidence="medium", bearing=HINT),
                    F("DependencyMode",     29, 28, "waits for an earlier task's result", H16, confidence="medium",
                      bearing=HINT), bearing=IN_USE),
        R(f"{name}DMAConfigExt", 0x08 + n, f"more cache hints of {of}", (
            F("CacheHintReuse",    3,  0, "cache hint for data used again", TWIN, bearing=HINT),
            F("CacheHintNoReuse",  7,  4, "cache hint for data used once", TWIN, bearing=HINT),
            F("WrapCfgDim",       10,  8, "dimension that wraps; never set", H16, confidence="low"),
            F("WrapStatic",       31, 16, "wrap; never set", H16, confidence="low")), also=f"{name}WrapCfg",
                bearing=HINT),
        *_wide(f"{name}BaseAddr", 0x10 + 6 * n, of, SEEN, "high", f"{name}BaseAddr"),
        *strides(name, 0x18 + 6 * n, "Row Plane Depth Group", of, 31, 6, TWIN, "high", "high", "medium"),
        *_wide(f"{name}MetaDataAddr", 0x40 + 2 * n, f"the metadata of {of}", H16, "medium", f"{name}MetaDataAddr",
               bearings=(None, None)),
        S(f"{name}MetaDataConfig", 0x50 + 3 * n, "Config0", 31, 7, f"metadata of {of}", H16, "medium", kind=HEX),
        S(f"{name}MetaDataConfig1", 0x54 + 3 * n, "Config1", 31, 7, f"metadata of {of}", H16, "low", kind=HEX),
        S(f"{name}MetaDataSize", 0x58 + 3 * n, "Size", 31, 7, f"size of the metadata of {of}, bytes", H16, "medium",
          kind=BYTES),
        R(f"{name}Fmt", 0x68 + n, f"layout of {of} in memory", _MEMORY_FIELDS, bearing=IN_USE),
    )


#: H16 has more registers behind Src2Fmt. H15's block is 12 words shorter; which it lacks is unknown, so all go.
TILE_DMA_SRC = redo(Block("TileDMASrc", 0x4d00, 69, "DMA that fetches the sources", ()),
                    *_source("Src1", 1), *_source("Src2", 2))

TILE_DMA_DST = Block("TileDMADst", 0x5100, 21, "DMA that stores the result", (
    _dma_config("DMAConfig", 0x00, "the result", F("L2BfrMode", 24, 24, "buffer mode", TWIN, confidence="medium",
                                                   bearing=HINT),
                also="DstDMAConfig"),
    S("Padding", 0x04, "Value", 31,  0, "padding, use open", NOTES, "low", also="DstPadding", kind=HEX),
    *_wide("BaseAddr", 0x08, "the result", SEEN, "high", "DstBaseAddr", bearings=(IN_USE, None)),
    *strides("", 0x10, "Row Plane Depth Group", "the result", 31, 6, TWIN, "high", "high", "medium", also="Dst"),
    L("InternalCfg", 0x20, "use open", (
        F("InternalBits", 15,  0, "use open", NOTES, kind=HEX),
        F("Flag1",        16, 16, "use open", NOTES),
        F("Flag2",        17, 17, "use open", NOTES),
        F("Flag3",        18, 18, "use open", NOTES)), also="DstInternalCfg"),
    *_wide("MetaDataAddr", 0x28, "the result's metadata", NOTES, "medium", "DstMetaDataAddr",
           bearings=(None, None)),
    M("FormatMode", 0x30, "compression of the result", (
        F("FormatMode",    1,  0, "kind", NOTES, enum=COMPRESSED),
        F("MetaDataSize", 31,  7, "size of the metadata, bytes", NOTES, kind=BYTES)), also="DstFormatMode"),
    R("Fmt", 0x38, "layout of the result in memory", (
        *_MEMORY_FIELDS[:2],
        F("Shift", 10,  8, "shift; use open", NOTES),
        *_MEMORY_FIELDS[3:5],
        F("ZeroPadFirst", 20, 20, "fill the row's start with zeros; order of the two open", SEEN, confidence="medium",
          bearing=ROW_ENDS),
        F("ZeroPadLast",  21, 21, "fill the row's end with zeros; order of the two open", SEEN, confidence="medium",
          bearing=ROW_ENDS),
        *_MEMORY_FIELDS[5:]), also="DstFmt", bearing=IN_USE),
    M("CompressedInfo", 0x40, "compression of the result", (
        F("CompressedEnable",       0,  0, "the result is compressed", NOTES),
        F("MacroblockSize",         2,  2, "size of a macroblock; values open", NOTES),
        F("PackingFormatTableIdx",  9,  4, "index of the packing format", NOTES),
        F("LossyEnable",           13, 13, "compression is lossy", NOTES)), also="DstCompressedInfo"),
    S("CompSizeLo", 0x48, "SizeLo", 31,  0, "compressed size, low half", NOTES, "medium", also="DstCompSizeLo"),
    S("CompSizeHi", 0x4c, "SizeHi", 31,  0, "compressed size, high half", NOTES, "medium", also="DstCompSizeHi"),
    M("PixelOffset", 0x50, "offset of the first pixel", (
        F("OffsetLow", 15,  0, "pixels", NOTES),
        F("CropY",     31, 16, "row where the crop begins", NOTES)), also="DstPixelOffset"),
))


def _extra(name: str, offset: int, of: str, source: str, level: str) -> tuple[Register, ...]:
    """A channel for other coefficients: config, size, 64-bit base. The notes take the size for an address."""
    return (_dma_config(f"{name}DMAConfig", offset, of, bearing=IN_USE)._replace(confidence=level),
            S(f"{name}BfrSize", offset + 4, "MemBfrSize", 31, 6, f"size of {of}, bytes", source, level,
              also=f"{name}BaseAddr", field_also="Addr", kind=BYTES, bearing=IN_USE),
            *_wide(f"{name}Base", offset + 8, of, source, level))


_LIKE = "by analogy with the lookup tables"

KERNEL_DMA_SRC = Block("KernelDMASrc", 0x5500, 72, "DMA that fetches coefficients, a channel for each neural engine", (
    R("MasterConfig", 0x00, "fetch of coefficients", (
        F("GroupKernelReuse",  4,  4, "groups share a kernel", H16, confidence="medium"),
        F("KernelSparseFmt",   5,  5, "the coefficients are sparse", H16, confidence="medium", bearing=IN_USE),
        F("MasterEnable",      6,  6, "coefficients are fetched", SEEN, bearing=IN_USE),
        F("LastTask",          7,  7, "last task of the program", SEEN, bearing=TASK_NAME),
        F("Unk9",              9,  9, "set together with MasterEnable", SEEN, confidence="low", bearing=UNEXPLAINED),
        F("UserTag",          31, 16, "index of the task plus one where coefficients are fetched", SEEN,
          bearing=TASK_NAME)),
            bearing=IN_USE),
    S("AlignedCoeffSizePerCh", 0x04, "Size", 27,  0, "aligned size of a channel, bytes", H16, "medium", kind=BYTES,
      bearing=NOT_NEEDED),
    M("Prefetch", 0x08, "prefetch of coefficients", (
        F("EarlyTermEn",   0,  0, "may end early", NOTES),
        F("PrefetchRate", 31, 16, "rate; unit open", NOTES)), bearing=HINT),
    *_wide("CoeffBase", 0x10, "the coefficients", SEEN, "high"),
    S("KernelGroupStride", 0x18, "Stride", 31,  6, "from group to group, bytes", H16, "medium", kind=BYTES,
      bearing=IN_USE),
    S("KernelOCGStride",   0x1c, "Stride", 31,  6, "from output channel group to group, bytes", H16, "medium",
      kind=BYTES, bearing=IN_USE),
    _dma_config("CoeffDMAConfig", 0x20, "an engine's coefficients", bearing=IN_USE)._replace(count=16),
    S("CoeffBaseAddr", 0x60, "Addr", 31, 6, "offset of an engine's coefficients from CoeffBase, bytes", SEEN, count=16,
      kind=ADDRESS, bearing=IN_USE),
    S("CoeffBfrSize", 0xa0, "MemBfrSize", 31, 6, "size of an engine's coefficients, bytes", SEEN, count=16,
      field_also="Size", kind=BYTES, bearing=IN_USE),
    *_extra("Bias", 0xe0, "biases", _LIKE, "low"),
    *_extra("PostScale", 0xf0, "post-scales", _LIKE, "low"),
    *_extra("PaletteLut", 0x100, "palettes", _LIKE, "low"),
    *_extra("NonLinearLut", 0x110, "lookup tables", SEEN, "high"),
))

CACHE_DMA = Block("CacheDMA", 0x5900, 12, "DMA between memory and the system's cache", (
    M("Control", 0x00, "what the cache does", (
        F("Flush",               0,  0, "flush", NOTES),
        F("Enable",              1,  1, "enable; 1 in every last task", SEEN),
        F("TaskSyncPostDone",    2,  2, "say when it is done", NOTES),
        F("TaskSyncWaitPrev",    3,  3, "wait for the one before", NOTES),
        F("EarlyTerm",           8,  4, "may end early; 1 in every last task", SEEN),
        F("FootprintLimiter",    9,  9, "limit the footprint", NOTES, confidence="low"),
        F("FootprintThreshold", 31, 16, "threshold of the footprint; unit open", NOTES, confidence="low"))),
    M("Pre0", 0x04, "prefetch", (
        F("BandwidthLimit",   9,  0, "limit; 160 in every last task, unit open", SEEN),
        F("Sieve2",          19, 16, "use open", NOTES),
        F("TelemetryAgeOut", 23, 20, "age; 10 in every last task, unit open", SEEN))),
    R("Pre1", 0x08, "prefetch", (
        F("Sieve1",  13,  0, "use open; 0xe0 in the last of several tasks", SEEN, kind=HEX, confidence="medium"),
        F("UserTag", 23, 16, "index of the task", SEEN, bearing=TASK_NAME))),
    S("Dsid",         0x18, "DataSetIdAndSize", 29,  7, "data set and its size, 0 in every last task", NOTES, "medium"),
    S("FootprintArg", 0x1c, "FootprintArg2",    27, 17, "argument of the footprint, use open", NOTES, "medium"),
    M("EarlyTermArg12", 0x20, "when it may end early", (
        F("Arg1", 15,  0, "use open", NOTES),
        F("Arg2", 31, 16, "use open", NOTES))),
    S("FlushArg", 0x24, "FlushArg", 15,  0, "argument of the flush, use open", NOTES, "medium"),
    M("EarlyTermArg34", 0x28, "when it may end early", (
        F("Arg3",  7,  0, "use open", NOTES),
        F("Arg4", 23, 16, "use open; 127 in every last task", SEEN))),
    M("Backoff", 0x2c, "how it backs off", (
        F("Enable",  0,  0, "enable", SEEN),
        F("Delay",   7,  4, "delay; unit open", NOTES),
        F("Min",    15,  8, "least; unit open", SEEN),
        F("Max",    23, 16, "most; unit open", SEEN),
        F("Scale",  31, 24, "factor; unit open", SEEN))),
))
# fmt: on

ARCHITECTURE = Architecture(
    name="H15",
    cpusubtype=6,
    chips=("A16 (T8120)", "M3 (T8122)", "M3 Pro, Max, Ultra (T6030, T6031, T6032)"),
    stream="records",
    header=HEADER,
    dtid_flag=(7, 1),
    blocks=(COMMON, L2, PE, NE, TILE_DMA_SRC, TILE_DMA_DST, KERNEL_DMA_SRC, CACHE_DMA),
    program_kind=4,
    first_tensor_bar=6,
    fixed_bars={0: "text", 1: "const", 4: "dma-config"},
    single_slots=(4,),
    carries_state=False,
    confidence="medium",
    evidence="decoded compiler streams of small networks, compared with H14 and H16 twins; none was run",
    machine=later_machines.H15,
)
