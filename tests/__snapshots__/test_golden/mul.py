#!/usr/bin/env python3
"""mul: a register program for the Apple Neural Engine H13.

Chips: A14 (T8101), M1 (T8103), M1 Pro, Max, Ultra (T6000, T6001, T6002).

    python SCRIPT               run it on the engine (Linux, the accel node of the driver called ane)
    hwx2py emulate SCRIPT       run it on a virtual engine
    python SCRIPT --dry-run     build the command buffer, touch no device
    python SCRIPT --help        inputs, golden files, saving

Made by hwx2py 0.1.0 from mul.hwx, 32768 bytes, sha256
43bde6d5d165bf1b9efc39097d6dda9e2f6b49cb41fef38b5732c0b4a91b07aa.
Compiler: hwx2py v0.1.0, examples/make.py.

The values are meant to be edited. A line writes a register: fields by name, those that are left out are 0;
a first argument without a name holds bits that no field names. AUTO follows from where the tasks lie.
Buffers are named as in TENSORS, whose BAR is what the tasks select and what the driver is told.
"""

import argparse
import base64
import contextlib
import ctypes
import fcntl
import glob
import hashlib
import mmap
import os
import struct
import sys
import traceback
import zipfile
from typing import NamedTuple

import numpy as np

ARCH = "H13"


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
    Tensor("a", "input", 4, (1, 4, 2, 16), (512, 128, 64, 2), "float16", 512),
    Tensor("b", "input", 5, (1, 4, 2, 16), (512, 128, 64, 2), "float16", 512),
    Tensor("y", "output", 6, (1, 4, 2, 16), (512, 128, 64, 2), "float16", 512),
]


def task_0():
    """y = a * b; planar engine, 4 x 2 x 16."""
    return [
        # Header: task descriptor header
        Header.W0(EON=1),                                                       # identity of the task
        Header.W1(NextSize=AUTO),                                               # cost, and size of the next task
        Header.W2(LogEvents=0x0),                                               # events that are logged
        Header.W3(Exceptions=0x0),                                              # events that raise an exception
        Header.W4(DebugLogEvents=0x0),                                          # events that are logged when debugging
        Header.W5(DebugExceptions=0x0),                                         # events that raise an exception when debugging
        Header.W6(SrcLoc=1, DstLoc=1),                                          # synchronisation and placement
        Header.W7(NextPointer=AUTO),                                            # where the next task lies
        Header.W8(RBase0="a", RBE0=1, RBase1="b", RBE1=1, WBase="y", WBE=1),    # buffers that the task reads and writes
        Header.W9(0),                                                           # buffers that hold coefficients
        # Common: shapes, formats and kind of the task
        Common.InDim(Win=16, Hin=2),                                            # input size
        Common.InDepth(Din=1),                                                  # input depth
        Common.ChCfg(InFmt="Float16", Src2InFmt="Float16", OutFmt="Float16"),   # element formats
        Common.Cin(Cin=4),                                                      # input channels
        Common.Cout(Cout=4),                                                    # output channels
        Common.OutDim(Wout=16, Hout=2),                                         # output size
        Common.OutDepth(Dout=1),                                                # output depth
        Common.ConvCfg(Kw=1, Kh=1, Sx=1, Sy=1, Ox=1, Oy=1),                     # kernel window
        Common.ConvCfg3d(Kd=1, Sz=1, Oz=1),                                     # kernel window, third dimension
        Common.GroupConvCfg(NumGroups=1, UnicastCin=1),                         # groups
        Common.TileCfg(TileHeight=2),                                           # tiling
        Common.PatchCfg(0),                                                     # planar engine patch
        Common.PECfg(0),                                                        # broadcast and transposition of the planar engine
        Common.Cfg(TaskType="ElementwiseTwoSources"),                           # kind of task and engines
        Common.TaskInfo(0),                                                     # identity of the task, for the blocks
        Common.DPE(Category=0),                                                 # power estimation
        # L2: the buffer memory between DMA and the engines
        L2.L2Cfg(0),                                                            # what happens on entry
        L2.SourceCfg(SourceType="DmaRead", DMAFmt="16b", DMAInterleave=1, Source2Dma=1),  # where the sources come from
        L2.SourceBase(Addr=0x0),                                                # where source 1 lies in L2
        L2.SourceChannelStride(Stride=0x0),                                     # from channel to channel of source 1 in L2
        L2.SourceRowStride(Stride=0x0),                                         # from row to row of source 1 in L2
        L2.SourceDepthStride(Stride=0x0),                                       # from depth slice to depth slice of source 1 in L2
        L2.SourceGroupStride(Stride=0x0),                                       # from group to group of source 1 in L2
        L2.Source2Base(Addr=0x0),                                               # where source 2 lies in L2
        L2.Source2ChannelStride(Stride=0x0),                                    # from channel to channel of source 2 in L2
        L2.Source2RowStride(Stride=0x0),                                        # from row to row of source 2 in L2
        L2.Source2DepthStride(Stride=0x0),                                      # from depth slice to depth slice of source 2 in L2
        L2.Source2GroupStride(Stride=0x0),                                      # from group to group of source 2 in L2
        L2.ResultCfg(ResultType="DmaWrite", DMAFmt="16b", DMAInterleave=1),     # where the result goes
        L2.ResultBase(Addr=0x0),                                                # where the result lies in L2
        L2.ResultChannelStride(Stride=0x0),                                     # from channel to channel of the result in L2
        L2.ResultRowStride(Stride=0x0),                                         # from row to row of the result in L2
        L2.ResultDepthStride(Stride=0x0),                                       # from depth slice to depth slice of the result in L2
        L2.ResultGroupStride(Stride=0x0),                                       # from group to group of the result in L2
        # PE: the planar engine
        PE.Cfg(OpMode="Mul", SecSrc="+Source2"),                                # operation
        PE.BiasScale(Scale=1.0),                                                # after the operation: times Scale, plus Bias
        PE.PreScale(PreScale=1.0),                                              # before the operation
        PE.FinalScale(FinalScale=1.0),                                          # last factor (1/N of a mean)
        # NE: the neural engines
        NE.KernelCfg(PalettizedBits=8),                                         # format of the coefficients
        NE.MACCfg(ArgOutputSelect=1),                                           # operation
        NE.MatrixVectorBias(MatrixVectorBias=0x0),                              # matrix bias
        NE.AccBias(0),                                                          # start value of the accumulators
        NE.PostScale(0),                                                        # factor on the sums
        # TileDMASrc: DMA that fetches the sources
        TileDMASrc.Src1DMAConfig(En=1),                                         # how source 1 is fetched
        TileDMASrc.Src2DMAConfig(0),                                            # how source 2 is fetched
        TileDMASrc.Src1BaseAddr(Addr=0x0),                                      # where source 1 begins in its BAR
        TileDMASrc.Src1RowStride(Stride=0x40),                                  # from row to row of source 1
        TileDMASrc.Src1PlaneStride(Stride=0x80),                                # from channel to channel of source 1
        TileDMASrc.Src1DepthStride(Stride=0x200),                               # from depth slice to depth slice of source 1
        TileDMASrc.Src1GroupStride(Stride=0x200),                               # from group to group of source 1
        TileDMASrc.Src2BaseAddr(Addr=0x0),                                      # where source 2 begins in its BAR
        TileDMASrc.Src2RowStride(Stride=0x40),                                  # from row to row of source 2
        TileDMASrc.Src2PlaneStride(Stride=0x80),                                # from channel to channel of source 2
        TileDMASrc.Src2DepthStride(Stride=0x200),                               # from depth slice to depth slice of source 2
        TileDMASrc.Src2GroupStride(Stride=0x200),                               # from group to group of source 2
        TileDMASrc.Unk13830(0),                                                 # no name in any source
        TileDMASrc.Unk13834(0),                                                 # no name in any source
        TileDMASrc.Src1Fmt(FmtMode=1, Truncate=3, MemFmt="16b", Interleave=1),  # layout of source 1 in memory
        TileDMASrc.Src2Fmt(Truncate=3, MemFmt="16b"),                           # layout of source 2 in memory
        TileDMASrc.Unk13840(0x100),                                             # 0x100 since compiler 7.6 and wherever the NE works, else 0
        TileDMASrc.Unk13844(0),                                                 # no name in any source
        TileDMASrc.Unk13848(0),                                                 # no name in any source
        TileDMASrc.Unk1384c(0),                                                 # no name in any source
        TileDMASrc.PixelOffset[0](Offset=0),                                    # offset of the first pixel
        TileDMASrc.PixelOffset[1](Offset=0),
        TileDMASrc.PixelOffset[2](Offset=0),
        TileDMASrc.PixelOffset[3](Offset=0),
        TileDMASrc.Unk13860(0),                                                 # no name in any source
        TileDMASrc.Unk13864(0),                                                 # no name in any source
        TileDMASrc.Unk13868(0),                                                 # no name in any source
        TileDMASrc.Unk1386c(0),                                                 # no name in any source
        # TileDMADst: DMA that stores the result
        TileDMADst.DMAConfig(En=1),                                             # how the result is stored
        TileDMADst.BaseAddr(Addr=0x0),                                          # where the result begins in its BAR
        TileDMADst.RowStride(Stride=0x40),                                      # from row to row of the result
        TileDMADst.PlaneStride(Stride=0x80),                                    # from channel to channel of the result
        TileDMADst.DepthStride(Stride=0x200),                                   # from depth slice to depth slice of the result
        TileDMADst.GroupStride(Stride=0x200),                                   # from group to group of the result
        TileDMADst.Fmt(FmtMode=1, Truncate=3, MemFmt="16b", Interleave=1),      # layout of the result in memory
        # KernelDMASrc: DMA that fetches coefficients, a channel for each neural engine
        KernelDMASrc.MasterConfig(0),                                           # fetch of coefficients
        KernelDMASrc.Unk1f804(0),                                               # no name in any source
        KernelDMASrc.CoeffDMAConfig[0](CacheHint=2),                            # fetch of an engine's coefficients
        KernelDMASrc.CoeffDMAConfig[1](CacheHint=2),
        KernelDMASrc.CoeffDMAConfig[2](CacheHint=2),
        KernelDMASrc.CoeffDMAConfig[3](CacheHint=2),
        KernelDMASrc.CoeffDMAConfig[4](CacheHint=2),
        KernelDMASrc.CoeffDMAConfig[5](CacheHint=2),
        KernelDMASrc.CoeffDMAConfig[6](CacheHint=2),
        KernelDMASrc.CoeffDMAConfig[7](CacheHint=2),
        KernelDMASrc.CoeffDMAConfig[8](CacheHint=2),
        KernelDMASrc.CoeffDMAConfig[9](CacheHint=2),
        KernelDMASrc.CoeffDMAConfig[10](CacheHint=2),
        KernelDMASrc.CoeffDMAConfig[11](CacheHint=2),
        KernelDMASrc.CoeffDMAConfig[12](CacheHint=2),
        KernelDMASrc.CoeffDMAConfig[13](CacheHint=2),
        KernelDMASrc.CoeffDMAConfig[14](CacheHint=2),
        KernelDMASrc.CoeffDMAConfig[15](CacheHint=2),
        KernelDMASrc.CoeffBaseAddr[0](Addr=0x0),                                # where an engine's coefficients begin in the coefficient BAR
        KernelDMASrc.CoeffBaseAddr[1](Addr=0x0),
        KernelDMASrc.CoeffBaseAddr[2](Addr=0x0),
        KernelDMASrc.CoeffBaseAddr[3](Addr=0x0),
        KernelDMASrc.CoeffBaseAddr[4](Addr=0x0),
        KernelDMASrc.CoeffBaseAddr[5](Addr=0x0),
        KernelDMASrc.CoeffBaseAddr[6](Addr=0x0),
        KernelDMASrc.CoeffBaseAddr[7](Addr=0x0),
        KernelDMASrc.CoeffBaseAddr[8](Addr=0x0),
        KernelDMASrc.CoeffBaseAddr[9](Addr=0x0),
        KernelDMASrc.CoeffBaseAddr[10](Addr=0x0),
        KernelDMASrc.CoeffBaseAddr[11](Addr=0x0),
        KernelDMASrc.CoeffBaseAddr[12](Addr=0x0),
        KernelDMASrc.CoeffBaseAddr[13](Addr=0x0),
        KernelDMASrc.CoeffBaseAddr[14](Addr=0x0),
        KernelDMASrc.CoeffBaseAddr[15](Addr=0x0),
        KernelDMASrc.CoeffBfrSize[0](MemBfrSize=0x0),                           # size of an engine's coefficients
        KernelDMASrc.CoeffBfrSize[1](MemBfrSize=0x0),
        KernelDMASrc.CoeffBfrSize[2](MemBfrSize=0x0),
        KernelDMASrc.CoeffBfrSize[3](MemBfrSize=0x0),
        KernelDMASrc.CoeffBfrSize[4](MemBfrSize=0x0),
        KernelDMASrc.CoeffBfrSize[5](MemBfrSize=0x0),
        KernelDMASrc.CoeffBfrSize[6](MemBfrSize=0x0),
        KernelDMASrc.CoeffBfrSize[7](MemBfrSize=0x0),
        KernelDMASrc.CoeffBfrSize[8](MemBfrSize=0x0),
        KernelDMASrc.CoeffBfrSize[9](MemBfrSize=0x0),
        KernelDMASrc.CoeffBfrSize[10](MemBfrSize=0x0),
        KernelDMASrc.CoeffBfrSize[11](MemBfrSize=0x0),
        KernelDMASrc.CoeffBfrSize[12](MemBfrSize=0x0),
        KernelDMASrc.CoeffBfrSize[13](MemBfrSize=0x0),
        KernelDMASrc.CoeffBfrSize[14](MemBfrSize=0x0),
        KernelDMASrc.CoeffBfrSize[15](MemBfrSize=0x0),
        KernelDMASrc.BiasDMAConfig(0),                                          # fetch of biases
        KernelDMASrc.PostScaleDMAConfig(0),                                     # fetch of post-scales
        KernelDMASrc.PaletteLutDMAConfig(0),                                    # fetch of palettes
        KernelDMASrc.NonLinearLutDMAConfig(0),                                  # fetch of lookup tables
        KernelDMASrc.BiasBaseAddr(Addr=0x0),                                    # where biases begin in the coefficient BAR
        KernelDMASrc.PostScaleBaseAddr(Addr=0x0),                               # where post-scales begin in the coefficient BAR
        KernelDMASrc.PaletteLutBaseAddr(Addr=0x0),                              # where palettes begin in the coefficient BAR
        KernelDMASrc.NonLinearLutBaseAddr(Addr=0x0),                            # where lookup tables begin in the coefficient BAR
        KernelDMASrc.BiasBfrSize(MemBfrSize=0x0),                               # size of biases
        KernelDMASrc.PostScaleBfrSize(MemBfrSize=0x0),                          # size of post-scales
        KernelDMASrc.PaletteLutBfrSize(MemBfrSize=0x0),                         # size of palettes
        KernelDMASrc.NonLinearLutBfrSize(MemBfrSize=0x0),                       # size of lookup tables
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
FRAME = ""
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

    W0 = Register(0x00000, header=True, TID=(15, 0), NID=(23, 16), LNID=(24, 24), EON=(25, 25))  # identity of the task
    W1 = Register(0x00004, header=True, ExeCycles=(15, 0), NextSize=(24, 16, LAYOUT))  # cost, and size of the next task
    W2 = Register(0x00008, header=True, LogEvents=(23, 0))  # events that are logged
    W3 = Register(0x0000c, header=True, Exceptions=(23, 0))  # events that raise an exception
    W4 = Register(0x00010, header=True, DebugLogEvents=(23, 0))  # events that are logged when debugging
    W5 = Register(0x00014, header=True, DebugExceptions=(23, 0))  # events that raise an exception when debugging
    W6 = Register(0x00018, header=True, DisallowAbort=(8, 8), TDSkip=(9, 9), KPC=(10, 10), SPL=(11, 11), TSR=(12, 12), SPC=(13, 13), DPC=(14, 14), TSE=(15, 15), NextPriority=(21, 16), TDE=(24, 24), SrcLoc=(28, 28), DstLoc=(29, 29), TQDis=(31, 31))  # synchronisation and placement
    W7 = Register(0x0001c, header=True, NextPointer=(31, 0, LAYOUT))  # where the next task lies
    W8 = Register(0x00020, header=True, RBase0=(4, 0, BAR), RBE0=(5, 5), RBase1=(10, 6, BAR), RBE1=(11, 11), WBase=(16, 12, BAR), WBE=(17, 17), TBase=(22, 18, BAR), TBE=(23, 23), ENE=(26, 24))  # buffers that the task reads and writes
    W9 = Register(0x00024, header=True, KBase0=(4, 0, BAR), KBE0=(5, 5), KBase1=(10, 6, BAR), KBE1=(11, 11), KBase2=(16, 12, BAR), KBE2=(17, 17), KBase3=(22, 18, BAR), KBE3=(23, 23))  # buffers that hold coefficients
    DTID = Register(0x00028, header=True, DTID=(15, 0))  # the task whose result is this task's kernel


class Common:
    """0x00000: shapes, formats and kind of the task."""

    InDim = Register(0x00000, Win=(14, 0), Hin=(30, 16))  # input size
    InDepth = Register(0x00004, Din=(14, 0))  # input depth
    ChCfg = Register(0x00008, InFmt=(1, 0, {"UInt8": 0, "Int8": 1, "Float16": 2}), Src2InFmt=(3, 2, {"UInt8": 0, "Int8": 1, "Float16": 2}), OutFmt=(5, 4, {"UInt8": 0, "Int8": 1, "Float16": 2}))  # element formats
    Cin = Register(0x0000c, Cin=(16, 0))  # input channels
    Cout = Register(0x00010, Cout=(16, 0))  # output channels
    OutDim = Register(0x00014, Wout=(14, 0), Hout=(30, 16))  # output size
    OutDepth = Register(0x00018, Dout=(14, 0))  # output depth
    ConvCfg = Register(0x0001c, Kw=(4, 0), Kh=(9, 5), OCGSize=(12, 10), Sx=(14, 13), Sy=(16, 15), Px=(21, 17), Py=(26, 22), Ox=(29, 28), Oy=(31, 30))  # kernel window
    ConvCfg3d = Register(0x00020, Kd=(4, 0), Sz=(7, 6), Pz=(11, 8), Oz=(14, 13))  # kernel window, third dimension
    GroupConvCfg = Register(0x00024, NumGroups=(12, 0), UnicastEn=(14, 14), ElemMultMode=(15, 15), UnicastCin=(31, 16))  # groups
    TileCfg = Register(0x00028, TileHeight=(14, 0))  # tiling
    PatchCfg = Register(0x0002c, PatchWidth=(3, 0), PatchHeight=(8, 4))  # planar engine patch
    PECfg = Register(0x00030, Src1BroadcastW=(0, 0), Src1BroadcastH=(1, 1), Src1BroadcastD=(2, 2), Src1BroadcastC=(3, 3), Src2BroadcastW=(4, 4), Src2BroadcastH=(5, 5), Src2BroadcastD=(6, 6), Src2BroadcastC=(7, 7), Src1Transpose=(8, 8), Src2Transpose=(9, 9), OutputTranspose=(10, 10))  # broadcast and transposition of the planar engine
    Cfg = Register(0x00034, Unk0=(0, 0), Source2Dma=(1, 1), SmallSourceMode=(2, 2), TaskType=(7, 4, {"NE": 0, "PoolOneSource": 1, "ElementwiseOneSource": 2, "ElementwiseTwoSources": 3, "GainOffset": 4, "ReduceOneSource": 5, "ReduceTwoSources": 6, "PoolTwoSources": 8}), ShPref=(10, 8), ShMin=(14, 12), ShMax=(18, 16), ActiveNE=(21, 19), ContextSwitchIn=(22, 22), ContextSwitchOut=(24, 24), AccDoubleBufEn=(26, 26), OutTrans=(28, 28), FillLowerNE=(29, 29))  # kind of task and engines
    TaskInfo = Register(0x00038, TaskID=(15, 0), TaskQ=(19, 16), NID=(27, 20))  # identity of the task, for the blocks
    DPE = Register(0x0003c, Category=(3, 0))  # power estimation


class L2:
    """0x04800: the buffer memory between DMA and the engines."""

    L2Cfg = Register(0x04800, InputReLU=(0, 0), PaddingMode=(3, 2), Src2ReLU=(4, 4))  # what happens on entry
    SourceCfg = Register(0x04804, SourceType=(1, 0, {"L2Read": 0, "DmaReadKeep": 1, "DmaRead": 2, "L2ChainRead": 3}), Dependent=(3, 2), AliasConvSrc=(4, 4), AliasConvRslt=(5, 5), DMAFmt=(7, 6, {"8b": 0, "16b": 1, "32b": 3}), DMAInterleave=(11, 8), DMACmpVec=(15, 12), DMAOffsetCh=(18, 16), AliasPlanarSrc=(20, 20), AliasPlanarRslt=(22, 22), Source2Dma=(24, 24))  # where the sources come from
    SourceBase = Register(0x04808, Addr=(20, 4, BYTES))  # where source 1 lies in L2
    SourceChannelStride = Register(0x0480c, Stride=(20, 4, BYTES))  # from channel to channel of source 1 in L2
    SourceRowStride = Register(0x04810, Stride=(20, 4, BYTES))  # from row to row of source 1 in L2
    SourceDepthStride = Register(0x04814, Stride=(20, 4, BYTES))  # from depth slice to depth slice of source 1 in L2
    SourceGroupStride = Register(0x04818, Stride=(20, 4, BYTES))  # from group to group of source 1 in L2
    Source2Base = Register(0x0481c, Addr=(20, 4, BYTES))  # where source 2 lies in L2
    Source2ChannelStride = Register(0x04820, Stride=(20, 4, BYTES))  # from channel to channel of source 2 in L2
    Source2RowStride = Register(0x04824, Stride=(20, 4, BYTES))  # from row to row of source 2 in L2
    Source2DepthStride = Register(0x04828, Stride=(20, 4, BYTES))  # from depth slice to depth slice of source 2 in L2
    Source2GroupStride = Register(0x0482c, Stride=(20, 4, BYTES))  # from group to group of source 2 in L2
    ResultCfg = Register(0x04830, ResultType=(1, 0, {"L2Write": 0, "L2WriteAndDma": 1, "DmaWrite": 2, "L2ChainWrite": 3}), L2BfrMode=(3, 3), AliasConvSrc=(4, 4), AliasConvRslt=(5, 5), DMAFmt=(7, 6, {"8b": 0, "16b": 1, "32b": 3}), DMAInterleave=(11, 8), DMACmpVec=(15, 12), DMAOffsetCh=(18, 16), AliasPlanarSrc=(20, 20), AliasPlanarRslt=(22, 22))  # where the result goes
    ResultBase = Register(0x04834, Addr=(20, 4, BYTES))  # where the result lies in L2
    ResultChannelStride = Register(0x04838, Stride=(20, 4, BYTES))  # from channel to channel of the result in L2
    ResultRowStride = Register(0x0483c, Stride=(20, 4, BYTES))  # from row to row of the result in L2
    ResultDepthStride = Register(0x04840, Stride=(20, 4, BYTES))  # from depth slice to depth slice of the result in L2
    ResultGroupStride = Register(0x04844, Stride=(20, 4, BYTES))  # from group to group of the result in L2


class PE:
    """0x08800: the planar engine."""

    Cfg = Register(0x08800, PoolMode=(1, 0, {"Sum": 0, "Max": 2, "Min": 3}), OpMode=(4, 2, {"Add": 0, "Mul": 1, "Max": 2, "Min": 3, "SumSquares": 4}), ReluEn=(5, 5), Cond=(6, 6, {"None": 0, "Abs": 1}), NLMode=(13, 12, {"None": 0, "Reciprocal": 1, "Rsqrt": 2}), FirstSrc=(16, 16, {"+Source1": 0, "-Source1": 1}), SecSrc=(19, 18, {"None": 0, "+Source2": 2, "-Source2": 3}))  # operation
    BiasScale = Register(0x08804, Bias=(15, 0, FP16), Scale=(31, 16, FP16))  # after the operation: times Scale, plus Bias
    PreScale = Register(0x08808, Epsilon=(15, 0, FP16), PreScale=(31, 16, FP16))  # before the operation
    FinalScale = Register(0x0880c, FinalScale=(31, 0, FP32))  # last factor (1/N of a mean)


class NE:
    """0x0c800: the neural engines."""

    KernelCfg = Register(0x0c800, KernelFmt=(1, 0, {"UInt8": 0, "Int8": 1, "Float16": 2}), PalettizedEn=(2, 2), PalettizedBits=(7, 4), SparseFmt=(8, 8), GroupKernelReuse=(10, 10), KeepKernel=(12, 12), UsePrevKernel=(14, 14), AlignmentFmt=(16, 16))  # format of the coefficients
    MACCfg = Register(0x0c804, OpMode=(2, 0, {"Conv": 0, "ElementwiseMult": 2, "CrossChannelMax": 3, "Bypass": 4}), KernelMode=(3, 3, {"Kernel": 0, "Unity": 1}), BiasMode=(4, 4), MatrixBiasEn=(6, 6), BinaryPoint=(12, 8), PostScaleMode=(14, 14), NonlinearMode=(17, 16, {"None": 0, "ReLU": 1, "LUT": 2}), ArgOutputSelect=(23, 20))  # operation
    MatrixVectorBias = Register(0x0c808, MatrixVectorBias=(15, 0))  # matrix bias
    AccBias = Register(0x0c80c, AccBias=(15, 0, FP16), AccBiasShift=(20, 16))  # start value of the accumulators
    PostScale = Register(0x0c810, PostScale=(15, 0, FP16), PostRightShift=(20, 16))  # factor on the sums


class TileDMASrc:
    """0x13800: DMA that fetches the sources."""

    Src1DMAConfig = Register(0x13800, En=(0, 0), CrH=(5, 4), CacheHint=(9, 6), CacheHintReuse=(13, 10), CacheHintNoReuse=(17, 14), DependencyMode=(19, 18))  # how source 1 is fetched
    Src2DMAConfig = Register(0x13804, En=(0, 0), CrH=(5, 4), CacheHint=(9, 6), CacheHintReuse=(13, 10), CacheHintNoReuse=(17, 14), DependencyMode=(19, 18))  # how source 2 is fetched
    Src1BaseAddr = Register(0x13808, Addr=(31, 6, BYTES))  # where source 1 begins in its BAR
    Src1RowStride = Register(0x1380c, Stride=(31, 6, BYTES))  # from row to row of source 1
    Src1PlaneStride = Register(0x13810, Stride=(31, 6, BYTES))  # from channel to channel of source 1
    Src1DepthStride = Register(0x13814, Stride=(31, 6, BYTES))  # from depth slice to depth slice of source 1
    Src1GroupStride = Register(0x13818, Stride=(31, 6, BYTES))  # from group to group of source 1
    Src2BaseAddr = Register(0x1381c, Addr=(31, 6, BYTES))  # where source 2 begins in its BAR
    Src2RowStride = Register(0x13820, Stride=(31, 6, BYTES))  # from row to row of source 2
    Src2PlaneStride = Register(0x13824, Stride=(31, 6, BYTES))  # from channel to channel of source 2
    Src2DepthStride = Register(0x13828, Stride=(31, 6, BYTES))  # from depth slice to depth slice of source 2
    Src2GroupStride = Register(0x1382c, Stride=(31, 6, BYTES))  # from group to group of source 2
    Unk13830 = Register(0x13830)  # no name in any source
    Unk13834 = Register(0x13834)  # no name in any source
    Src1Fmt = Register(0x13838, FmtMode=(1, 0), Truncate=(5, 4), Shift=(8, 8), MemFmt=(13, 12, {"8b": 0, "16b": 2}), OffsetCh=(18, 16), Interleave=(27, 24), CmpVec=(31, 28))  # layout of source 1 in memory
    Src2Fmt = Register(0x1383c, FmtMode=(1, 0), Truncate=(5, 4), Shift=(8, 8), MemFmt=(13, 12, {"8b": 0, "16b": 2}), OffsetCh=(18, 16), Interleave=(27, 24), CmpVec=(31, 28))  # layout of source 2 in memory
    Unk13840 = Register(0x13840)  # 0x100 since compiler 7.6 and wherever the NE works, else 0
    Unk13844 = Register(0x13844)  # no name in any source
    Unk13848 = Register(0x13848)  # no name in any source
    Unk1384c = Register(0x1384c)  # no name in any source
    PixelOffset = Register(0x13850, count=4, Offset=(15, 0))  # offset of the first pixel
    Unk13860 = Register(0x13860)  # no name in any source
    Unk13864 = Register(0x13864)  # no name in any source
    Unk13868 = Register(0x13868)  # no name in any source
    Unk1386c = Register(0x1386c)  # no name in any source


class TileDMADst:
    """0x17800: DMA that stores the result."""

    DMAConfig = Register(0x17800, En=(0, 0), CrH=(5, 4), CacheHint=(9, 6), Unk18=(18, 18), Unk22=(22, 22), Unk23=(23, 23), L2BfrMode=(26, 26), BypassEOW=(27, 27))  # how the result is stored
    BaseAddr = Register(0x17804, Addr=(31, 6, BYTES))  # where the result begins in its BAR
    RowStride = Register(0x17808, Stride=(31, 6, BYTES))  # from row to row of the result
    PlaneStride = Register(0x1780c, Stride=(31, 6, BYTES))  # from channel to channel of the result
    DepthStride = Register(0x17810, Stride=(31, 6, BYTES))  # from depth slice to depth slice of the result
    GroupStride = Register(0x17814, Stride=(31, 6, BYTES))  # from group to group of the result
    Fmt = Register(0x17818, FmtMode=(1, 0), Truncate=(5, 4), Shift=(8, 8), MemFmt=(13, 12, {"8b": 0, "16b": 2}), OffsetCh=(18, 16), ZeroPadLast=(20, 20), ZeroPadFirst=(21, 21), CmpVecFill=(22, 22), Interleave=(27, 24), CmpVec=(31, 28))  # layout of the result in memory


class KernelDMASrc:
    """0x1f800: DMA that fetches coefficients, a channel for each neural engine."""

    MasterConfig = Register(0x1f800, GroupKernelReuse=(4, 4), KernelSparseFmt=(5, 5), MasterEnable=(6, 6))  # fetch of coefficients
    Unk1f804 = Register(0x1f804)  # no name in any source
    CoeffDMAConfig = Register(0x1f808, count=16, En=(0, 0), CrH=(5, 4), CacheHint=(9, 6), PrefetchParticipateEn=(28, 28))  # fetch of an engine's coefficients
    CoeffBaseAddr = Register(0x1f848, count=16, Addr=(31, 6, BYTES))  # where an engine's coefficients begin in the coefficient BAR
    CoeffBfrSize = Register(0x1f888, count=16, MemBfrSize=(31, 6, BYTES))  # size of an engine's coefficients
    BiasDMAConfig = Register(0x1f8c8, En=(0, 0), CrH=(5, 4), CacheHint=(9, 6), PrefetchParticipateEn=(28, 28))  # fetch of biases
    PostScaleDMAConfig = Register(0x1f8cc, En=(0, 0), CrH=(5, 4), CacheHint=(9, 6), PrefetchParticipateEn=(28, 28))  # fetch of post-scales
    PaletteLutDMAConfig = Register(0x1f8d0, En=(0, 0), CrH=(5, 4), CacheHint=(9, 6), PrefetchParticipateEn=(28, 28))  # fetch of palettes
    NonLinearLutDMAConfig = Register(0x1f8d4, En=(0, 0), CrH=(5, 4), CacheHint=(9, 6), PrefetchParticipateEn=(28, 28))  # fetch of lookup tables
    BiasBaseAddr = Register(0x1f8d8, Addr=(31, 6, BYTES))  # where biases begin in the coefficient BAR
    PostScaleBaseAddr = Register(0x1f8dc, Addr=(31, 6, BYTES))  # where post-scales begin in the coefficient BAR
    PaletteLutBaseAddr = Register(0x1f8e0, Addr=(31, 6, BYTES))  # where palettes begin in the coefficient BAR
    NonLinearLutBaseAddr = Register(0x1f8e4, Addr=(31, 6, BYTES))  # where lookup tables begin in the coefficient BAR
    BiasBfrSize = Register(0x1f8e8, MemBfrSize=(31, 6, BYTES))  # size of biases
    PostScaleBfrSize = Register(0x1f8ec, MemBfrSize=(31, 6, BYTES))  # size of post-scales
    PaletteLutBfrSize = Register(0x1f8f0, MemBfrSize=(31, 6, BYTES))  # size of palettes
    NonLinearLutBfrSize = Register(0x1f8f4, MemBfrSize=(31, 6, BYTES))  # size of lookup tables


FIXED_BARS = {"text": 0, "const": 1}
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


TASK_ALIGNMENT = 256  # bytes
ADDRESS_END = 1 << 26  # a record's header has room for the registers below


def header_count(header):
    """How many values follow a record's header word."""
    return (header >> 26) + 1


def group(writes):
    """(header word, number of writes) of each record: one for each run of consecutive registers."""
    start = 0
    for end in range(1, len(writes) + 1):
        goes_on = end < len(writes) and end - start < 64
        if (
            not goes_on
            or writes[end].register.address != writes[end - 1].register.address + 4
        ):
            yield (end - start - 1) << 26 | writes[start].register.address, end - start
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


BO_INIT, BO_FREE, SUBMIT, VERSION = 0xC0186441, 0xC0086442, 0xC0986443, 0xC0406400
BOOTSTRAP_NID = 0x40


class Ane:
    """The engine behind the Linux driver's DRM accel node."""

    def __init__(self, path):
        self.file = os.open(path, os.O_RDWR)
        self.handles, self.mappings = [], []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for memory in self.mappings:
            with contextlib.suppress(BufferError):
                memory.close()
        for handle in self.handles:
            self.call("BO_FREE", BO_FREE, "<2I", handle, 0)
        os.close(self.file)

    def call(self, name, number, layout, *values):
        """An ioctl; returns its structure as it comes back."""
        request = bytearray(struct.pack(layout, *values))
        try:
            fcntl.ioctl(self.file, number, request)
        except OSError as error:
            raise OSError(error.errno, f"{name}: {error.strerror}") from None
        return struct.unpack(layout, request)

    def allocate(self, size):
        """A buffer of this many bytes: its handle and its memory."""
        handle, _, _, offset = self.call("BO_INIT", BO_INIT, "<2I2Q", 0, 0, size, 0)
        self.handles.append(handle)
        memory = mmap.mmap(
            self.file,
            size,
            mmap.MAP_SHARED,
            mmap.PROT_READ | mmap.PROT_WRITE,
            offset=offset,
        )
        self.mappings.append(memory)
        return handle, memory

    def submit(self, command, handles, bootstrap):
        """Runs the tasks and waits for them."""
        sizes = command.text_bytes, command.task_count, command.first_task_bytes
        self.call("SUBMIT", SUBMIT, "<Q2I32I2I", *sizes, *handles, bootstrap, 0)


def driver_name(path):
    """The name that the driver behind a DRM node gives itself."""
    name = ctypes.create_string_buffer(64)
    request = bytearray(
        struct.pack("<3i4xQQQQQQ", 0, 0, 0, 63, ctypes.addressof(name), 0, 0, 0, 0)
    )
    file = os.open(path, os.O_RDWR)
    try:
        fcntl.ioctl(file, VERSION, request)
    finally:
        os.close(file)
    return name.value.decode("ascii", "replace")


def find_device():
    """The accel node whose driver is called "ane"; the numbers of the nodes mean nothing."""
    for path in sorted(glob.glob("/dev/accel/accel*")):
        with contextlib.suppress(OSError):
            if driver_name(path) == "ane":
                return path
    script = os.path.basename(sys.argv[0])
    return stop(
        f"no ANE here (no DRM accel node is called ane); `hwx2py emulate {script}` runs it without one"
    )


def run(inputs, fill, device):
    """Runs the program once.

    Args:
        inputs: {input name: array in its tensor's shape and dtype}.
        fill: what the outputs hold before the run; None for a pattern that no result has.
        device: path of the accel node, or None to look for it.

    Returns:
        {output name: array}
    """
    command = build()
    for tensor in TENSORS:
        if tensor.bar >= 32 or tensor.size < 1:
            raise ValueError(f"the driver has no buffer for tensor {tensor.name}")
    for bar in (*ALIASES, *(kernel.bar for kernel in KERNELS)):
        if bar >= 32:
            raise ValueError(f"the driver has no handle for BAR {bar}")
    with Ane(device or find_device()) as ane:
        handles, memories = [0] * 32, {}
        handles[0], memory = ane.allocate(
            max(len(command.data), command.text_bytes + 1)
        )
        memory[: len(command.data)] = command.data
        for tensor in TENSORS:
            handles[tensor.bar], memories[tensor.name] = ane.allocate(tensor.size)
        for bar, name in ALIASES.items():
            handles[bar] = handles[buffers()[name]]
        for kernel, content in zip(KERNELS, command.kernels):
            handles[kernel.bar], memory = ane.allocate(len(content))
            memory[:] = content
        first_task = bytearray(command.data[: command.first_task_bytes])
        first_task[2] = BOOTSTRAP_NID
        bootstrap, memory = ane.allocate(len(first_task))
        memory[:] = bytes(first_task)
        for tensor in TENSORS:
            if tensor.role == "input":
                elements(tensor, memories[tensor.name])[...] = inputs[tensor.name]
            elif tensor.role == "output" and fill is None:
                memories[tensor.name][:] = bytes([SENTINEL]) * tensor.size
            elif tensor.role == "output":
                elements(tensor, memories[tensor.name])[...] = fill
        ane.submit(command, handles, bootstrap)
        outputs = [tensor for tensor in TENSORS if tensor.role == "output"]
        return {
            tensor.name: elements(tensor, memories[tensor.name]).copy()
            for tensor in outputs
        }


SENTINEL = 0xFD  # as float16 a NaN, which the engine never writes


def elements(tensor, memory):
    """A tensor's elements in its buffer, as an array that shares the memory."""
    check_size(tensor)
    return np.ndarray(tensor.shape, tensor.dtype, memory, 0, tensor.strides)


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
