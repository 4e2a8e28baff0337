#!/usr/bin/env python3
"""chain: y = table of mode 0x1 of scratch; 1 neural engine, 2 x 1 x 32; the last of 2 tasks. A register program of the
Apple Neural Engine.

    python chain.py           run it on the engine (Linux, driver ane); --dry-run: only build it; --help: the rest
    hwx2py emulate chain.py   run it on a virtual engine

Made to be edited. A line writes one register: fields by name, bits without a name as a number, the rest 0.
A list is a record of the task's stream. Links between tasks, sizes and ids are filled in unless given.

Chip:     H13, A14 (T8101), M1 (T8103), M1 Pro, Max, Ultra (T6000, T6001, T6002)
Source:   chain.hwx, 32768 bytes, sha256 e4878fd7f9b30c408cf755fc8873261479c8c8884a6ab65d70e56d4438ca80a4
Compiler: hwx2py v0.2.0.dev0, examples/make.py
Digest:   af1b26fecaf22685 of the other lines; hwx2py does not write over a script that was edited (--force does)
"""

import argparse, base64, copy, ctypes, functools, glob, hashlib, io, mmap, os, struct, sys, tempfile, zipfile
from collections import namedtuple

try:
    import fcntl
    import numpy as np
except ImportError:  # only running needs them
    fcntl = np = None

# A buffer: its BAR stands for it in the tasks; shape N, C, H, W; strides in bytes.
Tensor = namedtuple("Tensor", "name role bar shape strides dtype size_bytes")

ARCH = "H13"
# fmt: off
TENSORS = [
    Tensor("a", "input", 5, (1, 2, 1, 32), (128, 64, 64, 2), "float16", 128),
    Tensor("b", "input", 6, (1, 2, 1, 32), (128, 64, 64, 2), "float16", 128),
    Tensor("y", "output", 4, (1, 2, 1, 32), (128, 64, 64, 2), "float16", 128),
    Tensor("scratch", "scratch", 3, None, None, None, 128),
]
BARS = {"text": 0, "const": 1} | {tensor.name: tensor.bar for tensor in TENSORS}


def task_0():
    """scratch = a + b; planar engine, 2 x 1 x 32."""
    return [
        [  # header
            Header.W0(),
            Header.W1(),
            Header.W2(),
            Header.W3(),
            Header.W4(),
            Header.W5(),
            Header.W6(SPL=1, TSR=1, TSE=1, SrcLoc=1, DstLoc=1),     # synchronisation and placement
            Header.W7(),
            # buffers that the task reads and writes
            Header.W8(RBase0="a", RBE0=1, RBase1="b", RBE1=1, WBase="scratch", WBE=1, TBase="text", TBE=1),
            Header.W9(),
        ],
        [  # shapes, formats and kind of the task
            Common.InDim(Win=32, Hin=1),                            # input size
            Common.InDepth(Din=1),                                  # input depth
            Common.ChCfg(InFmt="Float16", Src2InFmt="Float16", OutFmt="Float16"),  # element formats: UInt8 Int8 Float16
            Common.Cin(Cin=2),                                      # input channels
            Common.Cout(Cout=2),                                    # output channels
            Common.OutDim(Wout=32, Hout=1),                         # output size
            Common.OutDepth(Dout=1),                                # output depth
            Common.ConvCfg(Kw=1, Kh=1, Sx=1, Sy=1, Ox=1, Oy=1),     # kernel window
            Common.ConvCfg3d(Kd=1, Sz=1, Oz=1),                     # kernel window, third dimension
            Common.GroupConvCfg(NumGroups=1, UnicastCin=1),         # groups
            Common.TileCfg(TileHeight=1),                           # tiling
            Common.PatchCfg(PatchWidth=4),                          # planar engine patch
            Common.PECfg(),
            # kind of task and engines: NE PoolOneSource ElementwiseOneSource ElementwiseTwoSources GainOffset
            # ReduceOneSource ReduceTwoSources PoolTwoSources
            Common.Cfg(Unk0=1, Source2Dma=1, TaskType="ElementwiseTwoSources"),
            Common.TaskInfo(), Common.DPE(),
        ],
        [  # the buffer memory between DMA and the engines
            L2.L2Cfg(),
            # where the sources come from: L2Read DmaReadKeep DmaRead L2ChainRead; DMAFmt: 8b 16b 32b
            L2.SourceCfg(SourceType="DmaRead", AliasConvSrc=1, AliasConvRslt=1, DMAFmt="16b", DMAInterleave=1,
                         AliasPlanarSrc=1, AliasPlanarRslt=1, Source2Dma=1),
            L2.SourceBase(),
            L2.SourceChannelStride(Stride=0x40),                    # from channel to channel of source 1 in L2
            L2.SourceRowStride(Stride=0x80),                        # from row to row of source 1 in L2
            L2.SourceDepthStride(Stride=0x80),                      # from depth slice to depth slice of source 1 in L2
            L2.SourceGroupStride(Stride=0x80),                      # from group to group of source 1 in L2
            L2.Source2Base(Addr=0x80),                              # where source 2 lies in L2
            L2.Source2ChannelStride(Stride=0x40),                   # from channel to channel of source 2 in L2
            L2.Source2RowStride(Stride=0x80),                       # from row to row of source 2 in L2
            L2.Source2DepthStride(Stride=0x80),                     # from depth slice to depth slice of source 2 in L2
            L2.Source2GroupStride(Stride=0x80),                     # from group to group of source 2 in L2
            # where the result goes: L2Write L2WriteAndDma DmaWrite L2ChainWrite; DMAFmt: 8b 16b 32b
            L2.ResultCfg(ResultType="DmaWrite", L2BfrMode=1, AliasConvSrc=1, AliasConvRslt=1, DMAFmt="16b",
                         DMAInterleave=1, AliasPlanarSrc=1, AliasPlanarRslt=1),
            L2.ResultBase(Addr=0x100),                              # where the result lies in L2
            L2.ResultChannelStride(), L2.ResultRowStride(), L2.ResultDepthStride(), L2.ResultGroupStride(),
        ],
        [  # the planar engine
            # operation: Add Mul Max Min SumSquares; PoolMode: Sum Max Min; Cond: None Abs; NLMode: None Reciprocal
            # Rsqrt; FirstSrc: +Source1 -Source1; SecSrc: None +Source2 -Source2
            PE.Cfg(PoolMode="Sum", OpMode="Add", Cond="None", NLMode="None", FirstSrc="+Source1", SecSrc="+Source2"),
            PE.BiasScale(Scale=1.0),                                # after the operation: times Scale, plus Bias
            PE.PreScale(PreScale=1.0),                              # before the operation
            PE.FinalScale(FinalScale=1.0),                          # last factor (1/N of a mean)
        ],
        [*zeros(NE.KernelCfg, NE.PostScale)],
        [  # DMA that fetches the sources
            # how source 1 is fetched
            TileDMASrc.Src1DMAConfig(En=1, CacheHint=2, CacheHintReuse=14, CacheHintNoReuse=12),
            TileDMASrc.Src2DMAConfig(CacheHint=2, CacheHintReuse=14, CacheHintNoReuse=12),  # how source 2 is fetched
            TileDMASrc.Src1BaseAddr(),
            TileDMASrc.Src1RowStride(Stride=0x40),                  # from row to row of source 1
            TileDMASrc.Src1PlaneStride(Stride=0x40),                # from channel to channel of source 1
            TileDMASrc.Src1DepthStride(Stride=0x80),                # from depth slice to depth slice of source 1
            TileDMASrc.Src1GroupStride(Stride=0x80),                # from group to group of source 1
            TileDMASrc.Src2BaseAddr(),
            TileDMASrc.Src2RowStride(Stride=0x40),                  # from row to row of source 2
            TileDMASrc.Src2PlaneStride(Stride=0x40),                # from channel to channel of source 2
            TileDMASrc.Src2DepthStride(Stride=0x80),                # from depth slice to depth slice of source 2
            TileDMASrc.Src2GroupStride(Stride=0x80),                # from group to group of source 2
            TileDMASrc.Unk13830(), TileDMASrc.Unk13834(),
            # layout of source 1 in memory: 8b 16b
            TileDMASrc.Src1Fmt(FmtMode=1, Truncate=3, MemFmt="16b", Interleave=1),
            TileDMASrc.Src2Fmt(Truncate=3, MemFmt="16b"),           # layout of source 2 in memory: 8b 16b
            *zeros(TileDMASrc.Unk13840, TileDMASrc.Unk1386c),
        ],
        [  # DMA that stores the result
            TileDMADst.DMAConfig(En=1, CacheHint=15, L2BfrMode=1),  # how the result is stored
            TileDMADst.BaseAddr(),
            TileDMADst.RowStride(Stride=0x40),                      # from row to row of the result
            TileDMADst.PlaneStride(Stride=0x40),                    # from channel to channel of the result
            TileDMADst.DepthStride(Stride=0x80),                    # from depth slice to depth slice of the result
            TileDMADst.GroupStride(Stride=0x80),                    # from group to group of the result
            TileDMADst.Fmt(FmtMode=1, Truncate=3, MemFmt="16b", Interleave=1),  # layout of the result in memory: 8b 16b
        ],
        [*zeros(KernelDMASrc.MasterConfig, KernelDMASrc.NonLinearLutBfrSize)],
    ]


def task_1():
    """y = table of mode 0x1 of scratch; 1 neural engine, 2 x 1 x 32."""
    return [
        [  # header
            Header.W0(LNID=1, EON=1),                               # identity of the task
            Header.W1(),
            Header.W2(),
            Header.W3(),
            Header.W4(),
            Header.W5(),
            Header.W6(SPL=1, TSR=1, TSE=1, SrcLoc=1, DstLoc=1),     # synchronisation and placement
            Header.W7(),
            # buffers that the task reads and writes; 1 engine
            Header.W8(RBase0="scratch", RBE0=1, WBase="y", WBE=1, ENE=1),
            Header.W9(KBase0="const", KBE0=1),                      # buffers that hold coefficients
        ],
        [  # shapes, formats and kind of the task
            Common.InDim(Win=32, Hin=1),                            # input size
            Common.InDepth(Din=1),                                  # input depth
            Common.ChCfg(InFmt="Float16", Src2InFmt="Float16", OutFmt="Float16"),  # element formats: UInt8 Int8 Float16
            Common.Cin(Cin=2),                                      # input channels
            Common.Cout(Cout=2),                                    # output channels
            Common.OutDim(Wout=32, Hout=1),                         # output size
            Common.OutDepth(Dout=1),                                # output depth
            Common.ConvCfg(Kw=1, Kh=1, Sx=1, Sy=1, Ox=1, Oy=1),     # kernel window
            Common.ConvCfg3d(Kd=1, Sz=1, Oz=1),                     # kernel window, third dimension
            Common.GroupConvCfg(NumGroups=1, UnicastCin=1),         # groups
            Common.TileCfg(TileHeight=1),                           # tiling
            Common.PatchCfg(), Common.PECfg(),
            # kind of task and engines: NE PoolOneSource ElementwiseOneSource ElementwiseTwoSources GainOffset
            # ReduceOneSource ReduceTwoSources PoolTwoSources
            Common.Cfg(Unk0=1, TaskType="NE"),
            Common.TaskInfo(NID=1),                                 # identity of the task, for the blocks
            Common.DPE(),
        ],
        [  # the buffer memory between DMA and the engines
            L2.L2Cfg(),
            # where the source comes from: L2Read DmaReadKeep DmaRead L2ChainRead; DMAFmt: 8b 16b 32b
            L2.SourceCfg(SourceType="DmaRead", AliasConvSrc=1, AliasConvRslt=1, DMAFmt="16b", DMAInterleave=1,
                         AliasPlanarSrc=1, AliasPlanarRslt=1),
            L2.SourceBase(),
            L2.SourceChannelStride(Stride=0x40),                    # from channel to channel of the source in L2
            L2.SourceRowStride(Stride=0x80),                        # from row to row of the source in L2
            # from depth slice to depth slice of the source in L2
            L2.SourceDepthStride(Stride=0x80),
            L2.SourceGroupStride(Stride=0x80),                      # from group to group of the source in L2
            *zeros(L2.Source2Base, L2.Source2GroupStride),
            # where the result goes: L2Write L2WriteAndDma DmaWrite L2ChainWrite; DMAFmt: 8b 16b 32b
            L2.ResultCfg(ResultType="DmaWrite", L2BfrMode=1, AliasConvSrc=1, AliasConvRslt=1, DMAFmt="16b",
                         DMAInterleave=1, AliasPlanarSrc=1, AliasPlanarRslt=1),
            L2.ResultBase(Addr=0x80),                               # where the result lies in L2
            L2.ResultChannelStride(), L2.ResultRowStride(), L2.ResultDepthStride(), L2.ResultGroupStride(),
        ],
        [*zeros(PE.Cfg, PE.FinalScale)],
        [  # the neural engines
            NE.KernelCfg(KernelFmt="Float16", PalettizedBits=8),    # format of the coefficients: UInt8 Int8 Float16
            # operation: Conv ElementwiseMult CrossChannelMax Bypass; KernelMode: Kernel Unity; NonlinearMode: None ReLU
            # LUT
            NE.MACCfg(OpMode="Bypass", KernelMode="Unity", BinaryPoint=28, NonlinearMode="LUT", ArgOutputSelect=1),
            NE.MatrixVectorBias(), NE.AccBias(),
            NE.PostScale(PostScale=1.0),                            # factor on the sums
        ],
        [  # DMA that fetches the source
            # how the source is fetched
            TileDMASrc.Src1DMAConfig(En=1, CacheHint=4, CacheHintReuse=14, CacheHintNoReuse=4, DependencyMode=1),
            TileDMASrc.Src2DMAConfig(), TileDMASrc.Src1BaseAddr(),
            TileDMASrc.Src1RowStride(Stride=0x40),                  # from row to row of the source
            TileDMASrc.Src1PlaneStride(Stride=0x40),                # from channel to channel of the source
            TileDMASrc.Src1DepthStride(Stride=0x80),                # from depth slice to depth slice of the source
            TileDMASrc.Src1GroupStride(Stride=0x80),                # from group to group of the source
            *zeros(TileDMASrc.Src2BaseAddr, TileDMASrc.Unk13834),
            # layout of the source in memory: 8b 16b
            TileDMASrc.Src1Fmt(FmtMode=1, Truncate=3, MemFmt="16b", Interleave=1),
            *zeros(TileDMASrc.Src2Fmt, TileDMASrc.Unk1386c),
        ],
        [  # DMA that stores the result
            TileDMADst.DMAConfig(En=1, CacheHint=3, L2BfrMode=1),   # how the result is stored
            TileDMADst.BaseAddr(),
            TileDMADst.RowStride(Stride=0x40),                      # from row to row of the result
            TileDMADst.PlaneStride(Stride=0x40),                    # from channel to channel of the result
            TileDMADst.DepthStride(Stride=0x80),                    # from depth slice to depth slice of the result
            TileDMADst.GroupStride(Stride=0x80),                    # from group to group of the result
            TileDMADst.Fmt(FmtMode=1, Truncate=3, MemFmt="16b", Interleave=1),  # layout of the result in memory: 8b 16b
        ],
        [  # DMA that fetches coefficients, a channel for each neural engine
            KernelDMASrc.MasterConfig(MasterEnable=1),              # fetch of coefficients
            KernelDMASrc.Unk1f804(),
            KernelDMASrc.CoeffDMAConfig[0](En=1, CacheHint=2),      # fetch of engine 0's coefficients
            *every(KernelDMASrc.CoeffDMAConfig[1:16]), *every(KernelDMASrc.CoeffBaseAddr[:]),
            KernelDMASrc.CoeffBfrSize[0](MemBfrSize=0x80),          # size of engine 0's coefficients
            *zeros(KernelDMASrc.CoeffBfrSize[1], KernelDMASrc.NonLinearLutBfrSize),
        ],
    ]


TASKS = [
    task_0,             # scratch = a + b
    task_1,             # y = table of mode 0x1 of scratch
]
DATA_BYTES = 0x80
DATA = """
0Kfo107L*p07M8wAVNq%fIyHxKt2#X06ZW%fH*)l05pIw04x9`0000a04#to05m{0fH)vJ06Y*qKt7N^fIvt=AVLU307L))00000
000930RR9100000000000000000000000000000000000000000000000000
"""


def coefficients(data):
    """The pieces of each buffer of coefficients."""
    return {
        "const": [data[0x0:0x80]],
    }


# fmt: on


# fmt: off
FMT = {"UInt8": 0, "Int8": 1, "Float16": 2}
TASK_TYPE = {"NE": 0, "PoolOneSource": 1, "ElementwiseOneSource": 2, "ElementwiseTwoSources": 3, "GainOffset": 4,
             "ReduceOneSource": 5, "ReduceTwoSources": 6, "PoolTwoSources": 8}
SOURCE_TYPE = {"L2Read": 0, "DmaReadKeep": 1, "DmaRead": 2, "L2ChainRead": 3}
DMA_FMT = {"8b": 0, "16b": 1, "32b": 3}
RESULT_TYPE = {"L2Write": 0, "L2WriteAndDma": 1, "DmaWrite": 2, "L2ChainWrite": 3}
POOL_MODE = {"Sum": 0, "Max": 2, "Min": 3}
PE_OP_MODE = {"Add": 0, "Mul": 1, "Max": 2, "Min": 3, "SumSquares": 4}
COND = {"None": 0, "Abs": 1}
NL_MODE = {"None": 0, "Reciprocal": 1, "Rsqrt": 2}
FIRST_SRC = {"+Source1": 0, "-Source1": 1}
SEC_SRC = {"None": 0, "+Source2": 2, "-Source2": 3}
NE_OP_MODE = {"Conv": 0, "ElementwiseMult": 2, "CrossChannelMax": 3, "Bypass": 4}
KERNEL_MODE = {"Kernel": 0, "Unity": 1}
NONLINEAR_MODE = {"None": 0, "ReLU": 1, "LUT": 2}
MEM_FMT = {"8b": 0, "16b": 2}
class Header:  # task descriptor header
    W0 = Register(0x00, TID=(15, 0, LINK), NID=(23, 16), LNID=24, EON=25)
    W1 = Register(0x04, ExeCycles=(15, 0), NextSize=(24, 16, LINK))
    W2 = Register(0x08, LogEvents=(23, 0))
    W3 = Register(0x0c, Exceptions=(23, 0))
    W4 = Register(0x10, DebugLogEvents=(23, 0))
    W5 = Register(0x14, DebugExceptions=(23, 0))
    W6 = Register(0x18, DisallowAbort=8, TDSkip=9, KPC=10, SPL=11, TSR=12, SPC=13, DPC=14, TSE=15,
                  NextPriority=(21, 16), TDE=24, SrcLoc=28, DstLoc=29, TQDis=31)
    W7 = Register(0x1c, NextPointer=(31, 0, LINK))
    W8 = Register(0x20, RBase0=(4, 0, BARS), RBE0=5, RBase1=(10, 6, BARS), RBE1=11, WBase=(16, 12, BARS), WBE=17,
                  TBase=(22, 18, BARS), TBE=23, ENE=(26, 24))
    W9 = Register(0x24, KBase0=(4, 0, BARS), KBE0=5, KBase1=(10, 6, BARS), KBE1=11, KBase2=(16, 12, BARS), KBE2=17,
                  KBase3=(22, 18, BARS), KBE3=23)
class Common:  # shapes, formats and kind of the task
    InDim        = Register(0x00000, Win=(14, 0), Hin=(30, 16))
    InDepth      = Register(0x00004, Din=(14, 0))
    ChCfg        = Register(0x00008, InFmt=(1, 0, FMT), Src2InFmt=(3, 2, FMT), OutFmt=(5, 4, FMT))
    Cin          = Register(0x0000c, Cin=(16, 0))
    Cout         = Register(0x00010, Cout=(16, 0))
    OutDim       = Register(0x00014, Wout=(14, 0), Hout=(30, 16))
    OutDepth     = Register(0x00018, Dout=(14, 0))
    ConvCfg      = Register(0x0001c, Kw=(4, 0), Kh=(9, 5), OCGSize=(12, 10), Sx=(14, 13), Sy=(16, 15), Px=(21, 17),
                            Py=(26, 22), Ox=(29, 28), Oy=(31, 30))
    ConvCfg3d    = Register(0x00020, Kd=(4, 0), Sz=(7, 6), Pz=(11, 8), Oz=(14, 13))
    GroupConvCfg = Register(0x00024, NumGroups=(12, 0), UnicastEn=14, ElemMultMode=15, UnicastCin=(31, 16))
    TileCfg      = Register(0x00028, TileHeight=(14, 0))
    PatchCfg     = Register(0x0002c, PatchWidth=(3, 0), PatchHeight=(8, 4))
    PECfg        = Register(0x00030, Src1BroadcastW=0, Src1BroadcastH=1, Src1BroadcastD=2, Src1BroadcastC=3,
                            Src2BroadcastW=4, Src2BroadcastH=5, Src2BroadcastD=6, Src2BroadcastC=7, Src1Transpose=8,
                            Src2Transpose=9, OutputTranspose=10)
    Cfg          = Register(0x00034, Unk0=0, Source2Dma=1, SmallSourceMode=2, TaskType=(7, 4, TASK_TYPE),
                            ShPref=(10, 8), ShMin=(14, 12), ShMax=(18, 16), ActiveNE=(21, 19), ContextSwitchIn=22,
                            ContextSwitchOut=24, AccDoubleBufEn=26, OutTrans=28, FillLowerNE=29)
    TaskInfo     = Register(0x00038, TaskID=(15, 0), TaskQ=(19, 16), NID=(27, 20))
    DPE          = Register(0x0003c, Category=(3, 0))
class L2:  # the buffer memory between DMA and the engines
    L2Cfg       = Register(0x04800, InputReLU=0, PaddingMode=(3, 2), Src2ReLU=4)
    SourceCfg   = Register(0x04804, SourceType=(1, 0, SOURCE_TYPE), Dependent=(3, 2), AliasConvSrc=4, AliasConvRslt=5,
                           DMAFmt=(7, 6, DMA_FMT), DMAInterleave=(11, 8), DMACmpVec=(15, 12), DMAOffsetCh=(18, 16),
                           AliasPlanarSrc=20, AliasPlanarRslt=22, Source2Dma=24, AliasSrc2=26)
    SourceBase  = Register(0x04808, Addr=(20, 4, BYTES))
    (SourceChannelStride, SourceRowStride, SourceDepthStride,
     SourceGroupStride) = Register(0x0480c, 4, Stride=(20, 4, BYTES))
    Source2Base = Register(0x0481c, Addr=(20, 4, BYTES))
    (Source2ChannelStride, Source2RowStride, Source2DepthStride,
     Source2GroupStride) = Register(0x04820, 4, Stride=(20, 4, BYTES))
    ResultCfg   = Register(0x04830, ResultType=(1, 0, RESULT_TYPE), L2BfrMode=3, AliasConvSrc=4, AliasConvRslt=5,
                           DMAFmt=(7, 6, DMA_FMT), DMAInterleave=(11, 8), DMACmpVec=(15, 12), DMAOffsetCh=(18, 16),
                           AliasPlanarSrc=20, AliasPlanarRslt=22)
    ResultBase  = Register(0x04834, Addr=(20, 4, BYTES))
    (ResultChannelStride, ResultRowStride, ResultDepthStride,
     ResultGroupStride) = Register(0x04838, 4, Stride=(20, 4, BYTES))
class PE:  # the planar engine
    Cfg        = Register(0x08800, PoolMode=(1, 0, POOL_MODE), OpMode=(4, 2, PE_OP_MODE), ReluEn=5, Cond=(6, 6, COND),
                          NLMode=(13, 12, NL_MODE), FirstSrc=(16, 16, FIRST_SRC), SecSrc=(19, 18, SEC_SRC))
    BiasScale  = Register(0x08804, Bias=(15, 0, FP16), Scale=(31, 16, FP16))
    PreScale   = Register(0x08808, Epsilon=(15, 0, FP16), PreScale=(31, 16, FP16))
    FinalScale = Register(0x0880c, FinalScale=(31, 0, FP32))
class NE:  # the neural engines
    KernelCfg        = Register(0x0c800, KernelFmt=(1, 0, FMT), PalettizedEn=2, PalettizedBits=(7, 4), SparseFmt=8,
                                GroupKernelReuse=10, KeepKernel=12, UsePrevKernel=14, AlignmentFmt=16)
    MACCfg           = Register(0x0c804, OpMode=(2, 0, NE_OP_MODE), KernelMode=(3, 3, KERNEL_MODE), BiasMode=4,
                                MatrixBiasEn=6, BinaryPoint=(12, 8), PostScaleMode=14,
                                NonlinearMode=(17, 16, NONLINEAR_MODE), ArgOutputSelect=(23, 20))
    MatrixVectorBias = Register(0x0c808, MatrixVectorBias=(15, 0))
    AccBias          = Register(0x0c80c, AccBias=(15, 0, FP16), AccBiasShift=(20, 16))
    PostScale        = Register(0x0c810, PostScale=(15, 0, FP16), PostRightShift=(20, 16))
class TileDMASrc:  # DMA that fetches the sources
    Src1DMAConfig, Src2DMAConfig = Register(0x13800, 2, En=0, CrH=(5, 4), CacheHint=(9, 6), CacheHintReuse=(13, 10),
                                            CacheHintNoReuse=(17, 14), DependencyMode=(19, 18))
    Src1BaseAddr = Register(0x13808, Addr=(31, 6, BYTES))
    Src1RowStride, Src1PlaneStride, Src1DepthStride, Src1GroupStride = Register(0x1380c, 4, Stride=(31, 6, BYTES))
    Src2BaseAddr = Register(0x1381c, Addr=(31, 6, BYTES))
    Src2RowStride, Src2PlaneStride, Src2DepthStride, Src2GroupStride = Register(0x13820, 4, Stride=(31, 6, BYTES))
    Unk13830, Unk13834 = Register(0x13830, 2)
    Src1Fmt, Src2Fmt = Register(0x13838, 2, FmtMode=(1, 0), Truncate=(5, 4), Shift=8, MemFmt=(13, 12, MEM_FMT),
                                OffsetCh=(18, 16), Interleave=(27, 24), CmpVec=(31, 28))
    Unk13840, Unk13844, Unk13848, Unk1384c = Register(0x13840, 4)
    PixelOffset  = Register(0x13850, 4, Offset=(15, 0))
    Unk13860, Unk13864, Unk13868, Unk1386c = Register(0x13860, 4)
class TileDMADst:  # DMA that stores the result
    DMAConfig = Register(0x17800, En=0, CrH=(5, 4), CacheHint=(9, 6), Unk18=18, Unk19=19, Unk22=22, Unk23=23, Unk24=24,
                         L2BfrMode=26, BypassEOW=27)
    BaseAddr  = Register(0x17804, Addr=(31, 6, BYTES))
    RowStride, PlaneStride, DepthStride, GroupStride = Register(0x17808, 4, Stride=(31, 6, BYTES))
    Fmt       = Register(0x17818, FmtMode=(1, 0), Truncate=(5, 4), Shift=8, MemFmt=(13, 12, MEM_FMT), OffsetCh=(18, 16),
                         ZeroPadLast=20, ZeroPadFirst=21, CmpVecFill=22, Interleave=(27, 24), CmpVec=(31, 28))
class KernelDMASrc:  # DMA that fetches coefficients, a channel for each neural engine
    MasterConfig   = Register(0x1f800, GroupKernelReuse=4, KernelSparseFmt=5, MasterEnable=6)
    Unk1f804       = Register(0x1f804)
    CoeffDMAConfig = Register(0x1f808, 16, En=0, CrH=(5, 4), CacheHint=(9, 6), PrefetchParticipateEn=28)
    CoeffBaseAddr  = Register(0x1f848, 16, Addr=(31, 6, BYTES))
    CoeffBfrSize   = Register(0x1f888, 16, MemBfrSize=(31, 6, BYTES))
    (BiasDMAConfig, PostScaleDMAConfig, PaletteLutDMAConfig,
     NonLinearLutDMAConfig) = Register(0x1f8c8, 4, En=0, CrH=(5, 4), CacheHint=(9, 6), PrefetchParticipateEn=28)
    (BiasBaseAddr, PostScaleBaseAddr, PaletteLutBaseAddr,
     NonLinearLutBaseAddr) = Register(0x1f8d8, 4, Addr=(31, 6, BYTES))
    (BiasBfrSize, PostScaleBfrSize, PaletteLutBfrSize,
     NonLinearLutBfrSize) = Register(0x1f8e8, 4, MemBfrSize=(31, 6, BYTES))
# fmt: on


def build():
    """{BAR: pieces}, [(offset, words)] of the tasks, and {BAR: BAR} of further BARs."""
    text, tasks = lay_out(TASKS, encode_record, alignment=256)
    pieces = coefficients(inline(DATA, DATA_BYTES))
    return {0: followed(text, pieces["const"])}, tasks, {}


def command_buffer():
    """Buffer 0: the tasks, and the coefficients behind them."""
    return b"".join(build()[0][0])


if __name__ == "__main__":
    sys.exit(main((__doc__ or ARCH).splitlines()[0], TENSORS, build, Ane, run))
