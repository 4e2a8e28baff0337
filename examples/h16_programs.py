"""A program for H16, whose task stream is of the other kind."""

from h13_tasks import FORMAT, program, tensor

from hwx2py.program import l2
from hwx2py.program.build import Draft, header, lay_out, write
from hwx2py.program.program import Program
from hwx2py.program.streams import Pending
from hwx2py.registers import by_name

H16 = by_name("H16")


def add16() -> Program:
    """Sum of a and b for H16: registers that hold the compiler's start value are not written, bases name slots."""
    a, b, y = (tensor(n, r, bar, 4, 1, 32) for n, r, bar in (("a", "input", 6), ("b", "input", 7), ("y", "output", 8)))
    _, plane, row, _ = a.strides
    channel_in_l2 = l2.channel_bytes(32)
    row_in_l2 = l2.planar_row_bytes(4, channel_in_l2)
    second = l2.base_behind(0, row_in_l2)
    aliases, patch = l2.Aliases.ALL.fields(), l2.known_patch(l2.patch_of_pairs(1, 32))

    def in_l2(source: str, base: int) -> list[Pending]:
        """Where a source passes through L2."""
        return [
            *([write(H16, f"L2.{source}Base", Addr=base)] if base else []),
            write(H16, f"L2.{source}ChannelStride", Stride=channel_in_l2),
            write(H16, f"L2.{source}RowStride", Stride=row_in_l2),
        ]

    items = [
        write(H16, "KernelDMASrc.MasterConfig", 0x80),
        write(H16, "Common.InWidth", Win=32),
        write(H16, "Common.InHeight", Hin=1),
        write(H16, "Common.Cin", Cin=4),
        write(H16, "Common.OutWidth", Wout=32),
        write(H16, "Common.OutHeight", Hout=1),
        write(H16, "Common.Cout", Cout=4),
        write(H16, "Common.TileCfg", TileHeight=1),
        write(H16, "Common.PatchCfg", PatchWidth=patch.width_log2, PatchHeight=patch.height_log2),
        write(H16, "Common.Cfg", TaskType="ElementwiseTwoSources"),
        *(write(H16, f"TileDMASrc.Src1{kind}Stride", Stride=s) for kind, s in (("Row", row), ("Plane", plane))),
        *(write(H16, f"TileDMASrc.Src2{kind}Stride", Stride=s) for kind, s in (("Row", row), ("Plane", plane))),
        write(H16, "TileDMASrc.Src1Fmt", **FORMAT),
        write(H16, "TileDMASrc.Src2Fmt", **FORMAT),
        write(H16, "L2.SourceCfg", SourceType="DmaRead", DMAFmt="16b", DMAInterleave=1, **aliases),
        *in_l2("Source", 0),
        write(H16, "L2.Source2Cfg", SourceType="DmaRead", DMAFmt="16b", DMAInterleave=1, **aliases),
        *in_l2("Source2", second),
        write(H16, "L2.ResultCfg", ResultType=2, L2BfrMode=1, DMAFmt="16b", DMAInterleave=1, **aliases),
        write(H16, "L2.ResultBase", Addr=second + row_in_l2),
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
