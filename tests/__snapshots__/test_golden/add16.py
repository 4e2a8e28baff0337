#!/usr/bin/env python3
"""add16: a register program for the Apple Neural Engine H16.

Chips: A17 Pro (T8130), M4 (T8132), M4 Pro, Max (T6040, T6041).

    python SCRIPT --dry-run     build the command buffer, touch no device
    python SCRIPT --help        inputs, golden files, saving

Made by hwx2py 0.1.0 from add16.hwx, 32768 bytes, sha256
f90208e0118a2c4d49075a98ac19e489a17448ca86044b8c8b65125dc86baf4a.
Compiler: hwx2py v0.1.0, examples/make.py.

The values are meant to be edited. A line writes a register: fields by name, those that are left out are 0;
a first argument without a name holds bits that no field names. AUTO follows from where the tasks lie.
Buffers are named as in TENSORS, whose BAR is what the tasks select and what the driver is told.
"""

import argparse
import base64
import hashlib
import os
import struct
import sys
import traceback
import zipfile
from typing import NamedTuple

import numpy as np

ARCH = "H16"


class Tensor(NamedTuple):
    """A buffer of the program."""

    name: str
    role: str  # input, output or scratch
    bar: int  # the BAR that stands for it in the tasks: handles[bar] of SUBMIT
    shape: tuple | None  # N, C, H, W in elements
    strides: tuple | None  # of N, C, H, W in bytes
    dtype: str | None
    size: int  # bytes


class Kernel(NamedTuple):
    """Coefficients in a buffer of their own."""

    name: str
    bar: int
    parts: list  # as CONST


# fmt: off
TENSORS = [
    Tensor("a", "input", 6, (1, 4, 1, 32), (256, 64, 64, 2), "float16", 256),
    Tensor("b", "input", 7, (1, 4, 1, 32), (256, 64, 64, 2), "float16", 256),
    Tensor("y", "output", 8, (1, 4, 1, 32), (256, 64, 64, 2), "float16", 256),
]


def task_0():
    """y = a + b; planar engine, 4 x 1 x 32."""
    return [
        # Header: task descriptor header
        Header.W0(TaskSize=AUTO),                                               # identity and size of the task
        Header.W1(ExeCycles=0),                                                 # cost
        Header.W2(LogEvents=0x4000068),                                         # events that are logged
        Header.W3(Exceptions=0x0),                                              # events that raise an exception
        Header.W4(DebugLogEvents=0x0),                                          # events that are logged when debugging
        Header.W5(DebugExceptions=0x0),                                         # events that raise an exception when debugging
        Header.W6(0),                                                           # 0 in every task
        Header.W7(LiveOuts=0x0),                                                # what outlives the task
        Header.W8(TSR=1, LastTask=1),                                           # synchronisation and engines
        # KernelDMASrc: DMA that fetches coefficients, a channel for each neural engine
        KernelDMASrc.MasterConfig(LastTask=1),                                  # fetch of coefficients
        # Common: shapes, formats and kind of the task
        Common.InWidth(Win=32),                                                 # input width
        Common.InHeight(Hin=1),                                                 # input height
        Common.Cin(Cin=4),                                                      # input channels of a group
        Common.OutWidth(Wout=32),                                               # output width
        Common.OutHeight(Hout=1),                                               # output height
        Common.Cout(Cout=4),                                                    # output channels of a group
        Common.Cfg(TaskType="ElementwiseTwoSources"),                           # kind of task and engines
        # TileDMASrc: DMA that fetches the sources
        TileDMASrc.Src1RowStride(Stride=0x40),                                  # from row to row of source 1
        TileDMASrc.Src1PlaneStride(Stride=0x40),                                # from channel to channel of source 1
        TileDMASrc.Src2RowStride(Stride=0x40),                                  # from row to row of source 2
        TileDMASrc.Src2PlaneStride(Stride=0x40),                                # from channel to channel of source 2
        # L2: the buffer memory between DMA and the engines
        L2.SourceCfg(SourceType="DmaRead", DMAFmt="16b", DMAInterleave=1),      # where source 1 comes from
        L2.Source2Cfg(SourceType="DmaRead", DMAFmt="16b", DMAInterleave=1),     # where source 2 comes from
        L2.ResultCfg(ResultType="DmaWrite", DMAFmt="16b", DMAInterleave=1),     # where the result goes
        # PE: the planar engine
        PE.Cfg(SecSrc="+Source2"),                                              # operation
        # TileDMADst: DMA that stores the result
        TileDMADst.RowStride(Stride=0x40),                                      # from row to row of the result
        TileDMADst.PlaneStride(Stride=0x40),                                    # from channel to channel of the result
        # TileDMASrc: DMA that fetches the sources
        TileDMASrc.Src1BaseAddr(Addr=0x0, slot="a"),                            # offset of source 1 from the slot's address
        TileDMASrc.Src1BaseAddrHi(Addr=0x0, slot="a"),                          # offset of source 1 from the slot's address
        TileDMASrc.Src2BaseAddr(Addr=0x0, slot="b"),                            # offset of source 2 from the slot's address
        TileDMASrc.Src2BaseAddrHi(Addr=0x0, slot="b"),                          # offset of source 2 from the slot's address
        # TileDMADst: DMA that stores the result
        TileDMADst.BaseAddr(Addr=0x0, slot="y"),                                # offset of the result from the slot's address
        TileDMADst.BaseAddrHi(Addr=0x0, slot="y"),                              # offset of the result from the slot's address
        # TileDMASrc: DMA that fetches the sources
        TileDMASrc.Src1DMAConfig(En=1, CacheHint=2, slot="dma-config"),         # DMA of source 1
        TileDMASrc.Src2DMAConfig(En=1, CacheHint=2, slot="dma-config"),         # DMA of source 2
        # TileDMADst: DMA that stores the result
        TileDMADst.DMAConfig(En=1, CacheHint=3, slot="dma-config"),             # DMA of the result
    ]


def tasks():
    """The tasks, in the order in which the engine runs them."""
    return [
        task_0(),
    ]


# fmt: on


# Coefficients: runs of zeros by their length, the rest out of the data blob below.
# fmt: off
CONST = []
KERNELS = []
DATA_BYTES, DATA_SHA256 = 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
DATA = ""

# The text where the tasks do not say it: bytes before the first task, size, where CONST begins, bytes between tasks.
FRAME = "01000000000000000000000000000000"
TEXT_SIZE = None
CONST_OFFSET = None
STRAY = []
# fmt: on

# What follows is the same for every program of this architecture: how registers are written, how tasks are laid out,
# the driver's calls, and the command line.

AUTO = "auto"  # a header field that follows from where the tasks lie
BYTES, FP16, FP32, BAR, LAYOUT = "bytes", "fp16", "fp32", "bar", "layout"


class Write(NamedTuple):
    """A register write, or a word of the task's header."""

    register: "Register"
    word: int
    auto: tuple = ()  # the fields that the layout will fill
    slot: int | None = None  # the BAR slot that a base address is relative to


class Burst(NamedTuple):
    """The header word of a record that is grouped unlike the compiler's habit: the writes behind it belong to it."""

    word: int


class At(NamedTuple):
    """A task at an offset of its own choice."""

    offset: int
    task: list


class Register:
    """A register: calling it with values for its fields makes a `Write`.

    A field is (msb, lsb) or (msb, lsb, kind). Kinds: BYTES (the value is bytes, a multiple of 2**lsb), FP16 and FP32 (a
    number), BAR (a number or a buffer's name), LAYOUT (may be AUTO), or the names of its values. The first argument
    is the word to start from: bits without a name, or the whole register.
    """

    def __init__(self, address, count=1, header=False, alone=False, **fields):
        self.address, self.count, self.header, self.alone, self.fields = (
            address,
            count,
            header,
            alone,
            fields,
        )
        self.name = f"register {address:#x}"

    def __set_name__(self, owner, name):
        self.name = f"{owner.__name__}.{name}"

    def __getitem__(self, index):
        """One of `count` registers in a row."""
        if not 0 <= index < self.count:
            raise ValueError(
                f"{self.name} has {self.count} registers, not one at {index}"
            )
        one = Register(
            self.address + 4 * index,
            header=self.header,
            alone=self.alone,
            **self.fields,
        )
        one.name = f"{self.name}[{index}]"
        return one

    def __call__(self, word=0, *, slot=None, **values):
        """The write of this register."""
        if not 0 <= word < 1 << 32:
            raise ValueError(f"{self.name}: {word:#x} does not fit 32 bits")
        auto = tuple(name for name, value in values.items() if value is AUTO)
        for name, value in values.items():
            if name not in self.fields:
                raise ValueError(
                    f"{self.name} has no field {name}; it has {', '.join(self.fields) or 'none'}"
                )
            msb, lsb, *kind = self.fields[name]
            mask = (1 << msb + 1) - (1 << lsb)
            bits = (
                0
                if value is AUTO
                else self._bits(name, value, lsb, kind[0] if kind else None)
            )
            if bits & ~mask:
                raise ValueError(
                    f"{self.name}: {name}={value!r} does not fit bits {msb}:{lsb}"
                )
            word = word & ~mask | bits
        return Write(
            self, word, auto, buffers()[slot] if isinstance(slot, str) else slot
        )

    def _bits(self, name, value, lsb, kind):
        if isinstance(kind, dict):
            value = kind.get(value, value)
        elif kind == BAR:
            value = buffers().get(value, value)
        elif kind in (FP16, FP32):
            try:
                value = int.from_bytes(
                    struct.pack("<e" if kind == FP16 else "<f", value), "little"
                )
            except (OverflowError, struct.error) as error:
                raise ValueError(
                    f"{self.name}: {name}={value!r} does not fit {kind}"
                ) from error
        if not isinstance(value, int):
            raise ValueError(f"{self.name}: {name} has no value {value!r}")
        if kind == BYTES:
            if value % (1 << lsb):
                raise ValueError(
                    f"{self.name}: {name}={value:#x} is no multiple of {1 << lsb:#x} bytes"
                )
            return value
        return value << lsb


# fmt: off
class Header:
    """Task header: task descriptor header."""

    W0 = Register(0x00000, header=True, TID=(15, 0), TaskSize=(26, 16, LAYOUT))  # identity and size of the task
    W1 = Register(0x00004, header=True, ExeCycles=(15, 0))  # cost
    W2 = Register(0x00008, header=True, LogEvents=(26, 0))  # events that are logged
    W3 = Register(0x0000c, header=True, Exceptions=(23, 0))  # events that raise an exception
    W4 = Register(0x00010, header=True, DebugLogEvents=(23, 0))  # events that are logged when debugging
    W5 = Register(0x00014, header=True, DebugExceptions=(23, 0))  # events that raise an exception when debugging
    W6 = Register(0x00018, header=True)  # 0 in every task
    W7 = Register(0x0001c, header=True, LiveOuts=(31, 0))  # what outlives the task
    W8 = Register(0x00020, header=True, TSR=(0, 0), TDE=(1, 1), LastTask=(3, 3), ENE=(18, 16))  # synchronisation and engines
    DTID = Register(0x00024, header=True, DTID=(15, 0))  # the task whose result is this task's kernel


class Common:
    """0x00000: shapes, formats and kind of the task."""

    ChCfg = Register(0x00000, InFmt=(1, 0, {"UInt8": 0, "Int8": 1, "Float16": 2}), Src2InFmt=(3, 2, {"UInt8": 0, "Int8": 1, "Float16": 2}), OutFmt=(5, 4, {"UInt8": 0, "Int8": 1, "Float16": 2}))  # element formats
    InWidth = Register(0x00004, Win=(16, 0))  # input width
    InHeight = Register(0x00008, Hin=(16, 0))  # input height
    Cin = Register(0x0000c, Cin=(16, 0))  # input channels of a group
    InDepth = Register(0x00010, Din=(16, 0))  # input depth
    OutWidth = Register(0x00014, Wout=(16, 0))  # output width
    OutHeight = Register(0x00018, Hout=(16, 0))  # output height
    Cout = Register(0x0001c, Cout=(16, 0))  # output channels of a group
    OutDepth = Register(0x00020, Dout=(16, 0))  # output depth
    NumGroups = Register(0x00024, NumGroups=(16, 0))  # groups
    ConvCfg = Register(0x00028, Kw=(5, 0), Kh=(11, 6), Sx=(14, 13), Sy=(16, 15), Px=(21, 17), Py=(26, 22), Ox=(29, 28), Oy=(31, 30))  # kernel window
    ConvCfg3d = Register(0x0002c, Kd=(4, 0), Sz=(7, 6), Pz=(11, 8), Oz=(14, 13))  # kernel window, third dimension
    UnicastCfg = Register(0x00030, UnicastEn=(14, 14), ElemMultMode=(15, 15), UnicastCin=(31, 16))  # output channels with input channels of their own
    TileCfg = Register(0x00034, TileHeight=(16, 0))  # rows of a tile
    TileOverlap = Register(0x00038, Overlap=(20, 16), PadTop=(25, 21), PadBottom=(30, 26))  # what neighbouring tiles share
    Cfg = Register(0x0003c, Unk0=(0, 0), Source2Dma=(1, 1), SmallSourceMode=(3, 2, {"Normal": 0, "SSM": 1, "SSM_Tiny": 2, "NP2_6": 3}), TaskType=(7, 4, {"NE": 0, "PoolOneSource": 1, "ElementwiseOneSource": 2, "ElementwiseTwoSources": 3, "GainOffset": 4, "ReduceOneSource": 5, "ReduceTwoSources": 6, "PoolTwoSources": 8}), ShPref=(10, 8), ShMin=(14, 12), ShMax=(18, 16), ActiveNE=(21, 19), TraceEn=(22, 22), L2Barrier=(23, 23), ReluType=(26, 24), OutTrans=(28, 28), FillLowerNE=(29, 29))  # kind of task and engines
    NECfg = Register(0x00040, OCGSize=(2, 0), FatTileEnable=(3, 3), WUStackLog2=(5, 4))  # how channels lie on the neural engines
    PatchCfg = Register(0x00044, PatchWidth=(3, 0), PatchHeight=(8, 4))  # planar engine patch
    PECfg = Register(0x00048, Src1BroadcastW=(0, 0), Src1BroadcastH=(1, 1), Src1BroadcastD=(2, 2), Src1BroadcastC=(3, 3), Src2BroadcastW=(4, 4), Src2BroadcastH=(5, 5), Src2BroadcastD=(6, 6), Src2BroadcastC=(7, 7), Src1Transpose=(8, 8), Src2Transpose=(9, 9), OutputTranspose=(10, 10), IdxTranspose=(14, 14), IdxBroadcast=(15, 15), PEPrimarySource=(18, 16))  # broadcast and transposition of the planar engine
    TaskInfo = Register(0x0004c, NID=(20, 20))  # 1 in every NE task
    DPE = Register(0x00050, Category=(3, 0))  # kind of work


class L2:
    """0x04100: the buffer memory between DMA and the engines."""

    L2Cfg = Register(0x04100, InputReLU=(0, 0), PaddingMode=(3, 2), Src2ReLU=(4, 4), BarrierEnable=(16, 16), BarrierIndex=(23, 17))  # what happens on entry
    SourceCfg = Register(0x04104, SourceType=(1, 0, {"L2Read": 0, "DmaReadKeep": 1, "DmaRead": 2, "L2ChainRead": 3}), Dependent=(3, 2), AliasConvSrc=(4, 4), AliasConvRslt=(5, 5), DMAFmt=(7, 6, {"8b": 0, "16b": 1, "32b": 3}), DMAInterleave=(11, 8), AliasPlanarSrc=(20, 20), AliasPlanarRslt=(22, 22), Compression=(26, 25))  # where source 1 comes from
    Source2Cfg = Register(0x04108, SourceType=(1, 0, {"L2Read": 0, "DmaReadKeep": 1, "DmaRead": 2, "L2ChainRead": 3}), Dependent=(3, 2), AliasConvSrc=(4, 4), AliasConvRslt=(5, 5), DMAFmt=(7, 6, {"8b": 0, "16b": 1, "32b": 3}), DMAInterleave=(11, 8), AliasPlanarSrc=(20, 20), AliasPlanarRslt=(22, 22), Compression=(26, 25))  # where source 2 comes from
    SrcIdxCfg = Register(0x0410c, SourceType=(1, 0, {"L2Read": 0, "DmaReadKeep": 1, "DmaRead": 2, "L2ChainRead": 3}), Dependent=(3, 2), AliasConvSrc=(4, 4), AliasConvRslt=(5, 5), DMAFmt=(7, 6, {"8b": 0, "16b": 1, "32b": 3}), AliasPlanarSrc=(20, 20), AliasPlanarRslt=(22, 22), Bit27=(27, 27))  # where the index source comes from
    SourceBase = Register(0x04110, Addr=(20, 4, BYTES))  # address of source 1 in L2
    SourceChannelStride = Register(0x04114, Stride=(20, 4, BYTES))  # from channel to channel of source 1 in L2
    SourceRowStride = Register(0x04118, Stride=(20, 4, BYTES))  # from row to row of source 1 in L2
    SourceDepthStride = Register(0x0411c, Stride=(20, 4, BYTES))  # from depth slice to depth slice of source 1 in L2
    SourceGroupStride = Register(0x04120, Stride=(20, 4, BYTES))  # from group to group of source 1 in L2
    Source2Base = Register(0x04124, Addr=(20, 4, BYTES))  # address of source 2 in L2
    Source2ChannelStride = Register(0x04128, Stride=(20, 4, BYTES))  # from channel to channel of source 2 in L2
    Source2RowStride = Register(0x0412c, Stride=(20, 4, BYTES))  # from row to row of source 2 in L2
    Source2DepthStride = Register(0x04130, Stride=(20, 4, BYTES))  # from depth slice to depth slice of source 2 in L2
    Source2GroupStride = Register(0x04134, Stride=(20, 4, BYTES))  # from group to group of source 2 in L2
    SrcIdxBase = Register(0x04138, Addr=(20, 4, BYTES))  # address of the index source in L2
    SrcIdxChannelStride = Register(0x0413c, Stride=(20, 4, BYTES))  # from channel to channel of the index source in L2
    SrcIdxDepthStride = Register(0x04140, Stride=(20, 4, BYTES))  # from depth slice to depth slice of the index source in L2
    SrcIdxGroupStride = Register(0x04144, Stride=(20, 4, BYTES))  # from group to group of the index source in L2
    ResultCfg = Register(0x04148, ResultType=(1, 0, {"L2Write": 0, "L2WriteAndDma": 1, "DmaWrite": 2, "L2ChainWrite": 3}), L2BfrMode=(3, 3), AliasConvSrc=(4, 4), AliasConvRslt=(5, 5), DMAFmt=(7, 6, {"8b": 0, "16b": 1, "32b": 3}), DMAInterleave=(11, 8), AliasPlanarSrc=(20, 20), AliasPlanarRslt=(22, 22), Compression=(26, 25))  # where the result goes
    ResultBase = Register(0x0414c, Addr=(20, 4, BYTES))  # address of the result in L2
    ResultChannelStride = Register(0x04150, Stride=(20, 4, BYTES))  # from channel to channel of the result in L2
    ResultRowStride = Register(0x04154, Stride=(20, 4, BYTES))  # from row to row of the result in L2
    ResultDepthStride = Register(0x04158, Stride=(20, 4, BYTES))  # from depth slice to depth slice of the result in L2
    ResultGroupStride = Register(0x0415c, Stride=(20, 4, BYTES))  # from group to group of the result in L2
    SrcAndResultWrapCfg = Register(0x04164, WrapNumBlocks=(11, 0), WrapLen=(31, 12))  # wrap-around of sources and result in L2
    Src1WrapStart = Register(0x04168, WrapNumBlocks=(11, 0), WrapLen=(31, 12))  # wrap-around of source 1 in L2, at the start
    Src2WrapStart = Register(0x0416c, WrapNumBlocks=(11, 0), WrapLen=(31, 12))  # wrap-around of source 2 in L2, at the start
    ResultWrapIndexOffset = Register(0x04174, WrapIndex=(15, 0), WrapStartOffset=(31, 16))  # wrap-around of the result in L2
    Result2Base = Register(0x0417c, Addr=(20, 4, BYTES))  # address of a second result in L2
    Result2ChannelStride = Register(0x04180, Stride=(20, 4, BYTES))  # from channel to channel of a second result in L2
    Result2RowStride = Register(0x04184, Stride=(20, 4, BYTES))  # from row to row of a second result in L2
    Result2DepthStride = Register(0x04188, Stride=(20, 4, BYTES))  # from depth slice to depth slice of a second result in L2
    PEIndexCfg = Register(0x0418c, MaxIndex=(15, 0), Mode=(18, 16), Broadcast=(25, 24), Transpose=(26, 26))  # index source of the planar engine
    Src1AddrWrap = Register(0x04190, Value=(31, 0))  # address wrap of source 1
    Src2AddrWrap = Register(0x04194, Value=(31, 0))  # address wrap of source 2
    ResultWrapAddrCfg = Register(0x0419c, ResultWrapAddr=(11, 0), ResultWrapAddrOffset=(26, 16))  # where the address of the result wraps
    SrcOffsetLsbs = Register(0x041a0, Src1OffsetXLsbs=(5, 0), Src1OffsetYLsbs=(12, 8), Src2OffsetXLsbs=(21, 16), Src2OffsetYLsbs=(28, 24))  # low bits of the sources' offsets


class PE:
    """0x04500: the planar engine."""

    Cfg = Register(0x04500, PoolMode=(1, 0, {"Sum": 0, "Avg": 1, "Max": 2, "Min": 3}), OpMode=(4, 2, {"Add": 0, "Mul": 1, "Max": 2, "Min": 3, "SumSquares": 4}), LutEn=(5, 5), Cond=(8, 6, {"None": 0, "Less": 1, "Greater": 2, "NotEqual": 3, "Equal": 4, "LessEqual": 5, "GreaterEqual": 6, "Abs": 7}), ReduceIndex=(10, 9), ReduceKeep=(11, 11), NLMode=(13, 12, {"None": 0, "Reciprocal": 1, "Rsqrt": 2}), FirstSrc=(16, 16, {"+Source1": 0, "-Source1": 1}), SecSrc=(19, 18, {"None": 0, "+Source2": 2, "-Source2": 3}))  # operation
    Bias = Register(0x04504, Bias=(31, 0, FP32))  # added after the operation
    Scale = Register(0x04508, Scale=(31, 0, FP32))  # factor after the operation
    Epsilon = Register(0x0450c, Epsilon=(31, 0, FP32))  # added under the reciprocal square root
    PreScale = Register(0x04510, PreScale=(31, 0, FP32))  # factor on source 1
    FinalScale = Register(0x04514, FinalScale=(31, 0, FP32))  # last factor (1/N of a mean)
    LUT = Register(0x04518, count=8, Value=(31, 0))  # table of the last step
    Quant = Register(0x04538, Src1InputOffset=(7, 0), Src2InputOffset=(15, 8), OutputZeroPoint=(23, 16))  # offsets of quantised elements


class NE:
    """0x04900: the neural engines."""

    KernelCfg = Register(0x04900, KernelFmt=(1, 0, {"UInt8": 0, "Int8": 1, "Float16": 2}), PalettizedEn=(2, 2), PalettizedBits=(7, 4), SparseFmt=(8, 8), GroupKernelReuse=(10, 10), SparseBinary=(15, 15), AlignmentFmt=(16, 16), SparseBlockSize=(23, 21), AsymQuantEn=(24, 24))  # format of the coefficients
    MACCfg = Register(0x04904, OpMode=(2, 0, {"Conv": 0, "ElementwiseMult": 2, "CrossChannelMax": 3, "Bypass": 4}), KernelMode=(3, 3, {"Kernel": 0, "Unity": 1}), BiasMode=(4, 4), PassthroughEn=(5, 5), MatrixBiasEn=(6, 6), BinaryPoint=(13, 8), PostScaleMode=(14, 14), NonlinearMode=(17, 16, {"None": 0, "ReLU": 1, "LUT": 2}), PaddingMode=(18, 18), MaxPoolEn=(19, 19), ArgOutputSelect=(23, 20), DoubleInt8En=(26, 26))  # operation
    MatrixVectorBias = Register(0x04908, MatrixVectorBias=(15, 0))  # matrix bias
    AccBias = Register(0x0490c, AccBias=(15, 0, FP16), ExpIdx=(20, 16))  # start value of the accumulators
    PostScale = Register(0x04910, PostScale=(15, 0, FP16), ExpIdx=(20, 16))  # factor on the sums
    RcasConfig = Register(0x04914, KeyMask=(7, 0), CmpBit=(10, 8), SenseAxis=(13, 12), SenseBit=(19, 16), Mode=(20, 20))  # compare and select (RCAS)
    RoundModeCfg = Register(0x04918, Mode=(1, 0), IntegerBits=(8, 4))  # rounding
    SRSeed = Register(0x0491c, count=4, Seed=(31, 0))  # seed of stochastic rounding
    QuantZeroPoint = Register(0x0492c, ZeroPoint=(7, 0))  # zero point of quantised elements


class TileDMASrc:
    """0x04d00: DMA that fetches the sources."""

    Src1DMAConfig = Register(0x04d00, En=(0, 0), CacheHint=(7, 4), DataSetId=(15, 8), UserTag=(23, 16), DependencyInterval=(27, 24), DependencyMode=(29, 28))  # DMA of source 1
    Src2DMAConfig = Register(0x04d04, En=(0, 0), CacheHint=(7, 4), DataSetId=(15, 8), UserTag=(23, 16), DependencyInterval=(27, 24), DependencyMode=(29, 28))  # DMA of source 2
    Src1DMAConfigExt = Register(0x04d08, CacheHintReuse=(3, 0), CacheHintNoReuse=(7, 4), WrapCfgDim=(10, 8), WrapStatic=(31, 16))  # more cache hints of source 1
    Src2DMAConfigExt = Register(0x04d0c, CacheHintReuse=(3, 0), CacheHintNoReuse=(7, 4), WrapCfgDim=(10, 8), WrapStatic=(31, 16))  # more cache hints of source 2
    Src1BaseAddr = Register(0x04d10, Addr=(31, 0, BYTES))  # offset of source 1 from the slot's address
    Src1BaseAddrHi = Register(0x04d14, Addr=(31, 0, BYTES))  # offset of source 1 from the slot's address
    Src1RowStride = Register(0x04d18, Stride=(31, 6, BYTES))  # from row to row of source 1
    Src1PlaneStride = Register(0x04d1c, Stride=(31, 6, BYTES))  # from channel to channel of source 1
    Src1DepthStride = Register(0x04d20, Stride=(31, 6, BYTES))  # from depth slice to depth slice of source 1
    Src1GroupStride = Register(0x04d24, Stride=(31, 6, BYTES))  # from group to group of source 1
    Src2BaseAddr = Register(0x04d28, Addr=(31, 0, BYTES))  # offset of source 2 from the slot's address
    Src2BaseAddrHi = Register(0x04d2c, Addr=(31, 0, BYTES))  # offset of source 2 from the slot's address
    Src2RowStride = Register(0x04d30, Stride=(31, 6, BYTES))  # from row to row of source 2
    Src2PlaneStride = Register(0x04d34, Stride=(31, 6, BYTES))  # from channel to channel of source 2
    Src2DepthStride = Register(0x04d38, Stride=(31, 6, BYTES))  # from depth slice to depth slice of source 2
    Src2GroupStride = Register(0x04d3c, Stride=(31, 6, BYTES))  # from group to group of source 2
    Src1MetaDataAddr = Register(0x04d40, Addr=(31, 0, BYTES))  # offset of the metadata of source 1 from the slot's address
    Src1MetaDataAddrHi = Register(0x04d44, Addr=(31, 0, BYTES))  # offset of the metadata of source 1 from the slot's address
    Src2MetaDataAddr = Register(0x04d48, Addr=(31, 0, BYTES))  # offset of the metadata of source 2 from the slot's address
    Src2MetaDataAddrHi = Register(0x04d4c, Addr=(31, 0, BYTES))  # offset of the metadata of source 2 from the slot's address
    Src1MetaDataConfig = Register(0x04d50, Config0=(31, 7))  # metadata of source 1
    Src1MetaDataConfig1 = Register(0x04d54, Config1=(31, 7))  # metadata of source 1
    Src1MetaDataSize = Register(0x04d58, Size=(31, 7, BYTES))  # size of the metadata of source 1
    Src2MetaDataConfig = Register(0x04d5c, Config0=(31, 7))  # metadata of source 2
    Src2MetaDataConfig1 = Register(0x04d60, Config1=(31, 7))  # metadata of source 2
    Src2MetaDataSize = Register(0x04d64, Size=(31, 7, BYTES))  # size of the metadata of source 2
    Src1Fmt = Register(0x04d68, FmtMode=(1, 0), Truncate=(6, 4), Shift=(8, 8), MemFmt=(13, 12, {"8b": 0, "16b": 2}), OffsetCh=(18, 16), Interleave=(27, 24), CmpVec=(31, 28))  # layout of source 1 in memory
    Src2Fmt = Register(0x04d6c, FmtMode=(1, 0), Truncate=(6, 4), Shift=(8, 8), MemFmt=(13, 12, {"8b": 0, "16b": 2}), OffsetCh=(18, 16), Interleave=(27, 24), CmpVec=(31, 28))  # layout of source 2 in memory
    Src1CompressedInfo = Register(0x04d78, CompressedEnable=(0, 0), MacroblockSize=(2, 2), PackingFormatTableIdx=(9, 4), LossyEnable=(13, 13), MdUserTag=(31, 24))  # compression of source 1
    Src1CompressedSizeLo = Register(0x04d7c, SizeLo=(31, 0))  # compressed size
    Src1CompressedSizeHi = Register(0x04d80, SizeHi=(31, 0))  # compressed size
    Src1CropOffset = Register(0x04d84, OffsetY=(15, 0), CropOffset=(31, 16))  # where the crop of source 1 begins
    Src2CompressedInfo = Register(0x04d88, CompressedEnable=(0, 0), MacroblockSize=(2, 2), PackingFormatTableIdx=(9, 4), LossyEnable=(13, 13), MdUserTag=(31, 24))  # compression of source 2
    Src2CompressedSizeLo = Register(0x04d8c, SizeLo=(31, 0))  # compressed size
    Src2CompressedSizeHi = Register(0x04d90, SizeHi=(31, 0))  # compressed size
    Src2CropOffset = Register(0x04d94, OffsetY=(15, 0), CropOffset=(31, 16))  # where the crop of source 2 begins
    Src1WrapDynamic = Register(0x04db8, WrapNumBlocks=(11, 0), WrapLen=(31, 12))  # wrap-around of source 1
    Src2WrapDynamic = Register(0x04dbc, WrapNumBlocks=(11, 0), WrapLen=(31, 12))  # wrap-around of source 2
    Src1DependencyOffset = Register(0x04dc0, Offset=(31, 0))  # offset up to which source 1 waits
    Src2DependencyOffset = Register(0x04dc4, Offset=(31, 0))  # offset up to which source 2 waits
    TextureConfig = Register(0x04dc8, Mode=(2, 0, {"Off": 0, "Gather": 1, "Bilinear": 2, "Bicubic": 3, "Nearest": 4}), Norm1=(5, 3), Norm2=(8, 6), Filter=(14, 12), CropCoeff2=(20, 17), BackgroundEn=(22, 22), DepthValSel=(23, 23), WrapParam=(28, 24))  # texture engine
    TextureIdxPermute = Register(0x04dcc, Permute0=(8, 6), Permute1=(14, 12))  # order of the index's dimensions
    TextureSrcPermute = Register(0x04dd0, SrcPermute=(2, 0), Src2Permute=(14, 12), IndPermute=(18, 16), PreserveFrac=(22, 22), WrapParam=(28, 24))  # order of the source's dimensions
    TextureBackgroundVal = Register(0x04dd4, Value=(15, 0))  # background value
    TextureExtMaxDim1 = Register(0x04dd8, Lo=(15, 0), Hi=(31, 16))  # largest extent of the first dimensions
    TextureExtMaxDim2 = Register(0x04ddc, Lo=(15, 0), Hi=(31, 16))  # largest extent of the next dimensions
    TextureExtMaxDim3 = Register(0x04de0, Val=(15, 0))  # largest extent
    TextureCropBatchSplitDim1 = Register(0x04de4, Lo=(15, 0), Hi=(31, 16))  # batch split of the crop
    TextureCropDepthDim1 = Register(0x04de8, Lo=(15, 0), Hi=(31, 16))  # depth of the crop
    TextureCropBatchSplitDim2 = Register(0x04dec, Lo=(15, 0))  # batch split of the crop
    Src1Ephemeral = Register(0x04df8, EphemeralEnable=(0, 0))  # source 1 is not kept
    TextureCropCoeffVal = Register(0x04e04, CoeffValue=(31, 0))  # coefficient of the crop


class TileDMADst:
    """0x05100: DMA that stores the result."""

    DMAConfig = Register(0x05100, En=(0, 0), CacheHint=(7, 4), DataSetId=(15, 8), UserTag=(23, 16), L2BfrMode=(24, 24))  # DMA of the result
    Padding = Register(0x05104, Value=(31, 0))  # padding
    BaseAddr = Register(0x05108, Addr=(31, 0, BYTES))  # offset of the result from the slot's address
    BaseAddrHi = Register(0x0510c, Addr=(31, 0, BYTES))  # offset of the result from the slot's address
    RowStride = Register(0x05110, Stride=(31, 6, BYTES))  # from row to row of the result
    PlaneStride = Register(0x05114, Stride=(31, 6, BYTES))  # from channel to channel of the result
    DepthStride = Register(0x05118, Stride=(31, 6, BYTES))  # from depth slice to depth slice of the result
    GroupStride = Register(0x0511c, Stride=(31, 6, BYTES))  # from group to group of the result
    InternalCfg = Register(0x05120, InternalBits=(15, 0), Flag1=(16, 16), Flag2=(17, 17), Flag3=(18, 18))  # use open
    MetaDataAddr = Register(0x05128, Addr=(31, 0, BYTES))  # offset of the result's metadata from the slot's address
    MetaDataAddrHi = Register(0x0512c, Addr=(31, 0, BYTES))  # offset of the result's metadata from the slot's address
    FormatMode = Register(0x05130, FormatMode=(1, 0, {"None": 0, "Compressed": 1, "Lossy": 2}), MetaDataSize=(31, 7, BYTES))  # compression of the result
    Fmt = Register(0x05138, FmtMode=(1, 0), Truncate=(6, 4), Shift=(10, 8), MemFmt=(13, 12, {"8b": 0, "16b": 2}), OffsetCh=(18, 16), ZeroPadFirst=(20, 20), ZeroPadLast=(21, 21), Interleave=(27, 24), CmpVec=(31, 28))  # layout of the result in memory
    CompressedInfo = Register(0x05140, CompressedEnable=(0, 0), MacroblockSize=(2, 2), PackingFormatTableIdx=(9, 4), LossyEnable=(13, 13))  # compression of the result
    CompSizeLo = Register(0x05148, SizeLo=(31, 0))  # compressed size
    CompSizeHi = Register(0x0514c, SizeHi=(31, 0))  # compressed size
    PixelOffset = Register(0x05150, OffsetLow=(15, 0), CropY=(31, 16))  # offset of the first pixel


class KernelDMASrc:
    """0x05500: DMA that fetches coefficients, a channel for each neural engine."""

    MasterConfig = Register(0x05500, GroupKernelReuse=(4, 4), KernelSparseFmt=(5, 5), MasterEnable=(6, 6), LastTask=(7, 7), Unk9=(9, 9), UserTag=(31, 16))  # fetch of coefficients
    AlignedCoeffSizePerCh = Register(0x05504, Size=(27, 0, BYTES))  # aligned size of a channel
    Prefetch = Register(0x05508, EarlyTermEn=(0, 0), StopOnError=(1, 1), PrefetchRate=(31, 16))  # prefetch of coefficients
    CoeffBase = Register(0x05510, Addr=(31, 0, BYTES))  # offset of the coefficients from the slot's address
    CoeffBaseHi = Register(0x05514, Addr=(31, 0, BYTES))  # offset of the coefficients from the slot's address
    KernelGroupStride = Register(0x05518, Stride=(31, 6, BYTES))  # from group to group
    KernelOCGStride = Register(0x0551c, Stride=(31, 6, BYTES))  # from output channel group to group
    CoeffDMAConfig = Register(0x05520, count=16, En=(0, 0), CacheHint=(7, 4), DataSetId=(15, 8), UserTag=(23, 16))  # DMA of an engine's coefficients
    CoeffBaseAddr = Register(0x05560, count=16, Addr=(31, 6, BYTES))  # offset of an engine's coefficients from CoeffBase
    CoeffBfrSize = Register(0x055a0, count=16, MemBfrSize=(31, 6, BYTES))  # size of an engine's coefficients
    BiasDMAConfig = Register(0x055e0, En=(0, 0), CacheHint=(7, 4), DataSetId=(15, 8), UserTag=(23, 16))  # DMA of biases
    BiasBfrSize = Register(0x055e4, MemBfrSize=(31, 6, BYTES))  # size of biases
    BiasBase = Register(0x055e8, Addr=(31, 0, BYTES))  # offset of biases from the slot's address
    BiasBaseHi = Register(0x055ec, Addr=(31, 0, BYTES))  # offset of biases from the slot's address
    PostScaleDMAConfig = Register(0x055f0, En=(0, 0), CacheHint=(7, 4), DataSetId=(15, 8), UserTag=(23, 16))  # DMA of post-scales
    PostScaleBfrSize = Register(0x055f4, MemBfrSize=(31, 6, BYTES))  # size of post-scales
    PostScaleBase = Register(0x055f8, Addr=(31, 0, BYTES))  # offset of post-scales from the slot's address
    PostScaleBaseHi = Register(0x055fc, Addr=(31, 0, BYTES))  # offset of post-scales from the slot's address
    PaletteLutDMAConfig = Register(0x05600, En=(0, 0), CacheHint=(7, 4), DataSetId=(15, 8), UserTag=(23, 16))  # DMA of palettes
    PaletteLutBfrSize = Register(0x05604, MemBfrSize=(31, 6, BYTES))  # size of palettes
    PaletteLutBase = Register(0x05608, Addr=(31, 0, BYTES))  # offset of palettes from the slot's address
    PaletteLutBaseHi = Register(0x0560c, Addr=(31, 0, BYTES))  # offset of palettes from the slot's address
    NonLinearLutDMAConfig = Register(0x05610, En=(0, 0), CacheHint=(7, 4), DataSetId=(15, 8), UserTag=(23, 16))  # DMA of lookup tables
    NonLinearLutBfrSize = Register(0x05614, MemBfrSize=(31, 6, BYTES))  # size of lookup tables
    NonLinearLutBase = Register(0x05618, Addr=(31, 0, BYTES))  # offset of lookup tables from the slot's address
    NonLinearLutBaseHi = Register(0x0561c, Addr=(31, 0, BYTES))  # offset of lookup tables from the slot's address


class CacheDMA:
    """0x05900: DMA between memory and the system's cache."""

    Control = Register(0x05900, Flush=(0, 0), Enable=(1, 1), TaskSyncPostDone=(2, 2), TaskSyncWaitPrev=(3, 3), EarlyTerm=(8, 4), FootprintLimiter=(9, 9), FootprintThreshold=(31, 16))  # what the cache does
    Pre0 = Register(0x05904, BandwidthLimit=(9, 0), Sieve2=(19, 16), TelemetryAgeOut=(23, 20))  # prefetch
    Pre1 = Register(0x05908, Sieve1=(13, 0), UserTag=(23, 16))  # prefetch
    Dsid = Register(0x05918, DataSetIdAndSize=(29, 7))  # data set and its size
    FootprintArg = Register(0x0591c, FootprintArg2=(27, 17))  # argument of the footprint
    EarlyTermArg12 = Register(0x05920, Arg1=(15, 0), Arg2=(31, 16))  # when it may end early
    FlushArg = Register(0x05924, FlushArg=(15, 0))  # argument of the flush
    EarlyTermArg34 = Register(0x05928, Arg3=(7, 0), Arg4=(23, 16))  # when it may end early
    Backoff = Register(0x0592c, Enable=(0, 0), Delay=(7, 4), Min=(15, 8), Max=(23, 16), Scale=(31, 24))  # how it backs off


FIXED_BARS = {"text": 0, "const": 1, "dma-config": 4}
# BAR -> name: further BARs that stand for a tensor.
ALIASES = {}
# fmt: on


def buffers():
    """Buffer name -> the BAR that stands for it."""
    return FIXED_BARS | {row.name: row.bar for row in (*TENSORS, *KERNELS)}


class Command(NamedTuple):
    """Buffer 0, what the driver is told about it, and the contents of KERNELS."""

    data: bytes  # text, padding, coefficients
    text_bytes: int  # tsk_size: the coefficients follow at the next multiple of 16
    first_task_bytes: int  # td_size
    task_count: int  # td_count
    kernels: list


TASK_ALIGNMENT = 16  # bytes
ADDRESS_END = 1 << 17  # a record's header has room for the registers below
SINGLE_SLOTS = [4]


def header_count(header):
    """How many values follow a record's header word."""
    if header >> 31:
        return (header >> 15 & 0xFFFF).bit_count() + 1
    return (header >> 15 & 0x3F) + 1


def group(writes):
    """(header word, number of writes) of each record, as Apple's compiler groups them.

    A record writes consecutive registers, or those that a mask picks out of the next 16. The fewest records are taken;
    among equals a run of consecutive registers goes first.
    """
    start = 0
    for end in range(1, len(writes) + 1):
        if end == len(writes) or not joins(writes[end - 1], writes[end]):
            yield from group_block(writes[start:end])
            start = end


def joins(one, two):
    """Whether two writes in a row may share a record."""
    first, second = one.register, two.register
    if (
        first.alone
        or second.alone
        or one.slot != two.slot
        or one.slot in SINGLE_SLOTS
        or second.address <= first.address
    ):
        return False
    if one.slot is not None:
        return second.address == first.address + 4
    return first.address >> 10 == second.address >> 10


def group_block(writes):
    """The records of ascending writes to one block."""
    words = [write.register.address // 4 for write in writes]
    if writes[0].slot is not None:
        for start in range(0, len(words), 64):
            count = min(64, len(words) - start)
            header = 1 << 29 | writes[0].slot << 23 | (count - 1) << 15 | words[start]
            yield header, count
        return

    # For each start, from the last one back: (records from there on, end of the first one, whether it is masked).
    best = [(0, len(words), False)] * (len(words) + 1)
    for start in reversed(range(len(words))):
        run = start + 1
        while (
            run < len(words) and words[run] == words[run - 1] + 1 and run - start < 64
        ):
            run += 1
        reach = start + 1
        while reach < len(words) and words[reach] <= words[start] + 16:
            reach += 1
        dense, masked = best[run][0] + 1, best[reach][0] + 1
        dense_wins = dense < masked or (dense == masked and run > start + 1)
        if dense_wins or reach == start + 1:
            best[start] = dense, run, False
        else:
            best[start] = masked, reach, True
    start = 0
    while start < len(words):
        _, end, is_masked = best[start]
        header = (end - start - 1) << 15 | words[start]
        if is_masked:
            mask = sum(
                1 << (word - words[start] - 1) for word in words[start + 1 : end]
            )
            header = 1 << 31 | mask << 15 | words[start]
        yield header, end - start
        start = end


def records(items):
    """The stream of a task: the writes as records, grouped by habit or as a Burst says."""
    words, start = [], 0
    while start < len(items):
        end = start + 1
        if isinstance(items[start], Burst):
            start, count = end, header_count(items[start].word)
            end = start + count
            groups = [(items[start - 1].word, count)]
        else:
            while end < len(items) and not isinstance(items[end], Burst):
                end += 1
            groups = list(group(items[start:end]))
        writes = items[start:end]
        if not all(isinstance(item, Write) for item in writes) or end > len(items):
            raise ValueError(f"a Burst needs {end - start} writes behind it")
        for write in writes:
            if write.register.address >= ADDRESS_END or (write.slot or 0) > 31:
                raise ValueError(f"{write.register.name} does not fit a record")
        for header, count in groups:
            words += [header, *(write.word for write in items[start : start + count])]
            start += count
    return words


def lay_out(task_list):
    """Every task's offset and words: one behind the other, with the header fields that follow from that."""
    placed, end = [], len(FRAME) // 2
    if not task_list:
        raise ValueError("tasks() gives no task")
    for task in task_list:
        natural = -(-end // TASK_ALIGNMENT) * TASK_ALIGNMENT
        offset, items = task if isinstance(task, At) else (natural, task)
        header = [
            item for item in items if isinstance(item, Write) and item.register.header
        ]
        words = [item.word for item in header] + records(items[len(header) :])
        if offset % 4:
            raise ValueError(f"task {len(placed)} at {offset:#x} begins on no word")
        if offset < end:
            raise ValueError(
                f"task {len(placed)} at {offset:#x} overlaps what ends at {end:#x}"
            )
        end = offset + 4 * len(words)
        placed.append((offset, header, words))
    followers = [*placed[1:], (0, [], [0])]
    for (_, header, words), (offset, _, follower) in zip(placed, followers):
        values = {
            "NextPointer": offset,
            "NextSize": len(follower) - 1,
            "TaskSize": len(words),
        }
        for index, write in enumerate(header):
            for name in write.auto:
                words[index] |= values[name] << write.register.fields[name][1]
    return [(offset, words) for offset, _, words in placed]


def expand(parts, data):
    """The pieces that a list of parts stands for, and what is left of the data."""
    pieces = []
    for kind, size in parts:
        pieces.append(bytes(size) if kind == "zeros" else data[:size])
        data = data if kind == "zeros" else data[size:]
    return pieces, data


def sidecar():
    """The file with coefficients that are too large for the script."""
    return os.path.splitext(__file__)[0] + ".coeff.bin"


def coefficients():
    """The pieces of CONST, and of each row of KERNELS."""
    if DATA is None:
        try:
            with open(sidecar(), "rb") as file:
                data = file.read()
        except FileNotFoundError:
            name = os.path.basename(sidecar())
            raise ValueError(f"{name}, the coefficients, must lie beside it") from None
    else:
        data = base64.b85decode(DATA.replace("\n", ""))
    if len(data) != DATA_BYTES or hashlib.sha256(data).hexdigest() != DATA_SHA256:
        raise ValueError(
            f"the coefficients are not those that the script was made with ({len(data)} bytes)"
        )
    const, rest = expand(CONST, memoryview(data))
    kernels = []
    for kernel in KERNELS:
        pieces, rest = expand(kernel.parts, rest)
        kernels.append(b"".join(pieces))
    return const, kernels


def build():
    """Assembles the program."""
    taken = {bar: name for name, bar in FIXED_BARS.items()} | ALIASES
    for row in (*TENSORS, *KERNELS):
        if row.bar in taken:
            raise ValueError(f"BAR {row.bar} is both {taken[row.bar]} and {row.name}")
        taken[row.bar] = row.name
    placed = lay_out(tasks())
    text = bytearray.fromhex(FRAME)
    text.extend(bytes(max(0, (TEXT_SIZE or 0) - len(text))))
    for offset, words in placed:
        end = offset + 4 * len(words)
        text.extend(bytes(max(0, end - len(text))))
        text[offset:end] = struct.pack(f"<{len(words)}I", *words)
    for offset, piece in STRAY:
        text[offset : offset + len(piece) // 2] = bytes.fromhex(piece)
    const, kernels = coefficients()
    start = CONST_OFFSET or -(-len(text) // 64) * 64
    if start < len(text):
        raise ValueError(
            f"the text ({len(text):#x} bytes) reaches into the coefficients at {start:#x}"
        )
    if const:
        text.extend(bytes(start - len(text)))
    return Command(
        b"".join([text, *const]), len(text), 4 * len(placed[0][1]), len(placed), kernels
    )


def command_buffer():
    """Text, zero padding and coefficients: buffer 0, without page padding."""
    return build().data


def run(inputs, fill, device):
    """No known driver runs such a program."""
    return stop(
        f"cannot run: the known driver's SUBMIT, and the virtual ANE, run H13 programs, not {ARCH} ones"
    )


SENTINEL = 0xFD  # as float16 a NaN, which the engine never writes


def check_size(tensor):
    """Refuses a tensor whose elements do not lie in its bytes."""
    last = sum(
        (size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides)
    )
    room = tensor.size - np.dtype(tensor.dtype).itemsize
    if min(tensor.shape) < 1 or not 0 <= last <= room:
        raise ValueError(f"tensor {tensor.name} does not fit its {tensor.size} bytes")


def untouched(array):
    """How many elements still hold the sentinel; of integers only a whole tensor counts."""
    pattern = np.frombuffer(bytes([SENTINEL]) * array.itemsize, f"u{array.itemsize}")[0]
    count = int(np.count_nonzero(array.view(f"u{array.itemsize}") == pattern))
    return count if array.dtype.kind == "f" or count == array.size else 0


def stop(message):
    """Ends the script over something that the user can mend."""
    print(f"{os.path.basename(sys.argv[0])}: {message}", file=sys.stderr)
    sys.exit(2)


def default_inputs():
    """The first input filled with 3, the second with 2, further ones with 1."""
    for tensor in TENSORS:
        if tensor.shape is not None:
            check_size(tensor)
    rows = [tensor for tensor in TENSORS if tensor.role == "input"]
    return {
        row.name: np.full(row.shape, value, row.dtype)
        for row, value in zip(rows, [3, 2] + [1] * len(rows))
    }


BAD_FILE = OSError, ValueError, EOFError, zipfile.BadZipFile


def read_inputs(options):
    """The default inputs with those of the command line (NAME=VALUE or NAME=FILE.npy) put over them."""
    inputs = default_inputs()
    for option in options:
        name, equals, value = option.partition("=")
        if not equals or name not in inputs:
            stop(
                f"--input {option}: no input is called {name!r} (inputs: {', '.join(inputs)})"
            )
        try:
            array = (
                np.load(value)
                if value.endswith(".npy")
                else np.full(inputs[name].shape, float(value))
            )
        except BAD_FILE as error:
            stop(f"--input {option}: {reason(error) or 'no number and no .npy file'}")
        if array.shape != inputs[name].shape:
            stop(
                f"--input {option}: shape {array.shape}, but {name} has {inputs[name].shape}"
            )
        inputs[name] = fitting(array, inputs[name].dtype, f"--input {option}")
    return inputs


def fitting(array, dtype, option):
    """The array in another type, which must hold its values; floats are rounded."""
    if array.dtype.kind not in "biuf":
        stop(f"{option}: {array.dtype} values are no numbers of the engine's")
    with np.errstate(all="ignore"):
        cast = array.astype(dtype)
    kept = cast == array
    if cast.dtype.kind == "f":
        kept = np.isfinite(cast) | ~np.isfinite(array)
    if not kept.all():
        stop(f"{option}: {dtype} does not hold {array[~kept].flat[0]}")
    return cast


def check_files(options):
    """Refuses to write over what the run reads."""
    read = [__file__, sidecar(), options.golden or ""]
    read += [option.partition("=")[2] for option in options.input]
    targets = [path for path in (options.save, options.write_command) if path]
    for target in filter(os.path.exists, targets):
        if any(os.path.samefile(target, path) for path in filter(os.path.exists, read)):
            stop(f"{target} would be written over, but it is read")


def read_golden(path):
    """The arrays of an .npz, by name."""
    try:
        golden = np.load(path)
        if isinstance(golden, np.ndarray):
            stop(f"--golden {path}: holds an array without a name; give an .npz")
        with golden:
            return dict(golden)
    except BAD_FILE as error:
        return stop(f"--golden {path}: {reason(error) or 'no .npz file'}")


def reason(error):
    """Why a file cannot be opened; empty where something is wrong with what is in it."""
    return (error.strerror or "") if isinstance(error, OSError) else ""


def compare(outputs, golden, tolerance):
    """Prints PASS or FAIL for every output against an array of its name; returns whether all pass."""
    passed = True
    for name, array in outputs.items():
        if name not in golden or golden[name].shape != array.shape:
            verdict = "FAIL: the file has no array of this name and shape"
        else:
            want, got = golden[name].astype("f8"), array.astype("f8")
            with np.errstate(invalid="ignore"):
                near = (
                    (np.abs(got - want) <= tolerance)
                    | (got == want)
                    | (np.isnan(got) & np.isnan(want))
                )
            worst = int(np.count_nonzero(~near))
            verdict = (
                f"FAIL: {worst} of {near.size} elements differ" if worst else "PASS"
            )
        passed = passed and verdict == "PASS"
        print(f"{name}: {verdict}")
    return passed


def report(outputs, fill):
    """Prints the outputs; returns whether all of them were written."""
    written = True
    for index, (name, array) in enumerate(outputs.items()):
        print(f"{name}: {array.dtype} {array.shape}")
        missing = untouched(array) if fill is None else 0
        if missing:
            written = False
            part = (
                "not written"
                if missing == array.size
                else f"{missing} of {array.size} elements not written"
            )
            print(f"{name}: {part}", file=sys.stderr)
        if index == 0 and missing != array.size:
            print(f"output[0] = {array.flat[0]}")
    return written


def arguments(argv):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--device",
        metavar="PATH",
        help="accel node (default: the one whose driver is called ane)",
    )
    parser.add_argument(
        "--input",
        metavar="NAME=VALUE|NAME=FILE.npy",
        action="append",
        default=[],
        help="an input",
    )
    parser.add_argument(
        "--save", metavar="FILE.npz", help="write the outputs, by name, in their shapes"
    )
    parser.add_argument(
        "--golden",
        metavar="FILE.npz",
        help="compare the outputs: PASS or FAIL (exit 1)",
    )
    parser.add_argument(
        "--atol",
        metavar="X",
        type=float,
        default=0.0,
        help="largest difference for --golden",
    )
    parser.add_argument(
        "--fill", metavar="VALUE", type=float, help="what outputs hold before the run"
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="build the command buffer and touch no device",
    )
    parser.add_argument(
        "--write-command",
        metavar="FILE",
        help="write buffer 0 to a file and touch no device",
    )
    return parser.parse_args(argv)


def main(argv=None):
    """Runs the program, or builds it only."""
    options = arguments(argv)
    check_files(options)
    try:
        if options.dry_run or options.write_command:
            command = build()
            if options.write_command:
                with open(options.write_command, "wb") as file:
                    file.write(command.data)
            digest = hashlib.sha256(command.data).hexdigest()
            sizes = f"{command.task_count} tasks, first task {command.first_task_bytes}, text {command.text_bytes}"
            print(
                f"command buffer: {len(command.data)} bytes ({sizes}), sha256 {digest}"
            )
            return 0
        inputs = read_inputs(options.input)
        golden = read_golden(options.golden) if options.golden else {}
        if options.fill is not None:
            for tensor in TENSORS:
                if tensor.role == "output":
                    fitting(np.array(options.fill), np.dtype(tensor.dtype), "--fill")
        outputs = run(inputs, options.fill, options.device)
        written = report(outputs, options.fill)
        if options.save:
            with open(options.save, "wb") as file:
                np.savez(file, **outputs)
        passed = not options.golden or compare(outputs, golden, options.atol)
        return 0 if written and passed else 1
    except TimeoutError:
        return stop("the engine did not finish: SUBMIT timed out")
    except BAD_FILE as error:
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.name.startswith("task_")
        ]
        return stop("".join(f"line {line}: " for line in lines[-1:]) + str(error))


if __name__ == "__main__":
    sys.exit(main())
