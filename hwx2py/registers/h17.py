"""H17 (A18, M5) as differences from H16.

Decoded compiler streams write the same addresses as H16's, word for word but for the changes below; the block sizes,
the trace registers and the other changes are from published register notes.
"""

from . import h16, later_machines
from .architecture import Field
from .bearing import TASK_NAME, UNEXPLAINED
from .derive import carry, edit, redo, row, single, span
from .kinds import HEX

SEEN = "as on H16; decoded H17 streams agree"
NOTES = "freedomtan's register notes, by object layout"
LIKE = "by analogy with the lookup tables"

F, S = Field, single


# fmt: off
HEADER = carry(h16.HEADER, NOTES, "high", "W0 W2 W4 W7 W8", SEEN)

_COMMON = carry(h16.COMMON, NOTES, "medium",
                "InWidth InHeight Cin OutWidth OutHeight Cout UnicastCfg TileCfg Cfg NECfg PatchCfg PECfg DPE", SEEN)

COMMON = redo(
    _COMMON,
    edit(row(_COMMON, "Cfg"),
         F("Winograd1D", 27, 27, "one-dimensional Winograd convolution", NOTES, confidence="medium")),
    edit(row(_COMMON, "PECfg"), drop=("IdxTranspose", "IdxBroadcast", "PEPrimarySource")),
    S("TaskInfo", 0x4c, "NID", 21, 21, "1 in every NE task, else 0; an id is doubtful", "decoded H17 streams", "medium",
      also="NID", bearing=TASK_NAME),
)

_L2 = carry(h16.L2, NOTES, "medium",
            "SourceCfg SourceBase SourceChannelStride SourceRowStride SourceDepthStride SourceGroupStride "
            "Source2Cfg Source2Base Source2ChannelStride Source2RowStride Source2DepthStride Source2GroupStride "
            "ResultCfg ResultBase ResultChannelStride", SEEN)

L2 = redo(
    _L2,
    *(edit(register, confidence="low") for register in span(_L2, "SrcAndResultWrapCfg", "ResultWrapIndexOffset")),
    edit(row(_L2, "ResultWrapAddrCfg"), confidence="low"),
    S("L2TraceCfg", 0xa4, "Value", 31,  0, "what is traced, use open", NOTES, "low", kind=HEX),
    drop=("PEIndexCfg", "Src1AddrWrap", "Src2AddrWrap", "SrcOffsetLsbs"),
    words=42,
)

PE = redo(
    carry(h16.PE, NOTES, "medium", "Cfg Scale", SEEN),
    S("PETraceCfg", 0x3c, "Value", 31,  0, "what is traced, use open", NOTES, "low", kind=HEX),
    words=16,
)

_NE = carry(h16.NE, NOTES, "medium", "KernelCfg MACCfg AccBias PostScale", SEEN)

NE = redo(
    _NE,
    edit(row(_NE, "KernelCfg"),
         F("DetectZeros", 28, 28, "set with a constant fp16 kernel", "decoded H17 streams", confidence="medium",
           bearing=UNEXPLAINED)),
    S("NETraceCfg", 0x30, "Value", 31,  0, "what is traced, use open", NOTES, "low", kind=HEX),
    words=13,
)

TILE_DMA_SRC = redo(
    carry(h16.TILE_DMA_SRC, NOTES, "low",
          "Src1DMAConfig Src1DMAConfigExt Src1BaseAddr Src1BaseAddrHi Src1RowStride Src1PlaneStride Src1DepthStride "
          "Src2DMAConfig Src2DMAConfigExt Src2BaseAddr Src2BaseAddrHi Src2RowStride Src2PlaneStride Src2DepthStride "
          "Src1GroupStride Src2GroupStride Src1Fmt Src2Fmt", SEEN),
    S("TileDmaSrcTraceCfg", 0x144, "Value", 31,  0, "what is traced, use open", NOTES, "low", kind=HEX),
    words=83,
)

TILE_DMA_DST = redo(
    carry(h16.TILE_DMA_DST, NOTES, "low",
          "DMAConfig BaseAddr BaseAddrHi RowStride PlaneStride DepthStride GroupStride Fmt", SEEN),
    words=23,
)

KERNEL_DMA_SRC = redo(
    carry(h16.KERNEL_DMA_SRC, NOTES, "medium",
          "MasterConfig CoeffBase CoeffBaseHi CoeffDMAConfig CoeffBaseAddr CoeffBfrSize "
          "NonLinearLutDMAConfig NonLinearLutBfrSize NonLinearLutBase NonLinearLutBaseHi", SEEN),
    *span(carry(h16.KERNEL_DMA_SRC, LIKE, "low"), "BiasDMAConfig", "PaletteLutBaseHi"),
    words=74,
)

CACHE_DMA = redo(
    carry(h16.CACHE_DMA, NOTES, "low", "Control Pre0 Pre1 Dsid EarlyTermArg34 Backoff", SEEN),
    S("PrefetchRate", 0x34, "Value", 31,  0, "rate of prefetch, unit open", NOTES, "low"),
    words=14,
)
# fmt: on

ARCHITECTURE = h16.ARCHITECTURE._replace(
    name="H17",
    cpusubtype=9,
    chips=("A18 (T8140a)", "A18 Pro (T8140)", "M5 (T8142)"),
    header=HEADER,
    blocks=(COMMON, L2, PE, NE, TILE_DMA_SRC, TILE_DMA_DST, KERNEL_DMA_SRC, CACHE_DMA),
    confidence="medium",
    evidence="decoded compiler streams of small networks, compared with H16 twins; none was run",
    machine=later_machines.H17,
)
