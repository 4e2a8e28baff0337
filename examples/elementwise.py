#!/usr/bin/env python3
"""elementwise: y = a OP b, or a squared; a register program of the planar engine of the M1, written by hand.

    python elementwise.py max                           run it on the engine (Linux, the driver called ane)
    hwx2py emulate elementwise.py --input a=ramp        run it on a virtual engine; OP below is what it does

It has the vocabulary of the scripts that hwx2py makes, and only what this program needs: a line writes one register,
fields by name; a list is a record of the task's stream.
"""

import argparse
import copy
import fcntl
import glob
import mmap
import os
import struct
import sys
from collections import namedtuple

import numpy as np

OP = "mul"

# fmt: off
#         operation               what becomes of source 2  sources  TaskType
OPS = {
    "add": {"OpMode": "Add",        "SecSrc": "+Source2", "two": 1, "TaskType": "ElementwiseTwoSources"},
    "sub": {"OpMode": "Add",        "SecSrc": "-Source2", "two": 1, "TaskType": "ElementwiseTwoSources"},
    "mul": {"OpMode": "Mul",        "SecSrc": "+Source2", "two": 1, "TaskType": "ElementwiseTwoSources"},
    "max": {"OpMode": "Max",        "SecSrc": "+Source2", "two": 1, "TaskType": "ElementwiseTwoSources"},
    "min": {"OpMode": "Min",        "SecSrc": "+Source2", "two": 1, "TaskType": "ElementwiseTwoSources"},
    "sq":  {"OpMode": "SumSquares", "SecSrc": "None",     "two": 0, "TaskType": "ElementwiseOneSource"},
}

ARCH = "H13"
C, H, W = 8, 4, 16
ROW = (2 * W + 63) // 64 * 64  # bytes; rows are padded to 64
PLANE = ROW * H
SIZE = PLANE * C
# In L2 a row holds all channels: each takes a row of the tensor, up to 16 bytes. Source 2 lies behind source 1, and 64
# bytes further, since banks repeat every 1024; the result behind both. Rows of other sizes may need padding.
L2_CHANNEL = (2 * W + 15) // 16 * 16
L2_ROW = C * L2_CHANNEL
L2_SECOND = H * L2_ROW + 0x40
L2_RESULT = L2_SECOND + H * L2_ROW

# A buffer: its BAR stands for it in the tasks; shape N, C, H, W; strides in bytes.
Tensor = namedtuple("Tensor", "name role bar shape strides dtype size_bytes")
TENSORS = [
    Tensor("a", "input", 4, (1, C, H, W), (SIZE, PLANE, ROW, 2), "float16", SIZE),
    Tensor("b", "input", 5, (1, C, H, W), (SIZE, PLANE, ROW, 2), "float16", SIZE),
    Tensor("y", "output", 6, (1, C, H, W), (SIZE, PLANE, ROW, 2), "float16", SIZE),
]
BARS = {"text": 0, "const": 1, "a": 4, "b": 5, "y": 6}


def task_0():
    """One operation on a and b."""
    return [
        [  # header; a program of one task links to nothing
            Header.W0(EON=1), *every(Header.Idle[:]), Header.W6(SPL=1, TSR=1, TSE=1, SrcLoc=1, DstLoc=1), Header.W7(),
            Header.W8(RBase0="a", RBE0=1, RBase1="b", RBE1=OPS[OP]["two"], WBase="y", WBE=1), Header.W9(),
        ],
        [  # shapes, formats and kind of the task
            Common.InDim(Win=W, Hin=H), Common.InDepth(Din=1),
            Common.ChCfg(InFmt="Float16", Src2InFmt="Float16", OutFmt="Float16"),
            Common.Cin(Cin=C), Common.Cout(Cout=C), Common.OutDim(Wout=W, Hout=H), Common.OutDepth(Dout=1),
            Common.ConvCfg(Kw=1, Kh=1, Sx=1, Sy=1, Ox=1, Oy=1), Common.ConvCfg3d(Kd=1, Sz=1, Oz=1),
            Common.GroupConvCfg(NumGroups=1, UnicastCin=1), Common.TileCfg(TileHeight=H),
            Common.PatchCfg(PatchWidth=4, PatchHeight=2), Common.PECfg(),
            Common.Cfg(Unk0=1, Source2Dma=OPS[OP]["two"], TaskType=OPS[OP]["TaskType"]), Common.TaskInfo(),
            Common.DPE(),
        ],
        [  # the buffer memory between DMA and the engines: both sources and the result only pass through
            L2.L2Cfg(),
            L2.SourceCfg(SourceType="DmaRead", DMAFmt="16b", DMAInterleave=1, Source2Dma=OPS[OP]["two"],
                         AliasConvSrc=1, AliasConvRslt=1, AliasPlanarSrc=1, AliasPlanarRslt=1),
            L2.SourceBase(), L2.SourceChannelStride(Stride=L2_CHANNEL), L2.SourceRowStride(Stride=L2_ROW),
            L2.SourceDepthStride(Stride=L2_ROW), L2.SourceGroupStride(Stride=L2_ROW),
            L2.Source2Base(Addr=L2_SECOND), L2.Source2ChannelStride(Stride=L2_CHANNEL),
            L2.Source2RowStride(Stride=L2_ROW), L2.Source2DepthStride(Stride=L2_ROW),
            L2.Source2GroupStride(Stride=L2_ROW),
            L2.ResultCfg(ResultType="DmaWrite", L2BfrMode=1, DMAFmt="16b", DMAInterleave=1,
                         AliasConvSrc=1, AliasConvRslt=1, AliasPlanarSrc=1, AliasPlanarRslt=1),
            L2.ResultBase(Addr=L2_RESULT), *every(L2.ResultStrides[:]),
        ],
        [  # the planar engine
            PE.Cfg(OpMode=OPS[OP]["OpMode"], SecSrc=OPS[OP]["SecSrc"]), PE.BiasScale(Scale=1.0),
            PE.PreScale(PreScale=1.0), PE.FinalScale(FinalScale=1.0),
        ],
        [*every(NE.Idle[:])],
        [  # DMA that fetches the sources
            TileDMASrc.Src1DMAConfig(En=1, CacheHint=2, CacheHintReuse=14, CacheHintNoReuse=12),
            TileDMASrc.Src2DMAConfig(CacheHint=2, CacheHintReuse=14, CacheHintNoReuse=12),
            TileDMASrc.Src1BaseAddr(), TileDMASrc.Src1RowStride(Stride=ROW), TileDMASrc.Src1PlaneStride(Stride=PLANE),
            TileDMASrc.Src1DepthStride(Stride=SIZE), TileDMASrc.Src1GroupStride(Stride=SIZE),
            TileDMASrc.Src2BaseAddr(), TileDMASrc.Src2RowStride(Stride=ROW), TileDMASrc.Src2PlaneStride(Stride=PLANE),
            TileDMASrc.Src2DepthStride(Stride=SIZE), TileDMASrc.Src2GroupStride(Stride=SIZE),
            TileDMASrc.Unk13830(), TileDMASrc.Unk13834(),
            TileDMASrc.Src1Fmt(FmtMode=1, Truncate=3, MemFmt="16b", Interleave=1),
            TileDMASrc.Src2Fmt(Truncate=3, MemFmt="16b"), *every(TileDMASrc.Idle[:]),
        ],
        [  # DMA that stores the result
            TileDMADst.DMAConfig(En=1, CacheHint=3, L2BfrMode=1), TileDMADst.BaseAddr(),
            TileDMADst.RowStride(Stride=ROW), TileDMADst.PlaneStride(Stride=PLANE),
            TileDMADst.DepthStride(Stride=SIZE), TileDMADst.GroupStride(Stride=SIZE),
            TileDMADst.Fmt(FmtMode=1, Truncate=3, MemFmt="16b", Interleave=1),
        ],
        [*every(KernelDMASrc.Idle[:])],
    ]


TASKS = [task_0]
# fmt: on

BYTES, FP16, FP32 = "bytes", "<e", "<f"
Write = namedtuple("Write", "register word")


class Register:
    """A register: called with values for its fields, it makes a `Write`.

    A field is a bit, or (msb, lsb), or (msb, lsb, kind): BYTES, FP16, FP32, or the names of its values.
    """

    def __init__(self, address, count=1, **fields):
        self.address, self.fields = address, fields
        self.elements = [copy.copy(self) for _ in range(count)]
        for index, element in enumerate(self.elements):
            element.address = address + 4 * index

    def __getitem__(self, index):
        return self.elements[index]

    def __call__(self, word=0, **values):
        """Takes bits without a name, then fields; what is left out is 0."""
        for name, value in values.items():
            field = self.fields[name]
            word |= encode(value, *((field, field) if isinstance(field, int) else field))
        return Write(self, word)


def encode(value, msb, lsb, kind=None):
    """A field's bits in place."""
    if isinstance(kind, dict):
        value = kind[value]
    elif kind in (FP16, FP32):
        value = int.from_bytes(struct.pack(kind, value), "little")
    bits = value if kind == BYTES else value << lsb
    if not 0 <= bits < 2 << msb or bits % (1 << lsb):
        raise ValueError(f"{value} does not fit bits {msb}:{lsb}")
    return bits


def every(registers):
    """Zeros into an array of registers."""
    return [register() for register in registers]


# fmt: off
FMT = {"UInt8": 0, "Int8": 1, "Float16": 2}
TASK_TYPE = {"ElementwiseOneSource": 2, "ElementwiseTwoSources": 3}
SOURCE_TYPE, RESULT_TYPE = {"L2Read": 0, "DmaRead": 2}, {"L2Write": 0, "DmaWrite": 2}
OP_MODE = {"Add": 0, "Mul": 1, "Max": 2, "Min": 3, "SumSquares": 4}
SEC_SRC = {"None": 0, "+Source2": 2, "-Source2": 3}
DMA_FMT, MEM_FMT = {"8b": 0, "16b": 1, "32b": 3}, {"8b": 0, "16b": 2}


class Header:
    """The task descriptor's header."""

    W0   = Register(0x00, TID=(15, 0), NID=(23, 16), EON=25)
    Idle = Register(0x04, 5)  # cost, and which events are logged
    W6   = Register(0x18, SPL=11, TSR=12, TSE=15, SrcLoc=28, DstLoc=29)
    W7   = Register(0x1c)
    W8   = Register(0x20, RBase0=(4, 0, BARS), RBE0=5, RBase1=(10, 6, BARS), RBE1=11, WBase=(16, 12, BARS), WBE=17)
    W9   = Register(0x24)


class Common:
    """Shapes, formats and kind of the task."""

    InDim        = Register(0x00000, Win=(14, 0), Hin=(30, 16))
    InDepth      = Register(0x00004, Din=(14, 0))
    ChCfg        = Register(0x00008, InFmt=(1, 0, FMT), Src2InFmt=(3, 2, FMT), OutFmt=(5, 4, FMT))
    Cin          = Register(0x0000c, Cin=(16, 0))
    Cout         = Register(0x00010, Cout=(16, 0))
    OutDim       = Register(0x00014, Wout=(14, 0), Hout=(30, 16))
    OutDepth     = Register(0x00018, Dout=(14, 0))
    ConvCfg      = Register(0x0001c, Kw=(4, 0), Kh=(9, 5), Sx=(14, 13), Sy=(16, 15), Ox=(29, 28), Oy=(31, 30))
    ConvCfg3d    = Register(0x00020, Kd=(4, 0), Sz=(7, 6), Oz=(14, 13))
    GroupConvCfg = Register(0x00024, NumGroups=(12, 0), UnicastCin=(31, 16))
    TileCfg      = Register(0x00028, TileHeight=(14, 0))
    PatchCfg     = Register(0x0002c, PatchWidth=(3, 0), PatchHeight=(8, 4))  # log2
    PECfg        = Register(0x00030)
    Cfg          = Register(0x00034, Unk0=0, Source2Dma=1, TaskType=(7, 4, TASK_TYPE))
    TaskInfo     = Register(0x00038)
    DPE          = Register(0x0003c)


class L2:
    """The buffer memory between DMA and the engines."""

    L2Cfg                = Register(0x04800)
    SourceCfg            = Register(0x04804, SourceType=(1, 0, SOURCE_TYPE), AliasConvSrc=4, AliasConvRslt=5,
                                    DMAFmt=(7, 6, DMA_FMT), DMAInterleave=(11, 8), AliasPlanarSrc=20,
                                    AliasPlanarRslt=22, Source2Dma=24)
    SourceBase           = Register(0x04808, Addr=(20, 4, BYTES))
    SourceChannelStride  = Register(0x0480c, Stride=(20, 4, BYTES))
    SourceRowStride      = Register(0x04810, Stride=(20, 4, BYTES))
    SourceDepthStride    = Register(0x04814, Stride=(20, 4, BYTES))
    SourceGroupStride    = Register(0x04818, Stride=(20, 4, BYTES))
    Source2Base          = Register(0x0481c, Addr=(20, 4, BYTES))
    Source2ChannelStride = Register(0x04820, Stride=(20, 4, BYTES))
    Source2RowStride     = Register(0x04824, Stride=(20, 4, BYTES))
    Source2DepthStride   = Register(0x04828, Stride=(20, 4, BYTES))
    Source2GroupStride   = Register(0x0482c, Stride=(20, 4, BYTES))
    ResultCfg            = Register(0x04830, ResultType=(1, 0, RESULT_TYPE), L2BfrMode=3, AliasConvSrc=4,
                                    AliasConvRslt=5, DMAFmt=(7, 6, DMA_FMT), DMAInterleave=(11, 8),
                                    AliasPlanarSrc=20, AliasPlanarRslt=22)
    ResultBase           = Register(0x04834, Addr=(20, 4, BYTES))
    ResultStrides        = Register(0x04838, 4)  # the engine lays a buffered result out itself


class PE:
    """The planar engine."""

    Cfg        = Register(0x08800, OpMode=(4, 2, OP_MODE), SecSrc=(19, 18, SEC_SRC))
    BiasScale  = Register(0x08804, Bias=(15, 0, FP16), Scale=(31, 16, FP16))
    PreScale   = Register(0x08808, Epsilon=(15, 0, FP16), PreScale=(31, 16, FP16))
    FinalScale = Register(0x0880c, FinalScale=(31, 0, FP32))


class NE:
    """The neural engines, which have nothing to do."""

    Idle = Register(0x0c800, 5)


class TileDMASrc:
    """DMA that fetches the sources."""

    Src1DMAConfig   = Register(0x13800, En=0, CacheHint=(9, 6), CacheHintReuse=(13, 10), CacheHintNoReuse=(17, 14))
    Src2DMAConfig   = Register(0x13804, CacheHint=(9, 6), CacheHintReuse=(13, 10), CacheHintNoReuse=(17, 14))
    Src1BaseAddr    = Register(0x13808, Addr=(31, 6, BYTES))
    Src1RowStride   = Register(0x1380c, Stride=(31, 6, BYTES))
    Src1PlaneStride = Register(0x13810, Stride=(31, 6, BYTES))
    Src1DepthStride = Register(0x13814, Stride=(31, 6, BYTES))
    Src1GroupStride = Register(0x13818, Stride=(31, 6, BYTES))
    Src2BaseAddr    = Register(0x1381c, Addr=(31, 6, BYTES))
    Src2RowStride   = Register(0x13820, Stride=(31, 6, BYTES))
    Src2PlaneStride = Register(0x13824, Stride=(31, 6, BYTES))
    Src2DepthStride = Register(0x13828, Stride=(31, 6, BYTES))
    Src2GroupStride = Register(0x1382c, Stride=(31, 6, BYTES))
    Unk13830        = Register(0x13830)
    Unk13834        = Register(0x13834)
    Src1Fmt         = Register(0x13838, FmtMode=(1, 0), Truncate=(5, 4), MemFmt=(13, 12, MEM_FMT), Interleave=(27, 24))
    Src2Fmt         = Register(0x1383c, FmtMode=(1, 0), Truncate=(5, 4), MemFmt=(13, 12, MEM_FMT), Interleave=(27, 24))
    Idle            = Register(0x13840, 12)


class TileDMADst:
    """DMA that stores the result."""

    DMAConfig   = Register(0x17800, En=0, CacheHint=(9, 6), L2BfrMode=26)
    BaseAddr    = Register(0x17804, Addr=(31, 6, BYTES))
    RowStride   = Register(0x17808, Stride=(31, 6, BYTES))
    PlaneStride = Register(0x1780c, Stride=(31, 6, BYTES))
    DepthStride = Register(0x17810, Stride=(31, 6, BYTES))
    GroupStride = Register(0x17814, Stride=(31, 6, BYTES))
    Fmt         = Register(0x17818, FmtMode=(1, 0), Truncate=(5, 4), MemFmt=(13, 12, MEM_FMT), Interleave=(27, 24))


class KernelDMASrc:
    """DMA that fetches coefficients: there are none."""

    Idle = Register(0x1f800, 62)
# fmt: on


TASK_ALIGNMENT = 256  # bytes


def encode_record(record):
    """A record's words: its header word, then values of consecutive registers."""
    first = record[0].register.address
    assert [write.register.address for write in record] == [*range(first, first + 4 * len(record), 4)]
    return [len(record) - 1 << 26 | first, *(write.word for write in record)]


def lay_out(tasks, encode_record, alignment):
    """The text of one task, which begins at any alignment, and (offset, words)."""
    (task,) = tasks
    header, *records = task()
    words = [write.word for write in header]
    words += [word for record in records for word in encode_record(record)]
    return bytearray(struct.pack(f"<{len(words)}I", *words)), [(0, words)]


def build():
    """{BAR: pieces}, [(offset, words)] of the tasks, and {BAR: BAR} of further BARs."""
    text, tasks = lay_out(TASKS, encode_record, TASK_ALIGNMENT)
    return {0: [text]}, tasks, {}


BO_INIT, SUBMIT = 0xC0186441, 0xC0986443
NETWORK_ID = 0x40  # that the driver waits for


class Ane:
    """The engine behind the Linux driver."""

    def __init__(self, path):
        self.file = os.open(path, os.O_RDWR)

    def call(self, number, layout, *values):
        """A call of the driver; returns its structure as it comes back."""
        request = bytearray(struct.pack(layout, *values))
        fcntl.ioctl(self.file, number, request)
        return struct.unpack(layout, request)

    def allocate(self, content):
        """A buffer with this content: its handle and its memory."""
        handle, *_, offset = self.call(BO_INIT, "<2I2Q", 0, 0, len(content), 0)
        memory = mmap.mmap(self.file, len(content), offset=offset)
        memory[:] = content
        return handle, memory


def run(device, inputs):
    """Runs the task once: arrays in, y out."""
    handles, arrays = [0] * 32, {}
    for tensor in TENSORS:
        handles[tensor.bar], memory = device.allocate(bytes(tensor.size_bytes))
        arrays[tensor.name] = np.ndarray(tensor.shape, tensor.dtype, memory, 0, tensor.strides)
    for name, array in inputs.items():
        arrays[name][...] = array
    buffers, [(_, words)], _ = build()
    (text,) = buffers[0]
    text[2] = NETWORK_ID
    handles[0], _ = device.allocate(text + b"\0")
    bootstrap, _ = device.allocate(text)
    device.call(SUBMIT, "<Q2I32I2I", len(text), 1, 4 * len(words), *handles, bootstrap, 0)
    return arrays["y"].copy()


def input_array(value):
    """A number, a ramp, or a file, as an input."""
    if value.endswith(".npy"):
        return np.load(value)
    if value == "ramp":
        return (np.arange(C * H * W).reshape(1, C, H, W) % 257 - 128) / 8
    return np.full((1, C, H, W), float(value))


def main(arguments):
    """Runs the operation, and prints what comes out."""
    path = arguments.device or next(iter(sorted(glob.glob("/dev/accel/accel*"))), None)
    if path is None:
        return f"no ANE here; `hwx2py emulate {sys.argv[0]}` runs it without one"
    given = dict(option.partition("=")[::2] for option in arguments.input)
    y = run(Ane(path), {name: input_array(value) for name, value in ({"a": "3", "b": "2"} | given).items()})
    print(f"y: {y.dtype} {y.shape}, {y.min():g} to {y.max():g}\noutput[0] = {y.flat[0]}")
    if arguments.save:
        with open(arguments.save, "wb") as file:
            np.savez(file, y=y)
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("op", nargs="?", choices=OPS, default=OP, help="the operation (default: %(default)s)")
    parser.add_argument(
        "--input", metavar="NAME=VALUE|ramp|FILE.npy", action="append", default=[], help="values of a or b"
    )
    parser.add_argument("--save", metavar="FILE.npz", help="write y")
    parser.add_argument("--device", metavar="PATH", help="accel node (default: the first)")
    options = parser.parse_args()
    OP = options.op
    sys.exit(main(options))
