"""What is understood of each register that a task uses, as rows: the values that are known, and why no others.

A register that a task uses, that holds something else than 0, and that no row and no reader knows is reported as not
understood: nothing that might change a result is passed over. `HARMLESS` lists the registers that are known, or by all
that was seen are, without influence on values.
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

_AXES_L2, _AXES_DMA = ("Channel", "Row", "Depth", "Group"), ("Plane", "Row", "Depth", "Group")
_CHANNELS = ("Coeff", "Bias", "PostScale", "PaletteLut", "NonLinearLut")

#: Registers without influence on values, and those that only the source, result or channel reads that is in use.
HARMLESS = frozenset(
    {
        # Tiling, placement, identity, power, caching: they decide when and where, not what.
        "Common.TileCfg",
        "Common.TileOverlap",
        "Common.PatchCfg",
        "Common.TaskInfo",
        "Common.DPE",
        "TileDMASrc.Src1DMAConfigExt",
        "TileDMASrc.Src2DMAConfigExt",
        "TileDMADst.Spare0",
        "TileDMADst.Spare1",
        "KernelDMASrc.MasterConfig",
        "KernelDMASrc.Prefetch",
        "KernelDMASrc.AlignedCoeffSizePerCh",
        "KernelDMASrc.NonLinearUserTag",
        # What a task with one source, or without a kernel, does not look at.
        "Common.ConvCfg",
        "Common.ConvCfg3d",
        "Common.GroupConvCfg",
        "Common.UnicastCfg",
        "Common.OCGSize",
        "Common.NECfg",
        "Common.PECfg",
        "L2.Source2Cfg",
        "L2.SourceBase",
        "L2.Source2Base",
        "L2.ResultBase",
        "NE.KernelCfg",
        "NE.MatrixVectorBias",
        "TileDMASrc.Src1DMAConfig",
        "TileDMASrc.Src2DMAConfig",
        "TileDMASrc.Src1Fmt",
        "TileDMASrc.Src2Fmt",
        "TileDMADst.Fmt",
        # Words of the DMA configuration that H18 writes as slot-4 records, and their upper halves.
        "TileDMASrc.Unk04d10",
        "TileDMASrc.Unk04d14",
        "TileDMADst.Unk05108",
        *(f"L2.{operand}{axis}Stride" for operand in ("Source", "Source2", "Result") for axis in _AXES_L2),
        *(f"TileDMASrc.{source}{axis}Stride" for source in ("Src1", "Src2") for axis in _AXES_DMA),
        *(f"TileDMADst.{axis}Stride" for axis in _AXES_DMA),
        *(f"TileDMASrc.{source}BaseAddr{half}" for source in ("Src1", "Src2") for half in ("", "Hi")),
        "TileDMADst.BaseAddr",
        "KernelDMASrc.KernelGroupStride",
        "KernelDMASrc.KernelOCGStride",
        # Coefficient channels that are off. H14 repeats the table's slot and base in NonLinearLutBaseAddr: not added.
        *(f"KernelDMASrc.{channel}{part}" for channel in _CHANNELS for part in ("DMAConfig", "BaseAddr", "BfrSize")),
        *(f"KernelDMASrc.{channel}Base{half}" for channel in _CHANNELS for half in ("", "Hi")),
    }
)

#: Fields that change no value in any program that was executed, or that only the source, kernel or engine reads that is
#: in use: what a reader did not look at may hold anything there.
HARMLESS_FIELDS = frozenset(
    {
        # Caching, tagging, prefetch, buffering, synchronisation, tracing.
        *("CacheHint", "CacheHintReuse", "CacheHintNoReuse", "CrH", "DataSetId", "UserTag", "PrefetchParticipateEn"),
        *("DependencyMode", "DependencyInterval", "Dependent", "L2BfrMode", "BypassEOW", "AccDoubleBufEn", "TraceEn"),
        *("ShPref", "ShMin", "ShMax", "FillLowerNE", "SmallSourceMode", "LastTask", "Unk9"),
        # Aliasing in L2, padding of rows in memory; the format mode was edited on an M1 without effect.
        *(
            "AliasConvSrc",
            "AliasConvRslt",
            "AliasPlanarSrc",
            "AliasPlanarRslt",
            "ZeroPadFirst",
            "ZeroPadLast",
            "FmtMode",
        ),
        # 8 in every task of the newer compilers; set with tables, constant kernels, or kernels made at run time.
        *("PalettizedBits", "AlignmentFmt", "DetectZeros", "KeepKernel", "UsePrevKernel"),
        # 1 in every program; a bit that follows from where the sources lie; bits of the result's DMA in norm and atan2.
        *("Oz", "Unk0", "Unk18", "Unk19", "Unk22", "Unk23", "Unk24"),
        # Only some kinds of task look at these.
        *("Src2InFmt", "UnicastEn", "UnicastCin", "OCGSize", "PaddingMode", "Src2ReLU", "DMAFmt", "DMAInterleave"),
        *("Source2Dma", "BinaryPoint", "KernelFmt", "SparseFmt", "KernelSparseFmt", "MasterEnable"),
    }
)
