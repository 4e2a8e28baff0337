"""Writes the example programs of this folder, from register values: `python examples/make.py`.

mul.hwx    y = a * b on the planar engine, with the idle state that compilers since 7.6 leave in such a task
conv.hwx   y = relu(3 x 3 convolution of x, plus bias) on four neural engines
chain.hwx  t = a + b into scratch memory, then y = table(t) on the neural engines: two tasks
add16.hwx  y = a + b for H16, whose task stream is of the other kind

They are not what Apple's compiler makes of such networks, only programs that mean the same.
"""

import pathlib

import numpy as np

from hwx2py import __version__
from hwx2py.formats.hwx.create import create
from hwx2py.program.build import Draft, complete, header, lay_out, write
from hwx2py.program.model import Program, Tensor
from hwx2py.registers import by_name

FOLDER = pathlib.Path(__file__).parent
H13, H16 = by_name("H13"), by_name("H16")
FORMAT = {"FmtMode": 1, "Truncate": 3, "MemFmt": "16b", "Interleave": 1}
FORMAT_2 = {"Truncate": 3, "MemFmt": "16b"}
LOCATIONS = {"SrcLoc": 1, "DstLoc": 1}


def tensor(name: str, role: str, bar: int, channels: int, height: int, width: int) -> Tensor:
    """A float16 tensor with rows padded to 64 bytes, as the driver's users lay them out."""
    row = -(-2 * width // 64) * 64
    plane = row * height
    size = plane * channels
    return Tensor(name, role, bar, (1, channels, height, width), (size, plane, row, 2), "float16", size)


def sizes(channels: int, height: int, width: int, out_channels: int = 0) -> dict:
    """The Common registers that every task has."""
    return {
        "Common.InDim": {"Win": width, "Hin": height},
        "Common.InDepth": {"Din": 1},
        "Common.ChCfg": {"InFmt": "Float16", "Src2InFmt": "Float16", "OutFmt": "Float16"},
        "Common.Cin": {"Cin": channels},
        "Common.Cout": {"Cout": out_channels or channels},
        "Common.OutDim": {"Wout": width, "Hout": height},
        "Common.OutDepth": {"Dout": 1},
        "Common.ConvCfg": {"Kw": 1, "Kh": 1, "Sx": 1, "Sy": 1, "Ox": 1, "Oy": 1},
        "Common.ConvCfg3d": {"Kd": 1, "Sz": 1, "Oz": 1},
        "Common.GroupConvCfg": {"NumGroups": 1, "UnicastCin": 1},
        "Common.TileCfg": {"TileHeight": height},
    }


def by_dma(number: int, one: Tensor) -> dict:
    """Source 1 or 2 out of a tensor."""
    prefix = f"TileDMASrc.Src{number}"
    size, plane, row, _ = one.strides
    return {
        f"{prefix}DMAConfig": {"En": 2 - number},
        f"{prefix}RowStride": {"Stride": row},
        f"{prefix}PlaneStride": {"Stride": plane},
        f"{prefix}DepthStride": {"Stride": size},
        f"{prefix}GroupStride": {"Stride": size},
        f"{prefix}Fmt": FORMAT if prefix.endswith("1") else FORMAT_2,
    }


def stored(one: Tensor) -> dict:
    """The result into a tensor."""
    size, plane, row, _ = one.strides
    return {
        "L2.ResultCfg": {"ResultType": 2, "DMAFmt": "16b", "DMAInterleave": 1},
        "TileDMADst.DMAConfig": {"En": 1},
        "TileDMADst.RowStride": {"Stride": row},
        "TileDMADst.PlaneStride": {"Stride": plane},
        "TileDMADst.DepthStride": {"Stride": size},
        "TileDMADst.GroupStride": {"Stride": size},
        "TileDMADst.Fmt": FORMAT,
    }


def planar(first: Tensor, second: Tensor, result: Tensor, operation: str) -> dict:
    """An elementwise task of the planar engine."""
    return {
        **sizes(*first.shape[1:]),
        **by_dma(1, first),
        **by_dma(2, second),
        **stored(result),
        "Common.Cfg": {"TaskType": "ElementwiseTwoSources"},
        "L2.SourceCfg": {"SourceType": "DmaRead", "DMAFmt": "16b", "DMAInterleave": 1, "Source2Dma": 1},
        "PE.Cfg": {"OpMode": operation, "SecSrc": "+Source2"},
        "PE.BiasScale": {"Scale": 1.0},
        "PE.PreScale": {"PreScale": 1.0},
        "PE.FinalScale": {"FinalScale": 1.0},
    }


def mul() -> Program:
    """Product of a and b."""
    a, b, y = (tensor(n, r, bar, 4, 2, 16) for n, r, bar in (("a", "input", 4), ("b", "input", 5), ("y", "output", 6)))
    idle = {f"KernelDMASrc.CoeffDMAConfig[{engine}]": {"CacheHint": 2} for engine in range(16)}
    idle |= {"NE.KernelCfg": 0x80, "NE.MACCfg": 0x00100000, "TileDMASrc.Unk13840": 0x100}
    words = {"W0": {"EON": 1}, "W6": LOCATIONS, "W8": select(a, b, y)}
    text = lay_out(H13, [complete(H13, words, planar(a, b, y, "Mul") | idle)])
    return program(text, (a, b, y))


def select(first: Tensor, second: Tensor | None, result: Tensor) -> dict:
    """Header word 8."""
    chosen = {"RBase0": first.bar, "RBE0": 1, "WBase": result.bar, "WBE": 1}
    return chosen | ({"RBase1": second.bar, "RBE1": 1} if second else {})


def program(text, tensors: tuple[Tensor, ...], const: bytes = b"", arch=H13) -> Program:
    """A program with its coefficients behind the text."""
    offset = -(-text.size_bytes // 64) * 64
    return Program(arch, text, tensors, memoryview(const), offset)


def neural(source: Tensor, result: Tensor, engines_log2: int) -> dict:
    """What every task of the neural engines has."""
    return {
        **sizes(*source.shape[1:], result.shape[1]),
        **by_dma(1, source),
        **stored(result),
        "Common.Cfg": {"TaskType": "NE", "ActiveNE": engines_log2},
        "Common.TaskInfo": {"NID": 1},
        "L2.SourceCfg": {"SourceType": "DmaRead", "DMAFmt": "16b", "DMAInterleave": 1},
        "NE.KernelCfg": {"KernelFmt": "Float16", "PalettizedBits": 8},
        "NE.PostScale": {"PostScale": 1.0},
        "KernelDMASrc.MasterConfig": {"MasterEnable": 1},
    }


def conv() -> Program:
    """Convolution of x, plus bias, at least 0: 2 channels in, 8 out, planes of 2 channels on four engines."""
    x, y = tensor("x", "input", 4, 2, 6, 8), tensor("y", "output", 5, 8, 6, 8)
    weights = (np.arange(8 * 2 * 9).reshape(8, 2 * 9) % 7 - 3).astype(np.float16) / np.float16(4)
    bias = np.arange(8, dtype=np.float16) / np.float16(2) - np.float16(1)
    rows = np.concatenate([bias[:, None], weights], axis=1)
    chunks = [rows[2 * plane : 2 * plane + 2].T.tobytes() for plane in range(4)]
    size = -(-len(chunks[0]) // 64) * 64
    registers = neural(x, y, 2) | {
        "Common.ConvCfg": {"Kw": 3, "Kh": 3, "OCGSize": 1, "Sx": 1, "Sy": 1, "Px": 1, "Py": 1, "Ox": 1, "Oy": 1},
        "NE.MACCfg": {
            "OpMode": "Conv",
            "BiasMode": 1,
            "BinaryPoint": 28,
            "NonlinearMode": "ReLU",
            "ArgOutputSelect": 1,
        },
    }
    for engine in range(4):
        registers[f"KernelDMASrc.CoeffDMAConfig[{engine}]"] = {"En": 1, "CacheHint": 2}
        registers[f"KernelDMASrc.CoeffBaseAddr[{engine}]"] = {"Addr": engine * size}
        registers[f"KernelDMASrc.CoeffBfrSize[{engine}]"] = {"MemBfrSize": size}
    words = {"W0": {"EON": 1}, "W6": LOCATIONS, "W8": select(x, None, y) | {"ENE": 3}, "W9": {"KBase0": 1, "KBE0": 1}}
    text = lay_out(H13, [complete(H13, words, registers)])
    return program(text, (x, y), b"".join(chunk.ljust(size, b"\0") for chunk in chunks))


def square_table() -> bytes:
    """A lookup table: straight lines between the squares of -2, -1.875 .. 2, and 4 outside."""
    table = np.zeros(64, np.float16)
    table[:4] = -2, 2, 4, 4
    table[4:37] = np.linspace(-2, 2, 33) ** 2
    words = table.view(np.uint16)
    words[41], words[42] = 3, 1
    return words.tobytes()


def chain() -> Program:
    """Sum of a and b into scratch, then looked up in a table."""
    a, b = tensor("a", "input", 5, 2, 1, 32), tensor("b", "input", 6, 2, 1, 32)
    y, between = tensor("y", "output", 4, 2, 1, 32), tensor("scratch", "scratch", 3, 2, 1, 32)
    table = {
        "NE.MACCfg": {"OpMode": "Bypass", "KernelMode": "Unity", "BinaryPoint": 28, "NonlinearMode": "LUT",
                      "ArgOutputSelect": 1},
        "KernelDMASrc.CoeffDMAConfig[0]": {"En": 1, "CacheHint": 2},
        "KernelDMASrc.CoeffBfrSize[0]": {"MemBfrSize": 128},
    }  # fmt: skip
    drafts = [
        complete(H13, {"W6": LOCATIONS, "W8": select(a, b, between)}, planar(a, b, between, "Add")),
        complete(
            H13,
            {"W0": {"TID": 1, "EON": 1, "LNID": 1}, "W6": LOCATIONS, "W8": select(between, None, y) | {"ENE": 1},
             "W9": {"KBase0": 1, "KBE0": 1}},
            neural(between, y, 0) | table,
        ),
    ]  # fmt: skip
    scratch = Tensor("scratch", "scratch", 3, None, None, None, between.size_bytes)
    return program(lay_out(H13, drafts), (a, b, y, scratch), square_table())


def add16() -> Program:
    """Sum of a and b for H16: registers that hold the compiler's start value are not written, bases name slots."""
    a, b, y = (tensor(n, r, bar, 4, 1, 32) for n, r, bar in (("a", "input", 6), ("b", "input", 7), ("y", "output", 8)))
    _, plane, row, _ = a.strides
    items = [
        write(H16, "KernelDMASrc.MasterConfig", 0x80),
        write(H16, "Common.InWidth", Win=32),
        write(H16, "Common.InHeight", Hin=1),
        write(H16, "Common.Cin", Cin=4),
        write(H16, "Common.OutWidth", Wout=32),
        write(H16, "Common.OutHeight", Hout=1),
        write(H16, "Common.Cout", Cout=4),
        write(H16, "Common.TileCfg", TileHeight=1),
        write(H16, "Common.Cfg", TaskType="ElementwiseTwoSources"),
        *(write(H16, f"TileDMASrc.Src1{kind}Stride", Stride=s) for kind, s in (("Row", row), ("Plane", plane))),
        *(write(H16, f"TileDMASrc.Src2{kind}Stride", Stride=s) for kind, s in (("Row", row), ("Plane", plane))),
        write(H16, "TileDMASrc.Src1Fmt", **FORMAT),
        write(H16, "TileDMASrc.Src2Fmt", **FORMAT),
        write(H16, "L2.SourceCfg", SourceType="DmaRead", DMAFmt="16b", DMAInterleave=1),
        write(H16, "L2.Source2Cfg", SourceType="DmaRead", DMAFmt="16b", DMAInterleave=1),
        write(H16, "L2.ResultCfg", ResultType=2, DMAFmt="16b", DMAInterleave=1),
        write(H16, "PE.Cfg", OpMode="Add", SecSrc="+Source2"),
        write(H16, "TileDMADst.RowStride", Stride=row),
        write(H16, "TileDMADst.PlaneStride", Stride=plane),
        write(H16, "TileDMADst.Fmt", **FORMAT),
        *(
            write(H16, name, slot=slot)
            for name, slot in (
                ("TileDMASrc.Src1BaseAddr", 6),
                ("TileDMASrc.Src1BaseAddrHi", 6),
                ("TileDMASrc.Src2BaseAddr", 7),
                ("TileDMASrc.Src2BaseAddrHi", 7),
                ("TileDMADst.BaseAddr", 8),
                ("TileDMADst.BaseAddrHi", 8),
            )
        ),
        write(H16, "TileDMASrc.Src1DMAConfig", slot=4, En=1, CacheHint=2),
        write(H16, "TileDMASrc.Src2DMAConfig", slot=4, En=1, CacheHint=2),
        write(H16, "TileDMADst.DMAConfig", slot=4, En=1, CacheHint=3),
    ]
    words = header(H16, {"W2": {"LogEvents": 0x04000068}, "W8": {"TSR": 1, "LastTask": 1}})
    frame = (1).to_bytes(4, "little") + bytes(12)
    return program(lay_out(H16, [Draft(words, items, frozenset({"TaskSize"}))], frame), (a, b, y), arch=H16)


EXAMPLES = {"mul": mul, "conv": conv, "chain": chain, "add16": add16}


def main() -> None:
    """Writes every example beside this file."""
    for name, build in EXAMPLES.items():
        pieces = create(build(), f"hwx2py v{__version__}, examples/make.py")
        (FOLDER / f"{name}.hwx").write_bytes(b"".join(pieces))


if __name__ == "__main__":
    main()
