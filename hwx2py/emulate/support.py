"""What the virtual ANE implements of each register, as rows: the values that are understood, and why no others.

A field that is in no row and that no engine reads is known not to change values (cache hints, synchronisation,
aliasing, tiling): see docs/emulator.md.
"""

from typing import NamedTuple

from .context import Context


class Row(NamedTuple):
    """A field and the values of it that are understood.

    Attributes:
        field: `Block.Field` or `Block.Register.Field`.
        values: those that are understood.
        why: what another value would mean.
    """

    field: str
    values: tuple[int, ...]
    why: str


_LAYOUT = "only plain and interleaved layouts are understood"
_DEPTH = "tensors with depth were never seen"

#: For every task.
ALWAYS = (
    Row("Common.Din", (1,), _DEPTH),
    Row("Common.Dout", (1,), _DEPTH),
    Row("Common.Kd", (1,), _DEPTH),
    Row("Common.Sz", (1,), _DEPTH),
    Row("Common.Pz", (0,), _DEPTH),
    Row("Common.Oz", (1,), "1 in every program; its meaning is open"),
    Row("Common.ContextSwitchIn", (0,), "context switches are not modelled"),
    Row("Common.ContextSwitchOut", (0,), "context switches are not modelled"),
    Row("TileDMASrc.PixelOffset.Offset", (0,), "an offset of the first pixel was never seen"),
    Row("Header.TDSkip", (0,), "skipping a task was never seen"),
    *(Row(f"Header.{bank}", (0,), "further coefficient BARs were never seen") for bank in ("KBE1", "KBE2", "KBE3")),
    Row("Header.TQDis", (0,), "a disabled task queue was never seen"),
)

#: For a source or result in memory; `{}` is the format register.
MEMORY = (
    Row("{}.Shift", (0,), _LAYOUT),
    Row("{}.OffsetCh", (0,), _LAYOUT),
    Row("{}.CmpVec", (0,), "compressed tensors are not understood"),
)

#: For the planar engine.
PLANAR = (
    Row("PE.PoolMode", (0, 2), "sum and maximum are known"),
    Row("PE.OpMode", (0, 1, 2, 3, 4), "its meaning is not known"),
    Row("PE.NLMode", (0, 1, 2), "its meaning is not known"),
    Row("PE.PreScale.PreScale", (0x3C00,), "1.0 in every program; where the factor applies is open"),
)

#: For the neural engines.
NEURAL = (
    Row("NE.MatrixBiasEn", (0,), "matrix bias was never seen"),
    Row("NE.PostScaleMode", (0,), "its meaning is open"),
    Row("NE.PostRightShift", (0,), "its use is open"),
    Row("NE.AccBiasShift", (0,), "its use is open"),
    Row("NE.NonlinearMode", (0, 1, 2), "its meaning is not known"),
    Row("NE.ArgOutputSelect", (1,), "1 in every NE task; clearing it changes results on an M1 in a way not understood"),
    Row("Common.Ox", (1,), "1 in every program; its meaning is open"),
    Row("Common.Oy", (1,), "1 in every program; its meaning is open"),
)

#: For a task that fetches coefficients or tables.
CHANNELS = tuple(
    Row(f"KernelDMASrc.{channel}DMAConfig.En", (0,), "its channel was never seen at work")
    for channel in ("Bias", "PostScale", "PaletteLut", "NonLinearLut")
)

#: For a task that multiplies with coefficients.
KERNEL = (
    Row("NE.KernelFmt", (2,), "only float16 weights are understood"),
    Row("NE.PalettizedEn", (0,), "the packing of palettized weights is open"),
    Row("NE.SparseFmt", (0,), "the packing of sparse weights is open"),
    Row("KernelDMASrc.KernelSparseFmt", (0,), "the packing of sparse weights is open"),
    Row("NE.KernelCfg.GroupKernelReuse", (0,), "kernels shared by groups were never seen"),
    Row("KernelDMASrc.MasterConfig.GroupKernelReuse", (0,), "kernels shared by groups were never seen"),
    Row("NE.UsePrevKernel", (0,), "a kernel kept from an earlier task was never seen with the neural engines"),
    Row("NE.BinaryPoint", (28,), "28 stands for float16; fixed point is not understood"),
)

#: Bits without a name that may be set: register -> those bits. Where a task uses a block, any other is refused.
UNNAMED = {"Common.Cfg": 0x3, "TileDMASrc.Unk13840": 0x100, "TileDMADst.DMAConfig": 0x440000}
#: Blocks that every task uses, and those that the planar and the neural engines use besides.
BLOCKS, BLOCKS_PLANAR, BLOCKS_NEURAL = (
    ("Header", "Common", "L2", "TileDMASrc", "TileDMADst"),
    ("PE",),
    ("NE", "KernelDMASrc"),
)


def check(context: Context, rows: tuple[Row, ...], register: str = "") -> None:
    """Refuses the task if a field holds a value that no row understands; of an array, any of its registers."""
    for row in rows:
        name = row.field.format(register)
        for index, value in enumerate(context.values(name)):
            if value not in row.values:
                raise context.refuse_value(name + (f"[{index}]" if index else ""), value, row.why)


def check_unnamed(context: Context, blocks: tuple[str, ...]) -> None:
    """Refuses the task if bits are set that have no name and were never seen."""
    for block in context.registers.arch.all_blocks():
        if block.name not in blocks:
            continue
        for register in block.registers:
            name = f"{block.name}.{register.name}"
            unknown = ~(register.named_mask | UNNAMED.get(name, 0))
            for index in range(register.count):
                word = context.registers.word(name, index)
                if word is not None and word & unknown:
                    raise context.refuse_value(name, word, "a bit without a name is set")
