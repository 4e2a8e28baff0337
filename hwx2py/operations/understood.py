"""What is understood of each register that a task uses, as rows: the values that are known, and why no others.

A register that a task uses, that holds something else than 0, and that no row and no reader knows is reported as not
understood: nothing that might change a result is passed over. What bears on no result, or only on those of
some tasks, is said by the register's or field's row (`Bearing`).
"""

from typing import NamedTuple


class Understood(NamedTuple):
    """A field and the values of it that are understood.

    Attributes:
        field: `Block.Field` or `Block.Register.Field`; architectures that have no such field pass.
        values: those that are understood.
        why: what is not known of any other.
    """

    field: str
    values: tuple[int, ...]
    why: str


_NEVER = "it is 0 in every program"
_LAYOUT = "only plain and interleaved layouts are understood"
_COMPRESSED = "compressed tensors are not understood"

ALWAYS = (
    Understood("Common.ContextSwitchIn", (0,), "context switches are not modelled"),
    Understood("Common.ContextSwitchOut", (0,), "context switches are not modelled"),
    Understood("Common.ReluType", (0,), "it is 0 in every program; its meaning is open"),
    Understood("Common.Winograd1D", (0,), "transformed convolutions are not understood"),
    Understood("Common.FatTileEnable", (0,), "it was not seen in a program that could be checked"),
    Understood("Common.HalfWUMode", (0,), "it was not seen in a program that could be checked"),
    Understood("Header.TDSkip", (0,), "skipping a task was never seen"),
    Understood("Header.KBE1", (0,), "a second coefficient BAR was never seen"),
    Understood("Header.KBE2", (0,), "a third coefficient BAR was never seen"),
    Understood("Header.KBE3", (0,), "a fourth coefficient BAR was never seen"),
    Understood("Header.TQDis", (0,), "a disabled task queue was never seen"),
)

#: For a source or result in memory; `{}` is the format register.
MEMORY = (
    Understood("{}.Shift", (0,), _LAYOUT),
    Understood("{}.OffsetCh", (0,), _LAYOUT),
    Understood("{}.CmpVec", (0,), _COMPRESSED),
)

PLANAR = (
    Understood("PE.LutEn", (0,), "lookup tables of the planar engine were never seen"),
    Understood("PE.ReduceIndex", (0,), "the index of a reduction was never seen"),
    Understood("PE.ReduceKeep", (0,), _NEVER),
)

NEURAL = (
    Understood("NE.MatrixBiasEn", (0,), "matrix bias was never seen"),
    Understood("NE.PostScaleMode", (0,), "scales for each channel were never seen"),
    Understood("NE.PostRightShift", (0,), "its use is open"),
    Understood("NE.PostScale.ExpIdx", (0,), "its use is open"),
    Understood("NE.AccBiasShift", (0,), "its use is open"),
    Understood("NE.AccBias.ExpIdx", (0,), "its use is open"),
    Understood("NE.PassthroughEn", (0,), _NEVER),
    Understood("NE.MaxPoolEn", (0,), "pooling in the neural engines was never seen"),
    Understood("NE.MACCfg.PaddingMode", (0,), _NEVER),
    Understood("NE.ArgOutputSelect", (0, 1), "0 and 1 are the same on an M1; others were never seen"),
    Understood("NE.DoubleInt8En", (0,), "8-bit arithmetic is not understood"),
)

#: For a task that convolves with coefficients.
KERNEL = (
    Understood("NE.PalettizedEn", (0,), "the packing of palettized weights is open"),
    Understood("NE.KernelCfg.GroupKernelReuse", (0,), "kernels shared by groups were never seen"),
    Understood("KernelDMASrc.MasterConfig.GroupKernelReuse", (0,), "kernels shared by groups were never seen"),
    Understood("NE.UsePrevKernel", (0,), "a kernel kept from an earlier task was never seen with a convolution"),
    Understood("NE.SparseBinary", (0,), "the packing of sparse weights is open"),
    Understood("NE.SparseBlockSize", (0,), "the packing of sparse weights is open"),
    Understood("NE.AsymQuantEn", (0,), "quantised weights are not understood"),
    Understood("Common.Kd", (0, 1), "windows in depth were never seen"),
    Understood("Common.Sz", (0, 1), "steps in depth were never seen"),
    Understood("Common.Pz", (0,), "padding in depth was never seen"),
)

#: Further channels of kernel DMA.
CHANNELS = tuple(
    Understood(f"KernelDMASrc.{channel}DMAConfig.En", (0,), "this coefficient channel was never seen at work")
    for channel in ("Bias", "PostScale", "PaletteLut")
)

#: Blocks that every task uses, and those that the planar and the neural engines use besides.
BLOCKS = ("Common", "L2", "TileDMASrc", "TileDMADst")
PLANAR_BLOCKS, NEURAL_BLOCKS = ("PE",), ("NE", "KernelDMASrc")
