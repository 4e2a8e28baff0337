"""H13 tasks that hand tensors on through buffers, scratch and L2, for tests of who made what."""

from typing import NamedTuple

from builders import H13, tensor

from hwx2py.program.build import Draft, header, lay_out, write
from hwx2py.program.program import Origin, Program, Scratch, Tensor

CONST, SCRATCH, X, Z, Y = 1, 3, 4, 5, 6
SIZE = 4 * 16  # four channels, 16 bytes apart


class L2(NamedTuple):
    """A place in L2."""

    address: int


class At(NamedTuple):
    """A place in a buffer."""

    bar: int
    offset: int


def task(source, result, second=None, *, neural=False, **changed) -> Draft:
    """Four channels of eight columns, from BARs or places in L2 to one; `L2_SourceCfg={...}` changes a register."""
    source, result, second = (At(place, 0) if isinstance(place, int) else place for place in (source, result, second))
    by_dma = [isinstance(place, At) for place in (source, second, result)]
    kind = 0 if neural else 3 if second else 2
    registers = {
        "Common.InDim": {"Win": 8, "Hin": 1},
        "Common.ChCfg": {"InFmt": "Float16", "Src2InFmt": "Float16", "OutFmt": "Float16"},
        "Common.Cin": {"Cin": 4},
        "Common.Cout": {"Cout": 4},
        "Common.OutDim": {"Wout": 8, "Hout": 1},
        "Common.GroupConvCfg": {"NumGroups": 1},
        "Common.Cfg": {"TaskType": kind, "ActiveNE": 4 if neural else 0},
        "L2.SourceCfg": {"SourceType": "DmaRead" if by_dma[0] else "L2Read", "Source2Dma": by_dma[1]},
        "L2.SourceBase": {"Addr": 0 if by_dma[0] else source.address},
        "L2.SourceChannelStride": {"Stride": 16},
        "L2.Source2Base": {"Addr": second.address if isinstance(second, L2) else 0},
        "L2.Source2ChannelStride": {"Stride": 16},
        "L2.ResultCfg": {"ResultType": 2 if by_dma[2] else 0},
        "L2.ResultBase": {"Addr": 0 if by_dma[2] else result.address},
        "L2.ResultChannelStride": {"Stride": 16},
        "PE.Cfg": {"OpMode": "Mul", "SecSrc": "+Source2"} if second else {},
        "TileDMASrc.Src1BaseAddr": {"Addr": source.offset if by_dma[0] else 0},
        "TileDMASrc.Src1PlaneStride": {"Stride": 64},
        "TileDMASrc.Src2PlaneStride": {"Stride": 64},
        "TileDMADst.DMAConfig": {"En": by_dma[2]},
        "TileDMADst.BaseAddr": {"Addr": result.offset if by_dma[2] else 0},
        "TileDMADst.PlaneStride": {"Stride": 64},
        "KernelDMASrc.MasterConfig": {"MasterEnable": 0},
    }
    kernel = changed.pop("coefficients", None)
    for name, fields in changed.items():
        registers.setdefault(name.replace("_", ".", 1), {})
        registers[name.replace("_", ".", 1)] |= fields
    w8 = {"ENE": 5 if neural else 0}
    for name, place in (("RB0", source), ("RB1", second), ("WB", result)):
        if isinstance(place, At):
            w8 |= {name.replace("B", "Base"): place.bar, name.replace("B", "BE"): 1}
    w9 = {}
    if kernel is not None:
        registers["KernelDMASrc.MasterConfig"] = {"MasterEnable": 1}
        registers["KernelDMASrc.CoeffDMAConfig"] = {"En": 1}
        registers["KernelDMASrc.CoeffBaseAddr"] = {"Addr": 0}
        registers["KernelDMASrc.CoeffBfrSize"] = {"MemBfrSize": 64}
        w9 = {"KBase0": kernel, "KBE0": 1}
    items = sorted((write(H13, name, **fields) for name, fields in registers.items()), key=lambda item: item.address)
    return Draft(header(H13, {"W8": w8, "W9": w9}), items, frozenset({"NextPointer", "NextSize"}))


TENSORS = (
    tensor("x", "input", X, 4, 1, 8),
    tensor("z", "input", Z, 4, 1, 8),
    tensor("y", "output", Y, 4, 1, 8),
)


def program(*drafts: Draft, tensors: tuple[Tensor, ...] = TENSORS, name: str = "made.hwx") -> Program:
    return Program(
        H13,
        lay_out(H13, drafts),
        tensors,
        memoryview(b""),
        0,
        origin=Origin(name, "built"),
        scratch=Scratch(SCRATCH, 0x4000),
    )
