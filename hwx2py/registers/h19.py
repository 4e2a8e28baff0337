"""H19 (A20 Pro, M6) as differences from H18, out of published register notes and one task of a real M6 stream.

The stream (compiler target `h18g`) has MACCfg at 0x4908 and PostScale at 0x4914, one word further on than H18, and the
notes count a word more in the block: from MACCfg on everything lies 4 bytes further, and 0x4904 has no name.
"""

from . import h18, later_machines
from .architecture import unnamed_register
from .derive import carry, edit, redo, row, shift, single, span
from .kinds import HEX

M6 = "one task of a real M6 stream; bits as on H18"
NOTES = "freedomtan's register notes, by object layout; as on H18"

S = single


# fmt: off
HEADER = carry(h18.HEADER, NOTES, "medium")
COMMON = carry(h18.COMMON, NOTES, "medium")
L2 = carry(h18.L2, NOTES, "medium")
PE = carry(h18.PE, NOTES, "medium")

_NE = carry(h18.NE, NOTES, "low", "KernelCfg MACCfg PostScale", M6)

NE = _NE._replace(words=14, registers=(
    row(_NE, "KernelCfg"),
    unnamed_register(0x4904, 0x04),
    *shift((edit(row(_NE, "MACCfg"), drop=("Unk27",)), *span(_NE, "MatrixVectorBias", "NETraceCfg")), 4),
))

TILE_DMA_SRC = redo(
    carry(h18.TILE_DMA_SRC, NOTES, "low"),
    S("TileDmaSrcTraceCfg",        0x14c, "Value", 31,  0, "what is traced, use open", NOTES, "low", kind=HEX),
    S("TileDmaSrcTraceCfgLatency", 0x150, "Value", 31,  0, "what is traced, use open", NOTES, "low", kind=HEX),
    words=87,
)

TILE_DMA_DST = redo(
    carry(h18.TILE_DMA_DST, NOTES, "low"),
    S("TileDmaDstTraceCfg",        0x68, "Value", 31,  0, "what is traced, use open", NOTES, "low", kind=HEX),
    S("TileDmaDstTraceCfgLatency", 0x6c, "Value", 31,  0, "what is traced, use open", NOTES, "low", kind=HEX),
    words=29,
)

KERNEL_DMA_SRC = redo(
    carry(h18.KERNEL_DMA_SRC, NOTES, "low"),
    S("LdtidForKernelDmaSrc",        0x144, "Value", 31,  0, "a task id, use open", NOTES, "low"),
    S("RdtidForKernelDmaSrc",        0x148, "Value", 31,  0, "a task id, use open", NOTES, "low"),
    S("KernelDmaSrcTraceCfg",        0x14c, "Value", 31,  0, "what is traced, use open", NOTES, "low", kind=HEX),
    S("KernelDmaSrcTraceCfgLatency", 0x150, "Value", 31,  0, "what is traced, use open", NOTES, "low", kind=HEX),
    drop=("NonLinearUserTag",),
    words=85,
)

CACHE_DMA = carry(h18.CACHE_DMA, NOTES, "low")
# fmt: on

ARCHITECTURE = h18.ARCHITECTURE._replace(
    name="H19",
    cpusubtype=11,
    chips=("A20 Pro", "M6 (compiler target h18g)"),
    header=HEADER,
    blocks=(COMMON, L2, PE, NE, TILE_DMA_SRC, TILE_DMA_DST, KERNEL_DMA_SRC, CACHE_DMA),
    confidence="low",
    evidence="one task of a real M6 stream; else tables only, tested with streams of the project's own encoder",
    machine=later_machines.H19,
)
