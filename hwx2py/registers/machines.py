"""The machines: what each generation is beside its registers.

Sources: results and register edits that others recorded on M1, M1 Pro, M1 Max, M2 Pro and M2 Max; decoded compiler
programs that were executed; the Linux drivers.
"""

from .machine import Idle, Ignored, Machine
from .speeds import H13_RATES, H13_SUBMITS

M1 = "edited on an M1: nothing changed"

#: H13: bits without a name that change nothing, and low bits below an address's or a stride's unit.
H13_IGNORED = (
    Ignored("L2.L2Cfg", 0x100, M1),
    *(
        Ignored(f"L2.{name}", 0xF, f"{M1}; the unit is 16 bytes")
        for name in ("SourceBase", "Source2Base", "ResultBase")
    ),
    *(
        Ignored(f"L2.{operand}{axis}Stride", 0xF, f"{M1}; the unit is 16 bytes")
        for operand in ("Source", "Source2", "Result")
        for axis in ("Channel", "Row", "Depth", "Group")
    ),
    *(
        Ignored(f"TileDMASrc.{name}", 0x3F, f"{M1}; the unit is 64 bytes")
        for source in ("Src1", "Src2")
        for name in (
            f"{source}BaseAddr",
            f"{source}RowStride",
            f"{source}PlaneStride",
            f"{source}DepthStride",
            f"{source}GroupStride",
        )
    ),
    *(
        Ignored(f"TileDMADst.{name}", 0x3F, f"{M1}; the unit is 64 bytes")
        for name in ("BaseAddr", "RowStride", "PlaneStride", "DepthStride", "GroupStride")
    ),
    Ignored("TileDMASrc.Src1Fmt", 0x00300000, M1),
    Ignored("TileDMASrc.Unk13830", 0x1, M1),
    Ignored("TileDMASrc.Unk13840", 0x101, f"{M1}; 0x100 since compiler 7.6"),
    Ignored("TileDMASrc.Src1DMAConfig", 0x2, f"{M1}, not even with bit 0, the enable, cleared: either one will do"),
    Ignored("TileDMADst.DMAConfig", 0x2, f"{M1}, not even with bit 0, the enable, cleared: either one will do"),
)

INERT = "real programs with it run exactly on M1 and M1 Max; compilers before 7.6 write 0"
H13_IDLE = (
    Idle("NE.KernelCfg", 0x80, INERT),
    Idle("NE.MACCfg", 0x00100000, INERT),
    Idle("TileDMASrc.Unk13840", 0x100, INERT),
)

#: ExeCycles is floor(max(bytes / 34133.33, 0.00444 x planes of the source)): bytes of rows rounded up to 64 bytes, and
#: of coefficients. Tasks that hand a tensor on through L2 share a number.
CYCLES_PER_BLOCK = 3
CYCLES_H13 = "52 of 58 tasks of decoded programs of compiler 9.509; 10.26.6 counts 65,536 bytes (published)"

H13 = Machine(
    confirmed="results recorded on M1, M1 Pro and M1 Max",
    executes=True,
    driver="ABI 1",
    anec=True,
    ignored=H13_IGNORED,
    idle=H13_IDLE,
    cycles_per_block=CYCLES_PER_BLOCK,
    cycles_evidence=CYCLES_H13,
    rates=H13_RATES,
    submits=H13_SUBMITS,
)
