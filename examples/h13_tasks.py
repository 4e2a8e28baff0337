"""Tasks of H13 by name: shapes, operands in memory and in L2, the two kinds of engine, coefficients.

What each register means: `hwx2py registers H13`, and docs/h13.md. Shapes are N, C, H, W.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from hwx2py.operations.tables import Curve, Line, table_bytes
from hwx2py.program.network import padded_tensor, strides
from hwx2py.program.program import Program, Tensor, natural_const_offset
from hwx2py.program.streams import Text
from hwx2py.registers import Architecture, by_name
from hwx2py.units import round_up

#: Register -> its fields, or the whole word.
Registers = Mapping[str, Mapping[str, Any] | int]

H13 = by_name("H13")
#: Formats of float16 operands in memory: source 1 and the result, and source 2.
FORMAT = {"FmtMode": 1, "Truncate": 3, "MemFmt": "16b", "Interleave": 1}
FORMAT_2 = {"Truncate": 3, "MemFmt": "16b"}
BY_DMA = {"SourceType": "DmaRead", "DMAFmt": "16b", "DMAInterleave": 1}
OUT_OF_L2 = {"SourceType": "L2Read", "DMAFmt": "16b", "DMAInterleave": 1}
#: Coefficients come from the BAR of the constants.
CONSTANTS = {"KBase0": 1, "KBE0": 1}
#: How the neural engines compute with float16: 28 is the binary point of every such task.
MAC = {"BinaryPoint": 28, "ArgOutputSelect": 1}
PASS_THROUGH = MAC | {"OpMode": "Bypass", "KernelMode": "Unity"}
CHUNK_ALIGNMENT_BYTES = 64
L2_ALIGNMENT_BYTES = 16


class InL2(NamedTuple):
    """A float16 tensor that stays in L2 between tasks; channels lie side by side in a row.

    Attributes:
        base_bytes: where it begins.
        shape: N, C, H, W; N is 1.
    """

    base_bytes: int
    shape: tuple[int, int, int, int]

    @property
    def channel_bytes(self) -> int:
        """From channel to channel: a row of elements, up to the unit of L2."""
        return round_up(2 * self.shape[3], L2_ALIGNMENT_BYTES)

    @property
    def row_bytes(self) -> int:
        """From row to row: a row of all channels."""
        return self.shape[1] * self.channel_bytes

    def registers(self, which: str) -> dict[str, dict[str, int]]:
        """The registers that place it: of L2.Source, L2.Source2 or L2.Result."""
        size_bytes = self.row_bytes * self.shape[2]
        return {
            f"L2.{which}Base": {"Addr": self.base_bytes},
            f"L2.{which}ChannelStride": {"Stride": self.channel_bytes},
            f"L2.{which}RowStride": {"Stride": self.row_bytes},
            f"L2.{which}DepthStride": {"Stride": size_bytes},
            f"L2.{which}GroupStride": {"Stride": size_bytes},
        }


Place = Tensor | InL2


def tensor(name: str, role: str, bar: int, channels: int, height: int, width: int) -> Tensor:
    """A float16 tensor with rows padded to 64 bytes."""
    return padded_tensor(name, role, bar, (1, channels, height, width))


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
    }


def by_dma(number: int, source: Tensor) -> dict:
    """Source 1 or 2 out of a tensor."""
    prefix = f"TileDMASrc.Src{number}"
    formats = {1: FORMAT, 2: FORMAT_2}
    return {
        f"{prefix}DMAConfig": {"En": 2 - number},
        **strides(H13, prefix, source),
        f"{prefix}Fmt": formats[number],
    }


def source(number: int, place: Place) -> dict:
    """Source 1 or 2 out of a tensor, or out of L2."""
    if isinstance(place, InL2):
        return place.registers({1: "Source", 2: "Source2"}[number])
    return by_dma(number, place)


def stored(place: Place) -> dict:
    """The result into a tensor, or into L2, where it stays."""
    if isinstance(place, InL2):
        return {
            "L2.ResultCfg": {"ResultType": "L2Write", "DMAFmt": "16b", "DMAInterleave": 1},
            **place.registers("Result"),
        }
    return {
        "L2.ResultCfg": {"ResultType": "DmaWrite", "DMAFmt": "16b", "DMAInterleave": 1},
        "TileDMADst.DMAConfig": {"En": 1},
        **strides(H13, "TileDMADst.", place),
        "TileDMADst.Fmt": FORMAT,
    }


def stored_as_kernel(result: Tensor, lanes: int, engines: int, base_bytes: int = 0) -> tuple[dict, dict]:
    """The result into scratch memory in the order of coefficients, and the channels that fetch it from there.

    A plane of coefficients has the elements of `lanes` channels side by side, column after column, so each channel is
    an output channel of a product and each column an input channel.

    Args:
        result: 1, C, 1, W; C is lanes * engines.
        lanes: output channels of a plane.
        engines: neural engines of the product; each gets a plane.
        base_bytes: where the planes begin in the scratch memory.
    """
    plane_bytes = round_up(2 * lanes * result.shape[3], CHUNK_ALIGNMENT_BYTES)
    store = {
        "L2.ResultCfg": {"ResultType": "DmaWrite", "DMAFmt": "16b", "DMAInterleave": lanes},
        "TileDMADst.DMAConfig": {"En": 1},
        "TileDMADst.BaseAddr": {"Addr": base_bytes},
        "TileDMADst.RowStride": {"Stride": plane_bytes},
        "TileDMADst.PlaneStride": {"Stride": plane_bytes},
        "TileDMADst.Fmt": FORMAT | {"Interleave": lanes},
    }
    return store, channels([plane_bytes] * engines, base_bytes)


def select(first: Place | None, second: Place | None, result: Place | None) -> dict:
    """Header word 8: the BARs of the sources and of the result; those in L2 have none."""
    chosen: dict[str, int] = {}
    for place, bar, enable in ((first, "RBase0", "RBE0"), (result, "WBase", "WBE"), (second, "RBase1", "RBE1")):
        if place is not None and not isinstance(place, InL2):
            chosen |= {bar: place.bar, enable: 1}
    return chosen


def planar(first: Place, second: Place, result: Place, operation: str) -> dict:
    """A task of the planar engine with two sources, element by element."""
    second_by_dma = not isinstance(second, InL2)
    return {
        **sizes(*first.shape[1:]),
        **source(1, first),
        **source(2, second),
        **stored(result),
        "Common.Cfg": {"TaskType": "ElementwiseTwoSources"},
        "L2.SourceCfg": (OUT_OF_L2 if isinstance(first, InL2) else BY_DMA) | {"Source2Dma": int(second_by_dma)},
        "PE.Cfg": {"OpMode": operation, "SecSrc": "+Source2"},
        "PE.BiasScale": {"Scale": 1.0},
        "PE.PreScale": {"PreScale": 1.0},
        "PE.FinalScale": {"FinalScale": 1.0},
    }


def planar_of_one(first: Place, result: Place, kind: str = "ElementwiseOneSource") -> dict:
    """A task of the planar engine with one source: a copy, or with another kind a sum over H and W.

    The sizes of a task that reduces are those before it does.
    """
    return {
        **sizes(*first.shape[1:]),
        **source(1, first),
        **stored(result),
        "Common.Cfg": {"TaskType": kind},
        "L2.SourceCfg": OUT_OF_L2 if isinstance(first, InL2) else BY_DMA,
        "PE.BiasScale": {"Scale": 1.0},
        "PE.PreScale": {"PreScale": 1.0},
        "PE.FinalScale": {"FinalScale": 1.0},
    }


def neural(first: Place, result: Place, engines_log2: int) -> dict:
    """What every task of the neural engines has."""
    return {
        **sizes(*first.shape[1:], result.shape[1]),
        **source(1, first),
        **stored(result),
        "Common.Cfg": {"TaskType": "NE", "ActiveNE": engines_log2},
        "Common.TaskInfo": {"NID": 1},
        "L2.SourceCfg": OUT_OF_L2 if isinstance(first, InL2) else BY_DMA,
        "NE.KernelCfg": {"KernelFmt": "Float16", "PalettizedBits": 8},
        "NE.PostScale": {"PostScale": 1.0},
    }


def channels(chunk_bytes: Sequence[int], first_bytes: int = 0) -> dict:
    """Kernel DMA: a chunk of coefficients for each engine, one behind the other."""
    registers: dict[str, dict[str, int]] = {"KernelDMASrc.MasterConfig": {"MasterEnable": 1}}
    for engine, size_bytes in enumerate(chunk_bytes):
        registers[f"KernelDMASrc.CoeffDMAConfig[{engine}]"] = {"En": 1, "CacheHint": 2}
        registers[f"KernelDMASrc.CoeffBaseAddr[{engine}]"] = {"Addr": first_bytes}
        registers[f"KernelDMASrc.CoeffBfrSize[{engine}]"] = {"MemBfrSize": size_bytes}
        first_bytes += size_bytes
    return registers


def lookup(place: int = 0) -> dict:
    """The input passed through a lookup table of 128 bytes, which lies at a place of the constants."""
    return {"NE.MACCfg": PASS_THROUGH | {"NonlinearMode": "LUT"}, **channels([128], place)}


def lookup_table(
    samples: np.ndarray, shift: int, mode: int, limits: tuple[float, float], ends: tuple[float, float]
) -> bytes:
    """The 128 bytes of a lookup table.

    Args:
        samples: 33 values, which straight lines connect.
        shift: log2 of the samples per unit of the argument.
        mode: how the samples are found; see docs/h13.md.
        limits: the smallest and the largest argument that is looked up.
        ends: values at and beyond the limits.
    """
    lines = Line(0.0, 0.0)
    return table_bytes(Curve(*limits, *ends, tuple(samples.tolist()), lines, lines, shift, mode & 0xF, mode >> 4))


def program(text: Text, tensors: tuple[Tensor, ...], const: bytes = b"", arch: Architecture = H13) -> Program:
    """A program with its coefficients behind the text."""
    return Program(arch, text, tensors, memoryview(const), natural_const_offset(text.size_bytes))
