#!/usr/bin/env python3
"""add16: y = a + b; planar engine, 4 x 1 x 32. A register program of the Apple Neural Engine.

    hwx2py emulate add16.py   run it on a virtual engine

Made to be edited. A line writes one register: fields by name, bits without a name as a number, the rest 0.
A list is a record of the task's stream. Links between tasks, sizes and ids are filled in unless given.

Chip:     H16, A17 Pro (T8130), M4 (T8132), M4 Pro, Max (T6040, T6041)
Source:   add16.hwx, 32768 bytes, sha256 784248ebedcf75fc40ca144600787ea1dc08d24927ecd6efe0f8205ed43c718e
Compiler: hwx2py v0.2.0.dev0, examples/make.py
Digest:   9c8eee9b58d95d16 of the other lines; hwx2py does not write over a script that was edited (--force does)
"""

import argparse, copy, functools, hashlib, io, os, struct, sys, tempfile, zipfile
from collections import namedtuple

try:
    import fcntl
    import numpy as np
except ImportError:  # only running needs them
    fcntl = np = None

# A buffer: its BAR stands for it in the tasks; shape N, C, H, W; strides in bytes.
Tensor = namedtuple("Tensor", "name role bar shape strides dtype size_bytes")

ARCH = "H16"
# fmt: off
TENSORS = [
    Tensor("a", "input", 6, (1, 4, 1, 32), (256, 64, 64, 2), "float16", 256),
    Tensor("b", "input", 7, (1, 4, 1, 32), (256, 64, 64, 2), "float16", 256),
    Tensor("y", "output", 8, (1, 4, 1, 32), (256, 64, 64, 2), "float16", 256),
]
BARS = {"text": 0, "const": 1, "dma-config": 4} | {tensor.name: tensor.bar for tensor in TENSORS}


def task_0():
    """y = a + b; planar engine, 4 x 1 x 32."""
    return [
        [  # header
            Header.W0(),
            Header.W1(),
            Header.W2(LogEvents=0x4000068),                         # events that are logged
            Header.W3(),
            Header.W4(),
            Header.W5(),
            Header.W6(),
            Header.W7(),
            Header.W8(TSR=1, LastTask=1),                           # synchronisation and engines
        ],
        [KernelDMASrc.MasterConfig(LastTask=1)],                    # fetch of coefficients
        [  # shapes, formats and kind of the task
            Common.InWidth(Win=32),                                 # input width
            Common.InHeight(Hin=1),                                 # input height
            Common.Cin(Cin=4),                                      # input channels of a group
            Common.OutWidth(Wout=32),                               # output width
            Common.OutHeight(Hout=1),                               # output height
            Common.Cout(Cout=4),                                    # output channels of a group
            Common.TileCfg(TileHeight=1),                           # rows of a tile
            Common.PatchCfg(PatchWidth=4),                          # planar engine patch
        ],
        # kind of task and engines: NE PoolOneSource ElementwiseOneSource ElementwiseTwoSources GainOffset
        # ReduceOneSource ReduceTwoSources PoolTwoSources
        [Common.Cfg(TaskType="ElementwiseTwoSources")],
        [  # DMA that fetches the sources
            TileDMASrc.Src1RowStride(Stride=0x40),                  # from row to row of source 1
            TileDMASrc.Src1PlaneStride(Stride=0x40),                # from channel to channel of source 1
        ],
        [  # DMA that fetches the sources
            TileDMASrc.Src2RowStride(Stride=0x40),                  # from row to row of source 2
            TileDMASrc.Src2PlaneStride(Stride=0x40),                # from channel to channel of source 2
            # layout of source 1 in memory: 8b 16b
            TileDMASrc.Src1Fmt(FmtMode=1, Truncate=3, MemFmt="16b", Interleave=1),
            # layout of source 2 in memory: 8b 16b
            TileDMASrc.Src2Fmt(FmtMode=1, Truncate=3, MemFmt="16b", Interleave=1),
        ],
        [  # the buffer memory between DMA and the engines
            # where source 1 comes from: L2Read DmaReadKeep DmaRead L2ChainRead; DMAFmt: 8b 16b 32b
            L2.SourceCfg(SourceType="DmaRead", AliasConvSrc=1, AliasConvRslt=1, DMAFmt="16b", DMAInterleave=1,
                         AliasPlanarSrc=1, AliasPlanarRslt=1),
            L2.SourceChannelStride(Stride=0x40),                    # from channel to channel of source 1 in L2
            L2.SourceRowStride(Stride=0x100),                       # from row to row of source 1 in L2
        ],
        [  # the buffer memory between DMA and the engines
            # where source 2 comes from: L2Read DmaReadKeep DmaRead L2ChainRead; DMAFmt: 8b 16b 32b
            L2.Source2Cfg(SourceType="DmaRead", AliasConvSrc=1, AliasConvRslt=1, DMAFmt="16b", DMAInterleave=1,
                          AliasPlanarSrc=1, AliasPlanarRslt=1),
            L2.Source2Base(Addr=0x100),                             # address of source 2 in L2
            L2.Source2ChannelStride(Stride=0x40),                   # from channel to channel of source 2 in L2
            L2.Source2RowStride(Stride=0x100),                      # from row to row of source 2 in L2
            # where the result goes: L2Write L2WriteAndDma DmaWrite L2ChainWrite; DMAFmt: 8b 16b 32b
            L2.ResultCfg(ResultType="DmaWrite", L2BfrMode=1, AliasConvSrc=1, AliasConvRslt=1, DMAFmt="16b",
                         DMAInterleave=1, AliasPlanarSrc=1, AliasPlanarRslt=1),
        ],
        [L2.ResultBase(Addr=0x200)],                                # address of the result in L2
        # operation: Add Mul Max Min SumSquares; PoolMode: Sum Avg Max Min; Cond: None Less Greater NotEqual Equal
        # LessEqual GreaterEqual Abs; NLMode: None Reciprocal Rsqrt; FirstSrc: +Source1 -Source1; SecSrc: None +Source2
        # -Source2
        [PE.Cfg(PoolMode="Sum", OpMode="Add", Cond="None", NLMode="None", FirstSrc="+Source1", SecSrc="+Source2")],
        [  # DMA that stores the result
            TileDMADst.RowStride(Stride=0x40),                      # from row to row of the result
            TileDMADst.PlaneStride(Stride=0x40),                    # from channel to channel of the result
            TileDMADst.Fmt(FmtMode=1, Truncate=3, MemFmt="16b", Interleave=1),  # layout of the result in memory: 8b 16b
        ],
        [Stream.Record(Slot="a", SlotRelative=1), *zeros(TileDMASrc.Src1BaseAddr, TileDMASrc.Src1BaseAddrHi)],
        [Stream.Record(Slot="b", SlotRelative=1), *zeros(TileDMASrc.Src2BaseAddr, TileDMASrc.Src2BaseAddrHi)],
        [Stream.Record(Slot="y", SlotRelative=1), *zeros(TileDMADst.BaseAddr, TileDMADst.BaseAddrHi)],
        # DMA of source 1
        [Stream.Record(Slot="dma-config", SlotRelative=1), TileDMASrc.Src1DMAConfig(En=1, CacheHint=2)],
        # DMA of source 2
        [Stream.Record(Slot="dma-config", SlotRelative=1), TileDMASrc.Src2DMAConfig(En=1, CacheHint=2)],
        # DMA of the result
        [Stream.Record(Slot="dma-config", SlotRelative=1), TileDMADst.DMAConfig(En=1, CacheHint=3)],
    ]


TASKS = [
    task_0,             # y = a + b
]
FRAME = bytes.fromhex("01000000000000000000000000000000")
# fmt: on


# fmt: off
SMALL_SOURCE_MODE = {"Normal": 0, "SSM": 1, "SSM_Tiny": 2, "NP2_6": 3}
TASK_TYPE = {"NE": 0, "PoolOneSource": 1, "ElementwiseOneSource": 2, "ElementwiseTwoSources": 3, "GainOffset": 4,
             "ReduceOneSource": 5, "ReduceTwoSources": 6, "PoolTwoSources": 8}
SOURCE_TYPE = {"L2Read": 0, "DmaReadKeep": 1, "DmaRead": 2, "L2ChainRead": 3}
DMA_FMT = {"8b": 0, "16b": 1, "32b": 3}
RESULT_TYPE = {"L2Write": 0, "L2WriteAndDma": 1, "DmaWrite": 2, "L2ChainWrite": 3}
POOL_MODE = {"Sum": 0, "Avg": 1, "Max": 2, "Min": 3}
OP_MODE = {"Add": 0, "Mul": 1, "Max": 2, "Min": 3, "SumSquares": 4}
COND = {"None": 0, "Less": 1, "Greater": 2, "NotEqual": 3, "Equal": 4, "LessEqual": 5, "GreaterEqual": 6, "Abs": 7}
NL_MODE = {"None": 0, "Reciprocal": 1, "Rsqrt": 2}
FIRST_SRC = {"+Source1": 0, "-Source1": 1}
SEC_SRC = {"None": 0, "+Source2": 2, "-Source2": 3}
MEM_FMT = {"8b": 0, "16b": 2}
FORMAT_MODE = {"None": 0, "Compressed": 1, "Lossy": 2}
class Header:  # task descriptor header
    W0 = Register(0x00, TID=(15, 0, LINK), TaskSize=(26, 16, LINK))
    W1 = Register(0x04, ExeCycles=(15, 0))
    W2 = Register(0x08, LogEvents=(26, 0))
    W3 = Register(0x0c, Exceptions=(23, 0))
    W4 = Register(0x10, DebugLogEvents=(23, 0))
    W5 = Register(0x14, DebugExceptions=(23, 0))
    W6 = Register(0x18)
    W7 = Register(0x1c, LiveOuts=(31, 0))
    W8 = Register(0x20, TSR=0, TDE=1, LastTask=3, ENE=(18, 16))
class Common:  # shapes, formats and kind of the task
    InWidth   = Register(0x00004, Win=(16, 0))
    InHeight  = Register(0x00008, Hin=(16, 0))
    Cin       = Register(0x0000c, Cin=(16, 0))
    OutWidth  = Register(0x00014, Wout=(16, 0))
    OutHeight = Register(0x00018, Hout=(16, 0))
    Cout      = Register(0x0001c, Cout=(16, 0))
    TileCfg   = Register(0x00034, TileHeight=(16, 0))
    Cfg       = Register(0x0003c, Unk0=0, Source2Dma=1, SmallSourceMode=(3, 2, SMALL_SOURCE_MODE),
                         TaskType=(7, 4, TASK_TYPE), ShPref=(10, 8), ShMin=(14, 12), ShMax=(18, 16), ActiveNE=(21, 19),
                         TraceEn=22, L2Barrier=23, ReluType=(26, 24), OutTrans=28, FillLowerNE=29)
    PatchCfg  = Register(0x00044, PatchWidth=(3, 0), PatchHeight=(8, 4))
class L2:  # the buffer memory between DMA and the engines
    SourceCfg, Source2Cfg = Register(0x04104, 2, SourceType=(1, 0, SOURCE_TYPE), Dependent=(3, 2), AliasConvSrc=4,
                                     AliasConvRslt=5, DMAFmt=(7, 6, DMA_FMT), DMAInterleave=(11, 8), AliasPlanarSrc=20,
                                     AliasPlanarRslt=22, Compression=(26, 25))
    SourceChannelStride, SourceRowStride = Register(0x04114, 2, Stride=(20, 4, BYTES))
    Source2Base = Register(0x04124, Addr=(20, 4, BYTES))
    Source2ChannelStride, Source2RowStride = Register(0x04128, 2, Stride=(20, 4, BYTES))
    ResultCfg   = Register(0x04148, ResultType=(1, 0, RESULT_TYPE), L2BfrMode=3, AliasConvSrc=4, AliasConvRslt=5,
                           DMAFmt=(7, 6, DMA_FMT), DMAInterleave=(11, 8), AliasPlanarSrc=20, AliasPlanarRslt=22,
                           Compression=(26, 25))
    ResultBase  = Register(0x0414c, Addr=(20, 4, BYTES))
class PE:  # the planar engine
    Cfg = Register(0x04500, PoolMode=(1, 0, POOL_MODE), OpMode=(4, 2, OP_MODE), LutEn=5, Cond=(8, 6, COND),
                   ReduceIndex=(10, 9), ReduceKeep=11, NLMode=(13, 12, NL_MODE), FirstSrc=(16, 16, FIRST_SRC),
                   SecSrc=(19, 18, SEC_SRC))
class TileDMASrc:  # DMA that fetches the sources
    Src1DMAConfig, Src2DMAConfig = Register(0x04d00, 2, En=0, CacheHint=(7, 4), DataSetId=(15, 8), UserTag=(23, 16),
                                            DependencyInterval=(27, 24), DependencyMode=(29, 28))
    Src1DMAConfigExt, Src2DMAConfigExt = Register(0x04d08, 2, CacheHintReuse=(3, 0), CacheHintNoReuse=(7, 4),
                                                  WrapCfgDim=(10, 8), WrapStatic=(31, 16))
    Src1BaseAddr, Src1BaseAddrHi = Register(0x04d10, 2, Addr=(31, 0, BYTES))
    Src1RowStride, Src1PlaneStride, Src1DepthStride, Src1GroupStride = Register(0x04d18, 4, Stride=(31, 6, BYTES))
    Src2BaseAddr, Src2BaseAddrHi = Register(0x04d28, 2, Addr=(31, 0, BYTES))
    Src2RowStride, Src2PlaneStride, Src2DepthStride, Src2GroupStride = Register(0x04d30, 4, Stride=(31, 6, BYTES))
    (Src1MetaDataAddr, Src1MetaDataAddrHi, Src2MetaDataAddr,
     Src2MetaDataAddrHi) = Register(0x04d40, 4, Addr=(31, 0, BYTES))
    Src1MetaDataConfig  = Register(0x04d50, Config0=(31, 7))
    Src1MetaDataConfig1 = Register(0x04d54, Config1=(31, 7))
    Src1MetaDataSize    = Register(0x04d58, Size=(31, 7, BYTES))
    Src2MetaDataConfig  = Register(0x04d5c, Config0=(31, 7))
    Src2MetaDataConfig1 = Register(0x04d60, Config1=(31, 7))
    Src2MetaDataSize    = Register(0x04d64, Size=(31, 7, BYTES))
    Src1Fmt, Src2Fmt = Register(0x04d68, 2, FmtMode=(1, 0), Truncate=(6, 4), Shift=8, MemFmt=(13, 12, MEM_FMT),
                                OffsetCh=(18, 16), Interleave=(27, 24), CmpVec=(31, 28))
class TileDMADst:  # DMA that stores the result
    DMAConfig   = Register(0x05100, En=0, CacheHint=(7, 4), DataSetId=(15, 8), UserTag=(23, 16), L2BfrMode=24)
    Padding     = Register(0x05104, Value=(31, 0))
    BaseAddr, BaseAddrHi = Register(0x05108, 2, Addr=(31, 0, BYTES))
    RowStride, PlaneStride, DepthStride, GroupStride = Register(0x05110, 4, Stride=(31, 6, BYTES))
    InternalCfg = Register(0x05120, InternalBits=(15, 0), Flag1=16, Flag2=17, Flag3=18)
    MetaDataAddr, MetaDataAddrHi = Register(0x05128, 2, Addr=(31, 0, BYTES))
    FormatMode  = Register(0x05130, FormatMode=(1, 0, FORMAT_MODE), MetaDataSize=(31, 7, BYTES))
    Fmt         = Register(0x05138, FmtMode=(1, 0), Truncate=(6, 4), Shift=(10, 8), MemFmt=(13, 12, MEM_FMT),
                           OffsetCh=(18, 16), ZeroPadFirst=20, ZeroPadLast=21, Interleave=(27, 24), CmpVec=(31, 28))
class KernelDMASrc:  # DMA that fetches coefficients, a channel for each neural engine
    MasterConfig = Register(0x05500, GroupKernelReuse=4, KernelSparseFmt=5, MasterEnable=6, LastTask=7, Unk9=9,
                            UserTag=(31, 16))

class Stream:  # bits of a record's own header word: the buffer of its addresses, its form
    Record = Register(RECORD, Slot=(27, 23, BARS), SlotRelative=29, Scatter=31)
# fmt: on


def build():
    """{BAR: pieces}, [(offset, words)] of the tasks, and {BAR: BAR} of further BARs."""
    text, tasks = lay_out(TASKS, encode_record, alignment=16, end=len(FRAME))
    text = framed(text, frame=FRAME)
    return {0: [text]}, tasks, {}


def command_buffer():
    """Buffer 0: the tasks, and the coefficients behind them."""
    return b"".join(build()[0][0])


if __name__ == "__main__":
    sys.exit(
        main((__doc__ or ARCH).splitlines()[0], TENSORS, build, no_driver, no_driver)
    )
