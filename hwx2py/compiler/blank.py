"""The registers of a task in which nothing is used, as compiler 9.509 writes them for H13."""

from collections.abc import Mapping

from ..errors import RegisterError
from ..registers.architecture import Architecture, compose

_IDLE_DMA = {"CacheHint": 2, "CacheHintReuse": 2, "CacheHintNoReuse": 2}

#: Register -> fields, or the whole word; what is left out is 0. Read off the records of compiler 9.509: each is the
#: word that tasks have which do not use the register.
BLANK: Mapping[str, Mapping[str, int | str] | int] = {
    "Common.InDepth": {"Din": 1},
    "Common.OutDepth": {"Dout": 1},
    "Common.ChCfg": {"InFmt": "Float16", "OutFmt": "Float16"},
    "Common.ConvCfg": {"Kw": 1, "Kh": 1, "Sx": 1, "Sy": 1, "Ox": 1, "Oy": 1},
    "Common.ConvCfg3d": {"Kd": 1, "Sz": 1, "Oz": 1},
    "Common.GroupConvCfg": {"NumGroups": 1, "UnicastCin": 1},
    "TileDMASrc.Src1DMAConfig": _IDLE_DMA,
    "TileDMASrc.Src2DMAConfig": _IDLE_DMA,
    "TileDMASrc.Src1Fmt": {"Interleave": 1},
    "TileDMASrc.Unk13840": 0x100,
    "L2.SourceCfg": {"DMAInterleave": 1},
    "L2.ResultCfg": {"DMAInterleave": 1, "DMAFmt": "16b"},
    "NE.KernelCfg": {"PalettizedBits": 8},
    "NE.MACCfg": {"ArgOutputSelect": 1},
    "TileDMADst.DMAConfig": {"CacheHint": 3},
    "TileDMADst.Fmt": {"Interleave": 1},
    "KernelDMASrc.CoeffDMAConfig": {"CacheHint": 2},
    "KernelDMASrc.BiasDMAConfig": {"CacheHint": 2},
    "KernelDMASrc.PostScaleDMAConfig": {"CacheHint": 2},
    "KernelDMASrc.PaletteLutDMAConfig": {"CacheHint": 2},
    "KernelDMASrc.NonLinearLutDMAConfig": {"CacheHint": 2},
    "KernelDMASrc.BiasBfrSize": {"MemBfrSize": 0x40},
    "KernelDMASrc.PostScaleBfrSize": {"MemBfrSize": 0x40},
    "KernelDMASrc.PaletteLutBfrSize": {"MemBfrSize": 0x40},
    "KernelDMASrc.NonLinearLutBfrSize": {"MemBfrSize": 0x40},
}


def blank(arch: Architecture) -> dict[str, int]:
    """Every register of an architecture in a task that uses none: `Block.Register` or `Block.Register[i]` -> word.

    Args:
        arch: the architecture.

    Raises:
        RegisterError: it lacks a register that is not 0 in such a task.
    """
    words = {}
    given = dict(BLANK)
    for block in arch.blocks:
        for row in block.registers:
            name = f"{block.name}.{row.name}"
            value = given.pop(name, 0)
            word = value if isinstance(value, int) else compose(row, 0, **value)
            for index in range(row.count):
                words[f"{name}[{index}]" if row.count > 1 else name] = word
    if given:
        raise RegisterError(f"{arch.name} has no register {next(iter(given))}")
    return words
